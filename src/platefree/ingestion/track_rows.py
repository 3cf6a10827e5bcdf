"""Tracks become embedded sightings: one row each, its best picture the one that is shown.

The embedding is the mean over its pictures, by their quality, as the camera took them: what masks
fill is no part of a vehicle. Only masked pictures are stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from platefree.data.frame_boxes import KINDS
from platefree.gallery.small_pictures import small_jpeg
from platefree.gallery.track_names import track_name
from platefree.inference.embedder import Embedder
from platefree.inference.labelling import most_probable
from platefree.inference.loose_pictures import embed_loose
from platefree.types import CONTENT_BYTES, Contents, Embeddings, Floats, Sightings
from platefree.video.tracks import Track, mean_row
from platefree.work import Work


@dataclass(frozen=True)
class FilmOrigin:
    """What the rows of a film have in common.

    Attributes:
        film: its absolute path.
        fingerprint: see `platefree.ingestion.film_files.fingerprint_of`.
        content: the first 16 bytes of the SHA-256 of the file.
        camera: its name.
        start: of the first frame, UTC, milliseconds; NaT is unknown.
    """

    film: Path
    fingerprint: str
    content: bytes
    camera: str
    start: np.datetime64

    def moment(self, seconds: float) -> np.datetime64:
        """When a second of the film was, UTC, milliseconds; NaT is unknown."""
        return self.start + np.timedelta64(round(seconds * 1000), "ms")

    def track_name(self, track: Track) -> str:
        """How a sighting names its track: as no track of another film is named."""
        return track_name(self.fingerprint, track.number)


class TrackRows(NamedTuple):
    """Sightings that can be added.

    Attributes:
        embeddings: of n tracks.
        small: n small pictures, JPEG.
    """

    embeddings: Embeddings
    small: list[bytes]


def embedded_tracks(
    tracks: Sequence[Track], origin: FilmOrigin, model: Embedder, work: Work
) -> TrackRows:
    """Embed tracks.

    Args:
        tracks: one or more, with their pictures.
        origin: of their film.
        model: of the gallery.
        work: device and batch size.

    Raises:
        CheckpointError: the network cannot run.
    """
    each = [(track, picture) for track in tracks for picture in track.pictures]
    made = embed_loose(
        model,
        [Image.fromarray(picture.taken) for _, picture in each],
        work,
        camera=[origin.camera] * len(each),
        type=[KINDS[track.kind] for track, _ in each],
        time=[origin.moment(picture.time) for _, picture in each],
    )
    ends = np.cumsum([len(each.pictures) for each in tracks])
    parts = {name: np.split(rows, ends[:-1]) for name, rows in made.spaces.items()}
    means = {
        name: np.stack([_mean(track, part) for track, part in zip(tracks, rows, strict=True)])
        for name, rows in parts.items()
    }
    embeddings = Embeddings(
        means, _sightings(tracks, origin), made.model, _contents(origin, tracks)
    )
    embeddings = _with_labels(embeddings, model)
    best = [Image.fromarray(track.pictures[0].crop) for track in tracks]
    return TrackRows(embeddings, list(map(small_jpeg, best)))


def _with_labels(embeddings: Embeddings, model: Embedder) -> Embeddings:
    """With the color and the view that the model reads, if it does; the type is the detector's."""
    color, view = (
        most_probable(embeddings, column, model.class_names(column))
        if column in embeddings.spaces
        else getattr(embeddings.sightings, column)
        for column in ("color", "view")
    )
    return replace(embeddings, sightings=replace(embeddings.sightings, color=color, view=view))


def _mean(track: Track, rows: Floats) -> Floats:
    """The embedding of a track; where those of its pictures cancel each other, the best one's."""
    mean = mean_row(rows, [each.quality for each in track.pictures])
    return mean if mean.any() else rows[0]


def _sightings(tracks: Sequence[Track], origin: FilmOrigin) -> Sightings:
    best, n = [track.pictures[0] for track in tracks], len(tracks)
    columns: dict[str, Any] = {
        "image": [origin.film.name] * n,
        "camera": [origin.camera] * n,
        "track": [origin.track_name(each) for each in tracks],
        "type": [KINDS[each.kind] for each in tracks],
        "source": [origin.film.name] * n,
        "time": [origin.moment(each.time) for each in best],
        "frame": [each.frame for each in best],
        "box": [each.box for each in best],
    }
    return Sightings.from_columns(origin.film.parent, columns)


def _contents(origin: FilmOrigin, tracks: Sequence[Track]) -> Contents:
    whole = np.frombuffer(origin.content * len(tracks), np.uint8)
    return whole.reshape(-1, CONTENT_BYTES)
