"""Batches of sightings that are known by their number, for processes that are killed."""

import hashlib
from pathlib import Path

import numpy as np

from platefree.types import Embeddings, Sightings

DIMENSIONS = 16


def batch(number: int, size: int) -> tuple[Embeddings, list[bytes]]:
    """The sightings of a batch, and their small pictures."""
    random = np.random.default_rng(number)
    rows = random.standard_normal((size, DIMENSIONS)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    columns = {
        "image": [f"/pictures/{number}/{row}.jpg" for row in range(size)],
        "track": [str(number)] * size,
        "time": np.datetime64("2026-05-01", "ms") + np.arange(size),
    }
    table = Sightings.from_columns(Path("/"), columns)
    content = random.integers(1, 255, (size, 16)).astype(np.uint8)
    crops = [hashlib.sha256(f"{number} {row}".encode()).digest() * 20 for row in range(size)]
    return Embeddings({"main": rows}, table, "m", content), crops
