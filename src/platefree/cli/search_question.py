"""What the words of a search on the command line ask for."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from platefree.cli.console import DeviceName, notes, numbers_of
from platefree.errors import DataError

if TYPE_CHECKING:
    from platefree.gallery.feedback import Feedback
    from platefree.gallery.filters import Filter
    from platefree.types import Sightings


@dataclass(frozen=True)
class Asked:
    """What is looked for."""

    pictures: "Sightings"
    where: "Filter"
    top: int
    post: str
    feedback: "Feedback"


def asked(
    queries: list[str],
    where: str,
    top: int,
    post: str,
    *,
    camera: str,
    time: str,
    box: str,
    said: tuple[str, str],
) -> Asked:
    """What the words of the command line ask for."""
    from platefree.gallery.feedback import Feedback
    from platefree.gallery.filter_words import filter_of
    from platefree.gallery.search import check_search_post, query_picture, query_pictures
    from platefree.recipes.post import Post

    check_search_post(Post().with_steps(post))
    feedback = Feedback(numbers_of(said[0], "--yes"), numbers_of(said[1], "--no"))
    if box and len(queries) != 1:
        raise typer.BadParameter("give one query picture with a box", param_hint="--box")
    if box and not _names_one(box):
        picture = query_picture(queries[0], camera=camera, time=time, box=_edges(box))
        return Asked(picture, filter_of(where), top, post, feedback)
    pictures = query_pictures(queries, camera=camera, time=time)
    return Asked(pictures, filter_of(where), top, post, feedback)


def _names_one(box: str) -> bool:
    """Whether it is one of the vehicles that a detector finds, not a place."""
    from platefree.gallery.query_vehicles import LARGEST

    return box == LARGEST or box.isdecimal()


def cut(pictures: "Sightings", box: str, detector: str | None, device: DeviceName) -> "Sightings":
    """The query pictures, whole frames cut to the vehicle that is meant."""
    from platefree.gallery.query_vehicles import with_vehicles
    from platefree.inference.detector_loading import load_detector
    from platefree.inference.shipped import detector_inside

    frames = bool((pictures.frame >= 0).any()) and not pictures.knows("box")
    if detector is None and not frames and not _names_one(box):
        return pictures
    if detector is None and detector_inside() is None:
        raise DataError(
            "a whole frame may show several vehicles, or none: say where it is (--box X,Y,W,H), or "
            "what finds vehicles (--detector MODEL), since no detector is inside platefree yet"
        )
    loaded = load_detector(detector, device=device.value)
    found, said = with_vehicles(loaded, pictures, box if _names_one(box) else "")
    for sentence in said:
        notes.print(sentence, soft_wrap=True)
    return found


def _edges(text: str) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a box that is typed as its corner and size."""
    try:
        left, top, width, height = map(float, text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"{text!r}, expected the left, top, width and height such as 120,80,200,150",
            param_hint="--box",
        ) from None
    return left, top, left + width, top + height
