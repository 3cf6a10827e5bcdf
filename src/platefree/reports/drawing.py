"""How the charts of a report are drawn: axes, curves, marks and labels as inline SVG.

No information depends on color alone: curves differ by dash and marker, and every line is labelled.
Colors and fonts are classes of ``page.css``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]

NAMED_CURVES = 6
"""There are so many dashes, markers and colors, and so no more lines have names in one chart."""

WIDTH, HEIGHT = 460, 320
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
class Plot:
    """Maps values to positions on the drawing.

    Attributes:
        x: smallest and largest value on the horizontal axis.
        y: smallest and largest value on the vertical axis.
        left: of the plotting area, as are ``right``, ``top`` and ``bottom``, in the units of the
            drawing.
        log_x: whether the horizontal axis is logarithmic.
        log_y: whether the vertical axis is.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    left: float = 42
    right: float = WIDTH - 14
    top: float = 30
    bottom: float = HEIGHT - 46
    log_x: bool = False
    log_y: bool = False

    def across(self, values: float | Series) -> Series:
        """Horizontal positions of values, clipped to the axis."""
        return self.left + _fraction(values, self.x, log=self.log_x) * (self.right - self.left)

    def down(self, values: float | Series) -> Series:
        """Vertical positions of values, clipped to the axis."""
        return self.bottom - _fraction(values, self.y, log=self.log_y) * (self.bottom - self.top)

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
            parts.append(text_at(self.left - 7, y + 4, label, anchor="end"))
        for value, label in x_ticks.items():
            x = self.across(value)
            parts.append(f'<path class="axis" d="M{x:.1f} {self.bottom}v5"/>')
            parts.append(text_at(x, self.bottom + 19, label, anchor="middle"))
        middle = (self.left + self.right) / 2
        return "".join(
            (
                *parts,
                f'<path class="axis" d="M{self.left} {self.bottom}H{self.right}"/>',
                text_at(middle, self.bottom + 38, x_title, anchor="middle", kind="title"),
                text_at(4, 14, y_title, kind="title"),
            )
        )


def _fraction(values: float | Series, axis: tuple[float, float], *, log: bool) -> Series:
    """How far along an axis values are, in [0, 1]."""
    low, high = axis
    inside = np.clip(np.asarray(values, dtype=np.float64), low, high)
    if log:
        low, high, inside = np.log10(low), np.log10(high), np.log10(inside)
    return (inside - low) / (high - low)


def clean(text: object) -> str:
    """Text escaped for HTML and SVG, also in attributes; invalid UTF-8 is replaced."""
    return escape(str(text).encode("utf-8", "replace").decode("utf-8"))


def drawing(title: str, description: str, parts: Sequence[str]) -> str:
    """The whole chart: its parts with what a screen reader says of it."""
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{clean(title)}: {clean(description)}"><title>{clean(title)}</title>'
        f"{''.join(parts)}</svg>"
    )


def text_at(
    x: float | Series, y: float | Series, text: str, *, anchor: str = "start", kind: str = "tick"
) -> str:
    """A text at a place; ``kind`` is its class."""
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{clean(text)}</text>'
    )


def marker(x: float | Series, y: float | Series, shape: int, style: str) -> str:
    """One of `NAMED_CURVES` shapes at a place."""
    place = f"translate({x:.1f} {y:.1f})"
    return f'<path class="marker {style}" transform="{place}" d="{_MARKERS[shape]}"/>'


def plain_number(value: float) -> str:
    """A number of three digits that count, without an exponent: ``0.0000529``."""
    return np.format_float_positional(value, precision=3, fractional=False, trim="-")


def percent(fraction: float) -> str:
    """A fraction in %, with three digits that count."""
    return f"{100 * fraction:.3g}"


@dataclass(frozen=True, eq=False)
class Curve:
    """A named line.

    Attributes:
        name: of the line.
        number: of its dash, marker and color, below `NAMED_CURVES`; None is the mean of others.
        values: (n,) of its points.
    """

    name: str
    number: int | None
    values: Series

    @property
    def style(self) -> str:
        """The class of its color."""
        return "mean" if self.number is None else f"c{self.number}"

    def stroke(self, path: str) -> str:
        """The line through path data."""
        dash = _DASHES[self.number or 0]
        return f'<path class="series {self.style}" stroke-dasharray="{dash}" d="{path}"/>'

    def marker(self, x: float | Series, y: float | Series) -> str:
        """Its mark at a place."""
        return marker(x, y, self.number or 0, self.style)


def legend(curves: Sequence[Curve], left: float) -> str:
    """The names of curves above a plot, two in a row."""
    parts = []
    for number, curve in enumerate(curves):
        x, y = left + 185 * (number % 2), 30 + 18 * (number // 2)
        parts.append(curve.stroke(f"M{x} {y}h30") + curve.marker(x + 15, y))
        parts.append(text_at(x + 38, y + 4, _shortened(curve.name, 22), kind="name"))
    return "".join(parts)


def end_labels(plot: Plot, curves: Sequence[Curve]) -> str:
    """The name of each curve at its right end, moved apart if they would overlap."""
    ordered = sorted(curves, key=lambda curve: (-curve.values[-1], -curve.values[0]))
    ends = [float(plot.down(curve.values[-1])) for curve in ordered]
    x = plot.right
    parts = []
    for curve, end, y in zip(ordered, ends, _spread(ends, 17, plot.bottom), strict=True):
        parts.append(f'<path class="leader" d="M{x} {end:.1f}L{x + 10} {y:.1f}"/>')
        parts.append(curve.stroke(f"M{x + 12} {y:.1f}h22") + curve.marker(x + 23, y))
        parts.append(text_at(x + 39, y + 4, _shortened(curve.name, 13), kind="name"))
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


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def round_values(low: float, high: float) -> list[float]:
    """Round values inside [low, high], about five of them."""
    rough = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    return [index * float(step) for index in range(first, last + 1)]
