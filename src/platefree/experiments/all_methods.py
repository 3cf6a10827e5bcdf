"""All methods of the project on one data set under one budget, as one table.

Every method has the same backbone, picture size and augmentation, the same number of steps and of
pictures in a step, and the same optimizer; a method's own needs are noted under the table. It is
run as an `Ablation`, so finished runs are kept.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from platefree.batches.training_data import training_data
from platefree.data.dataset import DataSet
from platefree.errors import DataError, RecipeError, TrainingError
from platefree.evaluation.evaluate import open_data
from platefree.experiments.ablation import CONVERGED, Ablation, Row
from platefree.experiments.ablation_run import run_ablation
from platefree.experiments.ablation_table import AblationTable
from platefree.experiments.cost import COSTS
from platefree.methods.catalogue import (
    build_method,
    load_recipe,
    needs_training,
    recipe_with,
    resolve,
)
from platefree.nets.backbones import Backbone
from platefree.recipes.lengths import check_lengths
from platefree.recipes.recipe import Recipe
from platefree.recipes.sections import Augment
from platefree.training.run_folder import flat
from platefree.training.stages import plan_stages
from platefree.training.step_report import StepReport
from platefree.types import Sightings, known_values
from platefree.work import DEFAULT_WORK, Work

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """A method in the comparison.

    Attributes:
        recipe: of its own settings.
        own: settings that it needs in addition to the common ones.
        note: a description of these, printed under the table.
        slower: its optimizers that learn at a fifth of the common rate, as published.
    """

    recipe: str
    own: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    slower: Sequence[str] = ()


ENTRIES: Mapping[str, Entry] = {
    "color_stripes": Entry("color_stripes/default", note="learns nothing; the lower bound"),
    "strong_baseline": Entry("strong_baseline/city"),
    "drdl": Entry(
        "drdl/city",
        {"model.shared_size": 256, "train.sampler": "sets"},
        "pairs of sets, of one vehicle and of others, and labels of vehicle models",
    ),
    "part_regularized": Entry(
        "part_regularized/city",
        {"train.sampler": "shuffle"},
        "pictures in random order, and boxes of their parts, in training only",
    ),
    "vanet": Entry(
        "vanet/city",
        {"model.view_from": "table"},
        "the view of every picture is given, not only in training",
    ),
    "fda_net": Entry(
        "fda_net/city",
        {"train.samples_epochs": 0},
        "a generator and a critic also learn, at a fifth of the rate",
        slower=("generator", "critic"),
    ),
    "vehiclenet": Entry(
        "vehiclenet/city",
        {"train.sampler": "shuffle", "stages": []},
        "pictures in random order; one stage, since the data has one source",
    ),
    "multi_branch": Entry("multi_branch/city"),
}
"""The methods by name."""

FIGURES = ("rank-1", "rank-5", "mAP", "mINP", *COSTS)
"""The columns."""


@dataclass(frozen=True)
class Budget:
    """The common budget of all methods.

    Attributes:
        steps: of every training.
        size: height and width of the pictures in pixels.
        backbone: of every method; any timm name.
        seeds: of the trainings.
        overrides: further changes of all rows; a key of ``[model]`` changes the methods that have
            it.
        stops: ``steps``, or ``converged``: when the score on held-out vehicles no longer rises,
            see `platefree.experiments.ablation.CONVERGED`.
    """

    steps: int = 300
    size: int = 48
    backbone: str = "test_resnet"
    seeds: Sequence[int] = (0, 1, 2)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    stops: Literal["steps", "converged"] = "steps"


DEFAULT_BUDGET = Budget()
"""The default budget of `bench_methods`."""


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
    """Train and score every method with every seed; finished runs in ``out`` are not repeated.

    A method that cannot learn from the data, or with the backbone, is left out, with a warning that
    says why.

    Args:
        data: a city or another table with splits, or its path.
        out: folder of the runs; gets ``table.json`` and ``table.md``.
        methods: some of `ENTRIES`; by default all.
        budget: of every method.
        protocol: see `platefree.evaluate`; by default that of the data.
        work: where to run.
        on_run: called with method and seed before each run.
        on_step: called after every training step.

    Raises:
        RecipeError: no such method, or a setting that no method has.
        TrainingError: no method can learn from the data.
        PlatefreeError: from training and evaluation; finished runs are kept.
    """
    opened = open_data(data)
    ablation = method_ablation(opened, methods=methods, budget=budget, protocol=protocol)
    where = data if isinstance(data, str | Path) else opened
    return run_ablation(
        ablation, where, out, seeds=budget.seeds, work=work, on_run=on_run, on_step=on_step
    )


def method_ablation(
    data: DataSet,
    *,
    methods: Sequence[str] = (),
    budget: Budget = DEFAULT_BUDGET,
    protocol: str | None = None,
) -> Ablation:
    """The methods as the rows of an ablation; see `bench_methods`.

    Raises:
        RecipeError: no such method, or a setting that no method has.
        TrainingError: no method can learn from the data.
    """
    shared = shared_settings(data.table, budget)
    rows = method_rows(methods or list(ENTRIES), shared, budget.overrides)
    recipes = {row.name: recipe_with(row.recipe, flat(row.set)) for row in rows}
    check_lengths(budget.overrides, [*filter(needs_training, recipes.values())])
    reasons = {name: _why_not(recipe, data.table) for name, recipe in recipes.items()}
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
    return Ablation(
        title=_title(learning[0]) if learning else "Nothing learnt",
        figures=list(FIGURES),
        protocol=protocol,
        notes=[
            *(f"{row.name}: {note}" for row in kept if (note := ENTRIES[row.name].note)),
            *(f"{name} is left out: {reason}" for name, reason in left_out.items()),
        ],
        rows=kept,
    )


def shared_settings(table: Sightings, budget: Budget) -> dict[str, Any]:
    """The common settings of all methods for a table; a method uses those it has."""
    size, backbone = budget.size, budget.backbone
    views = known_values(table.view[table.split == "train"]).tolist()
    augment = Augment(flip=0.5, pad=size // 16, color=0.2, erase=0.0)
    train = {
        "steps": budget.steps,
        "vehicles_per_batch": 16,
        "images_per_vehicle": 4,
        "optimizer": "adamw",
        # Such a small network learns in few steps only at a high rate.
        "lr": 3e-3 if backbone.startswith("test_") else 1e-3,
        "weight_decay": 5e-2,
        "warmup_epochs": 0.0,  # the number of steps in an epoch depends on the sampler
        "decay": "cosine",
        # What a recipe says of its own schedule would bend the common one.
        "decay_epochs": [],
        "decay_steps": 0,
        "final_lr": 0.01,
        "clip_norm": 5.0,
    }
    model = {
        "backbone": backbone,
        "last_stride": _last_stride(backbone),
        **({"views": views} if len(views) > 1 else {}),
    }
    shape = {"height": size, "width": size, "test_time_flip": "off"}
    whole = {"model": model, "input": shape, "augment": augment.model_dump(), "train": train}
    return {**flat(whole), **(CONVERGED if budget.stops == "converged" else {})}


def _last_stride(backbone: str) -> int:
    """1 for a ResNet whose last map can be kept large, as re-ID networks use it, else 2."""
    if "resnet" not in backbone:
        return 2
    try:
        with torch.device("meta"):  # only its layers are looked at
            Backbone(backbone, height=64, width=64, last_stride=1)
    except RecipeError:
        return 2
    return 1


def method_rows(
    methods: Sequence[str], shared: Mapping[str, Any], overrides: Mapping[str, Any]
) -> list[Row]:
    """A row for each method: the common settings, its own, and the overrides.

    Raises:
        RecipeError: no such method, or an override of ``[model]`` that no method has.
    """
    unknown = sorted(set(methods) - set(ENTRIES))
    if unknown:
        raise RecipeError(f"no method {', '.join(unknown)}; expected some of {', '.join(ENTRIES)}")
    names = [name for name in ENTRIES if name in methods]
    known = {name: _model_keys(ENTRIES[name].recipe) for name in names}
    strange = {key for key in overrides if key.startswith("model.")}.difference(*known.values())
    if strange:
        raise RecipeError(f"none of {', '.join(names)} has the key {', '.join(sorted(strange))}")
    whole = {**shared, **overrides}
    pictures = whole["train.images_per_vehicle"]
    sets = {  # as many pictures as P times K
        "train.sets_per_batch": max(1, whole["train.vehicles_per_batch"] // 2),
        "train.positives_per_set": pictures,
        "train.negatives_per_set": pictures,
    }
    rows = []
    for name in names:
        entry = ENTRIES[name]
        rates = dict.fromkeys(entry.slower, whole["train.lr"] / 5)
        settings = {**shared, **sets, **entry.own, "train.rates": rates, **overrides}
        fitting = {k: v for k, v in settings.items() if k[:6] != "model." or k in known[name]}
        rows.append(Row(name=name, recipe=ENTRIES[name].recipe, set=fitting))
    return rows


def _model_keys(recipe: str) -> set[str]:
    return {f"model.{key}" for key in type(load_recipe(recipe).model).model_fields}


def _why_not(recipe: Recipe, table: Sightings) -> str | None:
    """Why a method cannot learn from a table, or with the common backbone; or None."""
    if not needs_training(recipe):
        return None
    try:
        data = training_data(table, recipe.train, recipe.model.learns)
        method = build_method(resolve(recipe), data.classes)
        plan = plan_stages(recipe, method.prepare(data))
    except (DataError, RecipeError, TrainingError) as error:
        return str(error)
    # else the budgets differ
    assert recipe.train.steps in (0, plan[-1].stop)  # noqa: S101
    return None


def _title(recipe: Recipe) -> str:
    size, train = recipe.input, recipe.train
    length = f"{train.steps} steps" if train.steps else "steps until the held-out score stays,"
    return (
        f"One budget: {length} of {train.batch_size} pictures, {size.height} x "
        f"{size.width} pixels, backbone {getattr(recipe.model, 'backbone', 'none')}, "
        f"{train.optimizer} at {train.lr:g}"
    )
