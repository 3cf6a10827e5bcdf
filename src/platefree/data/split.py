"""Split a table by vehicle into train, query and gallery, so that scores are about new vehicles.

The rule, in full:

1. Known vehicles are sorted by name and shuffled by the seed within each body type (the most
   frequent known ``type`` of a vehicle's pictures, ties by name; unknown is a type of its own). The
   same fraction of each type becomes *train*. Numbers of vehicles are rounded by largest remainder,
   so that their sum is the rounded fraction of all vehicles, at least one and never all of them.
2. Of each held-out vehicle, one picture from each known camera, drawn by the seed, becomes *query*
   and the rest becomes *gallery*, unless a query would be left without a valid match (a gallery
   picture of its vehicle that is not from its own camera):

   - only one known camera and no unknown one: all of its pictures are gallery;
   - one picture from each camera: only one of them, drawn by the seed, is a query;
   - more than one picture from only one camera: the picture of one other camera, drawn by the seed,
     stays in the gallery.

   Pictures of unknown cameras stay in the gallery, where they match every query, so they can be the
   match that a query needs. A vehicle without any known camera has one query if it has at least two
   pictures.
3. Pictures of unknown vehicles become gallery, as distractors.

The order of the rows does not matter: everything is sorted before it is drawn.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from platefree.data.listed_text import many
from platefree.errors import DataError
from platefree.types import Sightings, known_values

_log = logging.getLogger(__name__)


def split_by_vehicle(sightings: Sightings, train: float = 0.5, seed: int = 0) -> Sightings:
    """Fill the column ``split``, replacing what it held.

    Args:
        sightings: a table that knows vehicles; cameras and types are used where known.
        train: fraction of the vehicles to train on, above 0; with 1, none are held out.
        seed: equal seeds give equal splits.

    Returns:
        The same rows in the same order.

    Raises:
        DataError: ``train`` or ``seed`` is out of range, or fewer than two vehicles are known.
    """
    if not 0 < train <= 1:
        raise DataError(
            f"train is {train}, expected a fraction of the vehicles over 0 and up to 1, such as 0.5"
        )
    if seed < 0:
        raise DataError(f"seed is {seed}, expected 0 or more")
    rows = _rows_by_vehicle(sightings)
    if len(rows) < 2:
        raise DataError(
            f"a split by vehicle needs two vehicles or more, found {len(rows)}: fill the column "
            "'vehicle', or sort the pictures into a folder for each vehicle"
        )
    random = np.random.default_rng(seed)
    trained = _draw_vehicles(sightings, rows, train, random)
    split = np.full(len(sightings), "gallery", object)
    for vehicle, own in rows.items():
        if vehicle in trained:
            split[own] = "train"
        else:
            split[_draw_queries(_by_camera(sightings, own), random)] = "query"
    if train < 1 and not (split == "query").any():
        _log.warning(
            "no held-out vehicle has two pictures of different cameras, so no query has a match"
        )
    return replace(sightings, split=split)


def hold_out_vehicles(table: Sightings, vehicles: int = 78, seed: int = 0) -> Sightings:
    """Hold some training vehicles out, to choose checkpoints by them or to score without a server.

    The VehicleNet paper (Zheng et al., TMM 2020) trains on 255 of the 333 vehicles of CityFlow
    and validates on 78, which it does not name: they are drawn here.

    Args:
        table: of a data set; its own test pictures are left out. Where it knows no split, all of
            it is for training.
        vehicles: how many to hold out.
        seed: equal seeds hold out the same vehicles.

    Returns:
        The training pictures of known vehicles, split again by `split_by_vehicle` into train,
        query and gallery.

    Raises:
        DataError: the training set has no more vehicles than that.
    """
    train = (table.split == "train") | (not table.knows("split"))
    rows = table.take(train & (table.vehicle != ""))
    known = len(known_values(rows.vehicle))
    if not 0 < vehicles < known:
        raise DataError(
            f"{many(vehicles, 'vehicle')} to hold out of the {known} known in the training set, "
            "expected at least one and fewer than all"
        )
    return split_by_vehicle(rows, train=(known - vehicles) / known, seed=seed)


def _rows_by_vehicle(sightings: Sightings) -> dict[str, list[int]]:
    """Rows of each known vehicle: vehicles by name, rows by image path."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row in np.argsort(sightings.image, kind="stable").tolist():
        rows[str(sightings.vehicle[row])].append(row)
    return {vehicle: rows[vehicle] for vehicle in sorted(rows) if vehicle}


def _draw_vehicles(
    sightings: Sightings,
    rows: Mapping[str, Sequence[int]],
    train: float,
    random: np.random.Generator,
) -> set[str]:
    strata: dict[str, list[str]] = defaultdict(list)
    for vehicle, own in rows.items():
        types = Counter(sorted(sightings.type[own].tolist()))
        del types[""]
        strata[types.most_common(1)[0][0] if types else ""].append(vehicle)
    kinds = sorted(strata)
    counts = _counts([len(strata[kind]) for kind in kinds], train)
    drawn: set[str] = set()
    for kind, count in zip(kinds, counts, strict=True):
        drawn.update(random.permutation(strata[kind])[:count].tolist())
    return drawn


def _counts(sizes: Sequence[int], train: float) -> list[int]:
    """How many of each size to take: largest remainders, ties to the earlier."""
    if train == 1:
        return list(sizes)
    total = min(max(round(train * sum(sizes)), 1), sum(sizes) - 1)
    exact = [total * size / sum(sizes) for size in sizes]
    counts = [int(each) for each in exact]
    by_remainder = sorted(range(len(sizes)), key=lambda i: counts[i] - exact[i])
    for i in by_remainder[: total - sum(counts)]:
        counts[i] += 1
    return counts


def _by_camera(sightings: Sightings, rows: Sequence[int]) -> dict[str, list[int]]:
    cameras: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        cameras[str(sightings.camera[row])].append(row)
    return {camera: cameras[camera] for camera in sorted(cameras)}


def _draw_queries(cameras: dict[str, list[int]], random: np.random.Generator) -> list[int]:
    """Rows of one vehicle to search with: rule 2 of this module."""
    unknown = cameras.pop("", [])
    if not cameras:
        return [int(random.choice(unknown))] if len(unknown) > 1 else []
    if len(cameras) == 1 and not unknown:
        return []
    singles = [camera for camera, rows in cameras.items() if len(rows) == 1]
    stocked = len(cameras) - len(singles) + bool(unknown)  # have a gallery picture in any case
    keepers: list[str] = []
    if stocked == 0:
        keepers = random.permutation(singles)[1:].tolist()
    elif stocked == 1 and singles and not unknown:
        keepers = [str(random.choice(singles))]
    return [int(random.choice(rows)) for camera, rows in cameras.items() if camera not in keepers]
