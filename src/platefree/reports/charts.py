"""The charts of a report as inline SVG: pure functions from numbers to text.

No information depends on color alone: curves differ by dash and marker, histograms by hatch and
fill, and every line is labelled. Colors and fonts are classes of ``page.css``, so charts follow the
page in dark mode and in print.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from platefree.reports.drawing import (
    NAMED_CURVES,
    WIDTH,
    Curve,
    Plot,
    Series,
    drawing,
    end_labels,
    legend,
    marker,
    percent,
    plain_number,
    round_values,
    text_at,
)

HATCH = (
    '<svg class="definitions" width="0" height="0" aria-hidden="true"><defs><pattern id="hatch" '
    'width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<path class="hatch" d="M0 0V6"/></pattern></defs></svg>'
)
"""The hatch pattern of the similarity charts; a page needs it once."""

_MOST_BINS = 50
_MARKED_RANKS = (1, 5, 10)


def cmc_chart(names: Sequence[str], curves: Series, mean: Series | None = None) -> str:
    """Cumulative match curves: thin lines, and their mean, if given, as a thick line.

    With more than `NAMED_CURVES`, only the best and the worst at rank 1 are named.

    Args:
        names: of the curves.
        curves: (n, max_rank) fractions, at least one, all finite.
        mean: (max_rank,) fractions.
    """
    ranks = np.arange(1.0, curves.shape[1] + 1)
    y_ticks = _fraction_ticks(float(curves.min()))
    plot = Plot(
        x=(1.0, max(2.0, ranks[-1])),
        y=(min(y_ticks), max(y_ticks)),
        right=WIDTH - 132,
        log_x=True,
    )
    x_ticks = {float(rank): str(rank) for rank in (1, 2, 5, 10, 20, 50, 100) if rank <= len(ranks)}
    parts = [plot.axes(x_ticks, y_ticks, "rank k (log scale)", "% of queries matched by rank k")]
    shown, named = _named(curves), list[Curve]()
    for number, values in enumerate(curves):
        if number in shown:
            named.append(Curve(names[number], len(named), values))
        else:
            parts.append(f'<path class="series rest" d="{plot.line(ranks, values)}"/>')
    if mean is not None:
        named.append(Curve(f"mean of {len(curves)}", None, mean))
    parts.extend(_curve(plot, ranks, curve) for curve in named)
    parts.append(end_labels(plot, named))
    lowest, highest = 100 * curves[:, 0].min(), 100 * curves[:, 0].max()
    summary = f"At rank 1, between {lowest:.2f} % and {highest:.2f} % of the queries are matched."
    return drawing("Cumulative match curves", summary, parts)


def similarity_chart(
    edges: Series, same: Series, different: Series, thresholds: Mapping[str, float]
) -> str:
    """Histograms of the similarities of same and of different vehicles.

    Args:
        edges: (bins + 1,) edges of the bins, as fine as possible: bins are joined so that a few
            dozen span the similarities that occur.
        same: (bins,) number of pairs of one vehicle.
        different: (bins,) number of pairs of two vehicles.
        thresholds: label -> similarity, marked by vertical lines.
    """
    edges, same, different = _joined(edges, same, different)
    fractions = [counts / max(1.0, float(counts.sum())) for counts in (different, same)]
    highest = max(float(part.max()) for part in fractions) or 1.0
    plot = Plot(
        x=(float(edges[0]), float(edges[-1])), y=(0.0, highest * 1.03), top=115
    )  # leaves room for a row of text for each threshold
    parts = [
        plot.axes(
            {value: f"{value:.3g}" for value in round_values(*plot.x)},
            {value: percent(value) for value in round_values(0.0, highest)},
            "similarity",
            "% of the pairs of each kind, per bin",
        ),
    ]
    for kind, part in zip(("different", "same"), fractions, strict=True):
        outline = plot.line(np.repeat(edges, 2), np.concatenate(([0], np.repeat(part, 2), [0])))
        parts.append(f'<path class="{kind}" d="{outline}Z"/>')
    for x, kind, label in ((42, "same", "same vehicle"), (172, "different", "different vehicles")):
        parts.append(f'<path class="{kind}" d="M{x} 26h22v13h-22Z"/>')
        parts.append(text_at(x + 29, 37, label, kind="name"))
    parts.append(_threshold_lines(plot, thresholds))
    summary = "; ".join(f"{label} at {value:.3f}" for label, value in thresholds.items())
    return drawing("Similarity of same and of different vehicles", summary, parts)


def view_chart(edges: Series, counts: Mapping[str, Series]) -> str:
    """Outlines of histograms of distances, each of total area 1 (VANet, figure 1).

    Args:
        edges: (bins + 1,) edges of the bins, as fine as possible.
        counts: name -> (bins,) number of pairs, at most `NAMED_CURVES` of them.
    """
    used = np.flatnonzero(sum(counts.values()))
    last = int(used[-1]) + 1 if used.size else len(edges) - 1
    starts = np.arange(0, last, 1 + last // _MOST_BINS)
    bounds = edges[np.append(starts, last)]
    fractions = {
        name: np.add.reduceat(part[:last], starts) / max(1.0, float(part.sum()))
        for name, part in counts.items()
    }
    highest = max(float(part.max()) for part in fractions.values()) or 1.0
    plot = Plot(x=(0.0, float(bounds[-1])), y=(0.0, highest * 1.03), top=66)
    parts = [
        plot.axes(
            {value: f"{value:.3g}" for value in round_values(*plot.x)},
            {value: percent(value) for value in round_values(0.0, highest)},
            "cosine distance",
            "% of the pairs of each kind, per bin",
        )
    ]
    middles = (bounds[:-1] + bounds[1:]) / 2
    curves = [Curve(name, number, part) for number, (name, part) in enumerate(fractions.items())]
    for curve in curves:
        peak = int(curve.values.argmax())
        parts.append(curve.stroke(plot.line(middles, curve.values)))
        parts.append(curve.marker(plot.across(middles[peak]), plot.down(curve.values[peak])))
    parts.append(legend(curves, plot.left))
    summary = "; ".join(
        f"{name} around {middles[int(part.argmax())]:.2f}" for name, part in fractions.items()
    )
    return drawing("Distances by same and different view", summary, parts)


def roc_chart(far: Series, tar: Series, marked: Sequence[tuple[float, float]]) -> str:
    """True accept rate against false accept rate, the latter on a logarithmic axis.

    Args:
        far: (n,) false accept rates, rising from 0 to 1.
        tar: (n,) true accept rates, also rising from 0 to 1.
        marked: (far, tar) of the operating points to mark.
    """
    decades = int(np.clip(np.floor(np.log10(far[far > 0][0])), -6, -1))
    plot = Plot(x=(10.0**decades, 1.0), y=(0.0, 1.0), log_x=True)
    grid = np.logspace(decades, 0, 100)
    shown = slice(int(np.searchsorted(far, 10.0**decades, side="right")) - 1, None)
    parts = [
        plot.axes(
            {10.0**power: plain_number(10.0**power) for power in range(decades, 1)},
            {value: percent(value) for value in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)},
            "false accept rate (log scale)",
            "true accept rate, %",
        ),
        f'<path class="series chance" d="{plot.line(grid, grid)}"/>',
        f'<path class="series c0" d="{plot.line(far[shown], tar[shown])}"/>',
    ]
    for x, y in marked:
        across, down = plot.across(x), plot.down(y)
        parts.append(f'<path class="threshold" d="M{across:.1f} {down:.1f}V{plot.bottom}"/>')
        parts.append(marker(across, down, 0, "c0"))
        parts.append(text_at(across + 7, down + 18, f"{100 * y:.2f} %", kind="halo"))
    parts.append(text_at(plot.across(0.4), plot.down(0.5), "chance", anchor="end"))
    summary = "; ".join(
        f"{100 * y:.2f} % at a false accept rate of {plain_number(x)}" for x, y in marked
    )
    return drawing("Receiver operating characteristic", summary, parts)


def _named(curves: Series) -> set[int]:
    if len(curves) <= NAMED_CURVES:
        return set(range(len(curves)))
    return {int(curves[:, 0].argmax()), int(curves[:, 0].argmin())}


def _curve(plot: Plot, ranks: Series, curve: Curve) -> str:
    marked = [rank for rank in _MARKED_RANKS if rank <= len(ranks)]
    markers = [curve.marker(plot.across(k), plot.down(curve.values[k - 1])) for k in marked]
    return curve.stroke(plot.line(ranks, curve.values)) + "".join(markers)


def _threshold_lines(plot: Plot, thresholds: Mapping[str, float]) -> str:
    """Vertical lines, each label in its own row so that none hides another."""
    rows = sorted(thresholds.items(), key=lambda item: item[1])
    leftwards = bool(rows) and plot.across(rows[0][1]) - plot.left > 90
    rows = rows if leftwards else rows[::-1]  # so that no line crosses a label
    parts = []
    for row, (label, value) in enumerate(rows):
        x, y = plot.across(value), plot.top - 8 - 15 * row
        offset, anchor = (-5, "end") if leftwards else (5, "start")
        parts.append(f'<path class="threshold" d="M{x:.1f} {y - 9:.1f}V{plot.bottom}"/>')
        parts.append(text_at(x + offset, y, label, anchor=anchor, kind="name"))
    return "".join(parts)


def _joined(edges: Series, same: Series, different: Series) -> tuple[Series, Series, Series]:
    """Fewer and wider bins, over the range of similarities that occur."""
    used = np.flatnonzero(same + different)
    first, last = (int(used[0]), int(used[-1]) + 1) if used.size else (0, len(same))
    starts = np.arange(first, last, 1 + (last - first) // _MOST_BINS)
    bounds = np.append(starts, last)
    joined = (np.add.reduceat(counts[:last], starts) for counts in (same, different))
    return edges[bounds], *joined


def _fraction_ticks(lowest: float) -> dict[float, str]:
    """Five steps or fewer from below ``lowest``, and at least from 0.9, up to 1."""
    span = max(0.1, 1 - lowest)
    step = next((step for step in (0.02, 0.05, 0.1) if span <= 5 * step + 1e-9), 0.2)
    count = int(np.ceil(span / step - 1e-9))
    return {1 - index * step: percent(1 - index * step) for index in range(count + 1)}
