"""Whether the game of a generator and its critic goes well, for the log."""

import logging
from collections.abc import Mapping

log = logging.getLogger(__name__)

_NONE = 0.02  # fractions below this are none


class GameWatch:
    """Says once in a run that the game is lost: by collapse, or by a critic that cannot err."""

    signs = (
        ("made spread", 50, "the generator has collapsed: whatever it is given, it makes the same"),
        ("critic slips", 200, "the critic knows every made picture: the generator learns little"),
    )

    def __init__(self) -> None:
        self.counts = dict.fromkeys((name for name, _, _ in self.signs), 0)

    def see(self, observed: Mapping[str, float]) -> None:
        """Look at the figures of a step."""
        values = {**observed, "critic slips": 1.0 - observed["critic accuracy"]}
        for name, patience, remark in self.signs:
            self.counts[name] = self.counts[name] + 1 if values[name] < _NONE else 0
            if self.counts[name] == patience:
                log.warning("%s (%s %.4f for %d steps)", remark, name, values[name], patience)
