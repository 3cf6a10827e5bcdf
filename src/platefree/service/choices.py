"""What conditions can ask for: the values that a gallery has, counted once for each version."""

import threading
from typing import Final

from platefree.gallery.stored_gallery import Gallery
from platefree.service.answer_models import Choice, ChoicesAnswer
from platefree.types import utc_text

_COLUMNS: Final = {"cameras": "camera", "types": "type", "colors": "color", "views": "view"}


class Choices:
    """Counts, and keeps what it counted until the gallery changes.

    Args:
        gallery: whose sightings are counted.
    """

    def __init__(self, gallery: Gallery) -> None:
        self._gallery, self._lock = gallery, threading.Lock()
        self._kept: ChoicesAnswer | None = None

    def now(self) -> ChoicesAnswer:
        """The values that there are."""
        with self._lock, self._gallery.store.snapshot() as now:
            if self._kept is None or self._kept.version != now.version:
                first, last = now.time_span()
                counts = {name: _counted(now.tally(each)) for name, each in _COLUMNS.items()}
                self._kept = ChoicesAnswer(
                    sightings=now.count(),
                    **counts,
                    first=utc_text(first),
                    last=utc_text(last),
                    version=now.version,
                    calibrated=self._gallery.calibration() is not None,
                )
            return self._kept


def _counted(tally: dict[str, int]) -> list[Choice]:
    ordered = sorted(tally.items(), key=lambda each: (-each[1], each[0]))
    return [Choice(value=value, count=count) for value, count in ordered]
