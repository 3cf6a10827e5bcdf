"""How many vehicles films showed: by class, by camera and by hour.

A vehicle counts once each time it passes a camera: who comes twice is seen twice.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from platefree.gallery.ledger import Ledger
from platefree.ingestion.intake_plan import Planned

_HOUR = "%Y-%m-%d %H:00 UTC%z"


@dataclass
class VehiclesSeen:
    """Numbers of passes.

    Attributes:
        kinds: by class.
        cameras: by camera.
        hours: by the hour in which they were first seen, on the clock of the camera; ``unknown``
            where nobody knows.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    cameras: Counter[str] = field(default_factory=Counter)
    hours: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        """Of all."""
        return self.cameras.total()


def vehicles_seen(ledger: Ledger, films: Iterable[Planned]) -> VehiclesSeen:
    """Count the vehicles of films, each once, whenever they were taken in."""
    seen = VehiclesSeen()
    for film in {each.record.fingerprint: each for each in films}.values():
        for each in ledger.passes(film.record.fingerprint):
            seen.kinds[each.kind] += 1
            seen.cameras[film.camera.name] += 1
            seen.hours[_hour(each.first, film.camera.clock)] += 1
    return seen


def _hour(moment: str, clock: tzinfo) -> str:
    if not moment:
        return "unknown"
    return datetime.fromisoformat(moment).astimezone(clock).strftime(_HOUR)
