"""How right the probabilities of a model are, as one self-contained page, with JSON beside it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from platefree.evaluation.calibration_figures import CalibrationFigures
from platefree.ranking.calibration import POSSIBLE, VERY_LIKELY, Calibration
from platefree.reports.blocks import Cells, figure_block, side_by_side, table_block
from platefree.reports.drawing import Curve, Plot, clean, drawing, legend, round_values
from platefree.reports.page_path import page_path
from platefree.reports.reliability_chart import reliability_chart
from platefree.reports.skeleton import html_page
from platefree.storage.files import write_text

_TITLE = "How sure are the similarities?"
_READING = f"""
<div class="prose">
<p>A model's similarity is no probability. It was compared with pairs of known vehicles that the
model did not learn from, and this page shows whether the probabilities that follow are right:
of pairs that are called 70 % likely, 70 of 100 should show one vehicle. The <strong>expected
calibration error</strong> is how far off that is on average, in ten bins.</p>
<p><strong>Pairs compared alone</strong> show one vehicle in half of the cases before they are
looked at. Each vehicle counts the same. <strong>First hits</strong> are the most similar
candidates of searches among one picture of the vehicle and those of all others, and among the
others alone. The more candidates there are, the more similar a hit must be.</p>
<p><em>Very likely</em> is a probability of {VERY_LIKELY:g} or more, <em>possible</em> of
{POSSIBLE:g} or more, <em>unlikely</em> below. The probabilities hold for pictures such as these;
on other cameras, countries and seasons they may be wrong.</p>
</div>
"""


def calibration_page(
    model: Mapping[str, str], calibration: Calibration, measured: Mapping[str, CalibrationFigures]
) -> str:
    """The page as the text of one HTML file.

    Args:
        model: what it is.
        calibration: of it.
        measured: name of the data -> figures, the held-out ones first.
    """
    facts = {"Model": model, "Fitted on": calibration.data}
    cards = "".join(
        f"<div><h2>{clean(title)}</h2><dl>{_pairs(each)}</dl></div>"
        for title, each in facts.items()
    )
    header = f'<h1>{_TITLE}</h1><p class="verdict">{clean(verdict(measured))}</p>'
    header += f'<div class="facts">{cards}</div>'
    body = "".join(_section(name, each) for name, each in measured.items())
    return html_page(_TITLE, header, _READING + body + _curves(calibration))


def save_calibration_page(
    model: Mapping[str, str],
    calibration: Calibration,
    measured: Mapping[str, CalibrationFigures],
    path: Path,
) -> Path:
    """Write the page, and the figures as JSON beside it; arguments are as of `calibration_page`.

    Raises:
        DataError: the path does not end in ``.html``.
        StorageError: a file cannot be written.
    """
    write_text(page_path(path), calibration_page(model, calibration, measured))
    content = json.dumps(calibration_json(model, calibration, measured), indent=2)
    write_text(path.with_suffix(".json"), content + "\n")
    return path


def calibration_json(
    model: Mapping[str, str], calibration: Calibration, measured: Mapping[str, CalibrationFigures]
) -> dict[str, Any]:
    """The same as plain content; may contain NaN."""
    return {
        "model": dict(model),
        "calibration": calibration.model_dump(),
        "measured": {name: each.to_json() for name, each in measured.items()},
    }


def verdict(measured: Mapping[str, CalibrationFigures]) -> str:
    """One sentence: the errors on each data set."""
    each = (
        f"{name}: expected calibration error of pairs {figures.pairs.error:.3f}, of first hits "
        f"{figures.searches.reliability().error:.3f}"
        for name, figures in measured.items()
    )
    return "; ".join(each)


def _section(name: str, figures: CalibrationFigures) -> str:
    pairs = {"all pairs": figures.pairs}
    if len(figures.by_relation) > 1:
        names = {"any": "views unknown"}
        pairs |= {
            names.get(relation, relation.replace("_", " ")): each
            for relation, each in figures.by_relation.items()
        }
    first = {"first hits": figures.searches.reliability()}
    said = figures.searches.to_json()
    charts = side_by_side(
        figure_block(
            reliability_chart(pairs),
            "Pairs compared alone, as many of one vehicle as of two. Points on the dotted line are "
            "right; above it vehicles are the same more often than predicted.",
        ),
        figure_block(
            reliability_chart(first),
            f"First hits of {2 * said['pictures']:,} searches among {said['candidates']:.0f} "
            "candidates on average, half of them with the vehicle among these.",
        ),
    )
    facts = f"<dl>{_pairs(figures.data)}</dl>"
    return f"<section><h2>{clean(name)}</h2>{facts}{charts}{_words(figures)}</section>"


def _words(figures: CalibrationFigures) -> str:
    rows: Sequence[tuple[str, Cells]] = [
        (
            word,
            {"first hits": f"{hits:,}", "right": f"{right:,}", "right in %": _share(right, hits)},
        )
        for word, (hits, right) in figures.searches.by_words().items()
    ]
    with_it, without = figures.searches.nothing_likely()
    caption = (
        "First hits by what they are called. &ldquo;Nothing likely&rdquo; was the answer in "
        f"{100 * without:.1f} % of the searches without the vehicle, and in {100 * with_it:.1f} % "
        "of those with it."
    )
    return table_block(caption, ["called", "first hits", "right", "right in %"], [rows])


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "none"


def _curves(calibration: Calibration) -> str:
    """log10 of L by similarity."""
    lines = {name.replace("_", " "): curve for name, curve in calibration.curves.items()}
    low = min(curve.similarity[0] for curve in lines.values())
    high = max(curve.similarity[-1] for curve in lines.values())
    at = np.linspace(low, high, 200)
    values = {name: curve.at(at) / np.log(10) for name, curve in lines.items()}
    least = float(min(each.min() for each in values.values()))
    most = float(max(each.max() for each in values.values()))
    plot = Plot(x=(low, high), y=(least, max(most, least + 1e-6)), top=66)
    curves = [Curve(name, number, each) for number, (name, each) in enumerate(values.items())]
    parts = [
        plot.axes(
            {value: f"{value:.3g}" for value in round_values(*plot.x)},
            {value: f"{value:.3g}" for value in round_values(*plot.y)},
            "similarity",
            "times as often of one vehicle as of two, as a power of ten",
        ),
        *(curve.stroke(plot.line(at, curve.values)) for curve in curves),
        *(curve.marker(plot.across(at[99]), plot.down(curve.values[99])) for curve in curves),
        legend(curves, plot.left),
    ]
    chart = drawing("Ratio by similarity", f"from 10^{least:.1f} to 10^{most:.1f}", parts)
    kinds = "; ".join(
        f"{name}: {curve.kind}, {curve.vehicles:.0f} vehicles and {curve.vehicle_pairs:,.0f} pairs "
        "of them"
        for name, curve in lines.items()
    )
    return side_by_side(figure_block(chart, f"How telling a similarity is. {clean(kinds)}."))


def _pairs(facts: Mapping[str, str]) -> str:
    return "".join(f"<dt>{clean(name)}</dt><dd>{clean(text)}</dd>" for name, text in facts.items())
