"""How much of what is scored a model learnt from."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from platefree.data.listed_text import many


@dataclass(frozen=True)
class Overlap:
    """How much of what is scored was in the training of the model.

    A scored picture whose content was in training is certain, and so is a scored vehicle of the
    same name and source (or of the same table). A vehicle of the same name may be another.

    Attributes:
        vehicles: scored vehicles that were certainly in training.
        of_vehicles: scored vehicles.
        pictures: scored pictures that were certainly in training.
        of_pictures: scored pictures whose files could be read.
        unread: scored pictures whose files could not be read, and so were not compared.
        same_name: further scored vehicles with the name of a training vehicle.
        record: what is known of the training: all of it, a part, nothing; or that there was none.
        unknown: what is not known of it.
    """

    vehicles: int
    of_vehicles: int
    pictures: int
    of_pictures: int
    unread: int = 0
    same_name: int = 0
    record: Literal["complete", "partial", "missing", "untrained"] = "complete"
    unknown: str = ""

    @property
    def is_certain(self) -> bool:
        """Whether anything scored was certainly in training, so the figures are not comparable."""
        return bool(self.vehicles or self.pictures)

    @property
    def counted(self) -> str:
        """The certain overlap in vehicles and pictures, as text."""
        return (
            f"{self.vehicles:,} of {many(self.of_vehicles, 'scored vehicle')} and "
            f"{self.pictures:,} of {many(self.of_pictures, 'scored picture')} were in training"
        )

    def describe(self) -> str:
        """The overlap, certain or possible, as text."""
        if self.record == "untrained":
            return "the model learnt nothing, so nothing that is scored was in training"
        if self.record == "missing" and not self.is_certain:
            return f"whether anything that is scored was in training is not known: {self.unknown}"
        return "; ".join((self.counted, *self._doubts()))

    def _doubts(self) -> Iterator[str]:
        if self.same_name:
            named = "has the name" if self.same_name == 1 else "have the names"
            yield (
                f"{many(self.same_name, 'further scored vehicle')} {named} of training vehicles of "
                "another or an unknown source, and may be the same"
            )
        if self.unread:
            yield f"{many(self.unread, 'scored picture')} could not be read to compare"
        if self.unknown:
            yield f"not all that the model learnt from is known: {self.unknown}"

    def warning(self) -> str:
        """What to say before any figure; empty if nothing scored was certainly in training."""
        if not self.is_certain:
            return ""
        return (
            f"LEAKED: {self.describe()}. The figures show how well the model remembers, not how "
            "well it finds vehicles that are new to it; score it on vehicles that it was not "
            "trained on ('platefree data split' or pf.split_by_vehicle holds some out)"
        )

    def to_json(self) -> dict[str, Any]:
        """The counts, and both texts."""
        return {
            **asdict(self),
            "certain": self.is_certain,
            "described": self.describe(),
            "warning": self.warning(),
        }
