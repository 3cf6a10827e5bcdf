"""Figures of a model conditioned on labels of the pictures, compared with those without."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from platefree.data.listed_text import many


@dataclass(frozen=True)
class WithMetadata:
    """Figures of the tests of a report when the model is conditioned on labels.

    Attributes:
        columns: the label columns.
        known: pictures whose labels (or pair of labels) occur in training; the model is given no
            labels of the other pictures.
        pictures: number of pictures scored.
        figures: of each test in the order of the report, as fractions.
    """

    columns: tuple[str, ...]
    known: int
    pictures: int
    figures: tuple[Mapping[str, float], ...]

    def describe(self) -> str:
        """Which labels of how many pictures the model was given, as text."""
        counted = f"{self.known:,} of {many(self.pictures, 'picture')}"
        return f"{' and '.join(self.columns)} of {counted}"

    def gains(self, figures: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
        """What the labels change in each test.

        Args:
            figures: of each test without them.
        """
        return [
            {name: value - before[name] for name, value in after.items()}
            for before, after in zip(figures, self.figures, strict=True)
        ]

    def to_json(self, figures: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
        """Everything, with the gains.

        Args:
            figures: of each test by its name, without the labels.
        """
        gains = self.gains([*figures.values()])
        each = zip(figures, self.figures, gains, strict=True)
        return {
            "columns": list(self.columns),
            "known": self.known,
            "pictures": self.pictures,
            "tests": [
                {"name": name, "figures": dict(after), "gains": gain} for name, after, gain in each
            ],
        }
