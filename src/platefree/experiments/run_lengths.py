"""How long a run learnt, what ended it, and how its score on held-out vehicles rose meanwhile."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from platefree.checkpoint import read_checkpoint
from platefree.recipes.recipe import Recipe
from platefree.runs.run_log import LOG_NAME
from platefree.runs.training_history import read_history

HEAD_OF_LENGTHS = ("row", "seed", "epochs", "steps", "pictures", "ended by", "held-out score")

HOW_LENGTHS_READ = (
    "Every row learnt until its score on held-out vehicles of the training split had not risen for "
    "the epochs of train.patience, or to the limit of its epochs; the checkpoint with the highest "
    "score was tested. The bars go from the lowest to the highest score of a run, in %."
)

_BARS = "▁▂▃▄▅▆▇█"
_MOST_BARS = 24


@dataclass(frozen=True)
class RunLength:
    """A finished run.

    Attributes:
        epochs: of all its stages.
        steps: of all its stages.
        pictures: that it learnt from, each as often as it was seen.
        ended_by: ``patience``, or ``limit`` where the score may still have risen; with several
            stages that of each.
        curve: (epoch, score on held-out pictures) of every validation; epochs of later stages
            follow those of the earlier ones.
    """

    epochs: float
    steps: int
    pictures: int
    ended_by: str
    curve: tuple[tuple[float, float], ...]

    def to_json(self) -> dict[str, Any]:
        """Everything, for ``json.dumps``."""
        return {
            "epochs": self.epochs,
            "steps": self.steps,
            "pictures": self.pictures,
            "ended_by": self.ended_by,
            "curve": [list(point) for point in self.curve],
        }

    def cells(self) -> list[str]:
        """Below `HEAD_OF_LENGTHS`, without row and seed."""
        return [
            f"{self.epochs:.0f}",
            f"{self.steps:,}",
            f"{self.pictures:,}",
            self.ended_by,
            self._drawn(),
        ]

    def _drawn(self) -> str:
        """The curve as bars, from its lowest to its highest score."""
        scores = np.array([score for _, score in self.curve])
        if not len(scores):
            return ""
        best = int(scores.argmax())
        said = (
            f"{100 * scores[0]:.1f} to {100 * scores[best]:.1f} at epoch {self.curve[best][0]:.0f}"
        )
        return f"{bars(scores)} {said}"


def bars(scores: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    """Scores as bars of text, of which the lowest and the highest reach to both ends."""
    parts = np.array_split(scores, min(len(scores), _MOST_BARS))
    means = np.array([part.mean() for part in parts])
    low, high = float(means.min()), float(means.max())
    heights = (means - low) / (high - low) if high > low else np.ones(len(means))
    return "".join(_BARS[round(float(height) * (len(_BARS) - 1))] for height in heights)


def run_length(folder: Path, recipe: Recipe) -> RunLength:
    """How long the run of a folder learnt.

    Args:
        folder: of a finished run.
        recipe: of the run.

    Raises:
        CheckpointError: its log or its card cannot be read.
    """
    card = read_checkpoint(folder / "last").card
    ended = card.get("ended", {})
    curve: list[tuple[float, float]] = []
    before = 0.0
    for stage in read_history(folder / LOG_NAME).stages:
        validated = [before + epoch for epoch in stage.validated.tolist()]
        curve += zip(validated, stage.validation.tolist(), strict=True)
        before = max([before + stage.end, *validated])
    by = {name: "patience" if name in ended else "limit" for name, _ in recipe.staged()}
    ends = list(by.values()) if len(by) == 1 else [f"{name} {end}" for name, end in by.items()]
    steps = int(card["step"])
    return RunLength(before, steps, steps * recipe.train.batch_size, ", ".join(ends), tuple(curve))
