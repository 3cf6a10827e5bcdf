"""Cell arrays of MATLAB files, in which CompCars keeps its names."""

from pathlib import Path

import numpy as np

from platefree.errors import DataError
from platefree.inputs.plain_files import MB, Expected, open_input

_MATLAB = Expected("a MATLAB file of names", 64 * MB)  # that of CompCars has 0.1


def read_cells(path: Path, name: str) -> list[list[str]]:
    """A cell array as rows of texts; an empty cell is ``""``.

    Raises:
        DataError: the file is damaged, or holds no array of that name.
    """
    from scipy.io import loadmat  # only CompCars needs it, and importing it takes a while

    with open_input(path, _MATLAB) as file:
        try:
            content = loadmat(file, variable_names=[name])  # type: ignore[arg-type]
            rows = np.atleast_2d(content[name])
            return [[_text(cell) for cell in row] for row in rows]
        except MemoryError:
            raise
        except Exception as error:  # damaged files raise nearly anything
            reason = " ".join(str(error).split())[:200]
            raise DataError(
                f"{path} is no MATLAB file with an array {name!r} ({reason}): unpack it again"
            ) from error


def _text(cell: object) -> str:
    values = np.asarray(cell).ravel()
    return str(values[0]).strip() if len(values) else ""
