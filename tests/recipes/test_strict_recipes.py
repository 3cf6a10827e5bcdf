"""Recipes and single settings that no machine can hold are one line; byte order marks are none."""

from pathlib import Path

import pytest
from messages import facts

from platefree.errors import RecipeError
from platefree.experiments.ablation import load_ablation
from platefree.methods.catalogue import check_recipe, load_recipe
from platefree.recipes.overrides import parse_overrides

RECIPE = '[model]\nmethod = "color_stripes"\n'
ABLATION = 'title = "t"\n[[rows]]\nname = "a"\nrecipe = "color_stripes"\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_byte_order_marks_are_read(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(RECIPE.replace("\n", "\r\n").encode(encoding))
    assert load_recipe(path).model.method == "color_stripes"
    path.write_bytes(ABLATION.encode(encoding))
    assert [row.name for row in load_ablation(path).rows] == ["a"]


@pytest.mark.parametrize(
    "text",
    [
        f"{RECIPE}stripes = {'9' * 5000}",
        f"{RECIPE}stripes = 1e400",
        f"{RECIPE}stripes = nan",
        f"{RECIPE}stripes = {'[' * 2000}",
        f"{RECIPE}stripes = 8\nstripes = 8",
        f'{RECIPE}[train]\ntarget = "\\u0000"',
        "model = 3",
        "model = [1]",
        "[model]\nmethod = [1]",
        "[model]\nmethod = {}",
        "stages = 3\n" + RECIPE,
    ],
)
def test_a_recipe_of_other_types_is_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=facts("mine")) as caught:
        load_recipe(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("value", ["9" * 5000, "1e400", "inf", "-nan", "99999999999999999999"])
def test_numbers_that_no_recipe_can_hold_are_refused_by_their_key(value: str) -> None:
    with pytest.raises(RecipeError, match=facts("train.lr")) as caught:
        load_recipe("strong_baseline/small", parse_overrides([f"train.lr={value}"]))
    assert len(str(caught.value)) < 300


def test_a_setting_cannot_bring_in_another(tmp_path: Path) -> None:
    assert parse_overrides(["train.lr=1\nseed = 3"]) == {"train.lr": "1\nseed = 3"}


@pytest.mark.parametrize(
    "value", [10**5000, float("inf"), "\ud800", "\0"], ids=["digits", "inf", "half", "nul"]
)
def test_values_from_python_are_checked_too(value: object) -> None:
    with pytest.raises(RecipeError, match=facts("train.target")) as caught:
        check_recipe({"model": {"method": "color_stripes"}, "train": {"target": value}})
    assert len(str(caught.value)) < 300


def test_a_batch_of_too_many_pictures_is_refused() -> None:
    settings = ["train.vehicles_per_batch=4096", "train.images_per_vehicle=4096"]
    with pytest.raises(RecipeError, match=facts("16,777,216", "65,536")):
        load_recipe("strong_baseline/small", parse_overrides(settings))
