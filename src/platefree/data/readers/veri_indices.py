"""The index lists of VeRi-776: for each query a line of positions in the test pictures, from 1.

``jk_index.txt`` is used: it lists what is ignored for a query. ``gt_index.txt`` lists the matches,
which follow from the labels, so it is only compared.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from platefree.data.listed_text import Folder, Lines, many
from platefree.data.readers.pictures import Pictures
from platefree.errors import DataError
from platefree.types import Indices

Rows = tuple[Indices, ...]
"""Rows of the table for each query."""

_JUNK, _MATCHES = "jk_index.txt", "gt_index.txt"


def ignored_rows(
    folder: Folder, lists: Mapping[str, Indices], pictures: Pictures, remarks: list[str]
) -> Mapping[str, Rows]:
    """The rows that each query ignores, as `DataSet.ignored`; remarks name contradictions.

    Raises:
        DataError: the number of lines is not the number of queries, or a line is malformed.
    """
    if not {"query", "gallery"} <= set(lists):
        return {}
    query, gallery = lists["query"], lists["gallery"]
    shown: dict[str, list[int]] = {}
    for row in gallery.tolist():
        shown.setdefault(pictures.vehicles[row], []).append(row)
    same_vehicle = [_by_camera(pictures, row, shown) for row in query.tolist()]
    path = folder.find(_JUNK)
    junk = None if path is None else _read(path, query, gallery)
    if junk is None:
        missing = f"no {_JUNK}" if path is None else f"{_JUNK} is empty"
        remarks.append(f"{missing}: the same-camera rule decides what is ignored")
    elif path is not None:
        remarks += _differences(path, junk, [own for own, _ in same_vehicle], gallery)
    path = folder.find(_MATCHES)
    matches = None if path is None else _read(path, query, gallery)
    if path is not None and matches is not None:
        dropped = junk or [np.zeros(0, np.int64)] * len(query)
        found = [
            np.setdiff1d(other, drop)
            for (_, other), drop in zip(same_vehicle, dropped, strict=True)
        ]
        remarks += _differences(path, matches, found, gallery)
    return {} if junk is None else {"query": junk}


def _read(path: Path, query: Indices, gallery: Indices) -> Rows | None:
    """The rows in each line; None of an empty file."""
    lines = Lines.read(path)
    if not any(lines.texts):
        return None
    texts = lines.texts[: len(query)]
    if len(texts) < len(query) or any(lines.texts[len(texts) :]):
        raise DataError(
            f"{path} has {many(len(lines.texts), 'line')}, expected one for each of "
            f"{many(len(query), 'query', 'queries')}: copy it again, or remove it"
        )
    rows = []
    for place, text in enumerate(texts):
        words = text.split()
        if not all(word.isdecimal() and 0 < int(word) <= len(gallery) for word in words):
            raise lines.fault(place, f"positions from 1 to {len(gallery)} in name_test.txt")
        rows.append(gallery[np.array(words, np.int64) - 1])
    return tuple(rows)


def _by_camera(
    pictures: Pictures, query: int, shown: Mapping[str, list[int]]
) -> tuple[Indices, Indices]:
    """Gallery rows of the query's vehicle: from the query's camera, and from other cameras."""
    rows = np.array(shown.get(pictures.vehicles[query], []), np.int64)
    own = np.array([pictures.cameras[row] == pictures.cameras[query] for row in rows], np.bool_)
    return rows[own], rows[~own]


def _differences(path: Path, listed: Rows, found: Sequence[Indices], gallery: Indices) -> list[str]:
    """One remark about the lines that differ from the labels."""
    wrong = [
        (place, wanted, rows)
        for place, (rows, wanted) in enumerate(zip(listed, found, strict=True))
        if set(rows.tolist()) != set(wanted.tolist())
    ]
    if not wrong:
        return []
    place, wanted, rows = wrong[0]
    row = int(np.setxor1d(rows, wanted)[0])
    position = int(np.flatnonzero(gallery == row)[0]) + 1
    return [
        f"{many(len(wrong), 'line')} of {path.name} at odds with vehicles and cameras, the first: "
        f"{path}, line {place + 1}: position {position} is "
        f"{'missing' if row in wanted else 'one too many'}"
    ]
