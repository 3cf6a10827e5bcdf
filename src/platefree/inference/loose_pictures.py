"""Embed pictures that are in memory, as those of a table are."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from platefree.inference.embedder import Embedder
from platefree.storage.files import new_file, temporary_folder
from platefree.types import Embeddings, Sightings
from platefree.work import Work


def embed_loose(
    model: Embedder,
    pictures: Sequence[Image.Image],
    place: Path,
    work: Work,
    **labels: Sequence[Any],
) -> Embeddings:
    """Embed pictures in this process, by way of files without loss.

    Args:
        model: that embeds pictures.
        pictures: n of them, mode RGB.
        place: where they may lie meanwhile, see `temporary_folder`.
        work: device and batch size.
        labels: columns of n values that models may ask for.

    Raises:
        CheckpointError: the network cannot run.
        StorageError: the pictures cannot be written.
    """
    names = [f"{number}.png" for number in range(len(pictures))]
    with temporary_folder(place) as folder:
        for name, picture in zip(names, pictures, strict=True):
            with new_file(folder / name) as file:
                picture.save(file, "PNG", compress_level=1)
        table = Sightings.from_columns(folder, {"image": names, **labels})
        made, _ = model.embed(table, work=replace(work, workers=0, processes=1))
    return made
