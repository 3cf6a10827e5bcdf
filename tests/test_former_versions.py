"""What version 0.1 wrote is still read: checkpoints, stored embeddings, recipes and tables.

``samples/version-0.1`` holds 32 drawn pictures with their table, a run of `strong_baseline` that
was stopped after 3 of 8 steps, the embeddings that its ``best`` made of them (``embeddings``),
those that the finished run made (``after.npy``), embeddings by color_stripes (``colors``), and some
of VANet, which compares in two spaces (``two-spaces``).
"""

import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY
from messages import facts

import platefree as pf
from platefree.errors import DataError

SAMPLES = REPOSITORY / "tests" / "samples" / "version-0.1"


@pytest.fixture(scope="module")
def table() -> pf.Sightings:
    return pf.read_table(SAMPLES / "pictures" / "images.csv")


def test_a_table_with_the_column_colour(table: pf.Sightings) -> None:
    header, _ = (SAMPLES / "pictures" / "images.csv").read_text().split("\n", 1)
    assert "colour" in header
    assert set(table.color) <= {"white", "black", "red", "blue"}


def test_a_checkpoint_embeds_as_it_did(table: pf.Sightings) -> None:
    model = pf.load_model(SAMPLES / "run" / "best")
    stored = pf.load_embeddings(SAMPLES / "embeddings")
    found, _ = model.embed(table)
    assert (found.model, stored.sightings.fingerprint()) == (stored.model, table.fingerprint())
    np.testing.assert_allclose(found.spaces["main"], stored.spaces["main"], atol=1e-4)
    first, *_ = pf.search(model, table.path(0), stored, top=3)
    assert (first.similarity, first.labels["color"]) == (pytest.approx(1), table.color[0])


def test_a_run_goes_on_to_what_it_became_then(table: pf.Sightings, tmp_path: Path) -> None:
    shutil.copytree(SAMPLES / "run", tmp_path / "run")
    recipe = pf.load_recipe(SAMPLES / "recipe.toml", {"name": "strong_baseline/demo"})
    run = pf.train(recipe, table, tmp_path / "run", resume=True)
    assert (run.step, run.total) == (8, 8)
    found, _ = pf.load_model(run.best).embed(table)
    np.testing.assert_allclose(found.spaces["main"], np.load(SAMPLES / "after.npy"), atol=1e-2)


def test_a_recipe_by_its_former_keys(caplog: pytest.LogCaptureFixture) -> None:
    recipe = pf.load_recipe(SAMPLES / "recipe.toml")
    assert "model.backbone" in caplog.text
    assert recipe.input.test_time_flip == "average"
    assert recipe.augment.color == 0.1
    assert recipe.train.freeze == ["backbone.network.conv_stem"]


def test_stored_colors_are_compared_with_those_of_now(table: pf.Sightings) -> None:
    model = pf.load_model("color_stripes")
    stored = pf.load_stored(SAMPLES / "colors")
    found, _ = model.embed(table.take(np.arange(6)))
    assert stored.fingerprint == model.fingerprint
    np.testing.assert_allclose(found.spaces["main"], stored.embeddings.spaces["main"], atol=1e-4)


def test_several_spaces_of_then_need_the_model() -> None:
    embeddings = pf.load_embeddings(SAMPLES / "two-spaces")
    assert set(embeddings.spaces) == {"same_view", "different_view", "view"}
    with pytest.raises(DataError, match=facts("two-spaces", "same_view", "--model")):
        pf.load_stored(SAMPLES / "two-spaces")
