"""How long a gallery keeps sightings: days for every camera, and for some of their own.

Decided: the age of a sighting is counted from when it was captured. One whose time is unknown has
no age, and is kept; those are counted wherever the rule is carried out, so that nobody takes them
for forgotten. ``time:unknown`` finds them, and forgets them.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from platefree.errors import DataError
from platefree.gallery.embeddings_card import first_problem
from platefree.gallery.filters import Filter

LATE = timedelta(days=1)
"""An addition carries the rule out when something is older than it allows by more than this."""

_Days = Annotated[float, Field(gt=0, le=36_500, allow_inf_nan=False)]


class Retention(BaseModel):
    """How long sightings are kept.

    Attributes:
        days: after they were captured; None keeps them for ever.
        cameras: camera -> its own days, in place of ``days``; the empty text is an unknown camera.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: _Days | None = None
    cameras: dict[str, _Days] = Field(default_factory=dict)

    @classmethod
    def of(cls, words: Sequence[str]) -> Self:
        """The rule in words: ``90`` for every camera, ``gate:30`` for one; for ever if none.

        Raises:
            DataError: they cannot be understood.
        """
        days, cameras = None, dict[str, str]()
        for word in words:
            camera, own, number = word.rpartition(":")
            name = "" if camera == "unknown" else camera
            if own and name in cameras:
                raise DataError(
                    f"{cameras[name]} days and {number} days for the camera {camera}: "
                    "give one number"
                )
            if own:
                cameras[name] = number
            elif days is None:
                days = number
            else:
                raise DataError(f"{days} days and {number} days for every camera: give one number")
        try:
            return cls.model_validate({"days": days, "cameras": cameras})
        except ValidationError as error:
            raise DataError(
                f"{' '.join(words)[:60]!r} is not a number of days ({first_problem(error)}), "
                "expected for instance 90, or gate:30 for the camera gate"
            ) from error

    def words(self) -> list[str]:
        """The rule as `of` understands it; empty if everything is kept."""
        every = [] if self.days is None else [f"{self.days:g}"]
        return every + [f"{name or 'unknown'}:{days:g}" for name, days in self.cameras.items()]

    def expired(self, cameras: Iterable[str], now: datetime) -> list[Filter]:
        """The conditions on sightings that are kept no longer.

        Args:
            cameras: all that the gallery has.
            now: with its zone.

        Returns:
            A filter for each number of days, of sightings of known time.
        """
        of_days: dict[float, list[str]] = {}
        for camera in cameras:
            days = self.cameras.get(camera, self.days)
            if days is not None:
                of_days.setdefault(days, []).append(camera)
        return [
            Filter(cameras=sorted(names), until=(now - timedelta(days=days)).isoformat())
            for days, names in sorted(of_days.items())
        ]
