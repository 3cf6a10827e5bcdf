"""Sightings of tracks: what a model reads from pictures becomes their labels."""

from pathlib import Path

import numpy as np
from drawn_traffic import ColorEmbedder

from platefree.ingestion.track_rows import FilmOrigin, embedded_tracks
from platefree.types import Embeddings, Sightings
from platefree.video.best_pictures import Picture
from platefree.video.tracks import Track
from platefree.work import DEFAULT_WORK

ORIGIN = FilmOrigin(Path("/gate.mp4"), "f" * 16, b"c" * 16, "gate", np.datetime64("NaT", "ms"))


class Reader(ColorEmbedder):
    """Also reads whether a picture is blue or red."""

    def class_names(self, column: str) -> tuple[str, ...]:
        assert column == "color"
        return ("blue", "red")

    def embed(self, sightings: Sightings, **options: object) -> tuple[Embeddings, list[str]]:
        found, skipped = super().embed(sightings, **options)
        rows = found.spaces["main"][:, [2, 0]] + np.float32(1e-3)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return Embeddings({**found.spaces, "color": rows}, sightings, self.fingerprint), skipped


def track(number: int, *colors: tuple[int, int, int]) -> Track:
    """A truck, with a picture of each color, of equal quality."""
    pictures = tuple(
        Picture(
            n, n / 10, np.array([0, 0, 8, 8], np.float32), np.full((8, 8, 3), color, np.uint8), 1
        )
        for n, color in enumerate(colors)
    )
    path = np.array([[0.0, 4, 8, 8], [1.0, 4, 8, 8]])
    return Track(
        number, np.array([0.0, 0, 3, 0, 0]), 2, pictures, np.zeros((8, 8, 3), np.uint8), path
    )


def test_what_the_model_reads_is_the_label_of_the_whole_track() -> None:
    red, blue = (250, 0, 10), (10, 0, 250)
    tracks = [track(1, red), track(2, blue), track(3, blue, red, red)]
    found = embedded_tracks(tracks, ORIGIN, Reader(), DEFAULT_WORK).embeddings
    assert found.sightings.color.tolist() == ["red", "blue", "red"]
    assert found.sightings.type.tolist() == ["truck"] * 3  # the detector's
    assert found.sightings.view.tolist() == [""] * 3


def test_nothing_is_read_by_a_model_that_reads_nothing() -> None:
    found = embedded_tracks([track(1, (9, 9, 9))], ORIGIN, ColorEmbedder(), DEFAULT_WORK)
    assert found.embeddings.sightings.color.tolist() == [""]
