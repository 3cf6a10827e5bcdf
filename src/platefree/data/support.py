"""Which protocols a table supports: whether any query would have a match."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from platefree.data.dataset import DataSet
from platefree.types import Indices, Sightings, Text, known_values

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class ProtocolSupport:
    """Whether a table can be scored by a protocol.

    Attributes:
        name: the protocol.
        queries: number of queries with a valid match.
        reason: why the protocol is not supported; empty where it is.
    """

    name: str
    queries: int
    reason: str

    @property
    def supported(self) -> bool:
        """Whether the table can be scored by it."""
        return not self.reason


def valid_matches(sightings: Sightings, query: Mask, gallery: Mask) -> Indices:
    """How many valid matches each query has.

    A match is a gallery row of the same known vehicle, other than the query itself, and not
    from the query's own known camera.

    Args:
        sightings: the table of n rows.
        query: (n,) mask of the queries.
        gallery: (n,) mask of the gallery.

    Returns:
        (q,) int64, for each query in the order of the table.
    """
    vehicle, camera = _numbered(sightings.vehicle), _numbered(sightings.camera)
    pair = np.unique(vehicle * (camera.max(initial=0) + 1) + camera, return_inverse=True)[1]
    of_vehicle = np.bincount(vehicle, weights=gallery)[vehicle]
    of_pair = np.bincount(pair, weights=gallery)[pair]
    ignored = np.where(sightings.camera != "", of_pair, gallery)  # at least the row itself
    matches = np.where(sightings.vehicle != "", of_vehicle - ignored, 0)
    return matches[query].astype(np.int64)


def _numbered(names: Text) -> Indices:
    """(n,) int64, a number for each name, without sorting them, which takes longer."""
    every = names.tolist()
    numbers = {name: number for number, name in enumerate(dict.fromkeys(every))}
    return np.fromiter((numbers[name] for name in every), np.int64, len(every))


def lost_queries(dataset: DataSet) -> dict[str, int]:
    """How many queries of each list have no valid match in its gallery, under the camera rule.

    Returns:
        Name of each list in `DataSet.searches` -> number of queries; those of unknown vehicles,
        whose matches are secret, are not counted.
    """
    table, lost = dataset.table, {}
    for name, gallery in dataset.searches.items():
        query, shown = np.zeros((2, len(table)), np.bool_)
        query[dataset.rows(name)] = True
        shown[dataset.rows(gallery)] = True
        query &= table.vehicle != ""
        lost[name] = int((valid_matches(table, query, shown) == 0).sum())
    return lost


def protocol_support(sightings: Sightings) -> tuple[ProtocolSupport, ...]:
    """Whether a table supports each protocol; training rows are never scored."""
    scored = sightings.split != "train"
    seen = scored & (sightings.camera != "")
    query, gallery = sightings.split == "query", sightings.split == "gallery"
    one_vehicle = "" if _several(sightings.vehicle[scored]) else "fewer than two vehicles"
    if not scored.any():
        one_vehicle = "every row has split 'train'"
    one_camera = "" if _several(sightings.camera[scored]) else "fewer than two cameras"
    no_split = "" if query.any() and gallery.any() else "no row of split query, or none of gallery"

    def support(name: str, query: Mask, gallery: Mask, reason: str) -> ProtocolSupport:
        valid = 0 if reason else int((valid_matches(sightings, query, gallery) > 0).sum())
        unmatched = "" if valid else "no query has a match that is not from its own camera"
        return ProtocolSupport(name, valid, reason or unmatched)

    return (
        support("cross-camera", seen, seen, one_vehicle or one_camera),
        support("query-gallery", query, gallery, one_vehicle or no_split),
        support("leave-one-out", scored, scored, one_vehicle),
    )


def _several(column: Text) -> bool:
    return len(known_values(column)) > 1
