"""Squared distances of rows by one matrix product, and a bound on their error.

In float32 the error is that of rounding. In int8 the product is exact, and three times as fast on
processors with instructions for it; the error comes from quantising the rows, and is bounded by
the length of the quantisation residual (Cauchy-Schwarz).
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from platefree.jit import njit, prange
from platefree.types import Floats

Doubles = NDArray[np.float64]

_BLOCK = 4096  # rows quantised at a time
_LARGEST = 127  # int8 values go from -127 to 127
_LONGEST = (2**31 - 1) // _LARGEST**2  # rows whose products an int32 can hold


@dataclass(frozen=True, eq=False)
class Approximation:
    """Half the squared distance of rows i and j, at most ``rounding[i] + rounding[j]`` off.

    It is ``half[i] + half[j] - scale[i] * scale[j] * (factors[i] @ factors[j])``, in float32.

    Attributes:
        factors: (n, d) float32 or int8.
        scale: (n,) float32.
        half: (n,) float32, half the squared lengths.
        rounding: (n,) float64.
    """

    factors: NDArray[Any]
    scale: Floats
    half: Floats
    rounding: Doubles

    @property
    def least(self) -> Floats:
        """(n,) ``half`` that makes the result a lower bound of the distance."""
        return (self.half - self.rounding).astype(np.float32)

    @property
    def most(self) -> Floats:
        """(n,) ``half`` that makes the result an upper bound of the distance."""
        return (self.half + self.rounding).astype(np.float32)

    def __len__(self) -> int:
        return len(self.factors)

    def take(self, chosen: NDArray[Any]) -> Self:
        """The chosen rows."""
        parts = self.factors, self.scale, self.half, self.rounding
        return type(self)(*(part[chosen] for part in parts))

    def products(self, rows: slice, others: Self, columns: slice) -> NDArray[Any]:
        """Products of some rows with some rows of ``others``: float32, or int32 of int8 factors."""
        one, other = self.factors[rows], others.factors[columns]
        return _integer_products(one, other) if one.dtype == np.int8 else one @ other.T

    def quantised(self) -> Self:
        """The same in int8, each row scaled by its largest absolute value."""
        codes = np.empty(self.factors.shape, np.int8)
        scale, length, lost = np.empty(len(self), np.float32), *np.empty((2, len(self)))
        for start in range(0, len(self), _BLOCK):
            part = slice(start, start + _BLOCK)
            rows = self.factors[part]
            scale[part] = abs(rows).max(axis=1, initial=0) / _LARGEST
            _quantise(rows, scale[part], codes[part], length[part], lost[part])
        rounding = lost * (length + lost).max(initial=0)  # |x - x'| |y'| + |x| |y - y'|
        return type(self)(codes, scale, self.half, self.rounding + rounding)


@njit(parallel=True, cache=True)
def _quantise(
    rows: Floats, scale: Floats, codes: NDArray[np.int8], length: Doubles, lost: Doubles
) -> None:
    """Fill the int8 codes, the lengths of the rows, and the lengths of their residuals."""
    for row in prange(len(rows)):
        step, squares, losses = np.float64(scale[row]), 0.0, 0.0
        for place in range(rows.shape[1]):
            value = np.float64(rows[row, place])
            code = np.rint(value / step) if step > 0 else 0.0
            codes[row, place] = np.int8(code)
            squares += value * value
            losses += (value - code * step) ** 2
        length[row], lost[row] = np.sqrt(squares), np.sqrt(losses)


@cache
def integers_are_faster() -> bool:
    """Whether int8 products are fast here, and exact, which some older processors get wrong."""
    from torch.backends import cpu

    if cpu.get_cpu_capability() != "AVX512":
        return False
    extremes = np.full((64, 64), _LARGEST, np.int8)
    exact = _LARGEST**2 * extremes.shape[1]
    found = _integer_products(extremes, extremes), _integer_products(extremes, -extremes)
    return bool((found[0] == exact).all() and (found[1] == -exact).all())


def fits_integers(dimensions: int) -> bool:
    """Whether the sums of so many products stay within an int32."""
    return dimensions <= _LONGEST


def _integer_products(one: NDArray[np.int8], other: NDArray[np.int8]) -> NDArray[np.int32]:
    import torch

    found: NDArray[np.int32] = torch._int_mm(
        torch.from_numpy(one), torch.from_numpy(other).T
    ).numpy()
    return found
