"""Run an ablation: train and score every row with every seed, in a folder that remembers.

All rows are run with one seed before the next seed, so that an unfinished table has every row.
Finished runs are kept: the same call continues an interrupted ablation, on another machine too.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from platefree.data.dataset import DataSet
from platefree.evaluation.evaluate import open_data
from platefree.experiments.ablation import Ablation, Row, folder_name, learning_recipes
from platefree.experiments.ablation_table import AblationTable
from platefree.experiments.claims import settle
from platefree.experiments.continued import continued_by_repeating
from platefree.experiments.row_run import Measured, RowRun
from platefree.storage.files import write_text
from platefree.storage.locks import only_writer
from platefree.training.step_report import StepReport
from platefree.work import DEFAULT_WORK, Work


def run_ablation(
    ablation: Ablation,
    data: str | Path | DataSet,
    out: str | Path,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    work: Work = DEFAULT_WORK,
    on_run: Callable[[str, int], None] | None = None,
    on_step: Callable[[StepReport], None] | None = None,
) -> AblationTable:
    """Train and score every row with every seed; finished runs in ``out`` are not repeated.

    Args:
        ablation: from `platefree.experiments.ablation.load_ablation`.
        data: its rows with split ``train`` are trained on, its other rows are scored.
        out: folder of the runs, ``ROW/seed-N``; gets ``table.json`` and ``table.md``.
        seeds: of the trainings.
        work: where to run.
        on_run: called with row and seed before each run.
        on_step: called after every training step.

    Raises:
        Interrupted: it was stopped; the same call continues.
        PlatefreeError: from training and evaluation; finished runs are kept.
    """
    opened, folder = open_data(data), Path(out)
    label = str(data) if isinstance(data, str | Path) else str(opened.table.root)
    runs: dict[str, list[Measured]] = {row.name: [] for row in ablation.rows}
    with only_writer(folder), continued_by_repeating(folder):
        for seed in seeds:
            for row in ablation.rows:
                if on_run is not None:
                    on_run(row.name, seed)
                run = row_run(ablation, row, seed, opened, folder)
                was_finished = run.is_finished()
                with continued_by_repeating(folder):
                    runs[row.name].append(run.measure(label, work, on_step))
                if not was_finished:  # the intervals of all claims take seconds
                    _save(_table(ablation, seeds, runs), folder)
        table = _table(ablation, seeds, runs)
        _save(table, folder)
    return table


def row_run(ablation: Ablation, row: Row, seed: int, data: DataSet, folder: Path) -> RowRun:
    """The run of a row with a seed, in its place in the folder of the ablation."""
    return RowRun(ablation, row, seed, data, folder / folder_name(row.name) / f"seed-{seed}")


def _table(
    ablation: Ablation, seeds: Sequence[int], runs: Mapping[str, Sequence[Measured]]
) -> AblationTable:
    figures = {name: [each.figures for each in done] for name, done in runs.items()}
    queries = {name: [each.queries for each in done] for name, done in runs.items()}
    paper = {row.name: row.paper for row in ablation.rows}
    learning = learning_recipes(ablation)
    settled = [settle(claim, figures, queries, paper, learning) for claim in ablation.claims]
    settings: dict[str, str] = {}
    for number in range(len(seeds)):  # in the order of the runs
        for done in runs.values():
            settings = _shared(settings, done[number].settings) if number < len(done) else settings
    return AblationTable(
        ablation,
        tuple(seeds),
        figures,
        settings,
        {name: [m.length for m in done if m.length is not None] for name, done in runs.items()},
        [each for each in settled if each is not None],
    )


def _shared(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Common settings of the reports so far; a setting that differs is marked so."""
    return {
        name: value if name == "scored" or before.get(name, value) == value else "differs by row"
        for name, value in now.items()
    }


def _save(table: AblationTable, folder: Path) -> None:
    write_text(folder / "table.json", json.dumps(table.to_json(), indent=2) + "\n")
    write_text(folder / "table.md", table.to_markdown())
