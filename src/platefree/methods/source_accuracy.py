"""How a classifier in training does on each source of its pictures, for the log."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

_FADING = 0.9  # about ten steps count, which is what passes between two lines of the log


class SourceAccuracy:
    """The fraction of pictures that are predicted rightly, by source, over the latest steps.

    A picture of n steps ago counts 0.9 ** n of one of now, so that a source of which a batch has
    two pictures gets a figure of more than three values.

    Args:
        sources: their names, in the order of their codes; none where the table knows none.
    """

    def __init__(self, sources: Sequence[str] = ()) -> None:
        self._names = [*sources, "of unknown source"]
        self._right = np.zeros(len(self._names))
        self._seen = np.zeros(len(self._names))

    def see(self, right: Tensor, source: Tensor) -> dict[str, Tensor]:
        """Count a batch.

        Args:
            right: (b,) bool, whether each picture was predicted rightly.
            source: (b,) int64 code of its source, -1 unknown.

        Returns:
            ``accuracy``, and where pictures are of several sources ``accuracy NAME`` of each.
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
