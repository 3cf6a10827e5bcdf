"""A new method is one file and one line; what a method cannot do is refused with the reason."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pytest
import torch
from messages import facts, says
from torch import Tensor, nn
from torch.nn import functional

from platefree.errors import RecipeError
from platefree.inference.loading import load_model
from platefree.losses import smoothed_cross_entropy
from platefree.methods import catalogue
from platefree.methods.base import Batch, Method
from platefree.methods.catalogue import (
    build_method,
    check_recipe,
    check_scales,
    load_recipe,
    needs_training,
    resolve,
)
from platefree.recipes.builtin import recipe_names
from platefree.recipes.recipe import MethodSettings, Recipe
from platefree.training.loop import train
from platefree.types import Sightings

# --- what the file of a new method holds ------------------------------------------------------


class MeanColorSettings(MethodSettings):
    """The mean color, through one linear layer."""

    method: Literal["mean_color"]
    size: int = 8

    def check(self, recipe: Recipe) -> None:
        if recipe.augment.grey:
            raise ValueError("mean_color learns from colors; set augment.grey=0")

    def takes_one_size(self) -> str:
        return "model.size = 3" if self.size == 3 else ""


def build(
    settings: MeanColorSettings, recipe: Recipe, classes: Mapping[str, int], weights: str | None
) -> "MeanColor":
    del recipe, weights
    return MeanColor(size=settings.size, vehicles=classes["vehicle"])


class MeanColor(Method):
    def __init__(self, *, size: int, vehicles: int) -> None:
        super().__init__()
        self.layer, self.classifier = nn.Linear(3, size), nn.Linear(size, vehicles)

    def feature_map(self, images: Tensor) -> Tensor:
        return images

    def embed_map(self, maps: Tensor) -> dict[str, Tensor]:
        return {"main": functional.normalize(self.layer(maps.mean(dim=(2, 3))))}

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        logits = self.classifier(self.embed(batch.images)["main"])
        return {"identity": smoothed_cross_entropy(logits, batch.labels["vehicle"])}


# --- its line in the dict, and what it does -----------------------------------------------------

CONTENT = {
    "name": "mine",
    "model": {"method": "mean_color", "size": 5},
    "input": {"height": 32, "width": 32},
    "train": {"epochs": 1, "vehicles_per_batch": 4, "images_per_vehicle": 2, "workers": 0},
}


@pytest.fixture
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = catalogue.Entry(MeanColorSettings, build)
    monkeypatch.setitem(catalogue.METHODS, "mean_color", entry)


@pytest.mark.usefixtures("_known")
def test_a_method_is_one_file_and_one_line(drawn_table: Sightings, tmp_path: Path) -> None:
    recipe = check_recipe(CONTENT)
    assert needs_training(recipe)
    assert resolve(recipe).input.std == [1.0] * 3
    run = train(recipe, drawn_table, tmp_path)
    assert run.step > 1
    found, _ = load_model(run.best).embed(drawn_table)
    assert found.spaces["main"].shape == (len(drawn_table), 5)


@pytest.mark.usefixtures("_known")
def test_its_settings_have_the_word_on_their_recipe() -> None:
    with pytest.raises(RecipeError, match=r"recipe mine: mean_color learns from colors; set"):
        check_recipe({**CONTENT, "augment": {"grey": 0.1}})
    model = {"method": "mean_color", "sise": 4}
    with pytest.raises(RecipeError, match=r"unknown key 'sise' in \[model\]; did you mean 'size'"):
        check_recipe({**CONTENT, "model": model})
    scaled = {"height": 32, "width": 32, "scales": [1.0, 0.5]}
    check_scales(check_recipe({**CONTENT, "input": scaled}))
    narrow = {**CONTENT, "input": scaled, "model": {"method": "mean_color", "size": 3}}
    with pytest.raises(RecipeError, match=r"model\.size = 3 takes pictures of 32 x 32"):
        check_scales(check_recipe(narrow))


def test_without_its_line_it_is_unknown() -> None:
    with pytest.raises(RecipeError, match=r"model\.method is 'mean_color'; expected one of"):
        check_recipe(CONTENT)
    with pytest.raises(RecipeError, match=r"model\.method is missing"):
        check_recipe({**CONTENT, "model": {}})


def test_all_that_is_wrong_with_a_recipe_is_said_at_once() -> None:
    model = {"method": "strong_baseline", "backbonk": "x", "scale": -1.0}
    with pytest.raises(RecipeError) as caught:
        check_recipe({"name": "r", "model": model, "train": {"lrr": 1}})
    for part in ("did you mean 'backbone'", "model.scale is -1.0", "did you mean 'lr'"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("drdl/city", {"train.sampler": "identity"}, "drdl learns from pairs of sets"),
        ("part_detector", {"train.sampler": "identity"}, "from pictures one by one"),
        ("part_detector", {"input.height": 100}, "part_detector needs sides that are multiples"),
        ("fda_net/city", {"input.height": 50}, "fda_net's generator needs sides"),
        (
            "strong_baseline",
            {"model.memory": 8, "train.mining": "local"},
            "are kept of the pictures of all processes",
        ),
        (
            "strong_baseline/vit",
            {"model.side": ["camera"], "train.rows": "target"},
            "whose labels are those of all training rows",
        ),
        (
            "strong_baseline",
            {"stages": [{"name": "a"}, {"name": "b", "rows": "target"}]},
            "a classifier of strong_baseline cannot be replaced between them",
        ),
    ],
)
def test_a_recipe_that_a_method_cannot_learn_by_is_refused(
    name: str, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe(name, changes)


@pytest.mark.parametrize("name", [each for each in recipe_names() if "fda_net" not in each])
@pytest.mark.parametrize("key", ["train.rates", "train.betas"])
def test_rates_of_optimizers_that_a_method_lacks_are_refused(name: str, key: str) -> None:
    method = name.partition("/")[0]
    with pytest.raises(RecipeError, match=facts(key, "backbone", method)) as caught:
        load_recipe(name, {key: {"backbone": 1e-4}})
    assert says(str(caught.value), "train.rate_factors") == (key == "train.rates")


@pytest.mark.parametrize(
    ("name", "changes", "what"),
    [
        ("drdl/city", {"model.backbone": "resnet18", "model.pooling": "flatten"}, "flatten"),
        ("fda_net/city", {"model.backbone": "resnet18", "model.pooling": "flatten"}, "flatten"),
        ("multi_branch/city", {"model.attention_branches": 1}, "an attention branch"),
        ("strong_baseline/vit", {"model.backbone": "test_vit"}, "backbone test_vit"),
        ("strong_baseline", {"model.backbone": "resnet18"}, ""),
        ("color_stripes", {}, ""),
    ],
)
def test_what_takes_one_size_says_so(name: str, changes: dict[str, object], what: str) -> None:
    said = load_recipe(name, changes).model.takes_one_size()
    assert what in said
    assert bool(said) == bool(what)


def test_an_ensemble_is_not_built_from_a_recipe() -> None:
    model = {"method": "ensemble", "members": ["a"], "weights": [1.0]}
    recipe = check_recipe({"name": "e", "model": model})
    with pytest.raises(RecipeError, match="an ensemble is not trained: train its members"):
        build_method(recipe, {})


# --- a batch says how to gather it -------------------------------------------------------------


@pytest.mark.parametrize("name", ["strong_baseline", "multi_branch", "vanet"])
def test_pairs_are_mined_over_what_the_batch_gathers(name: str) -> None:
    """Two processes with the same pictures: every picture finds a positive that is itself."""
    settings = {
        "model.backbone": "test_resnet",
        "model.last_stride": 2,
        "input.height": 32,
        "input.width": 32,
        **({"model.attention_branches": 0} if name == "multi_branch" else {}),
        **({"model.view_from": "table", "model.viewpoint": ""} if name == "vanet" else {}),
    }
    recipe = load_recipe(f"{name}/city", settings)
    torch.manual_seed(0)
    method = build_method(recipe, {"vehicle": 4})
    images = torch.randn(8, 3, 32, 32)
    labels = {
        "vehicle": torch.arange(4).repeat_interleave(2),
        "view": torch.tensor([0, 1] * 4),
    }
    seen: list[tuple[int, ...]] = []

    def twice(rows: Tensor) -> Tensor:
        seen.append(tuple(rows.shape))
        return torch.cat([rows, rows])

    alone = method.losses(Batch(images, labels))
    doubled = method.losses(Batch(images, labels, gather=twice))
    assert alone.keys() == doubled.keys()
    assert seen
    assert all(shape[0] == 8 for shape in seen)
    torch.testing.assert_close(doubled["identity"], alone["identity"])
    # The farthest positive of a doubled batch is that of the batch; so is the nearest negative.
    for metric in {"triplet"} & alone.keys():
        torch.testing.assert_close(doubled[metric], alone[metric])


def test_by_default_a_batch_is_all_there_is() -> None:
    batch = Batch(torch.zeros(1, 3, 4, 4), {})
    rows = torch.randn(3, 2)
    assert batch.gather(rows) is rows
