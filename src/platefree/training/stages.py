"""The stages of a recipe as ranges of steps of one run, each with its training rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from platefree.batches.samplers import Sampler
from platefree.batches.training_data import TrainingData
from platefree.data.sources import scored_source
from platefree.recipes.recipe import Recipe
from platefree.recipes.sections import Train
from platefree.types import Sightings

NONE_ENDED: Mapping[str, int] = MappingProxyType({})
"""No stage ended before its length."""


@dataclass(frozen=True)
class StagePlan:
    """A stage, its training data, and its range of steps of the run."""

    name: str
    train: Train
    data: TrainingData
    sampler: Sampler
    start: int
    stop: int

    def epochs_done(self, step: int) -> float:
        """How many epochs of the stage are done after a step of the run."""
        return (step - self.start) / self.sampler.batches_per_epoch


def target_of(recipe: Recipe, table: Sightings) -> str:
    """The target source, which the recipe names or a stage learns from alone; empty: none.

    Raises:
        TrainingError: the target is not clear.
    """
    wanted = recipe.train.target or any(train.rows == "target" for _, train in recipe.staged())
    return scored_source(table, recipe.train.target) if wanted else ""


def first_classes(recipe: Recipe, data: TrainingData) -> dict[str, int]:
    """The number of classes of the first stage, by label column.

    Raises:
        TrainingError: too few rows of the target are for training.
    """
    _, train = recipe.staged()[0]
    return data.of_stage(train).classes


def plan_stages(
    recipe: Recipe, data: TrainingData, ended: Mapping[str, int] = NONE_ENDED
) -> tuple[StagePlan, ...]:
    """The stages of a recipe as consecutive ranges of steps.

    Args:
        recipe: of the run.
        data: of the run.
        ended: the step of the run at which a stage ended by ``train.patience``, by its name.

    Raises:
        TrainingError: the rows cannot fill a stage's batches.
    """
    plan: list[StagePlan] = []
    for name, settings in recipe.staged():
        own = data.of_stage(settings)
        sampler = own.sampler(settings)
        start = plan[-1].stop if plan else 0
        stop = start + (settings.steps or settings.epochs * sampler.batches_per_epoch)
        stop = min(stop, ended.get(name, stop))
        plan.append(StagePlan(name, settings, own, sampler, start, stop))
    return tuple(plan)
