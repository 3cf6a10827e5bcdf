"""Labels that a model predicts belong to rows, not to files."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

import platefree as pf


def seen_by_box(table: pf.Sightings, **_: Any) -> tuple[pf.Embeddings, list[str]]:  # noqa: ANN401
    """A viewpoint model that calls boxes from the left edge front, and others rear."""
    left = np.nan_to_num(table.box[:, 0]) == 0
    rows = np.where(left[:, None], [1, 0], [0, 1]).astype(np.float32)
    return pf.Embeddings({"view": rows}, table, "m"), []


def test_two_vehicles_of_one_picture_are_labelled_apart() -> None:
    columns = {
        "image": ["a.jpg", "a.jpg", "b.jpg", "v.mp4", "v.mp4"],
        "frame": [-1, -1, -1, 3, 4],
        "box": np.array([[0, 0, 5, 5], [5, 0, 9, 5], [np.nan] * 4, [0, 0, 5, 5], [2, 0, 5, 5]]),
    }
    model: Any = SimpleNamespace(class_names=lambda _: ("front", "rear"), embed=seen_by_box)
    labelled, skipped = pf.label_views(model, pf.Sightings.from_columns(Path(), columns))
    assert labelled.view.tolist() == ["front", "rear", "front", "front", "rear"]
    assert skipped == []
