"""Warnings for the log when adversarial training fails."""

import logging
from collections.abc import Mapping

log = logging.getLogger(__name__)

_NONE = 0.02  # fractions below this count as 0


class GameWatch:
    """Warns once in a run if the generator collapses or the critic is never wrong."""

    signs = (
        ("made spread", 50, "the generator has collapsed: all its pictures are alike"),
        ("critic slips", 200, "the critic detects all made pictures: the generator learns little"),
    )

    def __init__(self) -> None:
        self.counts = dict.fromkeys((name for name, _, _ in self.signs), 0)

    def see(self, observed: Mapping[str, float]) -> None:
        """Check the figures of a step."""
        values = {**observed, "critic slips": 1.0 - observed["critic accuracy"]}
        for name, patience, remark in self.signs:
            self.counts[name] = self.counts[name] + 1 if values[name] < _NONE else 0
            if self.counts[name] == patience:
                log.warning("%s (%s %.4f for %d steps)", remark, name, values[name], patience)
