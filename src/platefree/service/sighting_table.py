"""Stored sightings as a table for other programs: CSV that no spreadsheet runs, and JSON."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Final

from platefree.data.formula_cells import guarded
from platefree.gallery.store import Reading
from platefree.types import LABELS, Indices

COLUMNS: Final = ("number", "image", *LABELS, "time", "frame", "box")
"""Of a sighting."""

Row = Mapping[str, str]
"""Column -> its text; one that is missing is unknown."""


def rows_of(now: Reading, numbers: Indices) -> list[dict[str, str]]:
    """What is known of some sightings, by the names of `COLUMNS`.

    Args:
        now: the gallery.
        numbers: (n,) of sightings that are stored.
    """
    if not len(numbers):
        return []
    table, found = now.get(numbers).sightings, []
    for row, number in enumerate(numbers.tolist()):
        known = {"number": str(number), "image": table.path(row).name, **table.labels(row)}
        if table.frame[row] >= 0:
            known["frame"] = str(table.frame[row])
        if (box := table.box_of(row)) is not None:
            known["box"] = ",".join(f"{edge:g}" for edge in box)
        found.append(known)
    return found


def csv_of(columns: Sequence[str], rows: Sequence[Row]) -> bytes:
    """A table as CSV in UTF-8, whose cells no spreadsheet takes for formulas.

    Args:
        columns: in their order.
        rows: by columns.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([guarded(each.get(name, "")) for name in columns] for each in rows)
    return text.getvalue().encode("utf-8", "replace")


def json_of(content: object) -> bytes:
    """Content as JSON for people, in UTF-8."""
    return f"{json.dumps(content, indent=2, ensure_ascii=False)}\n".encode("utf-8", "replace")
