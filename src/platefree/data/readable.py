"""Which pictures of a table can be read, found by decoding each before the long work begins."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platefree.data.image_source import TableImages
from platefree.data.listed_text import many
from platefree.errors import CheckpointError, ImageError
from platefree.fingerprint import fingerprint_of_text
from platefree.machine import cpu_count
from platefree.types import Sightings

_BATCH = 1024  # pictures between two progress calls; also the most that is still read after Ctrl-C
_NAMED = 5  # pictures that a message or a card names

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Readable:
    """A table without the pictures that cannot be read.

    Attributes:
        whole: the whole table, whose fingerprint stays the identity of the data.
        kept: (n,) its other rows.
        reasons: why each of the rows left out cannot be read.
    """

    whole: Sightings
    kept: NDArray[np.bool_]
    reasons: tuple[str, ...]

    @classmethod
    def unseen(cls, table: Sightings) -> "Readable":
        """A whole table that nobody looked at: a picture that cannot be read is an error later."""
        return cls(table, np.ones(len(table), np.bool_), ())

    @cached_property
    def table(self) -> Sightings:
        """The rows that are kept."""
        return self.whole.take(self.kept) if self.reasons else self.whole

    def to_json(self) -> dict[str, Any] | None:
        """What was left out, for a card; None if nothing was."""
        if not self.reasons:
            return None
        images = "\n".join(self.whole.image[~self.kept].tolist())
        digest = fingerprint_of_text(images)
        first = list(self.reasons[:_NAMED])
        return {"pictures": len(self.reasons), "fingerprint": digest, "first": first}


def leave_out_unreadable(
    table: Sightings, asked: NDArray[np.bool_], progress: Callable[[int], None]
) -> Readable:
    """Decode pictures of a table and leave out those that cannot be read, with a log message.

    Args:
        table: the pictures.
        asked: (n,) which of them to look at; the others stay.
        progress: called with the number of pictures done since the last call.
    """
    rows, source = np.flatnonzero(asked).tolist(), TableImages(table)
    kept, reasons = np.ones(len(table), np.bool_), list[str]()

    def look(row: int) -> str:
        try:
            source.read(row)
        except ImageError as error:
            kept[row] = False
            return str(error)
        return ""

    with ThreadPoolExecutor(min(8, cpu_count())) as pool:
        for start in range(0, len(rows), _BATCH):
            part = rows[start : start + _BATCH]
            reasons += [reason for reason in pool.map(look, part) if reason]
            progress(len(part))
    if reasons:
        _log.warning(
            "left out %s of %s, which cannot be read: %s",
            *(len(reasons), many(len(rows), "picture"), "; ".join(reasons[:_NAMED])),
        )
    return Readable(table, kept, tuple(reasons))


def check_left_out(folder: object, before: Any, now: Any) -> None:  # noqa: ANN401
    """Refuse to resume a run without the same pictures.

    Args:
        folder: of the checkpoint, for the message.
        before: what its card says was left out, from `Readable.to_json`.
        now: what is left out now.

    Raises:
        CheckpointError: they differ.
    """
    then, here = (each["fingerprint"] if each else "" for each in (before, now))
    if then != here:
        counts = [each["pictures"] if each else 0 for each in (before, now)]
        raise CheckpointError(
            f"{folder} was trained without {many(counts[0], 'picture')} that could not be read, "
            f"now it is {counts[1]} or others: leave the same pictures out (--skip-unreadable, "
            'unreadable="skip"), or choose another folder (--out)'
        )
