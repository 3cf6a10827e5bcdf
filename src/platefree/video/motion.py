"""Where a box will be: centre and size, each with a velocity of its own.

A Kalman filter of constant velocity whose four numbers (centre x and y, width, height) do not
depend on each other, so that each is two numbers and three of their covariance, without matrices.
Noise is in proportion to the size of the box, as in ByteTrack (Zhang et al., ECCV 2022, which takes
it from DeepSORT, Wojke et al., ICIP 2017, section 2.1), but in seconds instead of frames: footage
is read at any rate, and frames are missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

SEEN = 1 / 20
"""Standard deviation of a detected coordinate, in sides of the box (DeepSORT's)."""

AT_FIRST = 2.0
"""Standard deviation of an unknown velocity, sides a second (DeepSORT's at 30 frames a second)."""

JERKS = 1.0
"""How fast a velocity wanders: its standard deviation after a second, sides a second."""


@dataclass(frozen=True, eq=False)
class Motion:
    """What is believed of a box at a time.

    Attributes:
        time: seconds.
        place: (4,) centre x and y, width and height, pixels.
        velocity: (4,) their changes, pixels a second.
        spread: (3, 4) variance of the place, covariance with the velocity, variance of it.
    """

    time: float
    place: Numbers
    velocity: Numbers
    spread: Numbers

    @classmethod
    def of(cls, time: float, box: Numbers) -> Self:
        """Of a box (left, top, right, bottom) that is seen for the first time."""
        side = _side(place := _place(box))
        unknown = np.array([SEEN**2, 0.0, AT_FIRST**2])
        return cls(time, place, np.zeros(4), np.outer(unknown * side**2, np.ones(4)))

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "time": self.time,
            "place": self.place.tolist(),
            "velocity": self.velocity.tolist(),
            "spread": self.spread.tolist(),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """What `to_json` gave."""
        place, velocity, spread = (np.array(kept[name]) for name in ("place", "velocity", "spread"))
        return cls(kept["time"], place, velocity, spread)

    def at(self, time: float) -> Self:
        """What is to be expected at a later time."""
        step = time - self.time
        place, mixed, velocity = self.spread
        wander = (JERKS * _side(self.place)) ** 2
        spread = np.stack(
            [
                place + 2 * step * mixed + step**2 * velocity + wander * step**3 / 3,
                mixed + step * velocity + wander * step**2 / 2,
                velocity + wander * step,
            ]
        )
        moved = self.place + step * self.velocity
        moved[2:] = np.maximum(moved[2:], 1.0)
        return type(self)(time, moved, self.velocity, spread)

    def seen(self, box: Numbers) -> Self:
        """What is believed after a box was found at the same time."""
        missed = _place(box) - self.place
        place, mixed, velocity = self.spread
        noise = (SEEN * _side(self.place)) ** 2
        trust, learned = place / (place + noise), mixed / (place + noise)
        return type(self)(
            self.time,
            self.place + trust * missed,
            self.velocity + learned * missed,
            np.stack([(1 - trust) * place, (1 - trust) * mixed, velocity - learned * mixed]),
        )

    @property
    def box(self) -> Numbers:
        """(4,) left, top, right, bottom in pixels."""
        half = self.place[2:] / 2
        return np.concatenate([self.place[:2] - half, self.place[:2] + half])

    @property
    def doubt(self) -> float:
        """The standard deviation of its centre, in sides of it."""
        return float(np.sqrt(self.spread[0, 0])) / _side(self.place)


def _place(box: Numbers) -> Numbers:
    box = np.asarray(box, np.float64)
    return np.concatenate([(box[:2] + box[2:]) / 2, box[2:] - box[:2]])


def _side(place: Numbers) -> float:
    """The side of a square of the same area, pixels."""
    return float(np.sqrt(place[2] * place[3]))
