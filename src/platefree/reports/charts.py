"""The charts of a report as inline SVG: pure functions from numbers to text.

No information depends on color alone: curves differ by dash and marker, histograms by hatch and
fill, and every line is labelled. Colors and fonts are classes of ``page.css``, so charts follow the
page in dark mode and in print.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]

NAMED_CURVES = 6
"""With more curves than this, only the best and the worst at rank 1 are named; there are as many
dashes, markers and colors."""

HATCH = (
    '<svg class="definitions" width="0" height="0" aria-hidden="true"><defs><pattern id="hatch" '
    'width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<path class="hatch" d="M0 0V6"/></pattern></defs></svg>'
)
"""The hatch pattern of the similarity charts; a page needs it once."""

_WIDTH, _HEIGHT = 460, 320
_MOST_BINS = 50
_MARKED_RANKS = (1, 5, 10)
_DASHES = ("", "7 3", "2 3", "9 3 2 3", "5 2 1 2 1 2", "12 4")
_MARKERS = (  # around the origin, so that a translation places them
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z",
    "M-3.5-3.5h7v7h-7Z",
    "M0-4.5L4.5 3.5h-9Z",
    "M0-5L5 0L0 5L-5 0Z",
    "M0 4.5L4.5-3.5h-9Z",
    "M-4-1.3h2.7v-2.7h2.6v2.7h2.7v2.6h-2.7v2.7h-2.6v-2.7h-2.7Z",
)


@dataclass(frozen=True)
class _Plot:
    """Maps values to positions on the drawing.

    Attributes:
        x: smallest and largest value on the horizontal axis.
        y: smallest and largest value on the vertical axis.
        left: of the plotting area, as are ``right``, ``top`` and ``bottom``, in the units of the
            drawing.
        log_x: whether the horizontal axis is logarithmic.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    left: float = 42
    right: float = _WIDTH - 14
    top: float = 30
    bottom: float = _HEIGHT - 46
    log_x: bool = False

    def across(self, values: float | Series) -> Series:
        """Horizontal positions of values, clipped to the axis."""
        low, high = self.x
        inside = np.clip(np.asarray(values, dtype=np.float64), low, high)
        if self.log_x:
            low, high, inside = np.log10(low), np.log10(high), np.log10(inside)
        return self.left + (inside - low) / (high - low) * (self.right - self.left)

    def down(self, values: float | Series) -> Series:
        """Vertical positions of values, clipped to the axis."""
        low, high = self.y
        inside = np.clip(np.asarray(values, dtype=np.float64), low, high)
        return self.bottom - (inside - low) / (high - low) * (self.bottom - self.top)

    def line(self, x: Series, y: Series) -> str:
        """Path data through the points (x, y)."""
        pairs = zip(self.across(x), self.down(y), strict=True)
        return "M" + "L".join(f"{across:.1f} {down:.1f}" for across, down in pairs)

    def axes(
        self, x_ticks: Mapping[float, str], y_ticks: Mapping[float, str], x_title: str, y_title: str
    ) -> str:
        """Grid, axis line, tick labels and titles."""
        parts = []
        for value, label in y_ticks.items():
            y = self.down(value)
            parts.append(f'<path class="grid" d="M{self.left} {y:.1f}H{self.right}"/>')
            parts.append(_label(self.left - 7, y + 4, label, anchor="end"))
        for value, label in x_ticks.items():
            x = self.across(value)
            parts.append(f'<path class="axis" d="M{x:.1f} {self.bottom}v5"/>')
            parts.append(_label(x, self.bottom + 19, label, anchor="middle"))
        middle = (self.left + self.right) / 2
        return "".join(
            (
                *parts,
                f'<path class="axis" d="M{self.left} {self.bottom}H{self.right}"/>',
                _label(middle, self.bottom + 38, x_title, anchor="middle", kind="title"),
                _label(4, 14, y_title, kind="title"),
            )
        )


def clean(text: object) -> str:
    """Text escaped for HTML and SVG, also in attributes; invalid UTF-8 is replaced."""
    return escape(str(text).encode("utf-8", "replace").decode("utf-8"))


def cmc_chart(names: Sequence[str], curves: Series, mean: Series | None = None) -> str:
    """Cumulative match curves: thin lines, and their mean, if given, as a thick line.

    Args:
        names: of the curves.
        curves: (n, max_rank) fractions, at least one, all finite.
        mean: (max_rank,) fractions.
    """
    ranks = np.arange(1.0, curves.shape[1] + 1)
    y_ticks = _fraction_ticks(float(curves.min()))
    plot = _Plot(
        x=(1.0, max(2.0, ranks[-1])),
        y=(min(y_ticks), max(y_ticks)),
        right=_WIDTH - 132,
        log_x=True,
    )
    x_ticks = {float(rank): str(rank) for rank in (1, 2, 5, 10, 20, 50, 100) if rank <= len(ranks)}
    parts = [plot.axes(x_ticks, y_ticks, "rank k (log scale)", "% of queries matched by rank k")]
    shown, named = _named(curves), list[_Curve]()
    for number, values in enumerate(curves):
        if number in shown:
            named.append(_Curve(names[number], len(named), values))
        else:
            parts.append(f'<path class="series rest" d="{plot.line(ranks, values)}"/>')
    if mean is not None:
        named.append(_Curve(f"mean of {len(curves)}", None, mean))
    parts.extend(_curve(plot, ranks, curve) for curve in named)
    parts.append(_end_labels(plot, named))
    lowest, highest = 100 * curves[:, 0].min(), 100 * curves[:, 0].max()
    summary = f"At rank 1, between {lowest:.2f} % and {highest:.2f} % of the queries are matched."
    return _svg("Cumulative match curves", summary, parts)


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
    plot = _Plot(
        x=(float(edges[0]), float(edges[-1])), y=(0.0, highest * 1.03), top=115
    )  # leaves room for a row of text for each threshold
    parts = [
        plot.axes(
            {value: f"{value:.3g}" for value in _round_values(*plot.x)},
            {value: _percent(value) for value in _round_values(0.0, highest)},
            "similarity",
            "% of the pairs of each kind, per bin",
        ),
    ]
    for kind, part in zip(("different", "same"), fractions, strict=True):
        outline = plot.line(np.repeat(edges, 2), np.concatenate(([0], np.repeat(part, 2), [0])))
        parts.append(f'<path class="{kind}" d="{outline}Z"/>')
    for x, kind, label in ((42, "same", "same vehicle"), (172, "different", "different vehicles")):
        parts.append(f'<path class="{kind}" d="M{x} 26h22v13h-22Z"/>')
        parts.append(_label(x + 29, 37, label, kind="name"))
    parts.append(_threshold_lines(plot, thresholds))
    summary = "; ".join(f"{label} at {value:.3f}" for label, value in thresholds.items())
    return _svg("Similarity of same and of different vehicles", summary, parts)


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
    plot = _Plot(x=(0.0, float(bounds[-1])), y=(0.0, highest * 1.03), top=66)
    parts = [
        plot.axes(
            {value: f"{value:.3g}" for value in _round_values(*plot.x)},
            {value: _percent(value) for value in _round_values(0.0, highest)},
            "cosine distance",
            "% of the pairs of each kind, per bin",
        )
    ]
    middles = (bounds[:-1] + bounds[1:]) / 2
    for number, (name, part) in enumerate(fractions.items()):
        curve = _Curve(name, number, part)
        peak = int(part.argmax())
        parts.append(curve.stroke(plot.line(middles, part)))
        parts.append(curve.marker(plot.across(middles[peak]), plot.down(part[peak])))
        x, y = plot.left + 185 * (number % 2), 30 + 18 * (number // 2)
        parts.append(curve.stroke(f"M{x} {y}h30") + curve.marker(x + 15, y))
        parts.append(_label(x + 38, y + 4, name, kind="name"))
    summary = "; ".join(
        f"{name} around {middles[int(part.argmax())]:.2f}" for name, part in fractions.items()
    )
    return _svg("Distances by same and different view", summary, parts)


def roc_chart(far: Series, tar: Series, marked: Sequence[tuple[float, float]]) -> str:
    """True accept rate against false accept rate, the latter on a logarithmic axis.

    Args:
        far: (n,) false accept rates, rising from 0 to 1.
        tar: (n,) true accept rates, also rising from 0 to 1.
        marked: (far, tar) of the operating points to mark.
    """
    decades = int(np.clip(np.floor(np.log10(far[far > 0][0])), -6, -1))
    plot = _Plot(x=(10.0**decades, 1.0), y=(0.0, 1.0), log_x=True)
    grid = np.logspace(decades, 0, 100)
    shown = slice(int(np.searchsorted(far, 10.0**decades, side="right")) - 1, None)
    parts = [
        plot.axes(
            {10.0**power: plain_number(10.0**power) for power in range(decades, 1)},
            {value: _percent(value) for value in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)},
            "false accept rate (log scale)",
            "true accept rate, %",
        ),
        f'<path class="series chance" d="{plot.line(grid, grid)}"/>',
        f'<path class="series c0" d="{plot.line(far[shown], tar[shown])}"/>',
    ]
    for x, y in marked:
        across, down = plot.across(x), plot.down(y)
        parts.append(f'<path class="threshold" d="M{across:.1f} {down:.1f}V{plot.bottom}"/>')
        parts.append(_marker(across, down, 0, "c0"))
        parts.append(_label(across + 7, down + 18, f"{100 * y:.2f} %", kind="halo"))
    parts.append(_label(plot.across(0.4), plot.down(0.5), "chance", anchor="end"))
    summary = "; ".join(
        f"{100 * y:.2f} % at a false accept rate of {plain_number(x)}" for x, y in marked
    )
    return _svg("Receiver operating characteristic", summary, parts)


def _svg(title: str, description: str, parts: Sequence[str]) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{clean(title)}: {clean(description)}"><title>{clean(title)}</title>'
        f"{''.join(parts)}</svg>"
    )


def _label(
    x: float | Series, y: float | Series, text: str, *, anchor: str = "start", kind: str = "tick"
) -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{clean(text)}</text>'
    )


def _marker(x: float | Series, y: float | Series, shape: int, style: str) -> str:
    place = f"translate({x:.1f} {y:.1f})"
    return f'<path class="marker {style}" transform="{place}" d="{_MARKERS[shape]}"/>'


def plain_number(value: float) -> str:
    """A number of three digits that count, without an exponent: ``0.0000529``."""
    return np.format_float_positional(value, precision=3, fractional=False, trim="-")


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g}"


@dataclass(frozen=True, eq=False)
class _Curve:
    name: str
    number: int | None  # of its dash, marker and color, below NAMED_CURVES; None is the mean
    values: Series

    @property
    def style(self) -> str:
        return "mean" if self.number is None else f"c{self.number}"

    def stroke(self, path: str) -> str:
        dash = _DASHES[self.number or 0]
        return f'<path class="series {self.style}" stroke-dasharray="{dash}" d="{path}"/>'

    def marker(self, x: float | Series, y: float | Series) -> str:
        return _marker(x, y, self.number or 0, self.style)


def _named(curves: Series) -> set[int]:
    if len(curves) <= NAMED_CURVES:
        return set(range(len(curves)))
    return {int(curves[:, 0].argmax()), int(curves[:, 0].argmin())}


def _curve(plot: _Plot, ranks: Series, curve: _Curve) -> str:
    marked = [rank for rank in _MARKED_RANKS if rank <= len(ranks)]
    markers = [curve.marker(plot.across(k), plot.down(curve.values[k - 1])) for k in marked]
    return curve.stroke(plot.line(ranks, curve.values)) + "".join(markers)


def _end_labels(plot: _Plot, curves: Sequence[_Curve]) -> str:
    """The name of each curve at its right end, moved apart if they would overlap."""
    ordered = sorted(curves, key=lambda curve: (-curve.values[-1], -curve.values[0]))
    ends = [float(plot.down(curve.values[-1])) for curve in ordered]
    x = plot.right
    parts = []
    for curve, end, y in zip(ordered, ends, _spread(ends, 17, plot.bottom), strict=True):
        parts.append(f'<path class="leader" d="M{x} {end:.1f}L{x + 10} {y:.1f}"/>')
        parts.append(curve.stroke(f"M{x + 12} {y:.1f}h22") + curve.marker(x + 23, y))
        parts.append(_label(x + 39, y + 4, _shortened(curve.name, 13), kind="name"))
    return "".join(parts)


def _spread(wanted: Sequence[float], gap: float, last: float) -> list[float]:
    """Positions near the wanted ones (rising), at least ``gap`` apart, none beyond ``last``."""
    placed: list[float] = []
    for position in wanted:
        placed.append(max(position, placed[-1] + gap) if placed else position)
    limit = last
    for index in reversed(range(len(placed))):
        placed[index] = min(placed[index], limit)
        limit = placed[index] - gap
    return placed


def _threshold_lines(plot: _Plot, thresholds: Mapping[str, float]) -> str:
    """Vertical lines, each label in its own row so that none hides another."""
    rows = sorted(thresholds.items(), key=lambda item: item[1])
    leftwards = bool(rows) and plot.across(rows[0][1]) - plot.left > 90
    rows = rows if leftwards else rows[::-1]  # so that no line crosses a label
    parts = []
    for row, (label, value) in enumerate(rows):
        x, y = plot.across(value), plot.top - 8 - 15 * row
        offset, anchor = (-5, "end") if leftwards else (5, "start")
        parts.append(f'<path class="threshold" d="M{x:.1f} {y - 9:.1f}V{plot.bottom}"/>')
        parts.append(_label(x + offset, y, label, anchor=anchor, kind="name"))
    return "".join(parts)


def _joined(edges: Series, same: Series, different: Series) -> tuple[Series, Series, Series]:
    """Fewer and wider bins, over the range of similarities that occur."""
    used = np.flatnonzero(same + different)
    first, last = (int(used[0]), int(used[-1]) + 1) if used.size else (0, len(same))
    starts = np.arange(first, last, 1 + (last - first) // _MOST_BINS)
    bounds = np.append(starts, last)
    joined = (np.add.reduceat(counts[:last], starts) for counts in (same, different))
    return edges[bounds], *joined


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _fraction_ticks(lowest: float) -> dict[float, str]:
    """Five steps or fewer from below ``lowest``, and at least from 0.9, up to 1."""
    span = max(0.1, 1 - lowest)
    step = next((step for step in (0.02, 0.05, 0.1) if span <= 5 * step + 1e-9), 0.2)
    count = int(np.ceil(span / step - 1e-9))
    return {1 - index * step: _percent(1 - index * step) for index in range(count + 1)}


def _round_values(low: float, high: float) -> list[float]:
    """Round values inside [low, high], about five of them."""
    rough = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    return [index * float(step) for index in range(first, last + 1)]
