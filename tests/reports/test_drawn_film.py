"""A drawn film on a disk that fills up."""

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from messages import facts
from random_detector import noise_frame

from platefree.errors import StorageError
from platefree.inference.detector import FoundOnFrame
from platefree.reports import drawn_film as room
from platefree.storage.files import atomic_file

NOTHING = FoundOnFrame(np.empty((0, 4)), np.empty(0, np.int64), np.empty(0))


class Full:
    """A file on a disk that is full after some bytes."""

    def __init__(self, file: Any, left: int) -> None:  # noqa: ANN401
        self.file, self.left = file, left

    def write(self, data: bytes) -> int:
        self.left -= len(data)
        if self.left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return int(self.file.write(data))


def draw(path: Path) -> None:
    with room.drawn_film(path) as film:
        for number in range(60):
            film.add(number / 10, noise_frame(96, 128, seed=number), NOTHING)


def test_a_full_disk_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "gate-found.mp4"
    draw(path)
    size = path.stat().st_size
    path.unlink()
    for left in (0, size // 2, size - 1):

        class Filling:
            def __init__(self, place: Path) -> None:
                self.inside = atomic_file(place)

            def __enter__(self, left: int = left) -> Full:
                return Full(self.inside.__enter__(), left)

            def __exit__(self, *error: Any) -> bool | None:  # noqa: ANN401
                return self.inside.__exit__(*error)

        monkeypatch.setattr(room, "atomic_file", Filling)
        with pytest.raises(StorageError, match=facts("gate-found.mp4")):
            draw(path)
        assert list(tmp_path.iterdir()) == [], left
