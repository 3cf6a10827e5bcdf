"""What the service counts of itself, in the text format of Prometheus (version 0.0.4).

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import threading
from collections import Counter
from collections.abc import Mapping

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The upper ends of the intervals in which times of answers are counted."""


class Counts:
    """Requests by route and status, and how long they took."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = Counter[tuple[str, str, int]]()
        self._within = Counter[tuple[str, float]]()
        self._seconds = Counter[str]()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer.

        Args:
            method: of HTTP.
            route: by its pattern, not by what was asked, so that there are few.
            status: of the answer.
            seconds: that it took.
        """
        with self._lock:
            self._requests[method, route, status] += 1
            self._seconds[route] += seconds  # type: ignore[assignment]
            for end in SECONDS:
                if seconds <= end:
                    self._within[route, end] += 1

    def text(self, gauges: Mapping[str, float]) -> str:
        """All of it.

        Args:
            gauges: name -> what is so now, such as the number of sightings.
        """
        with self._lock:
            requests, within = dict(self._requests), dict(self._within)
            seconds = dict(self._seconds)
        lines = ["# TYPE platefree_requests_total counter"]
        for (method, route, status), count in sorted(requests.items()):
            labels = f'method="{_quoted(method)}",route="{_quoted(route)}",status="{status}"'
            lines.append(f"platefree_requests_total{{{labels}}} {count}")
        lines.append("# TYPE platefree_request_seconds histogram")
        for route, total in sorted(seconds.items()):
            count = sum(each for key, each in requests.items() if key[1] == route)
            name = f'platefree_request_seconds_bucket{{route="{_quoted(route)}",le='
            lines += [f'{name}"{end:g}"}} {within.get((route, end), 0)}' for end in SECONDS]
            lines.append(f'{name}"+Inf"}} {count}')
            lines.append(f'platefree_request_seconds_sum{{route="{_quoted(route)}"}} {total:.6f}')
            lines.append(f'platefree_request_seconds_count{{route="{_quoted(route)}"}} {count}')
        for name, value in gauges.items():
            lines += [f"# TYPE platefree_{name} gauge", f"platefree_{name} {value}"]
        return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
