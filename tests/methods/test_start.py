"""What is said of published recipes that start from random weights."""

import logging
from pathlib import Path

import pytest
from conftest import TINY, TINY_VIEW
from messages import says

import platefree as pf
from platefree.methods.backbone import start_note
from platefree.methods.catalogue import load_recipe
from platefree.recipes.builtin import recipe_names
from platefree.types import Sightings

TAKEN_FROM = {
    "resnet50": "model.weights=timm",
    "seresnext101_32x4d": "model.weights=timm",
    "resnet50_ibn_a": "XingangPan/IBN-Net",
    "resnet50_ibn_a_nl": "XingangPan/IBN-Net",
    "googlenet": "googlenet-1378be20.pth",
    "vgg_cnn_m_1024": "VGG_CNN_M_1024",
}


def test_every_published_recipe_without_weights_says_what_that_costs_and_where_they_are() -> None:
    said = set()
    for name in recipe_names():
        recipe = load_recipe(name)
        note = start_note(recipe)
        if not recipe.paper or recipe.model.weights != "none":  # type: ignore[attr-defined]
            assert note == "", name
            continue
        said.add(name.partition("/")[0])
        backbone = recipe.model.backbone  # type: ignore[attr-defined]
        where = TAKEN_FROM[backbone]
        assert says(note, name, "random weights", "published figures", backbone, where), note
        given = load_recipe(name, {"model.weights": "weights.pth"})
        assert start_note(given) == ""
    assert {"drdl", "part_regularized", "vanet", "fda_net", "vehiclenet"} <= said


def test_training_says_so_first(
    drawn_table: Sightings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    quick = {**TINY_VIEW, "model.relations": "none", "train.max_steps": 1}
    recipe = load_recipe("vanet/vehicleid", quick)
    with caplog.at_level(logging.WARNING):
        pf.train(recipe, drawn_table, tmp_path / "run")
        first, *rest = [record.getMessage() for record in caplog.records]
        assert start_note(recipe) in first
        assert start_note(recipe) not in rest
        caplog.clear()
        own = load_recipe("strong_baseline/demo", {**TINY, "train.max_steps": 1})
        pf.train(own, drawn_table, tmp_path / "own")
    assert "random weights" not in caplog.text
