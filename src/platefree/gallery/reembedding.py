"""Embed the sightings of a gallery again with another model, while it is searched and added to.

The new vectors lie beside the old until all are there (`coming_model`), those of `BLOCK` pictures
at a time for good. Then one step puts them in the place of the old ones: nobody ever sees both.
Whoever is killed on the way goes on where it was.
"""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from PIL import Image

from platefree.data.content import known_contents, picture_contents
from platefree.data.image_source import InMemory
from platefree.errors import DataError, ImageError
from platefree.gallery.coming_model import Beside
from platefree.gallery.embedded_blocks import kept_rows
from platefree.gallery.small_pictures import picture_of
from platefree.gallery.store import Reading, Store
from platefree.inference.embedder import Embedder
from platefree.types import LABELS, Embeddings, Indices, Sightings
from platefree.work import Work, no_progress

BLOCK = 512
"""Pictures whose vectors are stored at a time: the most that a killed run loses."""

_AT_A_TIME = 8 * BLOCK  # of one version of the gallery, which stays on the disk so long

Missing = Literal["refuse", "small", "forget"]
"""What becomes of sightings whose picture is gone, has changed or cannot be read: with ``refuse``
the gallery keeps its model, with ``small`` the small pictures are embedded in their place, with
``forget`` they are left out."""


@dataclass(frozen=True)
class Reembedded:
    """What `Gallery.reembed` did.

    Attributes:
        switched: whether the gallery is of the new model now.
        embedded: number of sightings that have its vectors.
        small: of these, how many were embedded from their small pictures by this call.
        missing: why the others have none, a sentence for each.
    """

    switched: bool
    embedded: int
    small: int
    missing: list[str]


@dataclass
class Reembedding:
    """The work of one call.

    Attributes:
        model: the new one.
        vectors: its vectors so far.
        missing: what becomes of pictures that are not there.
        work: device, workers and progress.
        reasons: number of a sighting without vectors -> why.
        small: how many were embedded from their small pictures.
    """

    model: Embedder
    vectors: Beside
    missing: Missing
    work: Work
    reasons: dict[int, str] = field(default_factory=dict)
    small: int = 0

    def embed_all(self, store: Store) -> None:
        """Embed what has no vectors yet, also what is added meanwhile."""
        while True:
            with store.snapshot() as now:
                pending = self._pending(now)
                for start in range(0, min(len(pending), _AT_A_TIME), BLOCK):
                    self._embed(now, pending[start : start + BLOCK])
            if not len(pending):
                return

    def without(self, now: Reading) -> list[str]:
        """Why sightings that are stored now have no vectors, a sentence for each."""
        numbers = np.array(sorted(self.reasons), np.int64)
        return [self.reasons[number] for number in numbers[now.has(numbers)].tolist()]

    def _pending(self, now: Reading) -> Indices:
        tried = np.array(list(self.reasons), np.int64)
        return np.setdiff1d(self.vectors.pending(now), tried)

    def _embed(self, now: Reading, numbers: Indices) -> None:
        """Embed a block; what has no vectors afterwards has a reason."""
        there = now.has(numbers)
        self.reasons |= dict.fromkeys(numbers[~there].tolist(), "it was forgotten")
        numbers = numbers[there]
        stored = now.get(numbers)
        reasons = _changed(stored)
        frames = stored.sightings.frame >= 0
        for kind in (~frames, frames):  # a model that reads no videos refuses a table of frames
            rows = np.array([row for row in np.flatnonzero(kind) if row not in reasons], np.int64)
            reasons |= self._keep(numbers, rows, stored.sightings.take(rows), self.work)
        if self.missing == "small" and reasons:
            rows = np.array(sorted(reasons), np.int64)
            left = self._embed_small(now, numbers, rows, stored.sightings)
            self.small += len(reasons) - len(left)
            reasons = {row: reasons[row] for row in left}
        self.reasons |= {int(numbers[row]): reason for row, reason in reasons.items()}
        self.work.progress(len(numbers))

    def _embed_small(
        self, now: Reading, numbers: Indices, rows: Indices, table: Sightings
    ) -> list[int]:
        """Embed the small pictures of some rows of a block; the rows whose is none or damaged."""
        pictures: dict[int, Image.Image] = {}
        for row, crop in zip(rows.tolist(), now.crops(numbers[rows]), strict=True):
            with suppress(ImageError):
                pictures[row] = picture_of(crop)
        having = np.array(list(pictures), np.int64)
        taken = table.take(having)
        labels = {name: getattr(taken, name) for name in (*LABELS, "time")}
        small = InMemory.of(list(pictures.values()), **labels)
        here = replace(self.work, workers=0, processes=1)
        lost = self._keep(numbers, having, small, here)
        return [row for row in rows.tolist() if row not in pictures or row in lost]

    def _keep(
        self, numbers: Indices, rows: Indices, table: Sightings, work: Work
    ) -> dict[int, str]:
        """Embed some rows of a block and keep their vectors; row -> why it could not be."""
        if not len(rows):
            return {}
        silent = replace(work, progress=no_progress)
        try:
            made, skipped = self.model.embed(table, unreadable="skip", work=silent)
        except DataError as error:  # not one of them can be read
            return {row: f"{table.path(at)}: {error}" for at, row in enumerate(rows.tolist())}
        kept = kept_rows(table, made.sightings)
        self.vectors.add(numbers[rows[kept]], made)
        lost = np.delete(rows, kept)
        return dict(zip(lost.tolist(), skipped, strict=True))


def _changed(stored: Embeddings) -> dict[int, str]:
    """The rows whose files hold another picture than when they were added, with what to say."""
    if stored.content is None:
        return {}
    held = picture_contents(stored.sightings)
    known = known_contents(held) & known_contents(stored.content)
    changed = known & (held != stored.content).any(axis=1)
    return {
        row: f"{stored.sightings.path(row)} holds another picture than when it was added"
        for row in np.flatnonzero(changed).tolist()
    }
