"""A search that is made again: whether it finds the same, and if not, what differs."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from platefree.data.listed_text import many
from platefree.errors import DataError, MismatchError
from platefree.gallery.gallery_answer import GalleryAnswer
from platefree.gallery.gallery_card import GalleryCard
from platefree.gallery.recorded_answer import RecordedAnswer, RecordedHit
from platefree.gallery.store import Reading
from platefree.types import Hit

_ROUNDING = 1e-5  # of a similarity, on another machine
_NAMED = 5


@dataclass(frozen=True)
class Repeated:
    """What a search found that was made again.

    Attributes:
        answer: what it found; sightings that were forgotten since are not shown, whatever version
            was searched.
        then: the version of the gallery that was searched before.
        newest: the version that the gallery has now.
        added: hits that were none before, by number.
        lost: hits of before that are none now.
        forgotten: the lost ones that the gallery holds no more.
        reordered: whether the hits that both have stand in another order.
        difference: the largest difference of a hit's similarity.
    """

    answer: GalleryAnswer
    then: int
    newest: int
    added: tuple[int, ...]
    lost: tuple[int, ...]
    forgotten: tuple[int, ...]
    reordered: bool
    difference: float

    @property
    def same(self) -> bool:
        """Whether the hits are the same, in the same order, and as similar."""
        differs = self.added or self.lost or self.reordered
        return not differs and self.difference <= _ROUNDING

    def to_json(self) -> dict[str, Any]:
        """What differs, ready for ``json.dumps``."""
        parts = {each.name: getattr(self, each.name) for each in fields(self)}
        del parts["answer"]
        return {"same": self.same, **parts}

    def sentences(self) -> list[str]:
        """For the one who reads the hits."""
        at = f"version {self.then}"
        if self.answer.version != self.then:
            at = f"version {self.answer.version}, {at} is no longer on the disk"
        elif self.newest != self.then:
            at += f", which is still on the disk; the newest is version {self.newest}"
        first = "the same hits as before" if self.same else "not the same hits as before"
        found = [f"{first} ({at})"]
        lost = [each for each in self.lost if each not in self.forgotten]
        for numbers, what in (
            (self.forgotten, "forgotten since"),
            (lost, "of before not found now"),
            (self.added, "not found before"),
        ):
            if numbers:
                shown = ", ".join(map(str, numbers[:_NAMED]))
                more = ", ..." if len(numbers) > _NAMED else ""
                found.append(f"{many(len(numbers), 'hit')} {what}: {shown}{more}")
        if self.reordered:
            found.append("the others stand in another order")
        if self.difference > _ROUNDING:
            found.append(f"similarities differ by up to {self.difference:.2g}")
        return found


def refuse_answer_of_another(before: RecordedAnswer, gallery: object, card: GalleryCard) -> None:
    """Refuse an answer that this gallery did not give.

    Args:
        before: the answer.
        gallery: its folder or address, for the message.
        card: of the gallery.

    Raises:
        MismatchError: it is of another model.
        DataError: it is of another gallery.
    """
    if before.model.fingerprint != card.model:
        raise MismatchError(
            f"the answer is of model {before.model.fingerprint}, and {gallery} is of model "
            f"{card.model}, which may find others: make a new search instead"
        )
    if before.gallery.created != card.created:
        raise DataError(
            f"the answer is of a gallery that was made {before.gallery.created}, and "
            f"{gallery} was made {card.created}: give the gallery of the answer"
        )


def compare_again(before: RecordedAnswer, found: GalleryAnswer, newest: Reading) -> Repeated:
    """How an answer differs from a recorded one.

    Args:
        before: the recorded answer.
        found: of the search that was made again, at some version of the gallery.
        newest: the gallery now; hits that it does not hold are left out.
    """
    hits = [hit for hit, there in zip(found.hits, _held(found.hits, newest), strict=True) if there]
    then = {hit.number: hit.similarity for hit in before.hits}
    now = {hit.number: hit.similarity for hit in hits if hit.number is not None}
    both = [number for number in then if number in now]
    still = dict(zip(then, _held(before.hits, newest), strict=True))
    pairs = [(then[number], now[number]) for number in both]
    differences = [abs(one - other) for one, other in pairs if one is not None]
    return Repeated(
        replace(found, hits=hits),
        before.gallery.version,
        newest.version,
        tuple(number for number in now if number not in then),
        tuple(number for number in then if number not in now),
        tuple(number for number in then if not still[number]),
        both != [number for number in now if number in then],
        max(differences, default=0.0),
    )


def _held(hits: Sequence[Hit | RecordedHit], store: Reading) -> list[bool]:
    """Whether a store holds each hit."""
    held: list[bool] = store.has(np.array([hit.number for hit in hits], np.int64)).tolist()
    return held
