"""The strong baseline's recipes, its settings, and a frozen backbone that is opened."""

import math
from pathlib import Path

import pytest
import torch
from conftest import TINY
from messages import facts
from torch import nn

from platefree.checkpoint import read_checkpoint
from platefree.errors import RecipeError
from platefree.methods.base import Batch
from platefree.methods.catalogue import build_method, load_recipe
from platefree.methods.strong_baseline import StrongBaseline
from platefree.nets.weights import checkpoint_tensors
from platefree.recipes.recipe import Recipe
from platefree.training.loop import train
from platefree.training.rates import rate_factor
from platefree.training.step_report import StepReport
from platefree.types import Sightings

SMALL = {
    "model.backbone": "test_resnet",
    "model.last_stride": 2,
    "input.height": 32,
    "input.width": 32,
    "augment.pad": 2,
    "train.vehicles_per_batch": 4,
    "train.images_per_vehicle": 2,
    "train.workers": 0,
    "train.precision": "32",
}
TWO_STAGES = [
    {"name": "head", "steps": 4, "freeze": ["backbone"], "warmup_steps": 4, "decay": "constant"},
    {"name": "all", "steps": 8, "warmup_steps": 3, "decay_epochs": [1.0]},
]


def tiny(name: str = "strong_baseline/demo", **overrides: object) -> Recipe:
    settings = {key.replace("__", "."): value for key, value in overrides.items()}
    return load_recipe(name, {**(TINY if name.endswith("demo") else SMALL), **settings})


def built(recipe: Recipe, vehicles: int = 4) -> StrongBaseline:
    torch.manual_seed(0)
    method = build_method(recipe, {"vehicle": vehicles})
    assert isinstance(method, StrongBaseline)
    return method


def batch() -> Batch:
    images = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    return Batch(images, {"vehicle": torch.arange(4).repeat_interleave(2)})


def test_after_the_neck_the_metric_losses_see_the_embedding() -> None:
    before, after = (built(tiny(model__metric_at=place)) for place in ("before_neck", "after_neck"))
    found = after.losses(batch())
    pooled = after.pool(after.backbone(batch().images))
    normed = nn.functional.batch_norm(pooled, None, None, training=True)
    expected = after.metric(normed, batch().labels["vehicle"])["triplet"]
    torch.testing.assert_close(found["triplet"], expected, atol=1e-4, rtol=1e-4)
    assert before.losses(batch())["triplet"].item() != pytest.approx(expected.item(), rel=0.1)


def test_a_fixed_exponent_does_not_learn() -> None:
    assert not built(tiny(model__pooling="fixed_gem")).pool.exponent.requires_grad
    assert built(tiny(model__pooling="gem")).pool.exponent.requires_grad


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (
            {"model.classifier_centres": 3},
            ("model.classifier_centres is 3", "model.classifier", "circle, arc or cos"),
        ),
        (
            {"model.memory": 64, "model.triplet_weight": 0.0},
            ("model.memory is 64", "triplet_weight", "memory to 0"),
        ),
        (
            {"model.classifier_fraction": 0.0},
            ("model.classifier_fraction", "0.0", "greater than 0"),
        ),
        ({"model.classifier": "sphere"}, ("model.classifier", "'sphere'", "'circle'")),
        (
            {"model.identity_weight": 0.0, "model.triplet_weight": 0.0},
            ("[model]", "train.teacher", "nothing is learnt"),
        ),
        ({"model.memory": 64, "train.mining": "local"}, ("memory", "centres", "train.mining")),
        (
            {"model.centre_weight": 1.0, "train.mining": "local"},
            ("memory", "centres", "train.mining"),
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(
    settings: dict[str, object], complaint: tuple[str, ...]
) -> None:
    with pytest.raises(RecipeError, match=facts(complaint)):
        load_recipe("strong_baseline/demo", settings)


def test_the_published_schedule_of_sbs() -> None:
    """Frozen for 3000 steps, then constant, then a cosine from epoch 30 of 60 to 7.7e-5."""
    recipe = load_recipe("strong_baseline/sbs")
    (_, head), (_, rest) = recipe.staged()
    assert head.freeze == ["backbone"]
    assert (rest.freeze, rest.lr) == ([], 0.01)
    rates = [0.01 * rate_factor(step, 590, head) for step in (0, 1500, 2999)]
    assert rates == pytest.approx([1e-4, 5.05e-3, 0.01], rel=1e-2)
    rates = [0.01 * rate_factor(round(590 * epoch), 590, rest) for epoch in (1, 25, 40, 55)]
    assert rates == pytest.approx([0.01, 0.01, (0.01 + 7.7e-5) / 2, 7.7e-5])


def test_every_kind_of_state_resumes_exactly(drawn_table: Sightings, tmp_path: Path) -> None:
    settings = {
        "model__classifier": "arc",
        "model__classifier_centres": 2,
        "model__classifier_fraction": 0.6,
        "model__circle_weight": 0.5,
        "model__proxy_weight": 0.1,
        "model__centre_weight": 5e-4,
        "model__memory": 20,
        "model__memory_start": 2,
        "stages": TWO_STAGES,
    }
    whole = train(tiny(**settings), drawn_table, tmp_path / "whole")
    for steps in (3, 7, 0):  # within the first stage, and within the second
        cut = tiny(**settings, train__max_steps=steps)
        run = train(cut, drawn_table, tmp_path / "cut", resume=steps > 3 or steps == 0)
    expected, found = (
        checkpoint_tensors(read_checkpoint(each.last), "weights") for each in (whole, run)
    )
    assert expected.keys() == found.keys()
    assert {"metric.centres", "metric.memory.vectors", "metric.proxies"} <= found.keys()
    for name, tensor in expected.items():
        assert torch.equal(tensor, found[name]), name


def test_the_sequence_of_sbs_stays_finite_and_leaves_a_frozen_backbone_alone(
    drawn_table: Sightings, tmp_path: Path
) -> None:
    seen: list[StepReport] = []
    recipe = tiny(
        "strong_baseline/sbs", stages=TWO_STAGES, train__vehicles_per_batch=2, train__lr=0.1
    )
    first = recipe.model_copy(update={"train": recipe.train.model_copy(update={"max_steps": 4})})
    train(first, drawn_table, tmp_path, on_step=seen.append)
    frozen = checkpoint_tensors(read_checkpoint(tmp_path / "last"), "weights")
    fresh = built(tiny("strong_baseline/sbs"), vehicles=8).state_dict()
    statistics = [name for name in frozen if name.startswith("backbone") and "running" in name]
    assert statistics
    for name in statistics:
        assert torch.equal(frozen[name], fresh[name]), name
    train(recipe, drawn_table, tmp_path, resume=True, on_step=seen.append)
    opened = checkpoint_tensors(read_checkpoint(tmp_path / "last"), "weights")
    assert any(not torch.equal(frozen[name], opened[name]) for name in statistics)
    assert len(seen) == 12
    assert all(math.isfinite(loss) for report in seen for loss in report.losses.values())
    assert [round(report.rate / 0.1, 2) for report in seen[3:8]] == [0.75, 0.01, 0.34, 0.67, 1.0]


def test_a_recipe_of_before_has_the_tensors_that_it_had() -> None:
    names = set(built(tiny()).state_dict())
    assert {name for name in names if not name.startswith("backbone.")} == {
        "pool.exponent",
        "neck.classifier.weight",
        *(f"neck.norm.{part}" for part in ("weight", "bias", "running_mean", "running_var")),
        "neck.norm.num_batches_tracked",
    }


def test_the_peers_claims_have_the_names_of_our_figures() -> None:
    for name in ("sbs", "vehicleid", "veri-wild"):
        claims = load_recipe(f"strong_baseline/{name}").paper
        assert claims
        assert {key.rpartition(" ")[2] for key in claims} <= {"mAP", "mINP", "rank-1", "rank-5"}


def test_over_one_vehicle_the_neck_takes_away_what_the_classifier_needs() -> None:
    """Why no process may be alone with one vehicle; see docs/strong-baseline.md."""
    one = Batch(batch().images, {"vehicle": torch.full((8,), 2)})
    method = built(tiny())
    loss = method.losses(one)["identity"]
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == pytest.approx(math.log(4), abs=1e-3)  # as by chance
    several = built(tiny())
    several.losses(batch())["identity"].backward()  # type: ignore[no-untyped-call]
    alone, together = (
        float(each.neck.classifier.weight.grad.norm())  # type: ignore[union-attr]
        for each in (method, several)
    )
    assert alone < 1e-2 * together
