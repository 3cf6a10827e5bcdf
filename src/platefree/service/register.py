"""The file in which accounts, sessions and cases are kept, beside the gallery."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from platefree.errors import StorageError
from platefree.storage.private_folder import make_private, make_private_file

REGISTER: Final = "accounts.sqlite3"

_PATIENCE = 10.0  # seconds to wait for another process that writes
_TABLES = """
CREATE TABLE IF NOT EXISTS accounts (
    name TEXT PRIMARY KEY, role TEXT NOT NULL, hash TEXT NOT NULL, created REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS failures (
    name TEXT PRIMARY KEY, count INTEGER NOT NULL, last REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS sessions (
    digest TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL,
    begun REAL NOT NULL, used REAL NOT NULL, ends REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS cases (
    key TEXT PRIMARY KEY, gallery TEXT NOT NULL, name TEXT NOT NULL, note TEXT NOT NULL,
    maker TEXT NOT NULL, made REAL NOT NULL, changed REAL NOT NULL, gone INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS case_sightings (
    case_key TEXT NOT NULL, number INTEGER NOT NULL, mark TEXT NOT NULL, note TEXT NOT NULL,
    who TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (case_key, number)
) STRICT;
"""


@dataclass(frozen=True)
class Register:
    """Opens the file, which only its owner may read; it is made when it is first needed.

    Attributes:
        folder: where it lies.
    """

    folder: Path
    _made: threading.Event = field(default_factory=threading.Event, compare=False, repr=False)
    _thread: threading.local = field(default_factory=threading.local, compare=False, repr=False)

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / REGISTER

    @contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        """A connection; what is written within the block is on the disk when it ends, or not.

        Raises:
            StorageError: the file cannot be opened or written, or is no such file.
        """
        joined: sqlite3.Connection | None = getattr(self._thread, "joined", None)
        if joined is not None:
            yield joined
            return
        try:
            self._make()
            with closing(sqlite3.connect(self.path, timeout=_PATIENCE)) as connection, connection:
                yield connection
        except sqlite3.Error as error:
            raise StorageError(
                f"{self.path} cannot be used ({error}): free some space, or put back the last copy"
            ) from error

    @contextmanager
    def together(self) -> Iterator[None]:
        """Keep all that this thread writes within the block; nothing of it if the block fails.

        So what is done and its entry in the audit log stand or fall together.

        Raises:
            StorageError: as `opened`.
        """
        with self.opened() as self._thread.joined:
            try:
                yield
            finally:
                del self._thread.joined

    def _make(self) -> None:
        if self._made.is_set() and self.path.exists():
            return
        if not self.path.exists():
            make_private(self.folder)
            make_private_file(self.path)
        with closing(sqlite3.connect(self.path, timeout=_PATIENCE)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_TABLES)  # one that was made before may lack some
        self._made.set()
