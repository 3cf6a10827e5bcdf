"""What was asked of a gallery, by whom and why: lines that are added and never changed.

Each line is a JSON object, and holds the hash of the one before it (`sealed`), so no line can be
changed, taken out, put in or moved without a trace; `platefree.audit.audit_check` looks for it.
The last hash is also kept in a file beside the log (`Head`), which shows that lines are missing at
its end. An entry is on the disk before what it describes is answered. Where a process is killed
while it writes, a piece of a line stays; the next entry names its hash, and so makes it legal. If
the piece lacks only its line end, it becomes the entry that it was meant to be.
"""

import hashlib
import json
import os
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from platefree.errors import DataError
from platefree.inputs.complaints import checked
from platefree.inputs.documents import check_plain, parse_json, read_json
from platefree.inputs.plain_files import GB, KB, MB, Expected, open_input
from platefree.storage.files import append_text, sync_file, write_text
from platefree.storage.locks import LOCK, locked_for
from platefree.storage.private_folder import make_private

AUDIT_LOG, HEAD = "audit.jsonl", "audit-head.json"
"""The file of the entries, and the one beside it that says how many there are."""

LOG = Expected("an audit log", 1024 * GB, grows=True)
LONGEST: Final = MB
"""Bytes of a line; a longer one is no entry."""

FIRST: Final = "0" * 64
"""What stands for the hash before the first entry."""

MENDED: Final = "log.mended"
"""The action of an entry that comes after a piece of a line."""

_HEAD = Expected("the number and hash of the last entry of an audit log", 4 * KB)
_PATIENCE = 10.0  # seconds to wait for another process that writes an entry

Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class ChangedLog(DataError):
    """The log is not as it was written, so nothing is added to it that would hide that."""


class Entry(BaseModel):
    """A line of the log.

    Attributes:
        number: of the entry, from 1.
        time: when, ISO 8601 in UTC with milliseconds.
        who: the account, or what stands for one.
        action: what was done, such as ``search`` or ``forget.asked``.
        reason: that was stated; empty if none was.
        details: more of it: hashes of pictures, conditions, counts.
        before: the hash of the entry before, `FIRST` before the first.
        hash: of all this.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    number: Annotated[int, Field(ge=1)]
    time: str
    who: str
    action: str
    reason: str
    details: dict[str, Any]
    before: Hash
    hash: Hash


class Head(BaseModel):
    """Where a log ends.

    Attributes:
        entries: how many there are.
        hash: of the last one, `FIRST` if there is none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    entries: Annotated[int, Field(ge=0)]
    hash: Hash


EMPTY = Head(entries=0, hash=FIRST)
"""The end of a log without entries."""


def sealed(content: dict[str, Any]) -> str:
    """The hash of an entry: SHA-256 of its JSON without ``hash``, with sorted keys and no spaces.

    Args:
        content: of the entry.
    """
    kept = {name: value for name, value in content.items() if name != "hash"}
    return hashlib.sha256(canonical(kept).encode()).hexdigest()


def canonical(content: dict[str, Any]) -> str:
    """The one way in which an entry is written: sorted keys, no spaces."""
    return json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


@dataclass
class AuditLog:
    """Writes entries; any number of processes may, one after the other.

    Attributes:
        folder: where the log lies.
    """

    folder: Path
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _size: int = field(default=-1, repr=False)  # of the file when it ended so
    _end: Head = field(default=EMPTY, repr=False)
    _named: bool = field(default=False, repr=False)  # the disk has its name, by an entry of ours

    @property
    def path(self) -> Path:
        """The file of the entries."""
        return self.folder / AUDIT_LOG

    def add(self, who: str, action: str, reason: str = "", **details: Any) -> Entry:  # noqa: ANN401
        """Write an entry, which is on the disk afterwards.

        Args:
            who: the account.
            action: what is done.
            reason: that was stated.
            details: more of it, as JSON has it.

        Raises:
            StorageError: it cannot be written, so what it describes must not be done.
            ChangedLog: it was changed.
            DataError: the details are no JSON.
        """
        make_private(self.folder)
        with self._lock, locked_for(self.folder / f".{AUDIT_LOG}{LOCK}", self.path, _PATIENCE):
            torn = self._catch_up()
            if torn:
                self._mend(torn)
            return self._write(who, action, reason, details)

    def end(self) -> Head:
        """Where the log ends now.

        Raises:
            ChangedLog: it was changed.
        """
        with self._lock:
            self._catch_up()
            return self._end

    def _mend(self, torn: bytes) -> None:
        """End the line that a killed process left; it is an entry if only its end is missing."""
        append_text(self.path, "\n")
        whole = _with_whole(torn, self._end)
        if whole is not None:
            self._end = whole
        else:
            digest = hashlib.sha256(torn).hexdigest()
            self._write("platefree", MENDED, "", {"sha256": digest, "bytes": len(torn)})

    def _write(self, who: str, action: str, reason: str, details: dict[str, Any]) -> Entry:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        content = {
            "number": self._end.entries + 1,
            "time": now,
            "who": who,
            "action": action,
            "reason": reason,
            "details": details,
            "before": self._end.hash,
        }
        check_plain(content, "an entry of the audit log", DataError)
        content["hash"] = sealed(content)
        line = canonical(content) + "\n"
        if len(line.encode()) > LONGEST:
            raise DataError(f"an entry of {len(line):,} characters, expected at most {LONGEST:,}")
        append_text(self.path, line)
        sync_file(self.path, named=self._named and self._size > 0)
        self._named = True
        entry = Entry.model_validate(content)
        self._end = Head(entries=entry.number, hash=entry.hash)
        self._size = self.path.stat().st_size
        write_text(self.folder / HEAD, self._end.model_dump_json() + "\n")
        return entry

    def _catch_up(self) -> bytes:
        """Find where the log ends, if another process wrote; a piece of a line is returned."""
        size = self.path.stat().st_size if self.path.exists() else 0
        if size == self._size:
            return b""
        known = read_head(self.folder)  # first: another process may add to both meanwhile
        self._end, torn = _last(self.path) if size else (EMPTY, b"")
        if known is not None and not _reaches(self._end, known):
            raise ChangedLog(
                f"{self.path} has {self._end.entries:,} entries, expected {known.entries:,} that "
                f"end in {known.hash[:12]}: it was changed; see 'platefree audit verify', keep the "
                "folder as it is, and move both files away to begin another log"
            )
        self._size = -1 if torn else size
        return torn


def read_head(folder: Path) -> Head | None:
    """What the file beside a log says of its end; None if there is no such file.

    Raises:
        DataError: it is damaged.
    """
    path = folder / HEAD
    if not path.exists():
        return None
    return checked(Head, read_json(path, _HEAD), str(path), error=DataError)


def parse_entry(line: bytes, what: str) -> Entry:
    """The entry that a line holds.

    Args:
        line: without its end.
        what: where it is, for messages.

    Raises:
        DataError: it is none.
    """
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{what} is not UTF-8 text: it was changed") from error
    return checked(Entry, parse_json(text, what, DataError), what, error=DataError)


def fault_of(entry: Entry, line: bytes, end: Head, piece: bytes) -> str:
    """What is wrong with an entry; empty if nothing is.

    Args:
        entry: that the line holds.
        line: without its end.
        end: of the entries before it.
        piece: what a killed process left between them, without the end of its line.
    """
    content = entry.model_dump(mode="json")
    if line != canonical(content).encode() or sealed(content) != entry.hash:
        return f"entry {entry.number:,} was changed: its hash does not match"
    if entry.before != end.hash or entry.number != end.entries + 1:
        return (
            f"entry {entry.number:,} does not follow entry {end.entries:,}: one was removed, "
            "inserted or moved"
        )
    digest = hashlib.sha256(piece).hexdigest()
    if piece and (entry.action != MENDED or entry.details.get("sha256") != digest):
        return "what is before it is no entry: it was changed"
    return ""


def _with_whole(torn: bytes, end: Head) -> Head | None:
    """The end of a log with the entry at the end of a torn piece; None if no whole one is there."""
    piece, _, line = torn.rpartition(b"\n")
    try:
        entry = parse_entry(line, "a torn line")
    except DataError:
        return None
    if fault_of(entry, line, end, piece):
        return None
    return Head(entries=entry.number, hash=entry.hash)


def _reaches(end: Head, known: Head) -> bool:
    """Whether a log that ends so may be one of which the end was known; not a proof."""
    return end.entries > known.entries or end == known


def _last(path: Path) -> tuple[Head, bytes]:
    """The end of a log that is not empty, and the piece of a line that comes after it."""
    with open_input(path, LOG) as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(size - 3 * LONGEST, 0))
        tail = file.read()
    lines = tail.split(b"\n")
    for place in range(len(lines) - 2, -1, -1):
        try:  # a piece that was ended by a process that was killed in its turn is passed over
            entry = parse_entry(lines[place], f"{path}, its last line")
        except DataError:
            continue
        return Head(entries=entry.number, hash=entry.hash), b"\n".join(lines[place + 1 :])
    if len(tail) < size:
        raise ChangedLog(f"{path} ends in {len(tail):,} bytes that are no entry: it was changed")
    return EMPTY, tail
