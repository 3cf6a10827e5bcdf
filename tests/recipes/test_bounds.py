"""Every number of every setting has a smallest and a largest value, which its refusal names."""

from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

import pytest
from annotated_types import Ge, Gt, Interval, Le, Lt
from messages import facts, says
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from typer.main import get_command

from platefree.city.plan import CitySettings
from platefree.cli import app
from platefree.errors import DataError, PlatefreeError, RecipeError
from platefree.experiments.ablation import Ablation
from platefree.methods.catalogue import METHODS, load_recipe
from platefree.recipes.overrides import parse_overrides
from platefree.recipes.recipe import Recipe
from platefree.work import Work

Number = tuple[str, Any, tuple[Any, ...]]
"""Its dotted key, its type, and what limits it."""


def numbers(section: type[BaseModel], place: str) -> Iterator[Number]:
    for name, field in section.model_fields.items():
        yield from within(field.annotation, of_field(field), f"{place}.{name}")


def of_field(field: FieldInfo) -> tuple[Any, ...]:
    return tuple(field.metadata)


def within(kind: Any, limits: tuple[Any, ...], place: str) -> Iterator[Number]:  # noqa: ANN401
    """The numbers in a type, be they in lists, in tables or in sections."""
    if kind in (int, float):
        yield place, kind, limits
    elif get_origin(kind) is Annotated:
        inner, *more = get_args(kind)
        flat = [each for one in more for each in (getattr(one, "metadata", None) or [one])]
        yield from within(inner, (*limits, *flat), place)
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        yield from numbers(kind, place)
    else:
        inside = () if get_origin(kind) in (list, dict, tuple) else limits
        for each in get_args(kind):
            yield from within(each, inside, place)


def limits_of(limits: tuple[Any, ...]) -> tuple[float | None, float | None]:
    lower, upper = None, None
    for limit in limits:
        if isinstance(limit, Ge | Interval) and limit.ge is not None:
            lower = limit.ge
        if isinstance(limit, Gt | Interval) and limit.gt is not None:
            lower = limit.gt
        if isinstance(limit, Le | Interval) and limit.le is not None:
            upper = limit.le
        if isinstance(limit, Lt | Interval) and limit.lt is not None:
            upper = limit.lt
    return lower, upper


EVERY = [
    *numbers(Recipe, "recipe"),
    *(
        number
        for name, entry in METHODS.items()
        for number in numbers(entry.settings, f"model({name})")
    ),
    *numbers(Ablation, "ablation"),
]


def test_the_walk_finds_the_numbers_of_every_section() -> None:
    places = {place for place, _, _ in EVERY}
    assert {
        "recipe.train.lr",
        "recipe.train.rates",
        "recipe.train.decay_epochs",
        "recipe.stages.lr",
        "recipe.input.mean",
        "recipe.post.rerank.k1",
        "recipe.post.ensemble.weights",
        "model(drdl).embedding_size",
        "model(vanet).inside.height",
        "model(fda_net).generator_width",
        "ablation.rows.paper",
    } <= places
    assert len(EVERY) > 130


@pytest.mark.parametrize(("place", "kind", "limits"), EVERY, ids=[each[0] for each in EVERY])
def test_every_number_has_both_limits(place: str, kind: type, limits: tuple[Any, ...]) -> None:
    lower, upper = limits_of(limits)
    assert lower is not None
    assert upper is not None
    assert lower < upper < 2**63
    adapter = TypeAdapter(Annotated[kind, *limits])
    for beyond in (kind(upper * 2 + 1), kind(lower - abs(lower) - 1)):
        with pytest.raises(ValidationError, match=r"less than|greater than|multiple of"):
            adapter.validate_python(beyond)


@pytest.mark.parametrize(
    ("setting", "largest"),
    [
        ("train.workers=100000", "256"),
        ("train.images_per_vehicle=1000000", "4096"),
        ("augment.pad=20000", "1024"),
        ("train.lr=1e300", "100"),
        ("train.seed=99999999999", "4294967295"),
        ("train.epochs=1000000000", "100000"),
        ("train.steps=1000000000000", "1000000000"),
        ("model.classifier_centres=1000000", "64"),
        ("model.embedding_size=100000000", "65536"),
    ],
)
def test_the_largest_value_is_named(setting: str, largest: str) -> None:
    name = "part_regularized/city" if "embedding" in setting else "strong_baseline/small"
    with pytest.raises(RecipeError) as caught:
        load_recipe(name, parse_overrides([setting]))
    assert says(str(caught.value), setting.partition("=")[0], largest)


CITY = {"vehicles", "cameras", "images", "days", "size", "near_duplicates"}
"""Options of ``city`` whose limits depend on each other; `CitySettings` names them."""


def options(command: Any, place: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    for name, inner in getattr(command, "commands", {}).items():
        yield from options(inner, f"{place} {name}".strip())
    for parameter in command.params:
        if parameter.type_descriptor.annotation in (int, float):
            yield f"{place} --{parameter.name}", parameter


def test_every_numeric_option_has_both_limits() -> None:
    found = dict(options(get_command(app), ""))
    assert {"search --top", "eval --workers", "embed --processes", "ablate --seeds"} <= set(found)
    for place, parameter in found.items():
        if place.startswith("city ") and parameter.name in CITY:
            with pytest.raises(DataError, match=facts(parameter.name)):
                CitySettings(**{parameter.name: 10**12})
            continue
        assert parameter.min is not None, place
        assert parameter.max is not None, place


@pytest.mark.parametrize(
    ("name", "value", "largest"),
    [
        ("workers", 100_000, 256),
        ("workers", -2, 256),
        ("processes", 10**6, 64),
        ("processes", 0, 64),
        ("batch_size", 10**9, "65,536"),
    ],
)
def test_work_has_limits_too(name: str, value: int, largest: int) -> None:
    with pytest.raises(PlatefreeError, match=facts(name, f"{value:,}", largest)):
        Work(**{name: value})
