"""Whether an audit log is as it was written: nothing changed, taken out, put in or cut off.

What this finds: any change of any byte, unless every entry after it was computed anew; a missing
end, unless the file that says where the log ends (`audit_log.Head`) was changed as well. What only
a note elsewhere can find: that whoever may write the folder wrote the log anew, or took its end
away together with that file. So the last number and hash are printed, to be kept on paper or on
another machine, and are given the next time (``noted``).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from platefree.audit.audit_log import (
    AUDIT_LOG,
    EMPTY,
    LOG,
    LONGEST,
    Entry,
    Head,
    fault_of,
    parse_entry,
    read_head,
)
from platefree.errors import DataError
from platefree.inputs.plain_files import open_input


@dataclass(frozen=True)
class Verified:
    """A log without a fault.

    Attributes:
        end: the number and hash of its last entry.
        first: time of the first entry; empty if there is none.
        last: time of the last one.
        has_head: whether a file beside it said where it ends, so that an end cut off is found.
        torn: pieces of lines of processes that were killed while they wrote.
    """

    end: Head
    first: str
    last: str
    has_head: bool
    torn: int


def verify_audit(folder: str | Path, noted: Head | None = None) -> Verified:
    """Read a whole log, entry after entry.

    Args:
        folder: in which it lies.
        noted: an earlier end of it, from elsewhere.

    Raises:
        DataError: it was changed (the first entry that shows it is named), or there is none.
    """
    folder = Path(folder)
    path, head = folder / AUDIT_LOG, read_head(folder)
    marks = {each.entries: each.hash for each in (head, noted) if each is not None and each.entries}
    if noted is not None and head is not None and noted.entries == head.entries:
        _expect(noted.hash, head, path)
    end, first, last, torn = EMPTY, "", "", 0
    if path.exists() or head is None:
        with open_input(path, LOG) as file:
            for entry, piece in _chained(file, path):
                torn += piece
                if entry is None:
                    break
                end = Head(entries=entry.number, hash=entry.hash)
                first, last = first or entry.time, entry.time
                if entry.number in marks:
                    _expect(marks.pop(entry.number), end, path)
    if marks:
        raise DataError(
            f"{path} has {end.entries:,} entries, but had {max(marks):,}: its end was removed"
        )
    return Verified(end, first, last, head is not None, torn)


def read_entries(folder: str | Path, newest: int) -> list[Entry]:
    """The newest entries of a log, in their order.

    Raises:
        DataError: it was changed, or there is none.
    """
    path = Path(folder) / AUDIT_LOG
    found: list[Entry] = []
    with open_input(path, LOG) as file:
        for entry, _ in _chained(file, path):
            if entry is not None:
                found = [*found[1 - newest :], entry] if newest > 1 else [entry]
    return found


def _expect(hash: str, end: Head, path: Path) -> None:
    if end.hash != hash:
        raise DataError(
            f"{path}: entry {end.entries:,} has the hash {end.hash[:12]}, but had {hash[:12]}: the "
            "log was rewritten"
        )


def _chained(file: BufferedReader, path: Path) -> Iterator[tuple[Entry | None, bool]]:
    """Every entry, and whether a piece of a line is before it; None is the end after a piece.

    That piece may be of a kill, or of an entry that is being written.
    """
    end, piece = EMPTY, b""
    size = os.fstat(file.fileno()).st_size  # what others add from now on is not waited for
    left = iter(lambda: file.readline(min(LONGEST + 1, size - file.tell())), b"")
    for number, line in enumerate(left, start=1):
        what = f"{path}, line {number:,}"
        try:
            entry = parse_entry(_ended(line, what), what)
        except DataError:
            piece += line
            if len(piece) > 2 * LONGEST or line == b"\n":
                raise
            continue
        fault = fault_of(entry, line[:-1], end, piece.removesuffix(b"\n"))
        if fault:
            raise DataError(f"{what}: {fault}")
        yield entry, bool(piece)
        end, piece = Head(entries=entry.number, hash=entry.hash), b""
    if piece.count(b"\n") > 1:  # what a killed process left has one at most
        raise DataError(f"{path}, after entry {end.entries:,}: lines that are no entries")
    if piece:
        yield None, True


def _ended(line: bytes, what: str) -> bytes:
    """A line without its end; one that has none is still to be ended, or named by an entry."""
    if not line.endswith(b"\n"):
        raise DataError(f"{what} has no end")
    return line[:-1]
