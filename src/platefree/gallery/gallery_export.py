"""Sightings of a gallery as files that every verb reads, and a spreadsheet without harm.

- ``FILE.csv`` or ``FILE.parquet``: the table of the sightings, as `write_table` writes it;
- a folder: ``images.csv`` with the small pictures in ``pictures/NUMBER.jpg``, a data set of its own
  that can be moved and read with nothing else, and ``originals.csv``, the same rows in the same
  order with their own pictures, frames and boxes.

With embeddings, a table has them too (`platefree.gallery.embedded_tables`), and a folder has
``embedded.parquet``: `platefree.gallery.gallery_import` reads both.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from platefree.data.table import write_table
from platefree.errors import StorageError
from platefree.gallery.embedded_tables import write_embedded
from platefree.gallery.filters import Filter
from platefree.gallery.store import Reading
from platefree.storage.files import atomic_folder, new_file
from platefree.types import Indices, Sightings, unknown_boxes, unknown_frames

SMALL_PICTURES, EMBEDDED = "images.csv", "embedded.parquet"
"""Files of a folder: the rows with their small pictures, and with their embeddings."""

_AT_A_TIME = 1_000  # small pictures in memory


def export_sightings(now: Reading, place: Path, where: Filter, *, embeddings: bool = False) -> int:
    """Write sightings in the order in which they were added.

    Args:
        now: the gallery.
        place: a ``.csv`` or ``.parquet`` file, or a folder that does not exist or is empty.
        where: conditions that they meet.
        embeddings: whether their embeddings are written too.

    Returns:
        How many were written.

    Raises:
        StorageError: it cannot be written, or the folder holds something.
    """
    numbers = np.sort(now.latest(where))
    rows = now.get(numbers)
    table = rows.sightings
    if place.suffix.lower() in (".csv", ".parquet"):
        if embeddings:
            write_embedded(rows, place)
        else:
            write_table(table, place)
        return len(table)
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise StorageError(f"{place} is there already: choose another folder, or a .csv file")
    with atomic_folder(place) as folder:
        write_table(table, folder / "originals.csv")
        write_table(_with_own_pictures(now, numbers, table, folder), folder / SMALL_PICTURES)
        if embeddings:
            write_embedded(rows, folder / EMBEDDED)
    return len(table)


def _with_own_pictures(now: Reading, numbers: Indices, table: Sightings, folder: Path) -> Sightings:
    """Write the small pictures; the table in which they are the pictures."""
    images = [str(table.path(row)) for row in range(len(table))]
    frame, box = unknown_frames(len(table)).copy(), unknown_boxes(len(table)).copy()
    for start in range(0, len(table), _AT_A_TIME):
        some = numbers[start : start + _AT_A_TIME]
        for row, crop in enumerate(now.crops(some), start):
            if crop:
                images[row] = f"pictures/{numbers[row]}.jpg"
                with new_file(folder / images[row]) as picture:
                    picture.write(crop)
            else:
                frame[row], box[row] = table.frame[row], table.box[row]
    image = np.array([*images, ""], object)[:-1]
    return replace(table, root=folder, image=image, frame=frame, box=box)
