"""Which embedding spaces a gallery on a Milvus server has, and where each of them is."""

import json
from dataclasses import dataclass
from typing import Self

from platefree.gallery.milvus_changes import Changes
from platefree.types import Embeddings

NOTE = "spaces"
"""The note of the changes that says it."""


@dataclass(frozen=True)
class StoredSpaces:
    """The spaces of a gallery.

    Attributes:
        name: of the gallery.
        model: fingerprint of the model that made the embeddings.
        sizes: space -> dimensions.
    """

    name: str
    model: str
    sizes: dict[str, int]

    @classmethod
    def of(cls, changes: Changes, name: str) -> Self | None:
        """What was noted; None if nothing was ever added."""
        text = changes.notes.get(NOTE)
        return None if text is None else cls(name, **json.loads(text))

    @classmethod
    def of_embeddings(cls, embeddings: Embeddings, name: str) -> Self:
        """The spaces of some embeddings."""
        sizes = {space: rows.shape[1] for space, rows in embeddings.spaces.items()}
        return cls(name, embeddings.model, sizes)

    def to_json(self) -> str:
        """The text of the note."""
        return json.dumps({"model": self.model, "sizes": self.sizes})

    @property
    def first(self) -> str:
        """The collection that has every column."""
        return self.name

    @property
    def collections(self) -> dict[str, str]:
        """Space -> its collection."""
        return {
            space: f"{self.name}_space{number}" if number else self.first
            for number, space in enumerate(self.sizes)
        }
