"""How hard the negatives are that FDA-Net generates, and which errors are left.

    python benchmarks/generated_negatives.py runs/fda_net/fda-net/seed-0 --data city

On the pictures that it learnt from: squared distances in H, without attention, from a picture to
another one of its vehicle, to its generated negative, to real pictures of other vehicles, and to a
vehicle of the same model and color. On the test pictures, protocol `query-gallery`: what the first
hits are. From `log.jsonl`: the game of the last 50 steps. A run without a generator (EN) has no
such distances.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from platefree.batches.loader import UsePictures
from platefree.data.learnt import picture_hashes
from platefree.errors import ImageError
from platefree.evaluation.evaluate import open_data
from platefree.inference.model import Model
from platefree.inference.networks import load_network
from platefree.methods.fda_net import FdaNet
from platefree.types import Sightings

BATCH = 64
STEPS = 50  # the last ones, of which the log is read
OBSERVED = ("too near", "too far", "too alike", "critic accuracy", "made spread")


def batches(model: Model, table: Sightings) -> Iterator[Tensor]:
    """(b, 3, h, w) normalised pictures of a table, in order."""
    pictures = UsePictures(table, model.transform)
    for start in range(0, len(table), BATCH):
        read = [pictures[row].picture for row in range(start, min(start + BATCH, len(table)))]
        images = [each for each in read if not isinstance(each, str)]
        if len(images) < len(read):
            raise ImageError(next(each for each in read if isinstance(each, str)))
        yield model.transform.normalise(torch.stack(images))


@torch.inference_mode()
def whole_rows(method: FdaNet, images: Iterator[Tensor]) -> tuple[Tensor, Tensor]:
    """H of each picture and of its generated negative, (n, d) each."""
    real, made = [], []
    for each in images:
        first = method.eval().embedding(method.feature_map(each))
        other = method.embedding(method.feature_map(method.generate(each)), first.attention)
        real.append(first.unit()[0])
        made.append(other.unit()[0])
    return torch.cat(real), torch.cat(made)


def same(*columns: NDArray[np.object_]) -> Tensor:
    """(n, n) whether two rows agree in all columns."""
    return torch.from_numpy(np.all([each[:, None] == each[None] for each in columns], axis=0))


def distances(real: Tensor, made: Tensor, table: Sightings, margin: float) -> Mapping[str, float]:
    """Means over pictures, of H of them and of their generated negatives."""
    generated = (real - made).square().sum(1)
    between = torch.cdist(real, real).square()
    vehicle = same(table.vehicle)
    positive, negative = vehicle & ~torch.eye(len(table), dtype=torch.bool), ~vehicle
    twin = same(table.model, table.color) & negative
    nearest = between.masked_fill(vehicle, torch.inf).amin(1)
    limit = between + margin  # of a positive: a negative that is nearer has a loss
    others, _ = between.masked_fill(vehicle, torch.inf).sort(1)
    within = torch.searchsorted(others, limit.contiguous()) / negative.sum(1, keepdim=True)
    return {
        "to another picture of the vehicle": float(between[positive].mean()),
        "to the generated negative": float(generated.mean()),
        "to a real negative": float(between[negative].mean()),
        "to a vehicle of the same model and color": float(between[twin].mean()),
        "to the nearest real negative": float(nearest.mean()),
        "real negatives that are farther than the generated one": float(
            (between > generated[:, None])[negative].float().mean()
        ),
        "pictures whose generated negative is nearer than any real one": float(
            (generated < nearest).float().mean()
        ),
        "triplets with the generated negative that have a loss": float(
            (limit > generated[:, None])[positive].float().mean()
        ),
        "triplets with a real negative that have a loss": float(within[positive].mean()),
    }


def first_hits(model: Model, table: Sightings) -> Mapping[str, float]:
    """What the nearest picture of the gallery is, of those whose vehicle is in it."""
    query, gallery = (table.take(table.split == each) for each in ("query", "gallery"))
    found, sought = (model.embed(each)[0].spaces["main"] for each in (query, gallery))
    distance = 1.0 - np.asarray(found) @ np.asarray(sought).T

    def alike(name: str) -> NDArray[np.bool_]:
        agree: NDArray[np.bool_] = getattr(query, name)[:, None] == getattr(gallery, name)[None]
        return agree

    left = ~(alike("vehicle") & alike("camera"))
    answered = (alike("vehicle") & left).any(1)
    hit = np.where(left, distance, np.inf).argmin(1)
    rows = np.flatnonzero(answered)
    right, model_too, color_too, view_too = (
        alike(name)[rows, hit[rows]] for name in ("vehicle", "model", "color", "view")
    )
    return {
        "the vehicle": float(right.mean()),
        "another one of the same model and color": float((~right & model_too & color_too).mean()),
        "alike in neither": float((~model_too & ~color_too).mean()),
        "of the query's side": float(view_too.mean()),
    }


def last_steps(log: Path) -> Mapping[str, float]:
    """Means of what the log says of the last steps."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    steps = [line for line in lines if "losses" in line]
    latest = [line for line in steps if line["step"] > steps[-1]["total"] - STEPS]
    named = {
        name: [{**line["losses"], **line.get("observed", {})}.get(name) for line in latest]
        for name in ("identity", "identity F", *OBSERVED)
    }
    return {
        name: float(np.mean([value for value in values if value is not None]))
        for name, values in named.items()
        if any(value is not None for value in values)
    }


def main() -> None:
    """Load a run and print what is measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    model, table = load_network(given.run / "best", device="cpu"), open_data(given.data).table
    parts = {
        "first hits": first_hits(model, table),
        "last steps": last_steps(given.run / "log.jsonl"),
    }
    if isinstance(model.method, FdaNet):
        train = table.take(table.split == "train")
        learnt = train.take(np.isin(picture_hashes(train)[0], model.learnt.pictures))
        rows = whole_rows(model.method, batches(model, learnt))
        parts["squared distances in H"] = distances(*rows, learnt, model.method.margin)
    for title, figures in parts.items():
        print(title)
        for name, value in figures.items():
            print(f"  {name}: {value:.3f}")


if __name__ == "__main__":
    main()
