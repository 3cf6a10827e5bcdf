"""Frames of a film by their numbers: the same as those of reading it forward, whatever holds it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from small_films import shown_number, write_film

from platefree.data import film_frames
from platefree.data.film import Film, open_film
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


def test_a_film_with_wrong_stamps_is_decoded_once_for_all_frames_that_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = write_film(tmp_path / "one.ts", EVEN, between=0)
    path = tmp_path / "four.ts"
    path.write_bytes(one.read_bytes() * 4)  # the clock begins anew
    with open_film(path) as film:
        forward = {frame.number: shown_number(frame.picture) for frame in film.frames()}
    decode, given = Film._decode, list[object]()

    def counted(film: Film, packet: object) -> Iterator[object]:
        given.append(packet)
        return decode(film, packet)

    monkeypatch.setattr(Film, "_decode", counted)
    wanted = (20, 5, 70, 110, 150, 149)
    found = [shown_number(frame_of_film(path, each, lambda: wanted)) for each in wanted]
    assert found == [forward[each] for each in wanted]
    assert len(given) < 170


def test_frames_that_do_not_fit_together_are_read_in_few_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = write_film(tmp_path / "one.ts", EVEN, between=0)
    path = tmp_path / "two.ts"
    path.write_bytes(one.read_bytes() * 2)
    with open_film(path) as film:
        forward = {frame.number: frame.picture for frame in film.frames()}
    monkeypatch.setattr(film_frames, "_MOST_BYTES", 40 * forward[0].nbytes)
    passes = list[Path]()

    def counted(path: Path) -> AbstractContextManager[Film]:
        passes.append(path)
        return open_film(path)

    monkeypatch.setattr(film_frames, "open_film", counted)
    for number, picture in forward.items():
        np.testing.assert_array_equal(frame_of_film(path, number, lambda: forward), picture)
    assert len(passes) <= 1 + 4  # the index, and each half of the room


@pytest.mark.parametrize("before", [5, 17])
def test_a_trimmed_film_begins_with_its_first_frame_that_is_shown(
    tmp_path: Path, before: int
) -> None:
    """Frames before zero are in the file, and an edit list says that they are not shown."""
    seconds = [(number - before) / 10 for number in range(60)]
    path = write_film(tmp_path / "trimmed.mp4", seconds, between=3)
    with open_film(path) as film:
        found = list(film.frames())
    assert [shown_number(frame.picture) for frame in found] == list(range(before, 60))
    assert [frame.number for frame in found] == list(range(60 - before))
    np.testing.assert_allclose([frame.time for frame in found], seconds[before:], atol=1e-6)
    for number in (0, 1, 2, 20):
        assert shown_number(frame_of_film(path, number)) == before + number
