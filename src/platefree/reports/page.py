"""A report as one self-contained HTML page: no network, no script, no other file.

The outcome in one sentence stands first, with model, data and settings of every number below it.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from platefree.evaluation.results import Outcome, Report
from platefree.evaluation.trial_results import AnyResult, LabelResult, TrialResult
from platefree.evaluation.verification import OperatingPoint, Verification
from platefree.evaluation.view_pairs import KINDS, ViewPairs
from platefree.reports.blocks import Cells, figure_block, side_by_side, table_block, undefined
from platefree.reports.charts import HATCH, cmc_chart, roc_chart, similarity_chart, view_chart
from platefree.reports.drawing import NAMED_CURVES, clean, plain_number
from platefree.reports.figures import (
    CAPTION,
    METADATA,
    STEPS,
    FigureTable,
    figure_table,
    how_measured,
    metadata_table,
    steps_table,
)
from platefree.reports.skeleton import html_page
from platefree.reports.strips import render_strips
from platefree.reports.training_section import training_section

_TITLE = "Vehicle re-identification report"
_FINE_BINS = 2000  # over [-1, 1]; the chart joins them
_CONTEXT = (
    "split",
    "seed",
    "test-time flip",
    "scales",
    "crops",
    "post-processing",
    "re-ranking",
)  # settings of the line below the outcome
_SECTIONS = {
    "figures": "Figures",
    "reading": "How to read this page",
    "curves": "Curves",
    "thresholds": "Similarities and thresholds",
    "training": "Training",
    "examples": "Examples",
}
_EXAMPLES = """
<p>Below each hit: whether it is correct, its rank, its similarity to the query (1 minus the
distance, after post-processing), and its known labels. A heat map, where there is one, brightens
the regions of the query that its similarity to the first hit comes from; a class activation, the
regions that make the model classify it as the training vehicle most like it.</p>
"""
_NOTHING_COMPARED = "<p>This protocol compares no pictures with each other.</p>"
_NO_EXAMPLES = "<p>No examples were asked for.</p>"
_HOW_TO_READ = """
<div class="prose">
<p>Each <em>query</em> picture is searched in the <em>gallery</em>, whose pictures are ranked by
similarity. <strong>&ldquo;Correct&rdquo; means that the label of the data says same
vehicle</strong>, and nothing more: labels can be wrong, and two vehicles can look the same.
Pictures that the protocol ignores, such as those of the same vehicle by the same camera, are
neither correct nor wrong and are left out. So are queries without a correct picture in the
gallery.</p>
<p><strong>rank-k</strong> is the fraction of queries with a correct picture among the first k.
<strong>mAP</strong>, the mean average precision, is high only if all correct pictures come early.
<strong>mINP</strong>, the mean inverse negative penalty, is low if a single correct picture comes
late. HIT@k is rank-k where tracks are searched instead of pictures, and accuracy is the fraction of
pairs classified correctly by a threshold fitted on other pairs. A mean over trials weights all
trials equally. Post-processing, if there is any, changes these figures and the examples.</p>
<p>At a threshold, the <strong>false accept rate</strong> (FAR) is the fraction of pairs of
different vehicles that are at least as similar; the <strong>true accept rate</strong> (TAR) is the
same fraction for pairs of one vehicle. A threshold is valid for this model and for similar data;
for other data, measure it again. A similarity is not a probability. Curves of pairs and thresholds
are those before any post-processing, since post-processed distances depend on the whole search.</p>
</div>
"""


def render_page(report: Report) -> str:
    """The whole report as the text of one HTML file."""
    bodies = {
        "figures": _figures(report),
        "reading": _HOW_TO_READ,
        "curves": _curves(report),
        "thresholds": _thresholds(report),
        "training": training_section(report.history) if report.history else "",
        "examples": _EXAMPLES + render_strips(report.strips) if report.strips else _NO_EXAMPLES,
    }
    bodies = {name: body for name, body in bodies.items() if body}
    sections = "".join(_section(name, body) for name, body in bodies.items())
    return html_page(
        f"{report.protocol}: {_TITLE}",
        _header(report, list(bodies)),
        sections,
        before=HATCH,
        footer="Written by platefree. The figures are also in the JSON and Markdown files of the "
        "same name.",
    )


def _header(report: Report, sections: Sequence[str]) -> str:
    facts = {
        "Model": report.model,
        "Data": report.data,
        "Measured": how_measured(report),
    }
    cards = "".join(
        f"<div><h2>{title}</h2><dl>{_pairs(pairs)}</dl></div>" for title, pairs in facts.items()
    )
    links = "".join(f'<li><a href="#{name}">{_SECTIONS[name]}</a></li>' for name in sections)
    warning = f'<p class="warning">{clean(report.warning)}</p>' if report.warning else ""
    return (
        f'<h1>{_TITLE}</h1>{warning}<p class="verdict">{clean(report.verdict)}</p>'
        f'<p class="context">{_context(report)}</p>'
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>'
        f'<div class="facts">{cards}</div>'
    )


def _pairs(pairs: Mapping[str, str]) -> str:
    return "".join(f"<dt>{clean(name)}</dt><dd>{clean(text)}</dd>" for name, text in pairs.items())


def _context(report: Report) -> str:
    """One line with model, data, protocol and settings."""
    facts = {**report.data, **report.settings}
    short = {name: facts[name].partition(":")[0] for name in _CONTEXT if name in facts}
    named = (_identity(report.model, "name"), _identity(report.data, "path"), report.protocol)
    return " · ".join(clean(part) for part in (*named, *map(" ".join, short.items())))


def _identity(facts: Mapping[str, str], first: str) -> str:
    named = [facts[key] for key in (first, "fingerprint") if key in facts]
    return " @ ".join(named or facts.values())


def _section(name: str, body: str) -> str:
    return (
        f'<section id="{name}" aria-labelledby="{name}-heading">'
        f'<h2 id="{name}-heading">{_SECTIONS[name]}</h2>{body}</section>'
    )


def _figures(report: Report) -> str:
    """Paper, ours and gap, then a row per trial, or several tests; metadata; post-processing."""
    table = figure_table(report)
    figures = table_block(CAPTION, table.head, table.groups, kind=f"{table.first}s")
    given = _figure_table(METADATA, metadata_table(report))
    steps = _figure_table(STEPS, steps_table(report))
    matrices = [_confusion(each) for each in report.trials if isinstance(each, LabelResult)]
    return "".join([figures, given, steps, *matrices])


def _figure_table(caption: str, table: FigureTable | None) -> str:
    return "" if table is None else table_block(caption, table.head, table.groups)


def _confusion(result: LabelResult) -> str:
    rows = [
        (shown, {name: f"{count:,}" for name, count in zip(result.labels, counts, strict=True)})
        for shown, counts in zip(result.labels, result.confusion.tolist(), strict=True)
    ]
    caption = (
        f"{clean(result.name)}: number of pictures, by what they show (rows) and what is predicted"
    )
    return table_block(caption, ["shown", *result.labels], [rows], kind="matrix")


def _curves(report: Report) -> str:
    """The match curves of all tests, and the ROC of each."""
    roc = [
        _roc(test.verification, _of(report, test))
        for test in report.tests
        if test.verification is not None
    ]
    return side_by_side(*_match_curves(report), *roc) if roc else _NOTHING_COMPARED


def _of(report: Report, test: Outcome) -> str:
    """`` of test NAME``, if there are several tests."""
    return f" of test {clean(test.name)}" if len(report.tests) > 1 else ""


def _match_curves(report: Report) -> list[str]:
    """A line per trial of the only test and their mean, or the mean of each test."""
    several = len(report.tests) > 1
    noun = "test, the mean of its trials" if several else "trial"
    if several:
        lines = [(test.name, _ranked(test.trials)) for test in report.tests]
    else:
        lines = [(trial.name, _ranked([trial])) for trial in report.trials]
    lines = [(name, trials) for name, trials in lines if trials]
    if not lines:
        return []  # pairs have no ranks
    length = min(len(trial.metrics.cmc) for _, trials in lines for trial in trials)
    curves = np.stack(
        [np.mean([trial.metrics.cmc[:length] for trial in trials], axis=0) for _, trials in lines]
    )
    if not np.isfinite(curves).all():
        return [undefined("the match curve", "a trial has no query with a match")]
    caption = f"Cumulative match curves: a line per {noun}, marked at rank 1, 5 and 10."
    mean = None
    if len(lines) > 1 and not several:
        mean = curves.mean(axis=0)
        caption += " The thick line is their mean."
    if len(lines) > NAMED_CURVES:
        caption += f" Only the best and the worst {noun.partition(',')[0]} at rank 1 are named."
    return [figure_block(cmc_chart([name for name, _ in lines], curves, mean), caption)]


def _ranked(trials: Sequence[AnyResult]) -> list[TrialResult]:
    return [trial for trial in trials if isinstance(trial, TrialResult)]


def _roc(verification: Verification, of: str) -> str:
    if not all(verification.pairs):
        return undefined(f"the ROC curve{of}", "there are not pairs of both kinds")
    marks = [(point.far, point.tar) for point in verification.thresholds() if not point.reason]
    return figure_block(
        roc_chart(*verification.roc(), marks),
        f"Same or different, for the pairs of all trials{of} and every threshold. Marks are the "
        f"thresholds stated below. Area under the curve: {verification.auc:.4f}.",
    )


def _thresholds(report: Report) -> str:
    """The similarities of pairs, and thresholds between same and different, by test."""
    parts = [
        _threshold_parts(test.verification, _of(report, test)) + _view_part(test, _of(report, test))
        for test in report.tests
        if test.verification is not None
    ]
    return "".join(parts) or _NOTHING_COMPARED


def _view_part(test: Outcome, of: str) -> str:
    pairs: ViewPairs | None = test.view_pairs
    if pairs is None:
        return ""
    counts = pairs.counts.astype(np.float64)
    overlap = f"{100 * pairs.overlap:.1f} %" if np.isfinite(pairs.overlap) else "not known"
    return side_by_side(
        figure_block(
            view_chart(pairs.edges, dict(zip(KINDS, counts, strict=True))),
            f"Distances of the pairs of all trials{of} whose views are known: S-view pairs have "
            "the same view, D-view pairs different views; positive pairs show one vehicle. The "
            "more D-view positive and S-view negative overlap, the more a search confuses them. "
            f"Their common area: {overlap}.",
        )
    )


def _threshold_parts(verification: Verification, of: str) -> str:
    points = verification.thresholds()
    lines = {
        f"FAR {plain_number(point.far_target)}": point.threshold
        for point in points
        if not point.reason
    }
    same, different = verification.pairs
    chart = figure_block(
        similarity_chart(*verification.histogram(_FINE_BINS), lines),
        f"The pairs of all trials{of} by similarity: {same:,} of one vehicle, {different:,} of "
        "two, each kind adding up to 100 %. Vertical lines are the thresholds of the table.",
    )
    rows = [(plain_number(point.far_target), _operating_cells(point)) for point in points]
    table = table_block(
        f"Thresholds over the pairs of all trials{of}, by the false accept rate asked for.",
        ["FAR", "threshold", "FAR reached", "TAR in %"],
        [rows],
    )
    return side_by_side(chart, table)


def _operating_cells(point: OperatingPoint) -> Cells:
    if point.reason:
        return f"cannot be stated: {point.reason}"
    return {
        "threshold": f"{point.threshold:.4f}",
        "FAR reached": plain_number(point.far),
        "TAR in %": f"{100 * point.tar:.2f}",
    }
