"""The chart of a stage of training: lines over its epochs, smoothed, with the steps faint behind.

As VehicleNet (Zheng et al., TMM 2020), figure 8, shows the losses of its two stages.
"""

from collections.abc import Mapping

import numpy as np

from platefree.reports.drawing import (
    HEIGHT,
    Curve,
    Plot,
    Series,
    drawing,
    legend,
    plain_number,
    round_values,
    text_at,
)

_MOST_POINTS = 400  # of a line: about as many as its chart is wide
_APART = 30  # between the peaks of two lines; with more, the lower one is flat on a linear axis
_DECADES = 4  # at most, on a logarithmic axis
_SHORTEST, _LOWEST = 1e-6, 1e-12  # axes; an epoch has at most a million steps


def window_of(reports: int) -> int:
    """How many of so many reports a point of a smoothed line is the mean of: odd, about 4 %."""
    return 1 + 2 * (reports // 50)


def smoothed(values: Series, window: int) -> Series:
    """The mean of the ``window`` nearest values around each, of fewer at both ends.

    Args:
        values: (n,); NaN is left out of the means, and stays.
        window: an odd number.
    """
    known = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    places = np.arange(len(values))
    first = np.maximum(places - window // 2, 0)
    beyond = np.minimum(places + window // 2 + 1, len(values))
    found = np.full(len(values), np.nan)
    in_window = (counts[beyond] - counts[first])[known]
    found[known] = (sums[beyond] - sums[first])[known] / in_window
    return found


def stage_chart(
    title: str,
    epochs: Series,
    lines: Mapping[str, Series],
    *,
    end: float,
    window: int = 1,
    model_at: float | None = None,
) -> str:
    """Lines over the epochs of a stage, with a logarithmic axis where a linear one hides some.

    Args:
        title: what the lines are.
        epochs: (n,) epochs done at each point, at least one.
        lines: name -> (n,), at most `NAMED_CURVES` of them, each with a value that is not NaN.
        end: epochs of the stage, up to which the axis goes.
        window: see `smoothed`; 1 draws the values as they are.
        model_at: epochs that were done when the model was saved, marked by a vertical line.
    """
    curves = [Curve(name, number, values) for number, (name, values) in enumerate(lines.items())]
    low, high, log = _axis([values[np.isfinite(values)] for values in lines.values()])
    top = 30 + 18 * ((len(curves) + 1) // 2) + (0 if model_at is None else 16)
    plot = Plot(
        x=(0.0, max(end, _SHORTEST)),
        y=(low, high),
        top=top,
        bottom=HEIGHT - 46,
        log_y=log,
    )
    x_ticks = {value: f"{value:.3g}" for value in round_values(*plot.x)}
    y_ticks = _log_ticks(low, high) if log else round_values(low, high)
    parts = [
        plot.axes(
            x_ticks,
            {value: f"{value:.3g}" for value in y_ticks},
            "epochs of the stage",
            f"{title} (log scale)" if log else title,
        )
    ]
    if window > 1:
        parts += [_faint(curve, _path(plot, epochs, curve.values)) for curve in curves]
    for curve in curves:
        line = smoothed(curve.values, window)
        parts.append(curve.stroke(_path(plot, epochs, line)))
        last = np.flatnonzero(np.isfinite(line))[-1]
        parts.append(curve.marker(plot.across(epochs[last]), plot.down(line[last])))
    if model_at is not None:
        parts.append(_model_line(plot, model_at))
    parts.append(legend(curves, plot.left))
    summary = "; ".join(f"{curve.name} from {_ends(curve.values)}" for curve in curves)
    return drawing(title, summary, parts)


def _axis(lines: list[Series]) -> tuple[float, float, bool]:
    """The smallest and largest value of the vertical axis, and whether it is logarithmic."""
    peaks = [float(values.max()) for values in lines]
    low, high = min(float(values.min()) for values in lines), max(peaks)
    if low >= 0 and high > _LOWEST and 0 < min(peaks) * _APART < high:
        positive = min(float(values[values > 0].min()) for values in lines)
        return max(positive, high / 10**_DECADES), high, True
    low, high = min(0.0, low), max(0.0, high)
    return low, high if high - low > _LOWEST else low + 1.0, False


def _log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten inside [low, high]; their doubles and halves too, where these are few."""
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    factors = (1, 2, 5) if len(powers) <= 3 else (1,)
    ticks = [factor * 10.0**power for power in powers for factor in factors]
    return [tick for tick in ticks if low <= tick <= high]


def _path(plot: Plot, epochs: Series, values: Series) -> str:
    """Path data through the known points, or through enough of them."""
    known = np.flatnonzero(np.isfinite(values))
    count = min(len(known), _MOST_POINTS)
    shown = known[np.linspace(0, len(known) - 1, count).round().astype(np.int64)]
    return plot.line(epochs[shown], values[shown])


def _faint(curve: Curve, path: str) -> str:
    return f'<path class="series single {curve.style}" d="{path}"/>'


def _model_line(plot: Plot, model_at: float) -> str:
    x = plot.across(model_at)
    leftwards = x > (plot.left + plot.right) / 2
    return f'<path class="threshold" d="M{x:.1f} {plot.top - 14}V{plot.bottom}"/>' + text_at(
        x - 5 if leftwards else x + 5,
        plot.top - 5,
        "this model",
        anchor="end" if leftwards else "start",
        kind="name",
    )


def _ends(values: Series) -> str:
    known = values[np.isfinite(values)]
    return f"{plain_number(known[0])} to {plain_number(known[-1])}"
