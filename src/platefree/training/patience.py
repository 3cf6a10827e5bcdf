"""When a stage has learnt enough: its score on held-out vehicles no longer rises.

With ``train.decay = "plateau"`` the learning rate falls first, ``train.decay_times`` times, as
He et al. divide theirs "when the error plateaus" (Deep Residual Learning, CVPR 2016, section 3.4).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from platefree.recipes.sections import Train


@dataclass(frozen=True)
class Waiting:
    """How long the score of a stage has not risen.

    Attributes:
        highest: the highest score of the stage; None before the first.
        since: the step of the stage, from 0, of that score or of the last fall of the rate.
        falls: how often the rate fell.
        over: whether the stage has learnt enough.
    """

    highest: float | None = None
    since: int = 0
    falls: int = 0
    over: bool = False

    @classmethod
    def from_json(cls, content: Mapping[str, Any] | None) -> Self:
        """As a card tells it; a card without it is of a run that never waited."""
        return cls(**(content or {}))

    def to_json(self) -> dict[str, Any]:
        """For a card."""
        return asdict(self)

    def after(self, score: float, step: int, batches_per_epoch: int, train: Train) -> Self:
        """The same after one more score.

        Args:
            score: on held-out vehicles.
            step: of the stage, from 0.
            batches_per_epoch: steps of an epoch.
            train: settings of the stage.
        """
        if self.highest is None or score > self.highest:
            return replace(self, highest=score, since=step)
        if not train.patience or step - self.since < train.patience * batches_per_epoch:
            return self
        if train.decay == "plateau" and self.falls < train.decay_times:
            return replace(self, since=step, falls=self.falls + 1)
        return replace(self, over=True)
