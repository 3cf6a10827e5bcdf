"""The tasks of the comparison with peers: sizes, and random inputs as .npy files.

Scoring gets distances, (draws, q, g), and labels, (draws, q) and (draws, g): peers
neither pay for a matrix product nor gain by a better one. Re-ranking gets L2-normalised rows,
(q, d) and (g, d).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import rank_metrics
import reranking
from numpy.typing import NDArray
from rank_metrics import VERI, VERI_WILD, Size

from platefree.data.dataset import DataSet
from platefree.evaluation.draws import one_picture_gallery
from platefree.types import Sightings

Kind = Literal["score", "rerank", "rerank and score"]
LABELS = ("query_vehicles", "gallery_vehicles", "query_cameras", "gallery_cameras")

Inputs = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Task:
    """A task to measure.

    Attributes:
        kind: the function of a peer that does it.
        title: of its table.
        size: of the inputs; ``queries`` and ``gallery`` of one draw.
        draw: the inputs, from a size and a seed.
    """

    kind: Kind
    title: str
    size: Size
    draw: Callable[[Size, int], Inputs]


def save_inputs(task: Task, folder: Path, seed: int) -> int:
    """Draw the inputs into a folder; returns their bytes."""
    inputs = task.draw(task.size, seed)
    for name, values in inputs.items():
        np.save(folder / f"{name}.npy", values)
    return sum(values.nbytes for values in inputs.values())


def small(task: Task) -> Inputs:
    """Inputs of the same kind, to load and compile everything before the clock starts."""
    size = Size(queries=60, gallery=300, vehicles=20, cameras=3, usual_queries=60)
    return task.draw(size, 0)


def _scoring(size: Size, seed: int) -> Inputs:
    problem = rank_metrics.make_problem(size, rank_metrics.NOISE["trained"], seed)
    named = {name: getattr(problem, name)[None] for name in LABELS}
    return {"distance": problem.distance[None], **named}


def _draws(size: Size, seed: int) -> Inputs:
    """Ten draws of one picture per vehicle; ``queries`` other pictures, and no known camera."""
    random = np.random.default_rng(seed)
    extra = random.integers(0, size.vehicles, size.queries + size.gallery - 2 * size.vehicles)
    vehicles = np.sort(np.concatenate([np.repeat(np.arange(size.vehicles), 2), extra]))
    names = [f"{row:06}.jpg" for row in range(len(vehicles))]
    columns = {"image": names, "vehicle": [f"{vehicle:05}" for vehicle in vehicles]}
    table = Sightings.from_columns(Path(), columns)
    data = DataSet("vehicleid", table, {f"test_{size.vehicles}": np.arange(len(vehicles))})
    trials = one_picture_gallery(data, seed)

    rows = random.standard_normal((len(vehicles), rank_metrics.DIMENSIONS), np.float32)
    rows += random.standard_normal((size.vehicles, rows.shape[1]), np.float32)[vehicles]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    distance = np.empty((len(trials), len(trials[0].query), len(trials[0].gallery)), np.float32)
    for block, trial in zip(distance, trials, strict=True):
        np.matmul(rows[trial.query], rows[trial.gallery].T, out=block)
        np.subtract(np.float32(1), block, out=block)
    query = np.stack([vehicles[trial.query] for trial in trials])
    gallery = np.stack([vehicles[trial.gallery] for trial in trials])
    # for peers without unknown cameras: different cameras on both sides, so nothing is ignored
    cameras = {"query_cameras": np.zeros_like(query), "gallery_cameras": np.ones_like(gallery)}
    return {"distance": distance, "query_vehicles": query, "gallery_vehicles": gallery, **cameras}


def _rows(size: Size, seed: int) -> Inputs:
    problem = reranking.make_problem(size, seed)
    named = {name: getattr(problem.labels, name)[None] for name in LABELS}
    return {"query": problem.query, "gallery": problem.gallery, **named}


_VEHICLE_ID = Size(queries=17_638, gallery=2400, vehicles=2400, cameras=0, usual_queries=0)

TASKS = {
    "veri": Task("score", "CMC, mAP and mINP of 1,678 x 11,579 distances", VERI, _scoring),
    "vehicleid": Task(
        "score", "ten draws of VehicleID, 17,638 x 2,400 distances each", _VEHICLE_ID, _draws
    ),
    "wild": Task(
        "score", "CMC, mAP and mINP of 10,000 x 128,517 distances", VERI_WILD, _scoring
    ),
    "rerank": Task("rerank", "k-reciprocal re-ranking of 1,678 + 11,579 rows of 512", VERI, _rows),
    "rerank-wild": Task(
        "rerank and score",
        "k-reciprocal re-ranking and scoring of 10,000 + 128,517 rows of 512",
        VERI_WILD,
        _rows,
    ),
}  # fmt: skip
