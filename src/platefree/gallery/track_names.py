"""How a sighting names its track: as no track of another film is named."""

import re

_FILM = 12  # digits of the fingerprint of the film
_NAME = re.compile(rf"([0-9a-f]{{{_FILM}}})-([0-9]{{1,18}})")


def track_name(film: str, number: int) -> str:
    """The name of a track.

    Args:
        film: its fingerprint, see `platefree.ingestion.film_files.fingerprint_of`.
        number: of the track in it.
    """
    return f"{film[:_FILM]}-{number}"


def is_track_of(name: str, film: str) -> bool:
    """Whether a track is of a film.

    Args:
        name: of the track.
        film: the fingerprint of the film.
    """
    found = read_track_name(name)
    return found is not None and found[0] == film[:_FILM]


def read_track_name(name: str) -> tuple[str, int] | None:
    """How the fingerprint of the film begins, and the number of the track; None if it is no name.

    Args:
        name: as `track_name` gave it, or any other.
    """
    found = _NAME.fullmatch(name)
    return None if found is None else (found[1], int(found[2]))
