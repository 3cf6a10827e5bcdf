"""What a model learnt from, as hashes: enough to notice that it is scored on the same.

A picture is known by the bytes of its file (with frame and box, if it is a part of one), so a copy
under another name is the same picture. A vehicle is known by its name and its source: the column
``source``, or where that is empty the whole table, by its fingerprint. Names alone are kept too,
since a vehicle of the same name in another table may be the same. The name is that of the data set
itself, without the ``SOURCE/`` that merging puts before it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from platefree.data.content import known_contents, picture_contents
from platefree.types import Contents, Sightings

Hashes = NDArray[np.uint64]

SETS = ("pictures", "vehicles", "names")
"""The attributes of `Learnt` that are sets of hashes."""

_BYTES = 8  # of a hash: two of a million pictures share one with a probability of 3e-8


def _none() -> Hashes:
    return np.zeros(0, np.uint64)


@dataclass(frozen=True, eq=False)
class Learnt:
    """What a model learnt from.

    Attributes:
        pictures: (p,) hashes of the pictures' contents, ascending.
        vehicles: (v,) hashes of the vehicles' sources and names, ascending.
        names: (m,) hashes of the vehicles' names, ascending.
        tables: fingerprints of the tables.
        unknown: what is not recorded, as text; without any, the record is complete.
    """

    pictures: Hashes = field(default_factory=_none)
    vehicles: Hashes = field(default_factory=_none)
    names: Hashes = field(default_factory=_none)
    tables: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @classmethod
    def of(cls, rows: Sightings, fingerprint: str) -> Self:
        """The record of some rows; their files are read, and those that cannot be are left out.

        Args:
            rows: of a table.
            fingerprint: of the whole table.
        """
        pictures, is_read = picture_hashes(rows)
        known = rows.vehicle != ""
        return cls(
            np.unique(pictures[is_read]),
            np.unique(vehicle_hashes(rows, fingerprint)[known]),
            np.unique(name_hashes(rows)[known]),
            (fingerprint,),
        )

    @classmethod
    def together(cls, records: Iterable["Learnt"]) -> Self:
        """The record of a model that was made of several."""
        each = list(records)

        def union(name: str) -> Hashes:
            return np.unique(np.concatenate([_none(), *(getattr(one, name) for one in each)]))

        return cls(
            union("pictures"),
            union("vehicles"),
            union("names"),
            tuple(dict.fromkeys(table for one in each for table in one.tables)),
            tuple(dict.fromkeys(text for one in each for text in one.unknown)),
        )

    @property
    def state(self) -> Literal["complete", "partial", "missing", "untrained"]:
        """How much of what was learnt from is recorded; ``untrained``: there was nothing."""
        if not self.unknown:
            return "complete" if self.tables else "untrained"
        return "partial" if len(self.pictures) or len(self.names) else "missing"

    def to_json(self) -> dict[str, Any]:
        """All but the hashes, with their numbers, for a card."""
        counts = {name: len(getattr(self, name)) for name in SETS}
        return {**counts, "tables": list(self.tables), "unknown": list(self.unknown)}


NOTHING = Learnt()
"""Of a method that learns nothing."""


def picture_hashes(
    rows: Sightings, contents: Contents | None = None
) -> tuple[Hashes, NDArray[np.bool_]]:
    """The hash of each picture's content, and whether its file could be read.

    Args:
        rows: of a table.
        contents: of their files, if they are known; else the files are read.

    Returns:
        (n,) uint64 and (n,) bool; the hash of a file that cannot be read means nothing.
    """
    files = picture_contents(rows) if contents is None else contents
    found = np.ascontiguousarray(files[:, :_BYTES]).view("<u8")[:, 0].astype(np.uint64)
    is_part = (rows.frame >= 0) | ~np.isnan(rows.box[:, 0])
    for row in np.flatnonzero(is_part).tolist():
        found[row] = _hash([each[row].tobytes() for each in (files, rows.frame, rows.box)])
    return found, known_contents(files)


def vehicle_hashes(rows: Sightings, fingerprint: str) -> Hashes:
    """(n,) the hash of each row's vehicle and source; of the table, where the source is unknown."""
    return _hashes(
        (f"source {source}" if source else fingerprint, name) for source, name in _vehicles(rows)
    )


def merged_vehicle_hashes(rows: Sightings) -> Hashes:
    """(n,) the hash of each row's vehicle as ``SOURCE/vehicle``.

    Records of merged tables once held these, and models with such records are still in use.
    """
    return _hashes((f"source {source}", f"{source}/{name}") for source, name in _vehicles(rows))


def name_hashes(rows: Sightings) -> Hashes:
    """(n,) the hash of each row's vehicle, whatever its source."""
    return _hashes((name,) for _, name in _vehicles(rows))


def learnt_from_json(content: Mapping[str, Any], sets: Mapping[str, Hashes]) -> Learnt:
    """The record of a card, with its hashes.

    Args:
        content: from `Learnt.to_json`.
        sets: the hashes of each of `SETS`.

    Raises:
        KeyError, TypeError, ValueError: it is not such a record.
    """
    for name in SETS:
        if len(sets[name]) != content[name]:
            raise ValueError(f"{len(sets[name])} hashes of {name}, expected {content[name]}")
    tables, unknown = (tuple(map(str, content[name])) for name in ("tables", "unknown"))
    return Learnt(sets["pictures"], sets["vehicles"], sets["names"], tables, unknown)


def _vehicles(rows: Sightings) -> Iterator[tuple[str, str]]:
    """The source of each row, and its vehicle as that source calls it."""
    for source, vehicle in zip(rows.source.tolist(), rows.vehicle.tolist(), strict=True):
        yield source, vehicle.removeprefix(f"{source}/") if source else vehicle


def _hashes(texts: Iterable[Sequence[str]]) -> Hashes:
    known: dict[Sequence[str], int] = {}  # most vehicles have many pictures
    found = []
    for parts in texts:
        if parts not in known:
            known[parts] = _hash([part.encode("utf-8", "surrogatepass") for part in parts])
        found.append(known[parts])
    return np.array(found, np.uint64)


def _hash(parts: Sequence[bytes]) -> int:
    digest = hashlib.blake2b(digest_size=_BYTES)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return int.from_bytes(digest.digest(), "little")
