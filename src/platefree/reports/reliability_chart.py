"""The reliability diagram: predicted probabilities and what was so, as inline SVG."""

from collections.abc import Mapping

import numpy as np

from platefree.evaluation.reliability import Reliability
from platefree.reports.drawing import HEIGHT, Curve, Plot, drawing, legend, percent, text_at

_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def reliability_chart(shown: Mapping[str, Reliability]) -> str:
    """A line for each set of probabilities, beside the diagonal on which they would be right.

    Args:
        shown: name -> reliability, at most `NAMED_CURVES` of them; empty bins have no point.
    """
    top = 30 + 18 * ((len(shown) + 1) // 2)
    plot = Plot(x=(0.0, 1.0), y=(0.0, 1.0), top=top, bottom=HEIGHT - 46)
    ticks = {value: percent(value) for value in _TICKS}
    ends = np.array([0.0, 1.0])
    parts = [
        plot.axes(ticks, ticks, "predicted, %", "% that show one vehicle"),
        f'<path class="series chance" d="{plot.line(ends, ends)}"/>',
        text_at(plot.across(0.72), plot.down(0.66), "right", anchor="start"),
    ]
    curves = []
    for number, (name, each) in enumerate(shown.items()):
        there = np.isfinite(each.predicted) & np.isfinite(each.observed)
        curve = Curve(name, number, each.observed[there])
        curves.append(curve)
        at = each.predicted[there]
        if len(at) > 1:
            parts.append(curve.stroke(plot.line(at, curve.values)))
        points = zip(at, curve.values, strict=True)
        parts += [curve.marker(plot.across(x), plot.down(y)) for x, y in points]
    parts.append(legend(curves, plot.left))
    summary = "; ".join(
        f"{name}: expected calibration error {each.error:.3f}" for name, each in shown.items()
    )
    return drawing("Reliability of probabilities", summary, parts)
