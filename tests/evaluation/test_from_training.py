"""What post-processing takes from training rows: of which of them, and for how many pictures."""

from pathlib import Path

import numpy as np
import pytest
from messages import facts

from platefree.data.dataset import DataSet
from platefree.data.merge import merge_tables
from platefree.errors import DataError
from platefree.evaluation import from_training
from platefree.evaluation.set_protocols import make_plan
from platefree.inference.embedder import Embedder
from platefree.ranking.comparison import ONLY_SPACE, Comparison
from platefree.recipes.post import Camera, Post, Time
from platefree.types import Embeddings, Sightings

TIME = Post(steps=["time"], time=Time(by="training", fraction=1.0))


def passing(source: str, seconds: int, vehicles: int, held_out: int = 0) -> Sightings:
    """Vehicles that pass two cameras in so many seconds, the last of them for a test."""
    count = 2 * vehicles
    start = np.datetime64("2026-01-01", "ms")
    splits = ["train"] * (count - 2 * held_out) + ["query", "gallery"] * held_out
    return Sightings.from_columns(
        Path("/pictures"),
        {
            "image": [f"{source}{row}.jpg" for row in range(count)],
            "vehicle": [str(row // 2) for row in range(count)],
            "camera": ["north", "south"] * vehicles,
            "time": start + np.arange(count) % 2 * np.timedelta64(seconds, "s"),
            "split": splits,
            "source": [source] * count,
        },
    )


@pytest.mark.parametrize("protocol", ["query-gallery", "validation"])
def test_a_window_is_that_of_the_source_that_is_scored(protocol: str) -> None:
    town, road = passing("town", 60, 20, held_out=5), passing("road", 5000, 200)
    for table in (town, merge_tables(town, road, target="town")):
        plan = make_plan(DataSet("table", table), protocol)
        post, said = from_training.with_window(TIME, plan.data.table, plan.rows)
        assert post.time.seconds == 60
        assert "30 training rows" in said["temporal window"]


def test_sources_that_are_not_known_are_not_told_apart() -> None:
    town, road = passing("", 60, 2, held_out=1), passing("road", 5000, 2)
    mixed = Sightings.from_columns(
        town.root,
        {
            name: np.concatenate([getattr(town, name), getattr(road, name)])
            for name in ("image", "vehicle", "camera", "time", "split", "source")
        },
    )
    scored = np.flatnonzero(mixed.split != "train")
    post, _ = from_training.with_window(TIME, mixed, scored)
    assert post.time.seconds == 5000


def test_training_rows_of_other_sources_alone_are_refused() -> None:
    town, road = passing("town", 60, 5, held_out=5), passing("road", 5000, 5)
    table = merge_tables(town, road)
    scored = np.flatnonzero(table.split != "train")
    with pytest.raises(DataError, match=facts("no training row", "town", "post.time.seconds")):
        from_training.with_window(TIME, table, scored)


class CameraColors:
    """Embeds the camera of a picture, with a little noise."""

    comparison: Comparison = ONLY_SPACE

    def embed(self, table: Sightings, **_: object) -> tuple[Embeddings, list[str]]:
        noise = 0.05 * np.random.default_rng(0).standard_normal((len(table), 2))
        rows = np.eye(2)[(table.camera == "north").astype(int)] + noise
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return Embeddings({"main": rows.astype(np.float32)}, table, "colors"), []


def open_colors(*_: object) -> Embedder:
    colors: Embedder = CameraColors()
    return colors


@pytest.mark.parametrize("protocol", ["query-gallery", "validation"])
def test_as_many_neighbours_make_a_cluster_as_pictures_are_searched(
    protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The protocol `validation` searches, and so clusters, the training pictures too."""
    monkeypatch.setattr(from_training, "open_embedder", open_colors)
    monkeypatch.setattr(from_training, "MOST_ROWS", 40)
    table = passing("town", 60, 100, held_out=30)
    plan = make_plan(DataSet("table", table), protocol)
    assert len(plan.rows) == {"query-gallery": 60, "validation": 200}[protocol]
    post = Post(steps=["camera"], camera=Camera(model="colors", by="training", smallest=4))
    made, said = from_training.with_found(post, plan.data.table, plan.rows)
    assert made.camera.smallest == {"query-gallery": 6, "validation": 20}[protocol]
    assert f"of {len(plan.rows)} pictures" in said["radius of cameras"]
