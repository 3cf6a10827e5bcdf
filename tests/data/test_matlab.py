"""MATLAB files, compared with scipy's reader and writer."""

from pathlib import Path

import numpy as np
import pytest
from messages import facts
from scipy.io import loadmat, savemat

from platefree.data.readers.matlab import read_cells
from platefree.errors import DataError

NAMES = [["Audi", ""], ["BMW X5", "车"], ["", "Škoda"], [" Seat ", "a" * 300]]


def cells(rows: list[list[object]]) -> np.ndarray:
    """A cell array; an empty text is an empty cell."""
    array = np.empty((len(rows), len(rows[0])), object)
    for place in np.ndindex(array.shape):
        value = rows[place[0]][place[1]]
        array[place] = np.zeros((0, 0)) if value == "" else value
    return array


def scipys(path: Path, name: str) -> list[list[str]]:
    rows = np.atleast_2d(loadmat(path, variable_names=[name])[name])
    first = [[np.asarray(cell).ravel() for cell in row] for row in rows]
    return [[str(cell[0]).strip() if len(cell) else "" for cell in row] for row in first]


@pytest.mark.parametrize("packed", [False, True])
def test_cells_are_read_as_scipy_reads_them(packed: bool, tmp_path: Path) -> None:
    path = tmp_path / "names.mat"
    content = {"first": np.eye(3), "names": cells(NAMES), "numbers": cells([[1, 2.5, -3]])}
    savemat(path, content, do_compression=packed)
    assert read_cells(path, "names") == scipys(path, "names")
    assert read_cells(path, "numbers") == scipys(path, "numbers")
    with pytest.raises(DataError, match=facts(path, "'other'")):
        read_cells(path, "other")
    with pytest.raises(DataError, match=facts(path, "'first'")):
        read_cells(path, "first")


@pytest.mark.parametrize("content", [b"", b"x" * 127, b"\0" * 126 + b"IM", b"\0" * 126 + b"IM\1"])
def test_what_is_no_matlab_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "names.mat"
    path.write_bytes(content)
    with pytest.raises(DataError, match=facts(path, "MATLAB", "'names'")):
        read_cells(path, "names")


def test_a_small_file_that_unpacks_to_much(tmp_path: Path) -> None:
    path = tmp_path / "names.mat"
    savemat(path, {"names": np.zeros((3000, 4000))}, do_compression=True)
    assert path.stat().st_size < 200_000
    with pytest.raises(DataError, match=facts(path, "unpacks")):
        read_cells(path, "names")
