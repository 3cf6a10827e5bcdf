"""The section of a page that shows how the model was trained: a panel for each stage."""

from collections.abc import Iterator, Mapping
from math import ceil

from platefree.reports.blocks import figure_block, side_by_side
from platefree.reports.drawing import NAMED_CURVES, clean
from platefree.reports.training_charts import stage_chart, window_of
from platefree.runs.run_log import LOG_EVERY
from platefree.runs.training_history import Series, StageHistory, TrainingHistory


def training_section(history: TrainingHistory) -> str:
    """The losses of all stages beside each other, then other figures, then validations."""
    if history.reason:
        return f"<p>The curves of its training are not known: {clean(history.reason)}.</p>"
    stages = history.stages
    rows = [
        [panel for each in stages for panel in _panels(each, each.losses, "loss")],
        [panel for each in stages for panel in _panels(each, each.observed, "other figures")],
        [_validation(each) for each in stages if len(each.validated)],
    ]
    if len(stages) == 1:  # a panel alone would be as wide as the page
        rows = [[panel for row in rows for panel in row]]
    return "".join(side_by_side(*row) for row in rows if row)


def _panels(stage: StageHistory, lines: Mapping[str, Series], title: str) -> Iterator[str]:
    window = window_of(len(stage.epochs))
    drawn = f"the mean of {window} reports around each, and faint the reports themselves"
    for part in _parts(lines):
        yield figure_block(
            stage_chart(
                title,
                stage.epochs,
                part,
                end=stage.end,
                window=window,
                model_at=stage.model_at,
            ),
            f"Stage {clean(stage.name)}: {clean(', '.join(part))}, in {len(stage.epochs):,} "
            f"reports, one in {LOG_EVERY} steps{f': {drawn}' if window > 1 else ''}.",
        )


def _parts(lines: Mapping[str, Series]) -> Iterator[dict[str, Series]]:
    """The lines as equal parts, none with more than a chart can tell apart."""
    named = list(lines.items())
    count = ceil(len(named) / NAMED_CURVES)
    for number in range(count):
        yield dict(named[len(named) * number // count : len(named) * (number + 1) // count])


def _validation(stage: StageHistory) -> str:
    scores = 100 * stage.validation
    best = int(scores.argmax())
    return figure_block(
        stage_chart(
            "score on held-out pictures, %",
            stage.validated,
            {"held out": scores},
            end=stage.end,
            model_at=stage.model_at,
        ),
        f"Stage {clean(stage.name)}: the score on pictures held out of training (the mAP of "
        f"vehicles, the accuracy of other labels, the mean AP of parts). The best of "
        f"{len(scores)} is {scores[best]:.2f} %, after {stage.validated[best]:.3g} epochs.",
    )
