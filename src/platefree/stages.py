"""The stages of a recipe as ranges of steps of one run."""

from dataclasses import dataclass

from platefree.config import Recipe, Train
from platefree.data.samplers import Sampler
from platefree.data.training import TrainingData


@dataclass(frozen=True)
class StagePlan:
    """A stage and where it lies among the steps of the run."""

    name: str
    train: Train
    sampler: Sampler
    start: int
    stop: int


def plan_stages(recipe: Recipe, data: TrainingData) -> tuple[StagePlan, ...]:
    """The stages of a recipe as consecutive ranges of steps.

    Raises:
        TrainingError: the rows cannot fill a stage's batches.
    """
    plan: list[StagePlan] = []
    for name, settings in recipe.staged():
        sampler = data.sampler(settings)
        start = plan[-1].stop if plan else 0
        stop = start + (settings.steps or settings.epochs * sampler.batches_per_epoch)
        plan.append(StagePlan(name, settings, sampler, start, stop))
    return tuple(plan)
