"""What a part detector is scored on: pictures whose parts people drew."""

from dataclasses import dataclass, replace
from typing import Self

from platefree.data.part_boxes import PictureBoxes
from platefree.types import Indices

PROTOCOL = "part-boxes"


@dataclass(frozen=True, eq=False)
class PartTrial:
    """Find the parts of each picture.

    Attributes:
        rows: (n,) rows of the table, whose pictures people looked at.
        truth: the boxes of these rows, in this order.
        test: name of the test.
        seed: None, since nothing is drawn.
    """

    rows: Indices
    truth: PictureBoxes
    test: str = ""
    seed: int | None = None

    def moved(self, place: Indices) -> Self:
        """The same trial of another table; (n,) ``place`` is where a row is there."""
        return replace(self, rows=place[self.rows])
