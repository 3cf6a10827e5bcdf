"""A classifier of cameras: trained, scored, and used to remove pictures of the query's camera."""

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY, Run
from messages import facts

import platefree as pf
from platefree.errors import DataError, TrainingError
from platefree.evaluation.evaluate import Scoring
from platefree.methods.catalogue import load_recipe
from platefree.methods.label_classifier import FEATURES, CameraClassifier
from platefree.ranking.guessed_cameras import cluster_cameras
from platefree.recipes.post import Camera

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
