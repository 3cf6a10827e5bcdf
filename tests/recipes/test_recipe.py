import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from messages import facts, says

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
        ("train.lrr=1.0", ("'lrr'", "[train]", "mean 'lr'")),
        ("model.backbonek='x'", ("'backbonek'", "[model]", "mean 'backbone'")),
        ("trian.lr=1.0", ("'trian'", "mean 'train'")),
        ("stages=[{name='a', epoch=2}]", ("'epoch'", "[stages.0]", "mean 'epochs'")),
        ("train.lr=fast", ("train.lr", "'fast'", "number")),
        ("train.lr=inf", ("train.lr", "inf", "finite")),
        ("train.epochs=2.5", ("train.epochs", 2.5, "integer")),
        (
            "train={decay='exponential', final_lr=0.0}",
            ("train.final_lr", 0, "exponential", "linear"),
        ),
        ("train.epochs=true", ("train.epochs", "True", "integer")),
        ("train.epochs=0", ("train.epochs", 0, "equal to 1")),
        ("train.lr.x=3", ("'train.lr.x'", "'lr'")),
        ("model.method=foo", ("model.method", "foo", "camera, color_stripes, drdl")),
        ("train.images_per_vehicle=1", ("train.images_per_vehicle", 1, "at least 2")),
        ("input.mean=[1.0]", ("input.mean", "[1.0]", "at least 3")),
        (
            "model={method='strong_baseline', identity_weight=0.0, triplet_weight=0.0}",
            ("[model]", "train.teacher", "nothing is learnt"),
        ),
        ("train.lr", ("'train.lr'", "KEY=VALUE")),
        ("stages=[{name='a'}, {name='a'}]", ("'a', 'a'", "a name of its own")),
    ],
)
def test_a_wrong_setting_is_refused_with_what_to_do(
    setting: str, message: tuple[str | float, ...]
) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe("strong_baseline/small", parse_overrides([setting]))
    assert says(str(caught.value), message)
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
        ("strong_baselin/small", ("'strong_baselin/small'", "mean 'strong_baseline/small'")),
        ("nothing/like/it", ("'nothing/like/it'", "platefree recipes", ".toml")),
        ("missing.toml", ("missing.toml", "not exist")),
    ],
)
def test_an_unknown_recipe_is_refused(name: str, message: tuple[str, ...]) -> None:
    with pytest.raises(RecipeError, match=facts(message)):
        load_recipe(name)


def test_a_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "broken.toml"
    file.write_text("[model\nmethod=", encoding="utf-8")
    with pytest.raises(RecipeError, match=facts("broken", "TOML", "line 1")):
        load_recipe(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match=facts("broken.toml", "UTF-8")):
        load_recipe(file)


def test_a_recipe_without_a_model_says_so(tmp_path: Path) -> None:
    file = tmp_path / "empty.toml"
    file.write_text("", encoding="utf-8")
    with pytest.raises(RecipeError, match=facts("empty", "model", "missing")):
        load_recipe(file)


@pytest.mark.parametrize(
    ("name", "asked", "decides"),
    [
        ("vehiclenet/city", {"train.epochs": 1}, ("train.epochs=1", "I, II", "[[stages]]")),
        ("strong_baseline/sbs", {"train.epochs": 9}, ("train.epochs=9", "head, all")),
        ("strong_baseline/street", {"train.epochs": 9}, ("train.epochs=9", 3000, "train.steps=0")),
        ("drdl/city", {"train.epochs": 9}, ("train.epochs=9", 400, "train.steps")),
        ("strong_baseline/street", {"train.epochs": 9, "train.steps": 0}, ()),
        ("strong_baseline/sbs", {"train.steps": 9}, ()),
        ("vehiclenet/city", {"train.steps": 9}, ()),
        ("multi_branch/veri", {"train.epochs": 9}, ()),
        ("strong_baseline/small", {"train.epochs": 9, "train.steps": 5}, ()),
        ("vehiclenet/city", {"train.epochs": 9, "stages": []}, ()),
    ],
)
def test_a_length_that_something_else_decides_is_refused(
    name: str, asked: dict[str, object], decides: tuple[str | int, ...]
) -> None:
    if decides:
        with pytest.raises(RecipeError, match=facts(decides)):
            load_recipe(name, asked)
        return
    assert lengths(load_recipe(name, asked)) != lengths(load_recipe(name))


def lengths(recipe: Recipe) -> list[tuple[int, int]]:
    """(steps, or 0, and the epochs that count then) of each stage."""
    return [(train.steps, 0 if train.steps else train.epochs) for _, train in recipe.staged()]


@given(st.text(st.characters(exclude_categories=["Cs"])))
@example("car \U0001f697, \x7f, \\ud83d, \x00")
def test_any_text_survives_a_round_trip(text: str) -> None:
    recipe = load_recipe("strong_baseline/demo")
    said = {"description": text, "paper": {text: 0.5}}
    content = tomllib.loads(to_toml(recipe.model_copy(update=said)))
    assert {key: content[key] for key in said} == said


def test_recipes_are_frozen() -> None:
    recipe: Recipe = load_recipe("color_stripes")
    with pytest.raises(ValueError, match="frozen"):
        recipe.name = "other"


@pytest.mark.parametrize("text", ["train.precision=32", 'train.precision="32"'])
def test_a_precision_may_be_written_as_a_number(text: str) -> None:
    assert load_recipe("strong_baseline", parse_overrides([text])).train.precision == "32"


FIVE_PAPERS = ("drdl", "part_regularized", "vanet", "fda_net", "vehiclenet")


def test_published_recipes_average_mirrored_pictures_only_where_the_paper_does() -> None:
    published = {
        name: load_recipe(name)
        for name in recipe_names()
        if name.startswith(FIVE_PAPERS) and load_recipe(name).paper
    }
    assert {name.partition("/")[0] for name in published} == set(FIVE_PAPERS)
    for name, recipe in published.items():
        averages = name.startswith("vehiclenet/")  # its section V-A; no other paper speaks of it
        assert recipe.input.test_time_flip == ("average" if averages else "off"), name
