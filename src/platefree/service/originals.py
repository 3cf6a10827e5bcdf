"""The file of the picture or film that a sighting is on, if it still holds what it held."""

from functools import lru_cache
from pathlib import Path

from platefree.data.content import UNKNOWN, file_content
from platefree.gallery.ledger import FilmRecord, Pass, read_ledger
from platefree.service.refusals import NoOriginal
from platefree.service.running_service import Service
from platefree.types import Embeddings, Sightings

_REMEMBERED = 1_024  # files, whose contents are not read again for every picture


def original_of(stored: Embeddings, here: Service) -> Path:
    """Where the picture or film is now, as far as that is known.

    Cameras and recorders write other pictures under the same names: such a one is no evidence.

    Args:
        stored: the sighting, as a table of one row.
        here: the service.

    Raises:
        NoOriginal: it is gone, or another one is in its place.
    """
    row = stored.sightings
    film, _ = noted_of(row, here)
    places = [row.path(0), *([] if film is None else [Path(film.path)])]
    there = [place for place in places if place.is_file()]
    if not there:
        raise NoOriginal(f"{places[0].name} is no longer where it was when it was added")
    content = UNKNOWN if stored.content is None else stored.content[0].tobytes()
    for place in there:
        if _is_same(place, content, film):
            return place
    raise NoOriginal(f"{there[0].name} has changed since the sighting was added")


def noted_of(row: Sightings, here: Service) -> tuple[FilmRecord | None, Pass | None]:
    """What the ledger of films knows of the track of a sighting."""
    if here.gallery.ledger is None or row.frame[0] < 0 or not row.track[0]:
        return None, None
    with read_ledger(here.gallery.ledger, here.gallery.card.created) as ledger:
        found = None if ledger is None else ledger.track(str(row.track[0]))
    return (None, None) if found is None else found


def _is_same(place: Path, content: bytes, film: FilmRecord | None) -> bool:
    if film is not None:  # which is known by its ends, since it is large
        from platefree.ingestion.film_files import fingerprint_of  # needs what reads films

        return fingerprint_of(place) == film.fingerprint
    now = place.stat()
    return content in (UNKNOWN, _content(place, now.st_size, now.st_mtime_ns))


@lru_cache(_REMEMBERED)
def _content(place: Path, size: int, changed: int) -> bytes:
    del size, changed  # of another file in its place
    return file_content(place)
