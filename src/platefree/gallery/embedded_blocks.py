"""A few hundred pictures on their way into a gallery: read, embedded, and made small."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from platefree.data.content import picture_contents
from platefree.errors import ImageError
from platefree.gallery.small_pictures import small_pictures
from platefree.inference.embedder import Embedder
from platefree.types import Contents, Embeddings, Indices, Sightings
from platefree.work import Work


@dataclass(frozen=True)
class Block:
    """Some sightings, and what their files hold.

    Attributes:
        table: n sightings.
        contents: (n, 16) uint8, from `picture_contents`.
    """

    table: Sightings
    contents: Contents

    @classmethod
    def of(cls, table: Sightings) -> Self:
        """Read the files of these sightings."""
        return cls(table, picture_contents(table))

    def take(self, rows: Indices) -> Self:
        """Some of them."""
        return type(self)(self.table.take(rows), self.contents[rows])


@dataclass(frozen=True)
class EmbeddedBlock:
    """A block that can be added.

    Attributes:
        embeddings: of the sightings that could be read; None if there are none.
        crops: their small pictures; empty where there is none.
        skipped: why the others could not.
    """

    embeddings: Embeddings | None
    crops: list[bytes]
    skipped: list[str]


def embed_block(model: Embedder, block: Block, work: Work) -> EmbeddedBlock:
    """Embed a block; pictures that cannot be read are left out, with the reason."""
    small = small_pictures(block.table)
    try:
        made, skipped = model.embed(block.table, unreadable="skip", work=work)
    except ImageError as error:  # not one of them can be read
        reasons = [str(each) for each in small if isinstance(each, Exception)]
        missing = len(block.table) - len(reasons)
        return EmbeddedBlock(None, [], reasons + [str(error)] * missing)
    kept = kept_rows(block.table, made.sightings)
    crops = [small[row] for row in kept.tolist()]
    return EmbeddedBlock(
        replace(made, content=block.contents[kept]),
        [each if isinstance(each, bytes) else b"" for each in crops],
        skipped,
    )


def kept_rows(table: Sightings, kept: Sightings) -> Indices:
    """(m,) the rows of a table that were kept, in their order."""
    return np.array(list(_kept(table, kept)), np.int64)


def _kept(table: Sightings, kept: Sightings) -> Iterator[int]:
    row = 0
    for each in range(len(kept)):
        while not _is_same(table, row, kept, each):
            row += 1
        yield row
        row += 1


def _is_same(table: Sightings, row: int, kept: Sightings, each: int) -> bool:
    return bool(
        table.path(row) == kept.path(each)
        and table.frame[row] == kept.frame[each]
        and np.array_equal(table.box[row], kept.box[each], equal_nan=True)
    )
