"""Cell arrays of MATLAB files, in which CompCars keeps its names."""

from pathlib import Path

import numpy as np

from platefree.errors import DataError


def read_cells(path: Path, name: str) -> list[list[str]]:
    """A cell array as rows of texts; an empty cell is ``""``.

    Raises:
        DataError: the file is damaged, or holds no array of that name.
    """
    from scipy.io import loadmat  # only CompCars needs it, and importing it takes a while

    try:
        cells = loadmat(path, variable_names=[name])[name]
    except Exception as error:  # damaged files raise nearly anything
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path} is no MATLAB file with an array {name!r} ({reason}): unpack it again"
        ) from error
    rows = np.atleast_2d(cells)
    return [[_text(cell) for cell in row] for row in rows]


def _text(cell: object) -> str:
    values = np.asarray(cell).ravel()
    return str(values[0]).strip() if len(values) else ""
