"""The embedded batches of a table as one: what every network that embeds pictures ends with."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from platefree.data.listed_text import many
from platefree.data.vehicle_boxes import BoxFractions
from platefree.errors import CheckpointError, ImageError
from platefree.inference.embedder import Unreadable
from platefree.types import Floats, Indices, Sightings, check_some, wrong_row
from platefree.work import Progress, Work


class EmbeddedBatch(NamedTuple):
    """The embeddings of a batch of pictures.

    Attributes:
        number: of the batch, from 0.
        rows: of the table, in order, of the pictures that could be read.
        spaces: (b, d) float32, L2-normalised, by space; empty if no picture could be read.
        unreadable: why some pictures could not be read.
    """

    number: int
    rows: list[int]
    spaces: dict[str, Floats]
    unreadable: list[str]


class EmbeddedRows(NamedTuple):
    """The embeddings of the readable pictures of a table.

    Attributes:
        rows: (m,) of the table, ascending.
        spaces: (m, d) float32, L2-normalised, by space.
        unreadable: why the other pictures could not be read.
    """

    rows: Indices
    spaces: dict[str, Floats]
    unreadable: list[str]


def gathered(
    batches: Iterable[EmbeddedBatch],
    sightings: Sightings,
    *,
    name: str,
    unreadable: Unreadable,
    progress: Progress,
) -> EmbeddedRows:
    """All batches of a table, in order, each looked at as soon as it is there.

    Args:
        batches: every picture is in one of them, readable or not.
        sightings: the table.
        name: of the model, for messages.
        unreadable: ``refuse`` stops at the first picture that cannot be read.
        progress: called with the pictures of each batch.

    Raises:
        CheckpointError: an embedding is not finite, or has no direction.
        DataError: the table has no rows.
        ImageError: a picture cannot be read (``refuse``), or none can.
    """
    check_some(sightings, "to embed")
    parts: list[dict[str, Floats]] = []
    rows: list[int] = []
    skipped: list[str] = []
    for batch in batches:
        if batch.unreadable and unreadable == "refuse":
            raise ImageError(batch.unreadable[0])
        _check(batch, sightings, name)
        skipped += batch.unreadable
        parts += [batch.spaces] if batch.rows else []
        rows += batch.rows
        progress(len(batch.rows) + len(batch.unreadable))
    if not parts:
        raise ImageError(
            f"none of {many(len(sightings), 'picture')} can be read; first: {skipped[0]}"
        )
    # Every picture occurs once, whoever embedded it.
    assert len(rows) + len(skipped) == len(sightings)  # noqa: S101
    assert (np.diff(rows) > 0).all()  # noqa: S101
    spaces = {space: np.concatenate([part[space] for part in parts]) for space in parts[0]}
    return EmbeddedRows(np.array(rows), spaces, skipped)


EmbedRows = Callable[[Sightings, BoxFractions | None, Unreadable, Work], EmbeddedRows]
"""How one network embeds a table."""


def by_each(
    networks: Sequence[EmbedRows],
    sightings: Sightings,
    boxes: BoxFractions | None,
    unreadable: Unreadable,
    work: Work,
) -> tuple[Indices, list[dict[str, Floats]], list[str]]:
    """The same pictures by several networks; those that the first cannot read are skipped.

    Returns:
        The readable rows, the spaces of each network, and why other rows cannot be read.
    """
    in_turn = replace(work, progress=_InTurn(work.progress, len(networks)))
    rows, skipped = np.arange(len(sightings)), list[str]()
    parts: list[dict[str, Floats]] = []
    for embed_rows in networks:
        read, spaces, reasons = embed_rows(
            sightings if len(rows) == len(sightings) else sightings.take(rows),
            None if boxes is None else boxes[rows],
            "refuse" if parts else unreadable,
            in_turn,
        )
        rows, skipped = rows[read], skipped + reasons
        parts.append(spaces)
    return rows, parts, skipped


class _InTurn:
    """Progress over pictures that several networks embed one after the other."""

    def __init__(self, progress: Progress, networks: int) -> None:
        self.progress, self.networks, self.looks = progress, networks, 0

    def __call__(self, pictures: int) -> None:
        before, self.looks = self.looks // self.networks, self.looks + pictures
        self.progress(self.looks // self.networks - before)


def _check(batch: EmbeddedBatch, sightings: Sightings, name: str) -> None:
    for space, rows in batch.spaces.items():
        if (wrong := wrong_row(rows)) is not None:
            row, found = wrong
            raise CheckpointError(
                f"{name} cannot embed {sightings.path(batch.rows[row])}: its embedding in "
                f"the space {space!r} {found}, expected numbers of length 1; the weights are "
                "damaged, so use another copy or another checkpoint of the model"
            )
