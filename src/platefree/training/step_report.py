"""What a run tells of a step, for displays and its log."""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class StepReport:
    """Progress after a step, for displays.

    Attributes:
        step: steps done, of the whole run.
        total: steps that this run will have taken at its end, fewer with ``max_steps``.
        epoch: from 1, within the stage.
        epochs: of the stage.
        stage: its name.
        rate: learning rate.
        losses: by name.
        observed: other figures of the method, by name.
        images_per_second: over all processes, smoothed.
    """

    step: int
    total: int
    epoch: int
    epochs: int
    stage: str
    rate: float
    losses: dict[str, float]
    observed: dict[str, float]
    images_per_second: float


class Speed:
    """Pictures learnt from per second, smoothed over about ten steps."""

    def __init__(self) -> None:
        self._stepped_at = time.monotonic()
        self._smoothed = 0.0

    def start(self) -> None:
        """Begin to measure the next step here, after a pause."""
        self._stepped_at = time.monotonic()

    def after(self, pictures: int) -> float:
        """The speed after a step of so many pictures, over all processes."""
        now = time.monotonic()
        speed = pictures / max(now - self._stepped_at, 1e-9)
        self._stepped_at = now
        self._smoothed = speed if not self._smoothed else 0.9 * self._smoothed + 0.1 * speed
        return self._smoothed
