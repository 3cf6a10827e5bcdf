"""``log.jsonl`` in the folder of a run: one JSON object a line, written, cut and read here."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from platefree.errors import CheckpointError
from platefree.inputs.documents import parse_json, read_unicode
from platefree.inputs.plain_files import GB, Expected
from platefree.storage.files import append_text, sync_file, write_text

LOG_NAME = "log.jsonl"

LOG_EVERY = 10
"""Steps between the lines that report losses; the last step of a stage is reported too."""

LOG = Expected("the log of a run", GB, CheckpointError)  # 5 million steps
"""What a log can be."""


class TrainingLog:
    """The log of a run in training, consistent with the checkpoint after resuming.

    Args:
        path: of the file.
        writes: false on all processes but the first.
    """

    def __init__(self, path: Path, *, writes: bool) -> None:
        self.path, self.writes = path, writes

    def write(self, entry: Mapping[str, Any]) -> None:
        """Add a line.

        Raises:
            StorageError: the disk is full or read-only.
        """
        if not self.writes:
            return
        now = datetime.now(UTC).isoformat(timespec="seconds")
        append_text(self.path, json.dumps({"time": now, **entry}) + "\n")

    def sync(self) -> None:
        """Wait until all lines are on the disk.

        Raises:
            StorageError: the disk reports a fault.
        """
        if self.writes and self.path.exists():
            sync_file(self.path)

    def cut(self, step: int) -> None:
        """Remove the lines of steps after ``step``, which will be repeated."""
        if not self.path.exists() or not self.writes:
            return
        lines = read_unicode(self.path, LOG).splitlines()
        kept = [line for line in lines if _step(line) <= step]
        write_text(self.path, "".join(line + "\n" for line in kept))


def log_entries(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a log.

    Raises:
        CheckpointError: it cannot be read.
    """
    for line in read_unicode(path, LOG).splitlines():
        if entry := _entry(line):
            yield entry


def _entry(line: str) -> dict[str, Any]:
    """A line of a log; empty if it is incomplete, as the last one of a killed process."""
    try:
        entry = parse_json(line, "the log", CheckpointError)
    except CheckpointError:
        return {}
    return entry if isinstance(entry, dict) and isinstance(entry.get("step"), int) else {}


def _step(line: str) -> int:
    entry = _entry(line)
    return int(entry["step"]) if entry else 1 << 62
