"""Sightings as one file: an archive with their small pictures, or a table alone.

``sightings.csv`` of an archive has a row for each with its number, ``pictures/NUMBER.jpg`` are the
small pictures that the gallery keeps, and ``about.json`` says who asked for what and why, at which
version of the gallery, and the SHA-256 of every other file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from platefree.gallery.filters import Filter
from platefree.gallery.stored_gallery import Gallery
from platefree.service.hashed_archive import hashed_archive
from platefree.service.search_routes import refuse_unknown
from platefree.service.sighting_table import COLUMNS, csv_of, json_of, rows_of
from platefree.storage.files import new_file
from platefree.types import Indices

Format = Literal["zip", "csv", "json"]

_AT_A_TIME = 256


@dataclass(frozen=True)
class Exported:
    """A sighting to write, with what a search said of it.

    Attributes:
        number: of it.
        similarity: to a query; None is unknown.
        p_same: that it is the vehicle; None is unknown.
    """

    number: int
    similarity: float | None = None
    p_same: float | None = None

    @property
    def said(self) -> dict[str, str]:
        """What was said of it, as cells of a table."""
        values = {"similarity": self.similarity, "p_same": self.p_same}
        return {name: f"{value:.4g}" for name, value in values.items() if value is not None}


def write_export(
    gallery: Gallery,
    path: Path,
    asked: dict[str, Any],
    advance: Callable[[int, int], None],
    *,
    where: Filter,
    chosen: Sequence[Exported] | None = None,
    format: Format = "zip",
) -> int:
    """Write sightings to a file.

    Args:
        gallery: that holds them.
        path: of the file.
        asked: who asked for what and why.
        advance: is called with how many are written, and of how many.
        where: conditions that they meet, where none are chosen.
        chosen: sightings, in their order.
        format: an archive, or a table alone.

    Returns:
        How many were written.

    Raises:
        Refused: one of the chosen is not stored.
        StorageError: the file cannot be written.
    """
    with gallery.store.snapshot() as now:
        listed = [each.number for each in chosen or ()]
        refuse_unknown(now, listed)
        numbers: Indices = now.latest(where) if chosen is None else np.array(listed, np.int64)
        said = {each.number: each.said for each in chosen or ()}
        parts = [
            numbers[start : start + _AT_A_TIME] for start in range(0, len(numbers), _AT_A_TIME)
        ]
        rows = [
            row | said.get(int(row["number"]), {}) for part in parts for row in rows_of(now, part)
        ]
        columns = [*COLUMNS, *(["similarity", "p_same"] if any(said.values()) else [])]
        if format != "zip":
            with new_file(path) as file:
                file.write(csv_of(columns, rows) if format == "csv" else json_of(rows))
        else:
            about = {"asked": asked, "model": gallery.card.model, "version": now.version}
            with hashed_archive(path, about) as put:
                for place, part in enumerate(parts):
                    advance(place * _AT_A_TIME, len(numbers))
                    for number, crop in zip(part.tolist(), now.crops(part), strict=True):
                        if crop:
                            put(f"pictures/{number}.jpg", crop)
                put("sightings.csv", csv_of(columns, rows))
    advance(len(numbers), len(numbers))
    return len(numbers)
