"""Frames of a film by their numbers: the same as those of reading it forward, whatever holds it."""

from pathlib import Path

import numpy as np
import pytest
from small_films import shown_number, write_film

from platefree.data.film import open_film
from platefree.data.film_frames import frame_of_film

EVEN = [number / 10 for number in range(40)]


@pytest.mark.parametrize("ending", [".avi", ".mp4", ".mkv"])
@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "mjpeg"])
@pytest.mark.parametrize("between", [0, 2])
def test_a_frame_is_the_one_of_its_number(
    tmp_path: Path, ending: str, codec: str, between: int
) -> None:
    if codec == "mjpeg" and between:
        pytest.skip("no such film")
    path = write_film(tmp_path / f"film{ending}", EVEN, codec=codec, between=between)
    with open_film(path) as film:
        forward = list(film.frames())
    assert [frame.number for frame in forward] == list(range(40))
    assert [shown_number(frame.picture) for frame in forward] == list(range(40))
    np.testing.assert_allclose([frame.time for frame in forward], EVEN, atol=0.002)
    for number in (39, 0, 1, 23, 24, 12, 2):
        assert shown_number(frame_of_film(path, number)) == number
