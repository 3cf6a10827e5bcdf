"""A table of pictures in memory gives each its own labels, also a part of it."""

import numpy as np
import pytest
from PIL import Image

from platefree.data.image_source import InMemory, TableImages

TABLE = InMemory.of(
    [Image.new("RGB", (8, 6), (level, 0, 0)) for level in (10, 20, 30)], camera=["a", "b", "c"]
)


@pytest.mark.parametrize("rows", [np.array([2, 0]), np.array([True, False, True])])
def test_a_part_has_its_pictures_and_labels(rows: np.ndarray) -> None:
    part = TABLE.take(rows)
    expected = [(10, "a"), (20, "b"), (30, "c")]
    order = [2, 0] if rows.dtype == np.int64 else [0, 2]
    reds = [TableImages(part).read(row).getpixel((0, 0))[0] for row in range(len(part))]
    assert list(zip(reds, part.camera, strict=True)) == [expected[row] for row in order]
