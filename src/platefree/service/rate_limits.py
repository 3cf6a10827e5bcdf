"""How often something may be asked: a bucket for each who asks, which fills steadily."""

import threading
import time
from collections.abc import Callable

_MOST_BUCKETS = 10_000  # then those that are full again are forgotten


class RateLimit:
    """Allows so many a minute, a quarter of a minute's worth of them at once.

    Args:
        a_minute: how many.
        clock: seconds.
    """

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = max(a_minute / 4, 1.0)
        self._a_second = a_minute / 60
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}  # what is left, and when

    def take(self, who: str) -> float:
        """Count one.

        Args:
            who: asks.

        Returns:
            The seconds after which it may be asked again; 0 if it may now, and is counted.
        """
        with self._lock:
            now = self._clock()
            left, then = self._buckets.get(who, (self._most, now))
            left = min(self._most, left + (now - then) * self._a_second)
            if left < 1:
                self._buckets[who] = (left, now)
                return (1 - left) / self._a_second
            self._buckets[who] = (left - 1, now)
            if len(self._buckets) > _MOST_BUCKETS:
                self._forget(now)
            return 0.0

    def _forget(self, now: float) -> None:
        """Forget those that are full, and if all are in use, all but the newest half."""
        full = self._most / self._a_second
        kept = {who: each for who, each in self._buckets.items() if now - each[1] < full}
        if len(kept) > _MOST_BUCKETS:
            newest = sorted(kept, key=lambda who: kept[who][1])[_MOST_BUCKETS // 2 :]
            kept = {who: kept[who] for who in newest}
        self._buckets = kept
