"""The floor: the same searches by comparing colors alone, which a trained model has to beat."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FLOOR = "color_stripes"
"""The method without training that trained models are compared with."""


@dataclass(frozen=True)
class Floor:
    """The figures of `FLOOR` in the tests of a report, without post-processing.

    Attributes:
        figures: of each test in the order of the report, as fractions; empty if not measured.
        reason: why it was not measured; empty if it was.
    """

    figures: tuple[Mapping[str, float], ...] = ()
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """The figures by test, and the reason."""
        return {
            "method": FLOOR,
            "tests": [dict(each) for each in self.figures],
            "reason": self.reason,
        }
