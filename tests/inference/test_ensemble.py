"""Ensembles: what they compute, against their members one by one, and wherever a model is used."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY, Run
from messages import facts, says
from numpy.typing import NDArray

import platefree as pf
from platefree.errors import CheckpointError, DataError, RecipeError, StorageError
from platefree.evaluation.evaluate import Scoring
from platefree.inference.ensemble import Ensemble
from platefree.inference.loading import load_model
from platefree.inference.model import Model
from platefree.methods.catalogue import load_recipe
from platefree.ranking.comparison import Cosine
from platefree.ranking.joined_spaces import WeightedMean
from platefree.work import Work

TREES = {key: value for key, value in TINY.items() if key != "model.last_stride"}
LARGER = {
    "input.height": 48,
    "input.width": 40,
    "input.test_time_flip": "off",
    "train.max_steps": 2,
}


@pytest.fixture(scope="module")
def pair(
    tiny_model_folder: Path, drawn_table: pf.Sightings, tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """Two models that look at pictures in two ways."""
    recipe = load_recipe("strong_baseline/demo", {**TINY, **LARGER, "model.embedding_size": 24})
    other = pf.train(recipe, drawn_table, tmp_path_factory.mktemp("other")).best
    return [tiny_model_folder, other]


@pytest.fixture(scope="module")
def joined(pair: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two as one, the second counting twice."""
    folder = tmp_path_factory.mktemp("joined") / "e"
    pf.make_ensemble(pair, folder, [1, 2])
    return folder


@pytest.fixture(scope="module")
def two_spaces(drawn_table: pf.Sightings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A VANet model, which compares pictures in one of two spaces."""
    table = seen(drawn_table)
    changes = {"model.view_from": "table", "input.test_time_flip": "off", "train.max_steps": 2}
    recipe = load_recipe("vanet/vehicleid", {**TREES, **changes, "train.images_per_vehicle": 4})
    return pf.train(recipe, table, tmp_path_factory.mktemp("vanet")).best


def seen(table: pf.Sightings) -> pf.Sightings:
    side = {"cam1": "front", "cam2": "rear", "cam3": "front"}
    return replace(table, view=np.array([side[name] for name in table.camera.tolist()]))


def similarities(models: Sequence[Model], table: pf.Sightings) -> list[NDArray[np.float64]]:
    found = []
    for model in models:
        rows, _ = model.embed(table)
        found.append(1 - model.comparison.distances(rows, rows).astype(np.float64))
    return found


def test_its_similarity_is_the_weighted_mean(
    pair: list[Path], joined: Path, drawn_table: pf.Sightings
) -> None:
    model = pf.load_model(joined)
    rows, _ = model.embed(drawn_table)
    one, other = similarities([pf.load_model(folder) for folder in pair], drawn_table)
    expected = (one + 2 * other) / 3
    assert isinstance(model.comparison, Cosine)
    found = rows.spaces["main"]
    np.testing.assert_allclose(found @ found.T, expected, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    a, b = (drawn_table.path(row) for row in (0, 7))
    assert pf.compare(model, a, b).similarity == pytest.approx(expected[0, 7], abs=1e-5)


def test_alone_it_is_the_model(
    pair: list[Path], two_spaces: Path, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    table = seen(drawn_table).take(np.arange(9))
    for folder in (pair[1], two_spaces):
        model = pf.load_model(folder)
        alone = pf.make_ensemble([folder], tmp_path / folder.parent.name)
        rows, _ = model.embed(table)
        same, _ = alone.embed(table)
        for before, after in zip(rows.spaces.values(), same.spaces.values(), strict=True):
            np.testing.assert_array_equal(before, after)
        np.testing.assert_array_equal(
            model.comparison.distances(rows, rows), alone.comparison.distances(same, same)
        )
        assert alone.fingerprint != model.fingerprint


def test_models_of_several_spaces_are_joined_by_their_distances(
    pair: list[Path], two_spaces: Path, drawn_table: pf.Sightings, tmp_path: Path, run: Run
) -> None:
    table = seen(drawn_table)
    pf.make_ensemble([two_spaces, pair[0]], tmp_path / "e", [3, 1])
    model = pf.load_model(tmp_path / "e")
    one, other = similarities([pf.load_model(two_spaces), pf.load_model(pair[0])], table)
    rows, _ = model.embed(table)
    assert set(rows.spaces) == {"0-same_view", "0-different_view", "1-main"}
    assert isinstance(model.comparison, WeightedMean)
    measured = model.comparison.distances(rows, rows)
    np.testing.assert_allclose(1 - measured, (3 * one + other) / 4, atol=1e-5)
    report = pf.evaluate(model, table, "query-gallery", scoring=Scoring(post="rerank"))
    assert 0 < report.figures()["mAP"] <= 1
    pf.write_table(table, tmp_path / "seen.csv")
    assert run("embed", tmp_path / "seen.csv", "-o", tmp_path / "g", "-m", tmp_path / "e")[0] == 0
    stored, _ = pf.open_gallery(tmp_path / "g", model)
    np.testing.assert_array_equal(stored.spaces["0-same_view"], rows.spaces["0-same_view"])


def test_order_and_weights_make_another_model(
    pair: list[Path], joined: Path, tmp_path: Path
) -> None:
    models = [pf.load_model(folder) for folder in pair]
    marks = [
        Ensemble(models, [1, 2]).fingerprint,
        Ensemble(models).fingerprint,
        Ensemble(models[::-1]).fingerprint,
        Ensemble(models[:1]).fingerprint,
        Ensemble(models, [1, 2]).with_looks(scales=[1.0, 0.9]).fingerprint,
        *(model.fingerprint for model in models),
    ]
    assert len(set(marks)) == len(marks)
    whole = Ensemble(models, [1, 2])
    assert whole.with_looks(scales=[1.0]) is whole
    assert marks[0] == pf.load_model(joined).fingerprint == Ensemble(models, [2, 4]).fingerprint
    card = json.loads((joined / "card.json").read_text())
    assert card["fingerprint"] == marks[0]
    assert [member["fingerprint"] for member in card["members"]] == marks[-2:]


def test_one_model_may_look_in_two_ways(
    pair: list[Path], drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    model = pf.load_model(pair[0])
    assert isinstance(model, pf.Model)
    both = pf.make_ensemble([model, model.with_looks(crops=0.75)], tmp_path / "both")
    again = pf.load_model(tmp_path / "both")
    found, wanted = (each.embed(drawn_table)[0].spaces["main"] for each in (again, both))
    np.testing.assert_array_equal(found, wanted)


def test_an_ensemble_of_ensembles_is_that_of_their_members(
    pair: list[Path], joined: Path, drawn_table: pf.Sightings
) -> None:
    third = load_model("color_stripes")
    whole = Ensemble([pf.load_model(joined), third], [3, 1])
    assert whole.fractions == pytest.approx([0.25, 0.5, 0.25])
    assert [type(member) for member in whole.members] == [Model] * 3
    one, other, last = similarities([*map(pf.load_model, pair), third], drawn_table)
    rows, _ = whole.embed(drawn_table)
    expected = (one + 2 * other + last) / 4
    np.testing.assert_allclose(rows.spaces["main"] @ rows.spaces["main"].T, expected, atol=1e-5)


def test_the_members_are_inside(
    pair: list[Path], drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    copies = []
    for number, folder in enumerate(pair):
        copies.append(tmp_path / str(number))
        shutil.copytree(folder, copies[-1])
    made = pf.make_ensemble(copies, tmp_path / "e")
    for copy in copies:
        shutil.rmtree(copy)
    (tmp_path / "e").rename(tmp_path / "moved")
    table = drawn_table.take(np.arange(4))
    rows, _ = pf.load_model(tmp_path / "moved").embed(table)
    np.testing.assert_array_equal(rows.spaces["main"], made.embed(table)[0].spaces["main"])
    kinds = sorted(file.name.partition("-")[0] for file in (tmp_path / "moved").iterdir())
    assert kinds == ["card.json", "learnt", "weights"]


def test_progress_and_unreadable_pictures(
    joined: Path, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    images = [str(drawn_table.path(0)), str(tmp_path / "broken.jpg"), str(drawn_table.path(1))]
    table = pf.Sightings.from_columns(tmp_path, {"image": images})
    done: list[int] = []
    model = pf.load_model(joined)
    rows, skipped = model.embed(table, unreadable="skip", work=Work(progress=done.append))
    assert rows.sightings.image.tolist() == [images[0], images[2]]
    assert len(skipped) == 1
    assert "broken.jpg" in skipped[0]
    assert sum(done) == 2  # 3 + 2 looks by two models
    done.clear()
    model.embed(drawn_table, work=Work(batch_size=7, progress=done.append))
    assert sum(done) == len(drawn_table)


def test_it_is_used_like_any_model(
    pair: list[Path], drawn_folder: Path, drawn_table: pf.Sightings, tmp_path: Path, run: Run
) -> None:
    out = tmp_path / "e"
    code, text, _ = run("ensemble", *pair, "--out", out, "--weights", "1,3", "--json")
    answer = json.loads(text)
    assert code == 0
    assert [member["weight"] for member in answer["members"]] == [0.25, 0.75]
    assert [member["input"] for member in answer["members"]] == ["32 x 32 pixels", "48 x 40 pixels"]
    code, text, noted = run("ensemble", *pair, "--out", out)  # replaces an ensemble
    assert code == 0
    assert "0.500" in text
    assert str(out) in noted.replace("\n", "")
    gallery = tmp_path / "g"
    assert run("embed", drawn_folder, "--out", gallery, "--model", out)[0] == 0
    code, text, _ = run("search", drawn_table.path(3), "--gallery", gallery, "--json")
    assert code == 0
    assert json.loads(text)["model"]["fingerprint"] == pf.load_model(out).fingerprint
    page = tmp_path / "report.html"
    score = ("eval", out, "--data", drawn_folder, "--post", "rerank", "--scales", "1,0.9")
    assert run(*score, "--report", page)[0] == 0
    report = json.loads(page.with_suffix(".json").read_text())
    assert report["settings"]["input"] == "32 x 32 pixels; 48 x 40 pixels"
    assert report["settings"]["scales"] == "1, 0.9"
    assert report["settings"]["members"].count("strong_baseline") == 2
    code, _, err = run("eval", out, "--data", drawn_folder, "--heat-maps", "--report", page)
    assert code == 1
    assert says(err, "ensemble", "no feature map", "heat map")
    code, _, err = run("label", drawn_folder, "--view", out, "--out", tmp_path / "new.csv")
    assert (code, says(err, "no view", "platefree train viewpoint/default")) == (1, True)
    assert run("ensemble", *pair, "--out", out, "--weights", "one")[0] == 2


def test_what_cannot_be_joined_is_refused(
    pair: list[Path], joined: Path, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    changes = {"augment.color": 0.0, "train.max_steps": 1}
    recipe = load_recipe("viewpoint/city", {**TREES, **changes})
    viewpoint = pf.train(recipe, seen(drawn_table), tmp_path / "view").best
    damaged = tmp_path / "damaged"
    shutil.copytree(pair[0], damaged)
    (weights,) = damaged.glob("weights-*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-9])
    copied = tmp_path / "copied"
    shutil.copytree(pair[0], copied)
    for models, weighs, error, message in (
        ([], None, DataError, ("0 models", "at least one model")),
        (pair, [1], DataError, ("2 models", "weights [1]", "more than 0")),
        (pair, [1, 0], DataError, ("weights [1, 0]", "more than 0")),
        ([pair[0], pair[0]], None, DataError, ("given twice", "weights")),
        ([pair[0], copied], None, DataError, ("copied", "one model")),
        ([pair[0], joined], None, DataError, ("given twice", "weights")),
        ([pair[0], viewpoint], None, DataError, ("viewpoint model", "learns view")),
        ([pair[0], tmp_path / "absent"], None, CheckpointError, ("absent", "card.json")),
        ([pair[0], damaged], None, CheckpointError, ("damaged", weights.name, "card.json")),
    ):
        with pytest.raises(error, match=facts(message)):
            pf.make_ensemble(models, tmp_path / "never", weighs)
        assert not (tmp_path / "never").exists()
    with pytest.raises(CheckpointError, match=facts("copied", "strong_baseline", "would be lost")):
        pf.make_ensemble(pair, copied)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        pf.make_ensemble(pair, tmp_path / "file" / "e")


def test_a_damaged_or_changed_ensemble_is_refused(
    joined: Path, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(joined, broken)
    (weights,) = broken.glob("weights-*.safetensors")
    content = weights.read_bytes()
    weights.write_bytes(content[:-5] + b"wrong")
    with pytest.raises(CheckpointError, match=facts(weights.name, "bytes", "card.json")):
        pf.load_model(broken)
    weights.write_bytes(content)
    card = json.loads((broken / "card.json").read_text())
    for members, message in (
        (card["members"][:1], ("broken", "changed")),
        ([{}], ("broken", "recipe is missing")),
    ):
        (broken / "card.json").write_text(json.dumps({**card, "members": members}))
        with pytest.raises(CheckpointError, match=facts(message)):
            pf.load_model(broken)
    with pytest.raises(RecipeError, match=facts("'model.weights'", "ensemble", "only [post]")):
        pf.load_model(joined, overrides={"model.weights": [1.0, 1.0]})
    assert pf.load_model(joined, overrides={"post.rerank.k1": 7}).recipe.post.rerank.k1 == 7
    recipe = load_recipe("strong_baseline/demo", {**TINY, "model.weights": str(joined)})
    with pytest.raises(pf.PlatefreeError, match=facts(str(joined), "no backbone")):
        pf.train(recipe, drawn_table, tmp_path / "run")
    (tmp_path / "mine.toml").write_text(
        '[model]\nmethod = "ensemble"\nmembers = ["a"]\nweights = [1.0]\n'
    )
    with pytest.raises(RecipeError, match=facts("ensemble", "not trained", "platefree ensemble")):
        pf.train(load_recipe(tmp_path / "mine.toml"), drawn_table, tmp_path / "run")


@pytest.mark.parametrize("place", ["recipe", "member"])
def test_an_ensemble_that_was_edited_is_refused(place: str, joined: Path, tmp_path: Path) -> None:
    edited = Path(shutil.copytree(joined, tmp_path / "edited"))
    card = json.loads((edited / "card.json").read_text())
    recipe = card["recipe"] if place == "recipe" else card["members"][0]["recipe"]
    recipe["input"]["height"] += 16
    (edited / "card.json").write_text(json.dumps(card))
    with pytest.raises(CheckpointError, match=facts("edited", "changed", "fingerprint")):
        pf.load_model(edited)
