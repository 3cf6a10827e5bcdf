"""Embed pictures that are in memory, as those of a table are."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from PIL import Image

from platefree.data.image_source import InMemory
from platefree.inference.embedder import Embedder
from platefree.types import Embeddings
from platefree.work import Work


def embed_loose(
    model: Embedder, pictures: Sequence[Image.Image], work: Work, **labels: Sequence[Any]
) -> Embeddings:
    """Embed pictures in this process; nothing of them is written.

    Args:
        model: that embeds pictures.
        pictures: n of them, mode RGB.
        work: device and batch size.
        labels: columns of n values that models may ask for.

    Raises:
        CheckpointError: the network cannot run.
    """
    table = InMemory.of(pictures, **labels)
    made, _ = model.embed(table, work=replace(work, workers=0, processes=1))
    return made
