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
            ``accuracy``, and ``accuracy NAME`` of each source if there are several.
        """
        groups = len(self._names)
        group = source.cpu().numpy() % groups  # -1 is the last
        hits = right.cpu().numpy()
        self._right = _FADING * self._right + np.bincount(group, hits, groups)
        self._seen = _FADING * self._seen + np.bincount(group, minlength=groups)
        found = {"accuracy": self._right.sum() / self._seen.sum()}
        shown = np.flatnonzero(self._seen)
        if len(shown) > 1:
            found |= {
                f"accuracy {self._names[n]}": self._right[n] / self._seen[n] for n in shown.tolist()
            }
        return {name: torch.tensor(value) for name, value in found.items()}
