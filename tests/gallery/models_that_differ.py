"""What two models would store: other vectors, dimensions, rows and pictures."""

import numpy as np

from platefree.types import Floats

MODELS = ("first", "second")


def made_by(model: str) -> tuple[Floats, list[str]]:
    """(n, d) float32 rows that name their model, and the n pictures."""
    number = MODELS.index(model)
    rows = np.zeros((5 + number, 8 + number), np.float32)
    rows[:, number] = 1
    return rows, [f"{model}-{row}.jpg" for row in range(len(rows))]
