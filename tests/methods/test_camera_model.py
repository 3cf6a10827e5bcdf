"""A classifier of cameras: trained, scored, and used to remove pictures of the query's camera."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY, Run
from messages import facts, says

import platefree as pf
from platefree.errors import DataError, RecipeError, TrainingError
from platefree.evaluation import from_training
from platefree.evaluation.embedded import embed_for
from platefree.evaluation.evaluate import Scoring
from platefree.evaluation.post_chain import make_chain
from platefree.evaluation.trial import Trial
from platefree.methods.catalogue import load_recipe
from platefree.methods.label_classifier import FEATURES, CameraClassifier
from platefree.ranking.comparison import Cosine
from platefree.ranking.guessed_cameras import camera_radius, cluster_cameras
from platefree.recipes.post import Camera
from platefree.reports.figures import render_markdown
from platefree.work import DEFAULT_WORK

SMALL = {key: value for key, value in TINY.items() if key != "model.last_stride"}
SMALL |= {"train.epochs": 10, "train.lr": 3e-3}


@pytest.fixture(scope="module")
def by_camera(tmp_path_factory: pytest.TempPathFactory, drawn_table: pf.Sightings) -> Path:
    """Trained on the vehicles for training, whose cameras are those of the others."""
    return pf.train(
        load_recipe("camera/city", SMALL), drawn_table, tmp_path_factory.mktemp("camera")
    ).best


def test_its_clusters_are_the_cameras(by_camera: Path, drawn_table: pf.Sightings) -> None:
    scored = drawn_table.take(drawn_table.split != "train")
    model = pf.load_model(by_camera)
    rows, _ = model.embed(scored)
    guessed = cluster_cameras(rows, 0.4, 3, model.comparison)
    placed = np.flatnonzero(guessed != "")
    assert len(placed) > 0.7 * len(scored)
    pairs = [(one, other) for one in placed for other in placed if one < other]
    alike = [
        (guessed[one] == guessed[other]) == (scored.camera[one] == scored.camera[other])
        for one, other in pairs
    ]
    assert np.mean(alike) > 0.85


def test_it_is_scored_by_what_it_tells(by_camera: Path, drawn_table: pf.Sightings) -> None:
    report = pf.evaluate(by_camera, drawn_table)
    assert report.protocol == "camera-labels"
    scored = drawn_table.take(drawn_table.split != "train")
    rows, _ = pf.load_model(by_camera).embed(scored)
    names = np.array(sorted(set(scored.camera.tolist())))
    right = names[rows.spaces["camera"].argmax(axis=1)] == scored.camera
    assert report.figures()["accuracy"] == pytest.approx(right.mean())
    assert right.mean() > 0.8
    with pytest.raises(
        DataError, match=facts("color_stripes", "no camera", "platefree train camera/default")
    ):
        pf.evaluate("color_stripes", drawn_table, "camera-labels")


def test_it_takes_the_place_of_unknown_cameras(
    by_camera: Path, drawn_table: pf.Sightings, drawn_folder: Path, run: Run
) -> None:
    options = Camera(model=str(by_camera), radius=0.4, smallest=3)
    names = ("image", "vehicle", "split")
    columns = {name: getattr(drawn_table, name) for name in names}
    unknown = pf.Sightings.from_columns(drawn_table.root, columns)
    post = pf.Post(steps=["camera"], camera=options)
    report = pf.evaluate("color_stripes", unknown, scoring=Scoring(post=post, ablate_post=True))
    before, after = report.tests[0].prefixes
    assert after.figures["mAP"] != before.figures["mAP"]
    assert after.seconds > before.seconds  # embedding by the second model counts
    settings = ("--set", f"post.camera.model={by_camera}", "--set", "post.camera.smallest=3")
    score = ("eval", "color_stripes", "--data", drawn_folder, "--post", "camera", *settings)
    assert run(*score)[0] == 0


def test_the_row_by_true_cameras_is_that_of_known_cameras(
    by_camera: Path, drawn_table: pf.Sightings
) -> None:
    guesses = Camera(model=str(by_camera), radius=0.4, smallest=3)
    for steps in (["expand", "camera"], ["camera", "rerank"]):
        post = pf.Post(steps=steps, camera=guesses)
        report = pf.evaluate("color_stripes", drawn_table, scoring=Scoring(post, ablate_post=True))
        (test,) = report.tests
        place = steps.index("camera") + 1
        named = ",".join(steps[:place])
        known = pf.evaluate("color_stripes", drawn_table, scoring=Scoring(named)).figures()
        prefix = test.prefixes[place]
        assert prefix.by_true_cameras == known
        assert prefix.figures != known
        others = [each for each in test.prefixes if each is not prefix]
        assert not any(each.by_true_cameras for each in others)
        gains = prefix.gains_by_true_cameras(test.prefixes[place - 1])
        assert gains["mAP"] == known["mAP"] - test.prefixes[place - 1].figures["mAP"]
        (line,) = [
            each for each in render_markdown(report).splitlines() if "true cameras |" in each
        ]
        assert f"{100 * known['mAP']:.2f}" in line
        assert report.to_json()["tests"][0]["prefixes"][place]["by_true_cameras"] == known
    names = ("image", "vehicle", "split")
    columns = {name: getattr(drawn_table, name) for name in names}
    unknown = pf.Sightings.from_columns(drawn_table.root, columns)
    for table, options in ((unknown, guesses), (drawn_table, Camera())):
        post = pf.Post(steps=["camera"], camera=options)
        report = pf.evaluate("color_stripes", table, scoring=Scoring(post, ablate_post=True))
        assert not report.tests[0].prefixes[-1].by_true_cameras


@pytest.mark.parametrize("most", [4, 10_000])
def test_a_radius_found_in_fewer_pictures_asks_for_more_neighbours(
    by_camera: Path, drawn_table: pf.Sightings, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(from_training, "MOST_ROWS", most)
    scored = np.flatnonzero(drawn_table.split != "train")
    others, train = len(scored), len(drawn_table) - len(scored)
    options = Camera(model=str(by_camera), by="training", precision=0.01, smallest=2)
    post = pf.Post(steps=["camera"], camera=options)
    found, said = from_training.with_camera_radius(post, drawn_table, scored)
    used = min(most, train)
    expected = max(2, -(-2 * others // used))
    assert (found.camera.by, found.camera.smallest) == ("clusters", expected)
    assert f"{used} training rows" in said["radius of cameras"]
    assert (f"{expected} make a cluster" in said["radius of cameras"]) == (others > used)


def test_its_classes_are_cameras_too(by_camera: Path, drawn_table: pf.Sightings) -> None:
    options = Camera(model=str(by_camera), by="class")
    post = pf.Post(steps=["camera"], camera=options)
    scored = drawn_table.take(drawn_table.split != "train")
    rows, _ = pf.load_model(by_camera).embed(scored)
    names = np.array(sorted(set(drawn_table.camera.tolist())))
    predicted = [names[row.argmax()] for row in rows.spaces["camera"]]
    embedded = embed_for(pf.load_model("color_stripes"), post, scored, DEFAULT_WORK)
    assert embedded.cameras is not None
    assert embedded.cameras.tolist() == predicted
    chain = make_chain(post, scored, Cosine("main"), embedded.cameras)
    both = Trial("all", np.arange(len(scored)), np.arange(len(scored)))
    (_, distances), *rest = chain.blocks(embedded.plain, both)
    assert not rest
    for one, row in enumerate(distances):
        for other, distance in enumerate(row):
            assert np.isinf(distance) == (predicted[one] == predicted[other])
    pairs = list(combinations(range(len(scored)), 2))
    alike = [pair for pair in pairs if predicted[pair[0]] == predicted[pair[1]]]
    right = [scored.camera[one] == scored.camera[other] for one, other in alike]
    report = pf.evaluate("color_stripes", drawn_table, scoring=Scoring(post=post))
    assert f"guessed camera {np.mean(right):.0%} are of one" in report.settings["guessed cameras"]
    assert "classes by" in report.settings["post-processing"]
    stranger = pf.Post(steps=["camera"], camera=Camera(model="color_stripes", by="class"))
    with pytest.raises(DataError, match=facts("color_stripes", "no camera")):
        pf.evaluate("color_stripes", drawn_table, scoring=Scoring(post=stranger))
    with pytest.raises(RecipeError, match=facts("post.camera.by", "class", "post.camera.model")):
        load_recipe("color_stripes", {"post.camera.by": "class"})


def test_a_radius_from_training_rows_is_reported_and_used(
    by_camera: Path, drawn_table: pf.Sightings
) -> None:
    options = Camera(model=str(by_camera), by="training", smallest=3, precision=0.7)
    post = pf.Post(steps=["camera"], camera=options)
    report = pf.evaluate("color_stripes", drawn_table, scoring=Scoring(post=post))
    train = drawn_table.take(drawn_table.split == "train")
    model = pf.load_model(by_camera)
    radius, _ = camera_radius(model.embed(train)[0], train.camera, 0.7, 3, model.comparison)
    assert says(report.settings["radius of cameras"], f"{radius:g}", "48 training rows")
    fixed = pf.Post(
        steps=["camera"], camera=Camera(model=str(by_camera), radius=radius, smallest=3)
    )
    again = pf.evaluate("color_stripes", drawn_table, scoring=Scoring(post=fixed))
    assert again.figures() == report.figures()
    assert again.settings["post-processing"] == report.settings["post-processing"]
    for table, fact in (
        (drawn_table.take(drawn_table.split != "train"), "split 'train'"),
        (train_without_cameras(drawn_table), "two cameras"),
    ):
        with pytest.raises(DataError, match=facts(fact, "post.camera.by=clusters")):
            pf.evaluate("color_stripes", table, scoring=Scoring(post=post))


def train_without_cameras(table: pf.Sightings) -> pf.Sightings:
    camera = [
        "" if split == "train" else name
        for name, split in zip(table.camera.tolist(), table.split.tolist(), strict=True)
    ]
    columns = {name: getattr(table, name) for name in ("image", "vehicle", "split")}
    return pf.Sightings.from_columns(table.root, {**columns, "camera": camera})


def test_what_it_learns_from(drawn_table: pf.Sightings, by_camera: Path, tmp_path: Path) -> None:
    columns = {"image": drawn_table.image, "vehicle": drawn_table.vehicle}
    unknown = pf.Sightings.from_columns(drawn_table.root, columns)
    with pytest.raises(
        TrainingError, match=facts("0 known cameras", "at least 2", "column 'camera'")
    ):
        pf.train(load_recipe("camera/city", SMALL), unknown, tmp_path / "run")
    held = {**SMALL, "train.validation": 0.4, "train.epochs": 1, "train.validate_epochs": 1}
    run = pf.train(load_recipe("camera/city", held), drawn_table, tmp_path / "held")
    assert run.validation_map is not None
    assert 0 <= run.validation_map <= 1
    model = pf.load_model(by_camera)
    assert isinstance(model.method, CameraClassifier)
    images = torch.randint(0, 255, (5, 3, 32, 32), dtype=torch.uint8)
    spaces = model.embed_images(images)
    assert set(spaces) == {"camera", FEATURES}
    for rows in spaces.values():
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
