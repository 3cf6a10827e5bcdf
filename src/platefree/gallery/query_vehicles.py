"""Which vehicle of a query picture is meant, and query pictures in which a detector finds none."""

from dataclasses import replace

import numpy as np

from platefree.data.frame_boxes import KINDS, PLATE
from platefree.data.image_source import TableImages
from platefree.errors import DataError
from platefree.inference.detector import Detector, FoundOnFrame
from platefree.types import Sightings

FAINT = 2 / 3
"""Of the threshold: a picture of which a vehicle fills all has a lower score than a street."""

LARGEST = "largest"
"""Which vehicle of several: the one whose box covers most."""


def vehicles_on(detector: Detector, query: Sightings, row: int) -> FoundOnFrame:
    """The vehicles on a query picture, the largest first.

    Raises:
        ImageError: the picture cannot be read.
    """
    frame = np.asarray(TableImages(query).read(row), np.uint8)
    (found,) = detector.detect([frame])
    areas = (found.box[:, 2:] - found.box[:, :2]).prod(axis=1)
    order = np.argsort(-areas, kind="stable")
    order = order[found.kind[order] != PLATE]
    return FoundOnFrame(found.box[order], found.kind[order], found.score[order])


def with_vehicles(
    detector: Detector, query: Sightings, which: str = ""
) -> tuple[Sightings, list[str]]:
    """Query pictures, each cut to one of the vehicles that are found on it.

    Args:
        detector: of vehicles on whole pictures.
        query: the query pictures; those with a box keep it.
        which: of several vehicles: its number in the list that the error gives, from 1, or
            `LARGEST`; empty is the only one.

    Returns:
        The query with boxes, and a sentence for each that was chosen.

    Raises:
        DataError: no vehicle is found on a picture, or several and it is not said which.
        ImageError: a picture cannot be read.
    """
    box, said = query.box.copy(), list[str]()
    for row in np.flatnonzero(np.isnan(query.box[:, 0])).tolist():
        name, found = _name(query, row), vehicles_on(detector, query, row)
        place = _place(name, found, which, detector.threshold)
        box[row] = found.box[place]
        how = "the only vehicle" if len(found.box) == 1 else f"vehicle {place + 1} by size"
        said.append(
            f"{name}: {how} of {len(found.box)} is searched for, {_described(found, place)}"
        )
    return replace(query, box=box), said


def _place(name: str, found: FoundOnFrame, which: str, threshold: float) -> int:
    count = len(found.box)
    if count == 0:
        raise DataError(
            f"no vehicle is found on {name} (threshold {threshold:g}): choose another picture or "
            "second, or say where the vehicle is (--box X,Y,W,H)"
        )
    if which == LARGEST or (count == 1 and which in ("", "1")):
        return 0
    places = [str(place + 1) for place in range(count)]
    if which in places:
        return places.index(which)
    listed = "; ".join(
        f"{number}: {_described(found, place)}" for place, number in enumerate(places)
    )
    raise DataError(
        f"{count} vehicles are found on {name}, choose one by its number, as {LARGEST!r}, or by "
        f"a box of your own (--box). {listed}"
    )


def _described(found: FoundOnFrame, place: int) -> str:
    left, top, right, bottom = found.box[place].round().astype(int).tolist()
    corner = f"{left},{top},{right - left},{bottom - top}"
    return f"a {KINDS[int(found.kind[place])]} ({found.score[place]:.2f}) at {corner}"


def _name(query: Sightings, row: int) -> str:
    frame = f", frame {query.frame[row]}" if query.frame[row] >= 0 else ""
    return f"{query.path(row).name}{frame}"


def without_vehicle(detector: Detector, query: Sightings) -> list[str]:
    """A sentence for each query picture on which no vehicle is found.

    Args:
        detector: of vehicles on whole pictures; a picture that is cut to one is such a picture too.
        query: the query pictures; those whose file is gone are passed over.
    """
    pictures, sentences = TableImages(query), list[str]()
    for row in range(len(query)):
        try:
            frame = np.asarray(pictures.read(row), np.uint8)
        except DataError:
            continue
        (found,) = detector.detect([frame], FAINT * detector.threshold)
        if not (found.kind != PLATE).any():
            sentences.append(
                f"no vehicle is found on {query.path(row).name}: a search finds something "
                "similar to any picture, so check the picture before the hits"
            )
    return sentences
