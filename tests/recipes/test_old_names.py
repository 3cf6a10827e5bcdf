"""Recipes and cards of before are still read."""

from typing import Any

import pytest

from platefree.methods.catalogue import check_recipe, load_recipe
from platefree.recipes.overrides import parse_overrides

BASE: dict[str, Any] = {"name": "before", "model": {"method": "strong_baseline"}}


@pytest.mark.parametrize(
    ("old", "now", "value"),
    [
        ("model.trunk", "model.backbone", "resnet18"),
        ("model.classifier_share", "model.classifier_fraction", 0.25),
        ("input.mirror", "input.test_time_flip", "off"),
        ("augment.colour", "augment.color", 0.5),
    ],
)
def test_a_key_of_before_says_what_it_said(old: str, now: str, value: object) -> None:
    section, key = old.split(".")
    content = {**BASE, section: {**BASE.get(section, {}), key: value}}
    read = check_recipe(content).model_dump()
    section, key = now.split(".")
    assert read[section][key] == value
    parsed = parse_overrides([f"{old}={value!r}"])
    assert parsed == {now: value}
    assert load_recipe("strong_baseline/small", parsed).model_dump()[section][key] == value


def test_frozen_layers_of_before_are_still_frozen() -> None:
    recipe = check_recipe({**BASE, "train": {"freeze": ["trunk.network.layer1", "neck"]}})
    assert recipe.train.freeze == ["backbone.network.layer1", "neck"]
