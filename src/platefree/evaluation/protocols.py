"""Protocols of tables: which rows are queries, and which are the gallery.

The labels decide what matches and what is ignored, in `pair_labels`: the same vehicle matches; the
same vehicle captured by the same known camera is ignored; a picture never finds itself.

The protocols here need only a table; those of public data sets are in `set_protocols`.
"""

from collections.abc import Callable
from itertools import permutations

import numpy as np

from platefree.errors import ProtocolError
from platefree.evaluation.trial import Trial
from platefree.types import Indices, Sightings, known_values


def cross_camera(table: Sightings) -> list[Trial]:
    """Queries of each camera searched in the gallery of each other camera; figures are means.

    Raises:
        ProtocolError: fewer than two cameras, or no vehicle was captured by two.
    """
    _need_vehicles(table, "cross-camera")
    cameras = known_values(table.camera)
    if len(cameras) < 2:
        raise ProtocolError(
            f"cross-camera needs two cameras or more, the column 'camera' names {len(cameras)}; "
            "fill it in, or use leave-one-out"
        )
    rows = {camera: np.flatnonzero(table.camera == camera) for camera in cameras}
    seen = {camera: set(known_values(table.vehicle[rows[camera]])) for camera in cameras}
    trials = [
        Trial(f"{a} → {b}", rows[a], rows[b])
        for a, b in permutations([str(camera) for camera in cameras], 2)
        if seen[a] & seen[b]
    ]
    if not trials:
        raise ProtocolError(
            "cross-camera: no vehicle was captured by two cameras; nothing can match"
        )
    return trials


def query_gallery(table: Sightings) -> list[Trial]:
    """Rows with split ``query`` searched in rows with split ``gallery``.

    Raises:
        ProtocolError: there are no such rows, or no vehicle of a query is known.
    """
    _need_vehicles(table, "query-gallery")
    query, gallery = (np.flatnonzero(table.split == name) for name in ("query", "gallery"))
    if not len(query) or not len(gallery):
        raise ProtocolError(
            f"query-gallery needs rows with split 'query' and 'gallery', found {len(query)} and "
            f"{len(gallery)}; 'platefree data split' makes them, or use leave-one-out"
        )
    need_query_vehicles(table, query)
    return [Trial("query → gallery", query, gallery)]


def leave_one_out(table: Sightings) -> list[Trial]:
    """Every row searched in all other rows.

    Raises:
        ProtocolError: no vehicles are known.
    """
    _need_vehicles(table, "leave-one-out")
    rows = np.arange(len(table), dtype=np.int64)
    return [Trial("each → all others", rows, rows)]


PROTOCOLS: dict[str, Callable[[Sightings], list[Trial]]] = {
    "cross-camera": cross_camera,
    "query-gallery": query_gallery,
    "leave-one-out": leave_one_out,
}


def default_protocol(table: Sightings) -> str:
    """``query-gallery`` if the table has these splits, else a choice by its known cameras."""
    if {"query", "gallery"} <= set(known_values(table.split)):
        return "query-gallery"
    return "cross-camera" if len(known_values(table.camera)) == 2 else "leave-one-out"


def make_trials(table: Sightings, protocol: str) -> list[Trial]:
    """The trials of a protocol by its name.

    Raises:
        ProtocolError: no such protocol, or the table cannot support it.
    """
    if protocol not in PROTOCOLS:
        raise ProtocolError(f"no protocol {protocol!r}; there are {', '.join(PROTOCOLS)}")
    return PROTOCOLS[protocol](table)


def need_query_vehicles(table: Sightings, query: Indices) -> None:
    """Refuse queries without any known vehicle, as in a challenge that hides its labels.

    Raises:
        ProtocolError: no query has a known vehicle.
    """
    if not (table.vehicle[query] != "").any():
        raise ProtocolError(
            f"the column 'vehicle' is unknown for all {len(query)} queries (does a challenge hide "
            "it?), so nothing can be scored; hold out training vehicles ('platefree data split "
            "--hold-out'), or write a submission to the server of CityFlow ('platefree submit')"
        )


def _need_vehicles(table: Sightings, protocol: str) -> None:
    if len(known_values(table.vehicle)) < 2:
        raise ProtocolError(
            f"{protocol} needs a column 'vehicle' with two vehicles or more, "
            f"found {len(known_values(table.vehicle))}"
        )
