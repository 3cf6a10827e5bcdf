"""How long an ablation takes at most, measured on the first steps of every row.

These steps are not wasted: they are the beginning of the row's run with the first seed, which goes
on from there. What is counted is every step up to the limit of epochs, every validation, and the
scoring of the test, both at the speed of learning, though no gradients are needed there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from platefree.batches.training_data import training_data, training_table
from platefree.checkpoint import read_checkpoint
from platefree.data.dataset import DataSet
from platefree.evaluation.evaluate import open_data
from platefree.experiments.ablation import Ablation
from platefree.experiments.ablation_run import row_run
from platefree.experiments.continued import continued_by_repeating
from platefree.experiments.row_run import OnStep, RowRun
from platefree.methods.catalogue import needs_training
from platefree.runs.run_log import LOG_EVERY, LOG_NAME, log_entries
from platefree.storage.locks import only_writer
from platefree.training.stages import plan_stages, target_of
from platefree.work import DEFAULT_WORK, Work


@dataclass(frozen=True)
class Forecast:
    """How long the runs of a row take at most.

    Attributes:
        row: its name.
        runs: with how many seeds it is still to be run.
        steps: of a run, at most.
        images_per_second: measured on its first steps.
        seconds: of a run, at most.
    """

    row: str
    runs: int
    steps: int
    images_per_second: float
    seconds: float


def forecast(
    ablation: Ablation,
    data: str | Path | DataSet,
    out: str | Path,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    work: Work = DEFAULT_WORK,
    on_step: OnStep = None,
) -> list[Forecast]:
    """How long each row takes at most; takes the first steps of those that were not begun.

    Args:
        ablation: as given to `platefree.experiments.ablation_run.run_ablation`.
        data: as there.
        out: as there.
        seeds: as there.
        work: as there.
        on_step: as there.

    Returns:
        One for each row that learns and has runs left.

    Raises:
        Interrupted: it was stopped; the same call continues.
        PlatefreeError: from training.
    """
    opened, folder = open_data(data), Path(out)
    found = []
    with only_writer(folder), continued_by_repeating(folder):
        for row in ablation.rows:
            runs = [row_run(ablation, row, seed, opened, folder) for seed in seeds]
            for run in runs:
                run.check()
            left = [run for run in runs if not run.is_finished()]
            if left and needs_training(left[0].recipe):
                with continued_by_repeating(folder):
                    found.append(_of_row(left, work, on_step))
    return found


def _of_row(left: Sequence[RowRun], work: Work, on_step: OnStep) -> Forecast:
    run = left[0]
    speed = _speed(run.folder)
    if speed is None:
        train = run.recipe.train.model_copy(update={"max_steps": LOG_EVERY})
        run.train(run.recipe.model_copy(update={"train": train}), work, on_step)
        speed = _speed(run.folder) or 1.0
    card = read_checkpoint(run.folder / "last").card
    steps, held_out = int(card["total_steps"]), int(card["data"]["held_out_images"])
    tested = int((run.data.table.split != "train").sum())
    embedded = _validations(run) * held_out + (1 + len(run.reports)) * tested
    seconds = (steps * run.recipe.train.batch_size + embedded) / speed
    return Forecast(run.row.name, len(left), steps, speed, seconds)


def _speed(folder: Path) -> float | None:
    """Pictures learnt from per second, the median over a run that was begun."""
    if not (folder / LOG_NAME).exists() or not (folder / "last").exists():
        return None
    entries = [entry.get("images_per_second") for entry in log_entries(folder / LOG_NAME)]
    speeds = [float(each) for each in entries if isinstance(each, float | int) and each > 0]
    return median(speeds) if speeds else None


def _validations(run: RowRun) -> int:
    """How often held-out pictures are embedded, at most."""
    recipe = run.recipe
    if not recipe.train.validation:
        return 0
    table = training_table(run.data, recipe.train.lists)
    target = target_of(recipe, table)
    rows = training_data(table, recipe.train, recipe.model.learns, target=target)
    return sum(
        1 + int(stage.epochs_done(stage.stop)) // stage.train.validate_epochs
        for stage in plan_stages(recipe, rows)
    )
