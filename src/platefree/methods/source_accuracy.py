"""Training accuracy of a classifier by source of the pictures, for the log."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

_FADING = 0.9  # averages over about ten steps, the interval between two lines of the log


class SourceAccuracy:
    """The fraction of pictures classified correctly, by source, over the latest steps.

    A picture of n steps ago has weight 0.9 ** n, so that a source with only two pictures in a batch
    still gets a smooth figure.

    Args:
        sources: their names, in the order of their codes; empty if the table has none.
    """

    def __init__(self, sources: Sequence[str] = ()) -> None:
        self._names = [*sources, "of unknown source"]
        self._right = np.zeros(len(self._names))
        self._seen = np.zeros(len(self._names))

    def see(self, right: Tensor, source: Tensor) -> dict[str, Tensor]:
        """Count a batch.

        Args:
            right: (b,) bool, whether each picture was classified correctly.
            source: (b,) int64 code of its source, -1 unknown.

        Returns:
            ``accuracy``, and ``accuracy NAME`` of every source: the same names in all processes,
            which average them. It is NaN of a source that was not seen, and where one alone was.
        """
        groups = len(self._names)
        group = source.cpu().numpy() % groups  # -1 is the last
        hits = right.cpu().numpy()
        self._right = _FADING * self._right + np.bincount(group, hits, groups)
        self._seen = _FADING * self._seen + np.bincount(group, minlength=groups)
        shares = np.full(groups, np.nan)
        if (self._seen > 0).sum() > 1:
            np.divide(self._right, self._seen, out=shares, where=self._seen > 0)
        found = {"accuracy": self._right.sum() / self._seen.sum()}
        found |= {f"accuracy {name}": each for name, each in zip(self._names, shares, strict=True)}
        return {name: torch.tensor(value) for name, value in found.items()}
