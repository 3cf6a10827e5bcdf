import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platefree.errors import RecipeError
from platefree.methods.catalogue import check_recipe, load_recipe
from platefree.recipes.builtin import recipe_names
from platefree.recipes.overrides import parse_overrides
from platefree.recipes.recipe import Recipe
from platefree.recipes.toml import to_toml


@pytest.mark.parametrize("name", recipe_names())
def test_every_built_in_recipe_is_valid_and_survives_a_round_trip(
    name: str, tmp_path: Path
) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.description
    assert check_recipe(recipe.model_dump()) == recipe
    file = tmp_path / "mine.toml"
    file.write_text(to_toml(recipe), encoding="utf-8")
    assert load_recipe(file) == recipe


def test_a_bare_method_name_means_its_default_recipe() -> None:
    assert load_recipe("strong_baseline").name == "strong_baseline/default"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("train.lrr=1.0", "unknown key 'lrr' in [train]; did you mean 'lr'?"),
        ("model.backbonek='x'", "unknown key 'backbonek' in [model]; did you mean 'backbone'?"),
        ("trian.lr=1.0", "unknown key 'trian'; did you mean 'train'?"),
        ("stages=[{name='a', epoch=2}]", "unknown key 'epoch' in [stages.0]; did you mean"),
        ("train.lr=fast", "train.lr is 'fast' (str)"),
        ("train.lr=inf", "train.lr is inf"),
        ("train.epochs=2.5", "train.epochs is 2.5 (float)"),
        ("train.epochs=true", "train.epochs is True (bool)"),
        ("train.epochs=0", "greater than or equal to 1"),
        ("train.lr.x=3", "cannot set 'train.lr.x'"),
        ("model.method=foo", "expected one of camera, color_stripes, drdl, "),
        ("train.images_per_vehicle=1", "at least 2 pictures"),
        ("input.mean=[1.0]", "at least 3 items"),
        (
            "model={method='strong_baseline', identity_weight=0.0, triplet_weight=0.0}",
            "no train.teacher, so nothing is learnt",
        ),
        ("train.lr", "expected KEY=VALUE"),
        ("stages=[{name='a'}, {name='a'}]", "tells them by distinct names"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_to_do(setting: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe("strong_baseline/small", parse_overrides([setting]))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_settings_change_exactly_one_value() -> None:
    plain = load_recipe("strong_baseline/small")
    changed = load_recipe("strong_baseline/small", parse_overrides(["train.lr=0.25"]))
    assert changed.train.lr == 0.25
    assert changed.model_copy(update={"train": plain.train}) == plain


@given(
    st.floats(1e-6, 1e3), st.integers(1, 1000), st.text(st.characters(codec="ascii"), max_size=9)
)
def test_overrides_are_read_as_toml_and_else_as_text(rate: float, count: int, text: str) -> None:
    parsed = parse_overrides([f"a={rate!r}", f"b.c={count}", f"d={text}"])
    assert parsed["a"] == rate
    assert parsed["b.c"] == count
    try:
        expected = tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        expected = text
    assert parsed["d"] == expected or parsed["d"] != parsed["d"]  # nan is TOML too


def test_stages_inherit_what_they_do_not_set() -> None:
    stages = [{"name": "one", "epochs": 3}, {"name": "two", "lr": 0.5, "freeze": ["backbone"]}]
    recipe = load_recipe("strong_baseline/small", {"stages": stages})
    (first, one), (second, two) = recipe.staged()
    assert (first, second) == ("one", "two")
    assert (one.epochs, one.lr) == (3, recipe.train.lr)
    assert (two.epochs, two.lr, two.freeze) == (recipe.train.epochs, 0.5, ["backbone"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("strong_baselin/small", "did you mean 'strong_baseline/small'"),
        ("nothing/like/it", "'platefree recipes' lists all"),
        ("missing.toml", "cannot read the recipe file missing.toml"),
    ],
)
def test_an_unknown_recipe_is_refused(name: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe(name)


def test_a_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "broken.toml"
    file.write_text("[model\nmethod=", encoding="utf-8")
    with pytest.raises(RecipeError, match="not valid TOML"):
        load_recipe(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match="cannot read the recipe file"):
        load_recipe(file)


def test_a_recipe_without_a_model_says_so(tmp_path: Path) -> None:
    file = tmp_path / "empty.toml"
    file.write_text("", encoding="utf-8")
    with pytest.raises(RecipeError, match="model is missing"):
        load_recipe(file)


def test_recipes_are_frozen() -> None:
    recipe: Recipe = load_recipe("color_stripes")
    with pytest.raises(ValueError, match="frozen"):
        recipe.name = "other"


@pytest.mark.parametrize("text", ["train.precision=32", 'train.precision="32"'])
def test_a_precision_may_be_written_as_a_number(text: str) -> None:
    assert load_recipe("strong_baseline", parse_overrides([text])).train.precision == "32"
