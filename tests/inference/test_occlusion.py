"""Covering parts of two pictures shows those that make them alike."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from platefree.data.image_source import TableImages
from platefree.inference.occlusion import CELLS, occlusion
from platefree.ranking.comparison import ONLY_SPACE
from platefree.types import Embeddings, Sightings
from platefree.work import Work


class Brightness:
    """Embeds a picture by the mean brightness of 8 x 8 parts."""

    comparison = ONLY_SPACE

    def embed(self, sightings: Sightings, **options: Any) -> tuple[Embeddings, list[str]]:  # noqa: ANN401
        del options
        pictures = TableImages(sightings)
        rows = [np.asarray(pictures.read(row), np.float32) for row in range(len(sightings))]
        parts = [each.reshape(8, 10, 8, 12, 3).mean(axis=(1, 3, 4)).reshape(-1) for each in rows]
        unit = np.stack([each / np.linalg.norm(each) for each in parts]).astype(np.float32)
        return Embeddings({"main": unit}, sightings, "brightness"), []


def picture(*lit: tuple[int, int]) -> Image.Image:
    """Black, but for some parts."""
    pixels = np.zeros((80, 96, 3), np.uint8)
    for row, column in lit:
        pixels[10 * row : 10 * row + 10, 12 * column : 12 * column + 12] = 255
    return Image.fromarray(pixels)


def test_the_part_that_both_have_stands_out() -> None:
    query, hit = picture((2, 5), (7, 0)), picture((2, 5), (0, 3), (4, 4))
    found = occlusion(Brightness(), query, hit, Work(workers=0))  # type: ignore[arg-type]
    for heat in (found.query, found.hit):
        assert heat.shape == (CELLS, CELLS)
        assert np.unravel_index(heat.argmax(), heat.shape) == (2, 5)
        assert (heat.max(), heat.min()) == (1, 0)
        assert np.sort(heat.reshape(-1))[-2] < 0.5
    assert found.similarity == pytest.approx(1 / np.sqrt(2 * 3), abs=1e-3)


def test_where_nothing_is_shared_nothing_stands_out() -> None:
    found = occlusion(
        *(Brightness(), picture((1, 1)), picture((6, 6))),  # type: ignore[arg-type]
        Work(workers=0),
    )
    assert found.similarity == pytest.approx(0, abs=1e-6)
    assert found.query.max() <= 1
    assert np.isfinite(found.query).all()
