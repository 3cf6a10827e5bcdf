"""How much a service takes of anybody: bytes, pixels, seconds, requests."""

from dataclasses import dataclass

from platefree.inputs.plain_files import GB, MB


@dataclass(frozen=True)
class Limits:
    """What is refused when it is more.

    Attributes:
        upload_bytes: of a picture file.
        upload_pixels: of a picture.
        kept_bytes: of all pictures that are kept for searches; the oldest go first.
        kept_seconds: for which one is kept after it was last used.
        body_bytes: of any other request.
        body_seconds: in which the whole of a request has to arrive.
        decode_seconds: that decoding a picture may take.
        decode_bytes: of memory, that a process which decodes may take.
        film_seconds: that decoding some seconds of a film may take.
        requests: a minute, of one address.
        searches: a minute, of one account, and pictures that it uploads.
        slow: a minute, of one account, parts of films and heat maps.
        log_ins: a minute, of one address.
        waiting_seconds: for which a search waits until others have ended.
    """

    upload_bytes: int = 20 * MB
    upload_pixels: int = 50_000_000
    kept_bytes: int = GB
    kept_seconds: float = 3_600.0
    body_bytes: int = MB
    body_seconds: float = 30.0
    decode_seconds: float = 10.0
    decode_bytes: int = 2 * GB
    film_seconds: float = 30.0
    requests: int = 3_000
    searches: int = 240
    slow: int = 40
    log_ins: int = 20
    waiting_seconds: float = 10.0


USUAL = Limits()
"""The limits of a service that is given no others."""

MOST_PUT = 200
"""Sightings that one request puts into a case."""
