"""Traffic signals: when each approach of a junction, and each crossing, has green.

The approaches of a junction have green one after the other, so those who turn never meet anyone.
A junction of two streets is a bend and has no signals.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from platefree.city.world.network import Leg, RoadNetwork

AMBER = 3.0
"""Seconds; long enough for whoever cannot stop."""

_CLEARING = 1.5  # seconds of red for all
_GREEN = (8.0, 14.0)
_CROSSING_GREEN = (16.0, 30.0)
_CROSSING_RED = (8.0, 12.0)  # people walk


class Aspect(StrEnum):
    """What a signal shows."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True)
class Signal:
    """One signal, which repeats for ever.

    Attributes:
        period: seconds.
        start: of its green within the period, seconds.
        green: its length, seconds.
    """

    period: float
    start: float
    green: float

    def aspect(self, seconds: float) -> Aspect:
        """What it shows."""
        since = (seconds - self.start) % self.period
        if since < self.green:
            return Aspect.GREEN
        return Aspect.AMBER if since < self.green + AMBER else Aspect.RED


@dataclass(frozen=True)
class StopLine:
    """Where vehicles of a leg wait.

    Attributes:
        at: metres from where the leg begins.
        signal: before it.
    """

    at: float
    signal: Signal


def junction_signals(network: RoadNetwork, random: np.random.Generator) -> dict[Leg, Signal]:
    """The signal at the end of each leg, where more than two streets meet."""
    arriving: dict[int, list[Leg]] = {}
    for index, street in enumerate(network.streets):
        arriving.setdefault(street.end, []).append(Leg(index, forward=True))
        arriving.setdefault(street.start, []).append(Leg(index, forward=False))
    signals: dict[Leg, Signal] = {}
    for junction in sorted(arriving):
        legs = arriving[junction]
        if len(legs) > 2:
            signals |= dict(zip(legs, _in_turn(len(legs), random), strict=True))
    return signals


def crossing_signal(random: np.random.Generator) -> Signal:
    """The signal of a crossing between two junctions, for both directions."""
    green, red = float(random.uniform(*_CROSSING_GREEN)), float(random.uniform(*_CROSSING_RED))
    period = green + AMBER + red
    return Signal(period, float(random.uniform(0.0, period)), green)


def _in_turn(approaches: int, random: np.random.Generator) -> Sequence[Signal]:
    greens = random.uniform(*_GREEN, approaches)
    period = float((greens + AMBER + _CLEARING).sum())
    start = float(random.uniform(0.0, period))
    signals = []
    for green in greens.tolist():
        signals.append(Signal(period, start, green))
        start += green + AMBER + _CLEARING
    return signals
