"""Sightings as one archive: a table, their small pictures, and the hashes of both.

``sightings.csv`` has a row for each with its number, ``pictures/NUMBER.jpg`` are the small pictures
that the gallery keeps, and ``about.json`` says who asked for what and why, at which version of the
gallery, and the SHA-256 of every other file.
"""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from platefree.data.formula_cells import guarded
from platefree.gallery.filters import Filter
from platefree.gallery.stored_gallery import Gallery
from platefree.service.search_routes import refuse_unknown
from platefree.storage.files import new_file
from platefree.types import LABELS, Indices

_AT_A_TIME = 256
_COLUMNS = ("number", "image", *LABELS, "time", "frame", "box")


def write_archive(
    gallery: Gallery,
    path: Path,
    where: Filter,
    numbers: Sequence[int],
    asked: dict[str, Any],
    advance: Callable[[int, int], None],
) -> int:
    """Write sightings to a ZIP archive.

    Args:
        gallery: that holds them.
        path: of the archive.
        where: conditions that they meet, where no numbers are given.
        numbers: of sightings, or none.
        asked: who asked for what and why.
        advance: is called with how many are written, and of how many.

    Returns:
        How many were written.

    Raises:
        Refused: one of the numbers is not stored.
        StorageError: the archive cannot be written.
    """
    hashes: dict[str, str] = {}
    with gallery.store.snapshot() as now, new_file(path) as file:
        refuse_unknown(now, list(numbers))
        chosen: Indices = np.unique(np.array(numbers, np.int64)) if numbers else now.latest(where)
        table = io.StringIO()
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow(_COLUMNS)
        with zipfile.ZipFile(file, "w") as archive:
            for start in range(0, len(chosen), _AT_A_TIME):
                advance(start, len(chosen))
                some = chosen[start : start + _AT_A_TIME]
                rows.writerows(_rows(gallery, some))
                for number, crop in zip(some.tolist(), now.crops(some), strict=True):
                    if crop:
                        _put(archive, f"pictures/{number}.jpg", crop, hashes)
            _put(archive, "sightings.csv", table.getvalue().encode("utf-8", "replace"), hashes)
            about = {
                "asked": asked,
                "made": datetime.now(UTC).isoformat(timespec="seconds"),
                "model": gallery.card.model,
                "version": now.version,
                "sha256": hashes,
            }
            text = json.dumps(about, indent=2, ensure_ascii=False) + "\n"
            archive.writestr("about.json", text)
    advance(len(chosen), len(chosen))
    return len(chosen)


def _rows(gallery: Gallery, numbers: Indices) -> list[list[str]]:
    table = gallery.store.get(numbers).sightings
    found = []
    for row, number in enumerate(numbers.tolist()):
        labels, box = table.labels(row), table.box[row]
        texts = [table.path(row).name, *(labels.get(name, "") for name in (*LABELS, "time"))]
        frame = str(table.frame[row]) if table.frame[row] >= 0 else ""
        edges = "" if np.isnan(box[0]) else ",".join(f"{edge:g}" for edge in box)
        found.append([str(number), *map(guarded, texts), frame, edges])
    return found


def _put(archive: zipfile.ZipFile, name: str, content: bytes, hashes: dict[str, str]) -> None:
    archive.writestr(name, content)
    hashes[name] = hashlib.sha256(content).hexdigest()
