"""All methods of the project on one data set under one budget, as one table.

Every method gets the same backbone, pictures of the same size augmented in the same way, the same
number of steps of as many pictures, and the same optimizer; what a method needs for itself is said
under the table. The rows are those of an `Ablation`, so that what is done is kept.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from platefree.batches.training_data import training_data
from platefree.data.dataset import DataSet
from platefree.errors import DataError, RecipeError, TrainingError
from platefree.evaluation.evaluate import open_data
from platefree.experiments.ablation import Ablation, AblationTable, Row, run_ablation
from platefree.experiments.cost import COSTS
from platefree.methods.catalogue import build_method, load_recipe, needs_training, resolve
from platefree.recipes.recipe import Recipe
from platefree.recipes.sections import Augment
from platefree.training.loop import StepReport
from platefree.training.run_folder import flat
from platefree.training.stages import plan_stages
from platefree.types import Sightings, known_values
from platefree.work import DEFAULT_WORK, Work

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """How a method takes part.

    Attributes:
        recipe: where its own settings come from.
        own: what it needs for itself, beside the shared settings.
        note: what that is, for people.
    """

    recipe: str
    own: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


ENTRIES: Mapping[str, Entry] = {
    "color_stripes": Entry("color_stripes/default", note="learns nothing; the floor"),
    "strong_baseline": Entry("strong_baseline/city"),
    "drdl": Entry(
        "drdl/city",
        {"model.shared_size": 256, "train.sampler": "sets"},
        "pairs of sets of one vehicle and of others, and the models of vehicles",
    ),
    "part_regularized": Entry(
        "part_regularized/city",
        {"train.sampler": "shuffle"},
        "pictures in any order, and boxes of their parts, in training only",
    ),
    "vanet": Entry(
        "vanet/city",
        {"model.view_from": "table"},
        "the view of every picture is given, in use too",
    ),
    "fda_net": Entry(
        "fda_net/city",
        {"train.rates": {"generator": 2e-4, "critic": 2e-4}, "train.samples_epochs": 0},
        "generator and critic learn beside the embedding, at their own rates",
    ),
    "vehiclenet": Entry(
        "vehiclenet/city",
        {"train.sampler": "shuffle", "stages": []},
        "pictures in any order; one stage, for the data is one source",
    ),
    "multi_branch": Entry("multi_branch/city"),
}
"""The methods by name."""

FIGURES = ("rank-1", "rank-5", "mAP", "mINP", *COSTS)
"""The columns."""


@dataclass(frozen=True)
class Budget:
    """What every method gets.

    Attributes:
        steps: of every training.
        size: height and width of the pictures in pixels.
        backbone: of every method; any timm name.
        seeds: of the trainings.
        overrides: further changes of all rows; a key of ``[model]`` changes the methods that
            know it.
    """

    steps: int = 300
    size: int = 48
    backbone: str = "test_resnet"
    seeds: Sequence[int] = (0, 1, 2)
    overrides: Mapping[str, Any] = field(default_factory=dict)


DEFAULT_BUDGET = Budget()
"""What `bench_methods` gives unless it is asked for another one."""


def bench_methods(
    data: str | Path | DataSet,
    out: str | Path,
    *,
    methods: Sequence[str] = (),
    budget: Budget = DEFAULT_BUDGET,
    protocol: str | None = None,
    work: Work = DEFAULT_WORK,
    on_run: Callable[[str, int], None] | None = None,
    on_step: Callable[[StepReport], None] | None = None,
) -> AblationTable:
    """Train every method with every seed and score it; what ``out`` holds is not done again.

    A method that cannot learn from the data is left out, with a warning that says why.

    Args:
        data: a city or another table with splits, or its path.
        out: folder of the runs; gets ``table.json`` and ``table.md``.
        methods: some of `ENTRIES`; by default all.
        budget: what every one of them gets.
        protocol: see `platefree.evaluate`; by default that of the data.
        work: where to run.
        on_run: called with method and seed before each run.
        on_step: called after every training step.

    Raises:
        RecipeError: no such method, or a setting that no method knows.
        TrainingError: no method can learn from the data.
        PlatefreeError: whatever training and evaluation raise; what is done is kept.
    """
    opened = open_data(data)
    shared = shared_settings(opened.table, budget)
    rows = method_rows(methods or list(ENTRIES), shared, budget.overrides)
    recipes = {row.name: load_recipe(row.recipe, flat(row.set)) for row in rows}
    reasons = {name: _why_not(recipe, opened.table) for name, recipe in recipes.items()}
    left_out = {name: reason for name, reason in reasons.items() if reason is not None}
    for name, reason in left_out.items():
        log.warning("%s is left out: %s", name, reason)
    kept = [row for row in rows if row.name not in left_out]
    learning = [recipes[row.name] for row in kept if needs_training(recipes[row.name])]
    if len({recipe.train.batch_size for recipe in learning}) > 1:
        raise RecipeError(
            "train.vehicles_per_batch has to be even, so that sets make batches of the same size"
        )
    if left_out and not learning:
        name, reason = next(iter(left_out.items()))
        raise TrainingError(f"no method can learn from the data; {name}: {reason}")
    ablation = Ablation(
        title=_title(learning[0]) if learning else "Nothing learnt",
        figures=list(FIGURES),
        protocol=protocol,
        notes=[
            *(f"{row.name}: {note}" for row in kept if (note := ENTRIES[row.name].note)),
            *(f"{name} is left out: {reason}" for name, reason in left_out.items()),
        ],
        rows=kept,
    )
    return run_ablation(
        ablation, data, out, seeds=budget.seeds, work=work, on_run=on_run, on_step=on_step
    )


def shared_settings(table: Sightings, budget: Budget) -> dict[str, Any]:
    """The settings of all methods, as far as each knows them, for a table."""
    size, backbone = budget.size, budget.backbone
    views = known_values(table.view[table.split == "train"]).tolist()
    augment = Augment(flip=0.5, pad=size // 16, color=0.2, erase=0.0)
    train = {
        "steps": budget.steps,
        "vehicles_per_batch": 16,
        "images_per_vehicle": 4,
        "optimizer": "adamw",
        # A network so small learns in few steps at a high rate only.
        "lr": 3e-3 if backbone.startswith("test_") else 1e-3,
        "weight_decay": 5e-2,
        "warmup_epochs": 0.0,  # an epoch is another number of steps for each sampler
        "decay": "cosine",
        "clip_norm": 5.0,
    }
    model = {
        "backbone": backbone,
        "last_stride": 1 if "resnet" in backbone else 2,
        **({"views": views} if len(views) > 1 else {}),
    }
    shape = {"height": size, "width": size, "test_time_flip": "off"}
    return flat({"model": model, "input": shape, "augment": augment.model_dump(), "train": train})


def method_rows(
    methods: Sequence[str], shared: Mapping[str, Any], overrides: Mapping[str, Any]
) -> list[Row]:
    """A row for each method: the shared settings, its own, and the changes asked for.

    Raises:
        RecipeError: no such method, or a change of ``[model]`` that none of them knows.
    """
    unknown = sorted(set(methods) - set(ENTRIES))
    if unknown:
        raise RecipeError(f"no method {', '.join(unknown)}; expected some of {', '.join(ENTRIES)}")
    names = [name for name in ENTRIES if name in methods]
    known = {name: _model_keys(ENTRIES[name].recipe) for name in names}
    strange = {key for key in overrides if key.startswith("model.")}.difference(*known.values())
    if strange:
        raise RecipeError(f"none of {', '.join(names)} knows {', '.join(sorted(strange))}")
    whole = {**shared, **overrides}
    pictures = whole["train.images_per_vehicle"]
    sets = {  # as many pictures as P times K
        "train.sets_per_batch": max(1, whole["train.vehicles_per_batch"] // 2),
        "train.positives_per_set": pictures,
        "train.negatives_per_set": pictures,
    }
    rows = []
    for name in names:
        settings = {**shared, **sets, **ENTRIES[name].own, **overrides}
        fitting = {k: v for k, v in settings.items() if k[:6] != "model." or k in known[name]}
        rows.append(Row(name=name, recipe=ENTRIES[name].recipe, set=fitting))
    return rows


def _model_keys(recipe: str) -> set[str]:
    return {f"model.{key}" for key in type(load_recipe(recipe).model).model_fields}


def _why_not(recipe: Recipe, table: Sightings) -> str | None:
    """Why a method cannot learn from a table, or None."""
    if not needs_training(recipe):
        return None
    try:
        data = training_data(table, recipe.train, recipe.model.learns)
        method = build_method(resolve(recipe), data.classes)
        plan = plan_stages(recipe, method.prepare(data))
    except (DataError, TrainingError) as error:
        return str(error)
    assert plan[-1].stop == recipe.train.steps  # noqa: S101 - else the budgets differ
    return None


def _title(recipe: Recipe) -> str:
    size, train = recipe.input, recipe.train
    return (
        f"One budget: {train.steps} steps of {train.batch_size} pictures, {size.height} x "
        f"{size.width} pixels, backbone {getattr(recipe.model, 'backbone', 'none')}, "
        f"{train.optimizer} at {train.lr:g}"
    )
