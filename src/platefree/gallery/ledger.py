"""What is done of each film, to the second: an SQLite file beside the gallery.

A film is known by its content (`film_files.fingerprint_of`), so that a renamed one is not counted
twice. One transaction notes how far a film is, what the tracker knows of the vehicles in view then,
and the passes that ended. It comes after their sightings are in the gallery: whoever is killed
between the two finds them there, and adds nothing twice.

A pass is kept as long as its sighting is. What SQLite deletes it also overwrites, so that nobody
reads in the file when a forgotten vehicle passed.
"""

import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, Self

from platefree.errors import DataError, StorageError
from platefree.gallery.gallery_places import Place
from platefree.gallery.track_names import read_track_name, track_name
from platefree.storage.disk import make_folder
from platefree.storage.locks import only_writer_of

IN_GALLERY, LEDGER = "ingest", "ledger.sqlite"
"""The folder in that of a gallery, and the file in it."""

_VERSION = 1
_PATIENCE = 5.0  # seconds that a reader waits for the writer
_PATIENCE_OF_WRITERS = 60.0  # for another one, who may be writing the whole file anew
_TO_WRITE = ("synchronous = full", "secure_delete = on")
_TABLES = """
create table films (
    fingerprint text primary key,
    path text not null,          -- where it was last
    camera text not null,
    start text not null,         -- of its first frame, UTC; empty is unknown
    settings text not null,      -- JSON: what has to be the same for its rest
    duration real,               -- seconds; null is unknown
    seconds real not null,       -- done
    memory text not null,        -- JSON: of the follower; empty before and after
    finished integer not null,
    remarks text not null        -- JSON
);
create table passes (
    film text not null references films(fingerprint),
    number integer not null,     -- of its track in the film
    class text not null,
    first text not null,         -- seen, UTC; empty is unknown
    last text not null,
    first_second real not null,  -- of the film
    last_second real not null,
    direction real,              -- degrees clockwise from up on the frame; null where it stood
    path text not null,          -- JSON: [second, x, y, side] of some points
    primary key (film, number)
);
create table gallery (created text not null);
"""


@dataclass(frozen=True)
class FilmRecord:
    """What is noted of a film.

    Attributes:
        fingerprint: see `film_files.fingerprint_of`.
        path: where it was last.
        camera: its name.
        start: of its first frame, ISO 8601 in UTC; empty is unknown.
        settings: JSON; what has to be the same for the rest of it.
        duration: seconds; None is unknown.
        seconds: that are done.
        memory: JSON of what the follower knows; empty before the first and after the last second.
        finished: whether all of it is done.
        remarks: what could not be read.
    """

    fingerprint: str
    path: str
    camera: str
    start: str
    settings: str
    duration: float | None
    seconds: float = 0.0
    memory: str = ""
    finished: bool = False
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pass:
    """A vehicle that passed a camera, as it is counted.

    Attributes:
        number: of its track in the film.
        kind: of `platefree.data.frame_boxes.KINDS`.
        first: when it was first seen, ISO 8601 in UTC; empty is unknown.
        last: when it was last seen.
        first_second: the same, of the film.
        last_second: of the film.
        direction: degrees clockwise from up on the frame; None where it stood.
        path: seconds, x and y of the middle of the lower edge of its box, and its side in pixels.
    """

    number: int
    kind: str
    first: str
    last: str
    first_second: float
    last_second: float
    direction: float | None
    path: Sequence[Sequence[float]]


class Ledger:
    """The ledger of a gallery, for its only writer, or for those who read it.

    Args:
        path: of its file.
        connection: to it.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path, self._connection = path, connection

    def film(self, fingerprint: str) -> FilmRecord | None:
        """What is noted of a film; None if nothing is."""
        with self._errors():
            row = self._connection.execute(
                "select * from films where fingerprint = ?", (fingerprint,)
            ).fetchone()
        return None if row is None else _film_of(row)

    def films(self) -> list[FilmRecord]:
        """What is noted of all films, by their cameras and starts."""
        with self._errors():
            rows = self._connection.execute(
                "select * from films order by camera, start, path"
            ).fetchall()
        return [_film_of(row) for row in rows]

    def track(self, name: str) -> tuple[FilmRecord, Pass | None] | None:
        """The film of a track, and the pass that it is; None if nothing is noted of the film.

        Args:
            name: of the track, as sightings have it.
        """
        named = read_track_name(name)
        if named is None:
            return None
        begins, number = named
        with self._errors():
            rows = self._connection.execute(
                "select * from films where fingerprint glob ?", (f"{begins}*",)
            ).fetchall()
        if len(rows) != 1:
            return None
        film = _film_of(rows[0])
        passes = [each for each in self.passes(film.fingerprint) if each.number == number]
        return film, (passes[0] if passes else None)

    def note(self, record: FilmRecord, passes: Sequence[Pass] = ()) -> None:
        """Note how far a film is, and passes that ended: all of it, or nothing.

        Raises:
            StorageError: it cannot be written.
        """
        film = record.fingerprint
        *plain, remarks = vars(record).values()
        with self._errors(), self._connection:
            _insert(self._connection, "films", [(*plain, json.dumps(remarks))])
            _insert(self._connection, "passes", [_row(film, each) for each in passes])

    def forget(self, fingerprint: str) -> None:
        """Note nothing of a film, as if it had never been seen.

        Raises:
            StorageError: it cannot be written.
        """
        with self._errors(), self._connection:
            for table, column in (("passes", "film"), ("films", "fingerprint")):
                self._connection.execute(f"delete from {table} where {column} = ?", (fingerprint,))  # noqa: S608

    def passes(self, fingerprint: str) -> list[Pass]:
        """The vehicles that passed in a film, by the numbers of their tracks."""
        with self._errors():
            rows = self._connection.execute(
                "select * from passes where film = ? order by number", (fingerprint,)
            ).fetchall()
        named = [dict(zip(("film", *_names(Pass)), row, strict=True)) for row in rows]
        return [_pass_of(each) for each in named]

    def tracks(self) -> set[str]:
        """The names of the tracks whose passes are noted, as their sightings have them."""
        with self._errors():
            rows = self._connection.execute("select film, number from passes").fetchall()
        return {track_name(film, number) for film, number in rows}

    def forget_tracks(self, names: Collection[str]) -> None:
        """Remove the passes of tracks, from the disk too; what is done of their films stays done.

        Args:
            names: as `tracks` gives them.

        Raises:
            StorageError: it cannot be written.
        """
        if not names:
            return
        with self._errors():
            with self._connection:
                rows = self._connection.execute("select film, number from passes").fetchall()
                gone = [row for row in rows if track_name(*row) in names]
                self._connection.executemany(
                    "delete from passes where film = ? and number = ?", gone
                )
            # What was superseded by a version that did not overwrite it.
            self._connection.execute("vacuum")

    def _of_gallery(self, created: str) -> Self:
        """Make it if it is new; refuse the one of another gallery."""
        with self._errors(), self._connection:
            version = self._version()
            if version > _VERSION:
                raise DataError(
                    f"{self.path} has version {version}, this platefree reads up to {_VERSION}: "
                    "upgrade platefree"
                )
            if not version:
                self._connection.executescript(f"begin; {_TABLES}")
                self._connection.execute("insert into gallery values (?)", (created,))
                self._connection.execute(f"pragma user_version = {_VERSION}")
            (owner,) = self._connection.execute("select created from gallery").fetchone()
        if owner != created:
            raise DataError(
                f"{self.path} is the ledger of a gallery that was made {owner}, and this one was "
                f"made {created}: give another folder (--ledger)"
            )
        return self

    def _version(self) -> int:
        """Of the file; 0 until its tables are made."""
        (version,) = self._connection.execute("pragma user_version").fetchone()
        return int(version)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Say in one line what is wrong with the file."""
        with _sqlite_errors(self.path):
            yield


def ledger_folder(gallery: Place, given: str | Path | None = None) -> Path | None:
    """Where the ledger of a gallery is; None if it is on a server and no folder is given.

    Args:
        gallery: its folder or address.
        given: another folder.
    """
    if given is not None:
        return Path(given)
    return gallery / IN_GALLERY if isinstance(gallery, Path) else None


@contextmanager
def open_ledger(folder: Path, created: str) -> Iterator[Ledger]:
    """The ledger in a folder, made if need be; within the block no other process has it.

    Args:
        folder: of it.
        created: when the gallery was made, which tells it from others.

    Raises:
        StorageError: it cannot be written, or another process has it.
        DataError: it is damaged, of a newer version, or of another gallery.
    """
    path = make_folder(folder) / LEDGER
    with only_writer_of(path), _opened(path, "rwc", _TO_WRITE, _PATIENCE_OF_WRITERS) as ledger:
        yield ledger._of_gallery(created)


@contextmanager
def shared_ledger(folder: Path, created: str) -> Iterator[Ledger | None]:
    """The ledger in a folder, to remove passes, also while another process takes films in.

    Args:
        folder: of it.
        created: when the gallery was made.

    Returns:
        None if there is none.

    Raises:
        StorageError: it cannot be written.
        DataError: it is damaged, of a newer version, or of another gallery.
    """
    path = folder / LEDGER
    if not path.exists():
        yield None
        return
    with _opened(path, "rw", _TO_WRITE, _PATIENCE_OF_WRITERS) as ledger:
        yield ledger._of_gallery(created)


@contextmanager
def read_ledger(folder: Path, created: str) -> Iterator[Ledger | None]:
    """The ledger in a folder, to be read while another process writes; None if there is none.

    Args:
        folder: of it.
        created: when the gallery was made.

    Raises:
        StorageError: it cannot be read now.
        DataError: it is damaged, of a newer version, or of another gallery.
    """
    path = folder / LEDGER
    if not path.exists():
        yield None
        return
    # Not read-only: a journal of a killed process is carried out.
    with _opened(path, "rw", ("query_only = on",), _PATIENCE) as ledger:
        yield ledger._of_gallery(created) if ledger._version() else None


@contextmanager
def _opened(
    path: Path, mode: Literal["rw", "rwc"], pragmas: Sequence[str], patience: float
) -> Iterator[Ledger]:
    """A ledger that is open, of whichever gallery; ``rwc`` makes the file."""
    place = f"{path.absolute().as_uri()}?mode={mode}"
    with (
        _sqlite_errors(path),
        closing(sqlite3.connect(place, uri=True, timeout=patience)) as connection,
    ):
        for pragma in pragmas:
            connection.execute(f"pragma {pragma}")
        yield Ledger(path, connection)


@contextmanager
def _sqlite_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StorageError(
            f"cannot read or write {path}: {error}; free some space, correct its permissions or "
            "wait for the process that uses it, and run the command again"
        ) from error
    except sqlite3.DatabaseError as error:
        raise DataError(
            f"{path} is damaged ({error}): move it away, and take the films in anew; "
            "sightings that the gallery already has are not added again"
        ) from error


def _insert(connection: sqlite3.Connection, table: str, rows: Sequence[Sequence[Any]]) -> None:
    if rows:
        places = ", ".join("?" * len(rows[0]))
        connection.executemany(f"insert or replace into {table} values ({places})", rows)  # noqa: S608


def _names(kind: type[Any]) -> list[str]:
    return [each.name for each in fields(kind)]


def _film_of(row: Sequence[Any]) -> FilmRecord:
    named: dict[str, Any] = dict(zip(_names(FilmRecord), row, strict=True))
    named |= {"finished": bool(named["finished"])}
    return FilmRecord(**{**named, "remarks": tuple(json.loads(named["remarks"]))})


def _pass_of(row: dict[str, Any]) -> Pass:
    values = {name: value for name, value in row.items() if name != "film"}
    return Pass(**{**values, "path": json.loads(values["path"])})


def _row(film: str, each: Pass) -> tuple[Any, ...]:
    *plain, path = vars(each).values()
    return film, *plain, json.dumps(path)
