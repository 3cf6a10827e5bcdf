"""How a driver follows, brakes and overtakes: pure functions of speeds and gaps.

Following is the Intelligent Driver Model of Treiber, Hennecke and Helbing, *Congested traffic
states in empirical observations and microscopic simulations*, Physical Review E 62 (2000).
Overtaking follows MOBIL of Kesting, Treiber and Helbing, *General lane-changing model MOBIL for
car-following models*, Transportation Research Record 1999 (2007): a driver changes lanes if it is
safe for the one behind, and gains more than that one loses; here in traffic that keeps to the
right. What the one behind in their own lane gains does not count.
"""

import math
from dataclasses import dataclass

HARDEST = 8.0
"""The strongest braking that tyres give, metres / second^2."""

SAFE = 3.0
"""What a driver who changes lanes may make the one behind brake, metres / second^2."""

_POLITENESS = 0.2
_WORTH = 0.25  # gain that makes a driver change lanes, metres / second^2
_KEEP_RIGHT = 0.35  # what a driver prefers the right lane by, likewise


@dataclass(frozen=True)
class Driver:
    """How somebody drives.

    Attributes:
        pace: wished speed as a fraction of the limit, at most 1.
        headway: time to the vehicle in front, seconds.
        acceleration: the most, metres / second^2.
        braking: comfortable, metres / second^2.
        gap: to the vehicle in front when both stand, metres.
    """

    pace: float = 0.92
    headway: float = 1.3
    acceleration: float = 1.6
    braking: float = 2.2
    gap: float = 2.0


def acceleration(
    driver: Driver, speed: float, wished: float, gap: float = math.inf, leading: float = 0.0
) -> float:
    """What a driver does behind another vehicle, metres / second^2.

    Args:
        driver: how they drive.
        speed: their own, metres / second.
        wished: their speed on a free road, metres / second.
        gap: from their front to the rear of the vehicle in front, metres; infinite if none is.
        leading: speed of that vehicle, metres / second.
    """
    free = 1.0 - (speed / max(wished, 0.1)) ** 4
    if math.isinf(gap):
        return max(driver.acceleration * free, -driver.braking)
    closing = speed * (speed - leading) / (2 * math.sqrt(driver.acceleration * driver.braking))
    wanted = driver.gap + max(0.0, speed * driver.headway + closing)
    change = driver.acceleration * (free - (wanted / max(gap, 0.05)) ** 2)
    return max(change, -HARDEST)


def worth_changing(
    gain: float, loss_behind: float, braking_behind: float, *, to_the_right: bool
) -> bool:
    """Whether a driver changes lanes.

    Args:
        gain: acceleration in the other lane less that in their own, metres / second^2.
        loss_behind: what the one who would be behind loses, likewise.
        braking_behind: of the vehicle that would be behind, likewise; positive brakes.
        to_the_right: the other lane is to the right.
    """
    bias = _KEEP_RIGHT if to_the_right else -_KEEP_RIGHT
    return braking_behind <= SAFE and gain + bias - _POLITENESS * loss_behind > _WORTH


def can_stop(speed: float, distance: float) -> bool:
    """Whether a driver can still stop in comfort before a line that turns amber."""
    return distance > 0 and speed * speed / (2 * distance) < SAFE + 0.5
