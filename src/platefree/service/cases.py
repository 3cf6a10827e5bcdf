"""Cases: named sets of sightings, each with a mark and a note, and who put it there when.

They are kept in the register, beside the accounts. What was forgotten by the gallery is taken out
of all cases: only how many there were is kept.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from platefree.errors import DataError
from platefree.service.register import Register

Mark = Literal["", "yes", "no", "similar"]

MOST_CASES, MOST_SIGHTINGS = 10_000, 2_000
"""Cases of a gallery, and sightings of a case."""

_CASE = "key, name, note, maker, made, changed, gone"


class NoSuchCase(DataError):
    """A case is asked for that is not there."""


@dataclass(frozen=True)
class CaseSighting:
    """A sighting in a case.

    Attributes:
        number: of it.
        mark: whether it shows the vehicle; empty is not said.
        note: of whoever put it there or changed it last.
        who: that was.
        at: when, seconds since 1970.
    """

    number: int
    mark: Mark = ""
    note: str = ""
    who: str = ""
    at: float = 0.0


class Saying(NamedTuple):
    """What is said of a sighting that is, or will be, in a case.

    Attributes:
        number: of it.
        mark: whether it shows the vehicle; None leaves what was said.
        note: None leaves it.
    """

    number: int
    mark: Mark | None = None
    note: str | None = None


@dataclass(frozen=True)
class Case:
    """A named set of sightings.

    Attributes:
        key: that nobody can guess.
        name: for people.
        note: for people.
        maker: the account that made it.
        made: seconds since 1970.
        changed: when anything of it was changed last.
        gone: sightings that were in it, and that the gallery has forgotten.
        sightings: by the times at which they were put there.
    """

    key: str
    name: str
    note: str
    maker: str
    made: float
    changed: float
    gone: int
    sightings: tuple[CaseSighting, ...] = ()


@dataclass(frozen=True)
class Cases:
    """The cases of a gallery.

    Attributes:
        register: the file that keeps them.
        gallery: when it was made, which tells it from another one in its place.
        clock: seconds since 1970.
    """

    register: Register
    gallery: str
    clock: Callable[[], float] = time.time

    def all(self) -> list[Case]:
        """All cases, the one that was changed last first."""
        if not self.register.path.exists():
            return []
        with self.register.opened() as file:
            select = f"SELECT {_CASE} FROM cases WHERE gallery = ? ORDER BY changed DESC, key"  # noqa: S608
            cases = [Case(*row) for row in file.execute(select, [self.gallery])]
        return [self._filled(each) for each in cases]

    def find(self, key: str) -> Case:
        """The case of a key.

        Raises:
            NoSuchCase: there is none.
        """
        if self.register.path.exists():
            with self.register.opened() as file:
                select = f"SELECT {_CASE} FROM cases WHERE key = ? AND gallery = ?"  # noqa: S608
                row = file.execute(select, [key, self.gallery]).fetchone()
            if row is not None:
                return self._filled(Case(*row))
        raise NoSuchCase("there is no such case: it was deleted, or never there")

    def make(self, name: str, note: str, who: str) -> Case:
        """Make a case.

        Raises:
            DataError: there are too many.
        """
        key, now = secrets.token_hex(8), self.clock()
        with self.register.opened() as file:
            count = "SELECT count(*) FROM cases WHERE gallery = ?"
            if file.execute(count, [self.gallery]).fetchone()[0] >= MOST_CASES:
                raise DataError(f"there are {MOST_CASES:,} cases: delete some that are closed")
            insert = "INSERT INTO cases VALUES (?, ?, ?, ?, ?, ?, ?, 0)"
            file.execute(insert, [key, self.gallery, name, note, who, now, now])
        return self.find(key)

    def change(self, key: str, name: str | None, note: str | None) -> Case:
        """Give a case another name or note; None leaves it.

        Raises:
            NoSuchCase: there is none.
        """
        self.find(key)
        with self.register.opened() as file:
            file.execute(
                "UPDATE cases SET name = coalesce(?, name), note = coalesce(?, note), changed = ? "
                "WHERE key = ?",
                [name or None, note, self.clock(), key],
            )
        return self.find(key)

    def put(self, key: str, sayings: Sequence[Saying], who: str) -> Case:
        """Put sightings into a case, or change what is said of those that are in it.

        Args:
            key: of the case.
            sayings: each of another sighting.
            who: puts them there.

        Raises:
            NoSuchCase: there is none.
            DataError: they would be too many.
        """
        self.find(key)
        now = self.clock()
        rows = [[key, *each, who, now] for each in sayings]
        with self.register.opened() as file:
            file.execute("BEGIN IMMEDIATE")
            file.executemany(
                "INSERT INTO case_sightings "
                "VALUES (?1, ?2, coalesce(?3, ''), coalesce(?4, ''), ?5, ?6) "
                "ON CONFLICT (case_key, number) DO UPDATE "
                "SET mark = coalesce(?3, mark), note = coalesce(?4, note), who = ?5, at = ?6",
                rows,
            )
            count = "SELECT count(*) FROM case_sightings WHERE case_key = ?"
            if file.execute(count, [key]).fetchone()[0] > MOST_SIGHTINGS:
                raise DataError(f"a case holds {MOST_SIGHTINGS:,} sightings at most: make another")
            file.execute("UPDATE cases SET changed = ? WHERE key = ?", [now, key])
        return self.find(key)

    def take_out(self, key: str, number: int) -> Case:
        """Take a sighting out of a case.

        Raises:
            NoSuchCase: there is none, or the sighting is not in it.
        """
        self.find(key)
        with self.register.opened() as file:
            delete = "DELETE FROM case_sightings WHERE case_key = ? AND number = ?"
            if not file.execute(delete, [key, number]).rowcount:
                raise NoSuchCase(f"sighting {number} is not in this case")
            file.execute("UPDATE cases SET changed = ? WHERE key = ?", [self.clock(), key])
        return self.find(key)

    def delete(self, key: str) -> None:
        """Delete a case; its sightings stay in the gallery.

        Raises:
            NoSuchCase: there is none.
        """
        self.find(key)
        with self.register.opened() as file:
            file.execute("DELETE FROM case_sightings WHERE case_key = ?", [key])
            file.execute("DELETE FROM cases WHERE key = ?", [key])

    def numbers(self) -> list[int]:
        """The sightings of all cases, each once."""
        if not self.register.path.exists():
            return []
        with self.register.opened() as file:
            select = (
                "SELECT DISTINCT number FROM case_sightings JOIN cases ON case_key = key "
                "WHERE gallery = ? ORDER BY number"
            )
            return [number for (number,) in file.execute(select, [self.gallery])]

    def forget(self, numbers: Iterable[int]) -> None:
        """Take sightings out of all cases, which keep how many there were."""
        with self.register.opened() as file:
            file.execute("BEGIN IMMEDIATE")
            for number in numbers:
                inside = (
                    "SELECT case_key FROM case_sightings JOIN cases ON case_key = key "
                    "WHERE number = ? AND gallery = ?"
                )
                keys = file.execute(inside, [number, self.gallery]).fetchall()
                for (key,) in keys:
                    file.execute("UPDATE cases SET gone = gone + 1 WHERE key = ?", [key])
                    delete = "DELETE FROM case_sightings WHERE case_key = ? AND number = ?"
                    file.execute(delete, [key, number])

    def _filled(self, case: Case) -> Case:
        with self.register.opened() as file:
            select = (
                "SELECT number, mark, note, who, at FROM case_sightings WHERE case_key = ? "
                "ORDER BY at, number"
            )
            rows = file.execute(select, [case.key]).fetchall()
        return replace(case, sightings=tuple(CaseSighting(*row) for row in rows))
