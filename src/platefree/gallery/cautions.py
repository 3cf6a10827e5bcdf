"""What speaks against trusting the hits of a search."""

from collections.abc import Sequence

import numpy as np

from platefree.data.image_source import TableImages
from platefree.data.listed_text import many
from platefree.errors import DataError
from platefree.types import Sightings

FEW = 20
"""A gallery of fewer pictures is called small."""

_LARGER, _MUCH_LARGER = 2, 4  # times the area of the largest hit
_OTHER_SHAPE = 1.25  # times the widest hit, or the narrowest


def cautions(query: Sightings, searched: int, hits: Sightings) -> list[str]:
    """Sentences for the one who reads the hits; none if nothing is odd.

    Args:
        query: the query pictures.
        searched: number of gallery pictures that could be hits.
        hits: the gallery pictures that were found.
    """
    found = []
    if not searched:
        found.append("no picture meets the conditions, or none is there")
    elif searched < FEW:
        found.append(
            f"only {many(searched, 'picture')} could be found: the first of so few need not be "
            "the vehicle, whatever its similarity"
        )
    return found + _whole_scenes(query, hits)


def few_left(hits: int, candidates: int) -> str:
    """What to know where steps left fewer hits than were asked for, and not all were looked at."""
    return (
        f"{many(hits, 'hit')} left of the {candidates:,} nearest pictures; no others were "
        "looked at: a condition on cameras or times (--where) looks at all pictures"
    )


def _whole_scenes(query: Sightings, hits: Sightings) -> list[str]:
    """Query pictures that look like a whole street, beside the hits.

    Decided: one that has more than 4 times the pixels of every hit, or more than 2 times and
    another shape than all of them. A gallery of whole streets is therefore not noticed.
    """
    sizes = _sizes(hits)
    if not len(sizes):
        return []
    area, shape = sizes.prod(axis=1).max(), sizes[:, 0] / sizes[:, 1]
    found = []
    for row in range(len(query)):
        for width, height in _sizes(query.take(np.array([row]))):
            times = width * height / area
            other = not shape.min() / _OTHER_SHAPE <= width / height <= shape.max() * _OTHER_SHAPE
            if times > _MUCH_LARGER or (times > _LARGER and other):
                largest = sizes[sizes.prod(axis=1).argmax()].astype(int)
                found.append(
                    f"{query.path(row).name} has {width:.0f} x {height:.0f} pixels, the hits at "
                    f"most {largest[0]} x {largest[1]}: if it shows more than one vehicle, cut it "
                    "to the one that you look for"
                )
    return found


def _sizes(table: Sightings) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """(m, 2) width and height of the pictures that can be read."""
    pictures, sizes = TableImages(table), list[Sequence[float]]()
    for row in range(len(table)):
        try:
            header = pictures.header(row)
        except DataError:
            continue
        sizes.append((header.width, header.height))
    return np.array(sizes, np.float64).reshape(-1, 2)
