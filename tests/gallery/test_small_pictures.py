"""Small pictures come back as they were made, and a damaged one is an error of ours."""

import pytest
from PIL import Image

from platefree.errors import ImageError
from platefree.gallery.small_pictures import LONGEST, picture_of, small_jpeg


def test_a_picture_is_shrunk_and_comes_back() -> None:
    small = picture_of(small_jpeg(Image.new("RGB", (800, 400), (200, 30, 30))))
    assert (small.mode, small.size) == ("RGB", (LONGEST, LONGEST // 2))
    assert all(abs(a - b) < 8 for a, b in zip(small.getpixel((9, 9)), (200, 30, 30), strict=True))


@pytest.mark.parametrize("kept", [0, 2, 60, 400])
def test_a_damaged_one_is_refused(kept: int) -> None:
    whole = small_jpeg(Image.effect_noise((160, 120), 90).convert("RGB"))
    assert len(whole) > 2 * kept
    with pytest.raises(ImageError, match="a small picture cannot be read"):
        picture_of(whole[:kept])
