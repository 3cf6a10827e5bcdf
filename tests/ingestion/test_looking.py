"""Looking at a film: one that is resumed sees and says what an unstopped one does."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from messages import says
from small_films import numbered_frame, shown_number, write_film

from platefree.inference.detector import FoundOnFrame
from platefree.ingestion.cameras import Camera
from platefree.ingestion.looking import FilmToDo, Reached, look
from platefree.video.footage import Sampling, open_footage
from platefree.video.track_masks import Masked

AS_IT_IS = Masked(plates=False, faces=False)


class NumberReader:
    """Finds nothing on frames that show their numbers, and notes these."""

    name, fingerprint, threshold, longest = "numbers", "0123", 0.4, 960

    def __init__(self) -> None:
        self.seen: list[int] = []

    def detect(
        self, frames: Sequence[np.ndarray], threshold: float | None = None
    ) -> list[FoundOnFrame]:
        """Nothing on each frame."""
        del threshold
        self.seen += map(shown_number, frames)
        return [FoundOnFrame(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0)) for _ in frames]


def looked_at(
    film: Path, every: float, memory: str = "", detector: NumberReader | None = None
) -> tuple[list[int], list[Reached]]:
    """The numbers of the frames that are looked at, and what is told."""
    detector = detector or NumberReader()
    camera = Camera("gate", [film], start="unknown", detector=detector, every=every)
    task = FilmToDo(film, camera, memory, 2.0, AS_IT_IS)
    return detector.seen, list(look(task, detector))


@pytest.mark.parametrize("every", [0.0, 0.1])
def test_a_resumed_film_is_looked_at_where_an_unstopped_one_is(
    tmp_path: Path, every: float
) -> None:
    rate, frames = 24000 / 1001, 120 if every == 0 else 420  # some stamps lie 2 ms before a moment
    path = write_film(tmp_path / "gate.mkv", [number / rate for number in range(frames)], between=0)
    unstopped, told = looked_at(path, every)
    memories = [each.memory for each in told if each.memory]
    assert len(memories) == int(frames / rate / 2)
    for memory in memories[::3]:
        resumed, _ = looked_at(path, every, memory)
        assert 0 < len(resumed) < len(unstopped)
        assert resumed == unstopped[-len(resumed) :]


class Blind(NumberReader):
    """Finds nothing, and reads no numbers."""

    def detect(
        self, frames: Sequence[np.ndarray], threshold: float | None = None
    ) -> list[FoundOnFrame]:
        """Nothing on each frame."""
        return super().detect([numbered_frame(0) for _ in frames], threshold)


@pytest.mark.parametrize(("between", "every"), [(0, 0.0), (2, 0.3)])
def test_a_resumed_film_says_what_was_damaged_before(
    tmp_path: Path, between: int, every: float
) -> None:
    seconds = [number / 10 for number in range(160)]
    path = write_film(tmp_path / "gate.ts", seconds, between=between)
    content, chance = bytearray(path.read_bytes()), np.random.default_rng(1)
    for place in chance.integers(len(content) // 8, len(content), 60):
        content[place] ^= 0x5A
    path.write_bytes(content)
    _, told = looked_at(path, every, detector=Blind())
    expected = told[-1].remarks
    assert says(" ".join(expected), "damaged")
    for memory in [each.memory for each in told if each.memory][1::2]:
        _, again = looked_at(path, every, memory, Blind())
        assert again[-1].remarks == expected


def test_a_film_of_which_no_frame_is_left_says_what_was_damaged(tmp_path: Path) -> None:
    path = write_film(tmp_path / "gate.ts", [number / 10 for number in range(20)])
    with open_footage(path, damaged=3) as footage:
        assert list(footage.frames(Sampling(4.0, taken=1.6))) == []
        assert says(" ".join(footage.remarks()), "3 damaged")
