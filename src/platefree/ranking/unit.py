"""Rows of length 1, as every space holds them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from platefree.types import Floats


def unit_rows(rows: NDArray[np.floating[Any]], otherwise: Floats) -> Floats:
    """Rows divided by their lengths, (n, d) float32; a row that cancelled out has no direction.

    Args:
        rows: (n, d) sums of unit rows.
        otherwise: (n, d) float32, what takes the place of a row of length 0.
    """
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return np.where(lengths > 0, units, otherwise).astype(np.float32)
