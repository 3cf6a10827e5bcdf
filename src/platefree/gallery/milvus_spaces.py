"""Which embedding spaces a gallery on a Milvus server has, and where each of them is."""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from platefree.gallery.milvus_changes import Changes
from platefree.types import Embeddings

_NOTE, _COMING = "spaces", "coming"


@dataclass(frozen=True)
class StoredSpaces:
    """The spaces of a gallery.

    Attributes:
        name: of the gallery.
        model: fingerprint of the model that made the embeddings.
        sizes: space -> dimensions.
        number: how many models the gallery had before.
    """

    name: str
    model: str
    sizes: dict[str, int]
    number: int = 0

    @classmethod
    def of(cls, changes: Changes, name: str) -> Self | None:
        """What was noted; None if nothing was ever added."""
        number = sum(note.partition(" ")[0] == _NOTE for note in changes.notes) - 1
        if number < 0:
            return None
        return cls(name, **json.loads(changes.notes[_note(number)]), number=number)

    @classmethod
    def of_embeddings(cls, embeddings: Embeddings, name: str) -> Self:
        """The spaces of some embeddings."""
        sizes = {space: rows.shape[1] for space, rows in embeddings.spaces.items()}
        return cls(name, embeddings.model, sizes)

    def coming(self, changes: Changes, model: str) -> Self | None:
        """Those of another model that is to follow; None if nothing of it is there."""
        new = replace(self, model=model, sizes={}, number=self.number + 1)
        text = changes.notes.get(new.coming_note)
        return None if text is None else replace(new, **json.loads(text))

    @property
    def note(self) -> str:
        """The name of the note that makes these the spaces of the gallery."""
        return _note(self.number)

    @property
    def coming_note(self) -> str:
        """The name of the note that says that these are being filled."""
        return f"{_COMING} {self.number} {_short(self.model)}"

    def to_json(self) -> str:
        """The text of both notes."""
        return json.dumps({"model": self.model, "sizes": self.sizes})

    @property
    def first(self) -> str:
        """The collection that has every column."""
        if not self.number:
            return self.name
        return f"{self.name}_model{self.number}_{_short(self.model)}"

    @property
    def collections(self) -> dict[str, str]:
        """Space -> its collection."""
        return {
            space: f"{self.first}_space{place}" if place else self.first
            for place, space in enumerate(self.sizes)
        }


def collections_of(name: str, found: Iterable[str]) -> dict[str, int]:
    """Those of some collections that hold sightings of a gallery -> the number of their model."""
    form = re.compile(rf"{name}(?:_model(\d+)_[0-9a-f]{{16}})?(?:_space\d+)?")
    return {each: int(match[1] or 0) for each in found if (match := form.fullmatch(each))}


def _note(number: int) -> str:
    """A note is never changed: models that follow have a number."""
    return f"{_NOTE} {number}" if number else _NOTE


def _short(model: str) -> str:
    return hashlib.sha256(model.encode()).hexdigest()[:16]
