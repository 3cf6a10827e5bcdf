"""The changes of a gallery on a Milvus server, by any number of writers at once.

Milvus has no transactions, and no way to write only what nobody else wrote. So a small collection
says what happened to the large ones, a record for each step, and readers believe it alone:

- a change takes a number (`ChangeLog.begin`): the writer records that it has begun the next number,
  and reads all records. If it is alone there, and none is above, the number is its own. Of two that
  took the same one, at least the second sees the other and withdraws, so that no number is ever
  given twice, and a change that begins after another has ended has a higher one;
- the sightings of an addition are numbered from ``change << 24`` on. They are seen when its end is
  recorded: all of them, or none. What a killed writer left is never seen, and `compact` removes it
  when it is older than `GIVEN_UP` seconds;
- a deletion is the expression that its sightings meet. They are seen no more when it is recorded;
  `compact` removes them. It announces that, and waits `GRACE` seconds: whoever reads an older state
  for longer reads the records again, and ends with an error if what it reads was to be removed;
- a change of the model is a change, too. It waits until additions that began before it have ended,
  and additions that begin while it is under way are made again later; one that has not ended after
  `SWITCHING` seconds counts as given up;
- records of ended changes are counted and removed when there are more than `RECORDS`.

Each record has the server's timestamp from which on all that it tells of can be read.
"""

import random
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any, Self

from platefree.errors import StorageError
from platefree.gallery.milvus_engine import MilvusAddress, MilvusServer, Records, milvus_client

ROW_BITS = 24
"""A sighting's number is that of the change that added it, and in the lowest bits its place."""

GRACE, SWITCHING, GIVEN_UP = 10.0, 60.0, 3_600.0
RECORDS = 64

_TRIES = 50  # to take a number
_SWITCH = "switch"
_PATIENCE, _TURNS = 5.0, 15  # seconds that a change of the model waits for additions, how often
_TEXT = 60_000  # bytes; the server takes 65,535
_FIELDS = ("id", "change", "kind", "part", "at", "text")
_EVERY = 'id != ""'
_ENDS = ("ended", "deleted", "purging")


@dataclass(frozen=True)
class Changes:
    """What the records say at one moment.

    Attributes:
        version: how many changes there have been.
        newest: the highest number of a change.
        begun: number of each change that has not ended -> the server's timestamp of its beginning.
        switches: those of them that change the model.
        deletions: number of each deletion whose sightings are still there -> what they meet.
        purged: number of the last removal that was announced.
        at: a timestamp from which on all of it can be read.
        notes: what else is kept: name -> text.
        read: when they were read, on the clock of this process.
    """

    version: int = 0
    newest: int = 0
    begun: dict[int, int] = field(default_factory=dict)
    switches: frozenset[int] = frozenset()
    deletions: dict[int, str] = field(default_factory=dict)
    purged: int = 0
    at: int = 1
    notes: dict[str, str] = field(default_factory=dict)
    read: float = 0.0

    def expression(self) -> str:
        """What every sighting meets that is seen."""
        parts = [f"number < {(self.newest + 1) << ROW_BITS}"]
        parts += [f"not ({numbers_of(change)})" for change in sorted(self.begun)]
        parts += [f"not ({text})" for _, text in sorted(self.deletions.items())]
        return " and ".join(parts)

    @property
    def settled(self) -> int:
        """The number of a sighting below which none will be added."""
        return min(self.begun, default=self.newest + 1) << ROW_BITS

    def waits(self, change: int) -> bool:
        """Whether a change of the model is under way, for which another change has to wait."""
        return any(self._younger(each, change, SWITCHING) for each in self.switches - {change})

    def disturbs(self, change: int) -> bool:
        """Whether additions are under way that began before this change of the model."""
        additions = self.begun.keys() - self.switches
        return any(each < change and self._younger(each, change, GIVEN_UP) for each in additions)

    def _younger(self, change: int, than: int, seconds: float) -> bool:
        """Whether a change began less than so long before another."""
        return (self.begun[than] - self.begun[change]) >> 18 < 1_000 * seconds


def numbers_of(change: int) -> str:
    """The expression that the sightings meet which a change added."""
    return f"({change << ROW_BITS} <= number < {(change + 1) << ROW_BITS})"


class ChangeLog:
    """The records of one gallery.

    Args:
        server: that has them.
        collection: in which they are; it is made by `create`.
    """

    def __init__(self, server: MilvusServer, collection: str) -> None:
        self.server, self.collection = server, collection
        self._newest, self._there, self._many = 0, False, False

    @classmethod
    def of(cls, address: MilvusAddress) -> Self:
        """The records of the gallery at an address."""
        return cls(MilvusServer(address), f"{address.name}_changes")

    def exists(self) -> bool:
        """Whether there are any."""
        self._there = self._there or self.server.has(self.collection)
        return self._there

    def create(self) -> None:
        """Make an empty collection of records; one that is there stays."""
        if not self.exists():
            index = {"index_type": "FLAT", "metric_type": "L2", "params": {}}
            self.server.create(self.collection, _fields(), index, partitions=0)

    def read(self) -> Changes:
        """What they say now: everything that has ended before is in it."""
        return self._state(self._records()) if self.exists() else Changes(read=monotonic())

    def begin(self, what: str = "") -> tuple[int, Changes]:
        """Take the next number.

        Returns:
            The number, and the records, in which it has begun.

        Raises:
            StorageError: others write all the time.
        """
        for attempt in range(_TRIES):
            change, name = self._newest + 1, uuid.uuid4().hex
            self._insert("begun", change, name, text=what)
            records = self._records()
            self._newest = max(each["change"] for each in records)
            if not any(each["change"] >= change and each["id"] != name for each in records):
                self._many = len(records) > RECORDS
                return change, self._state(records)
            self.server.delete(self.collection, f'id in ["{name}"]')
            sleep(random.uniform(0, min(2.0, 0.05 * 2**attempt)))  # noqa: S311
        raise StorageError(
            f"too many processes write to {self.server.address} at once: no turn in "
            f"{_TRIES} tries; try again"
        )

    def begin_switch(self) -> int:
        """Take the next number for a change of the model, when no addition is under way.

        Raises:
            StorageError: one is all the time.
        """
        for _ in range(_TURNS):
            change, now = self.begin(_SWITCH)
            end = monotonic() + _PATIENCE
            while (blocked := now.waits(change) or now.disturbs(change)) and monotonic() < end:
                sleep(0.1)
                now = self.read()
            if not blocked:
                return change
            self.end(change)
            sleep(random.uniform(0, 1))  # noqa: S311 - for those that wait
        raise StorageError(
            f"an addition to {self.server.address} has been under way for a minute. Run the same "
            "command again when it has ended; one whose writer was killed counts as given up "
            f"after {GIVEN_UP / 60:.0f} minutes"
        )

    def end(self, change: int) -> None:
        """Record that a change has ended: what it wrote is seen from now on."""
        self._insert("ended", change)
        if self._many:
            self._condense()

    def delete(self, change: int, expression: str) -> None:
        """End a change that deletes the sightings that meet an expression."""
        self._insert("deleted", change, text=expression)

    def purge(self, change: int) -> None:
        """End a change that announces that deleted sightings will be removed."""
        self._insert("purging", change)

    def removed(self, deletions: list[int]) -> None:
        """The sightings of these deletions are no longer there."""
        for change in deletions:
            self._insert("ended", change)
            self.server.delete(self.collection, f'change == {change} and kind in ["deleted"]')

    def note(self, name: str, text: str) -> None:
        """Keep a text."""
        self._insert(f"note {name}", 0, text=text)

    def _records(self) -> Records:
        return self.server.query(self.collection, _EVERY, _FIELDS, at=0)

    def _insert(self, kind: str, change: int, name: str = "", text: str = "") -> None:
        """Insert the records of one step, which are seen together."""
        parts, at = _pieces(text), self.server.timestamp()
        records = [
            {
                "id": name or uuid.uuid4().hex,
                "change": change,
                "kind": kind,
                "part": part,
                "at": at,
                "text": piece,
                "vector": [0.0, 0.0],
            }
            for part, piece in enumerate(parts)
        ]
        self.server.insert(self.collection, records)

    def _state(self, records: Records) -> Changes:
        read = monotonic()
        by_kind = defaultdict[str, Records](list)
        for each in records:
            by_kind[each["kind"]].append(each)
        ended = {each["change"] for kind in _ENDS for each in by_kind[kind]}
        counted, count = _counted(by_kind["counted"])
        begun = [
            each
            for each in by_kind["begun"]
            if each["change"] not in ended and each["change"] > counted
        ]
        return Changes(
            version=count + sum(change > counted for change in ended),
            newest=max((each["change"] for each in records), default=0),
            begun={each["change"]: each["at"] for each in begun},
            switches=frozenset(each["change"] for each in begun if each["text"] == _SWITCH),
            deletions=_texts(by_kind["deleted"], lambda each: int(each["change"])),
            purged=max((each["change"] for each in by_kind["purging"]), default=0),
            at=max((each["at"] for each in records), default=1),
            notes=_texts(
                [each for kind in by_kind if kind.startswith("note ") for each in by_kind[kind]],
                lambda each: str(each["kind"]).partition(" ")[2],
            ),
            read=read,
        )

    def _condense(self) -> None:
        """Count the records of changes that have ended, and remove them."""
        records = self._records()
        state = self._state(records)
        upto = min(state.begun, default=state.newest + 1) - 1
        ended = {each["change"] for each in records if each["kind"] in _ENDS}
        counted, count = _counted([each for each in records if each["kind"] == "counted"])
        count += sum(counted < change <= upto for change in ended)
        if upto <= counted:
            return
        self._insert("counted", upto, text=str(count))
        old = (
            f'(kind in ["begun", "ended"] and 0 < change <= {upto})',
            f'(kind in ["purging"] and change <= {upto} and change < {state.purged})',
            f'(kind in ["counted"] and change < {upto})',
        )
        self.server.delete(self.collection, " or ".join(old))


def _counted(records: Records) -> tuple[int, int]:
    """Up to which change the changes were counted, and how many there were."""
    return max(((each["change"], int(each["text"])) for each in records), default=(0, 0))


def _texts(records: Records, key: Callable[[dict[str, Any]], Any]) -> dict[Any, str]:
    """The texts of records, whose parts are joined; of two with one name, the earlier."""
    first = dict[Any, int]()
    for each in records:
        first[key(each)] = min(each["at"], first.get(key(each), each["at"]))
    parts = defaultdict[Any, dict[int, str]](dict)
    for each in records:
        if each["at"] == first[key(each)]:
            parts[key(each)][each["part"]] = each["text"]
    return {name: "".join(text for _, text in sorted(each.items())) for name, each in parts.items()}


def _pieces(text: str) -> list[str]:
    """A text in pieces that fit into a field."""
    size = _TEXT // 4  # characters, of at most 4 bytes
    return [text[at : at + size] for at in range(0, len(text), size)] or [""]


def _fields() -> Any:  # noqa: ANN401
    client = milvus_client()
    kinds, fields = client.DataType, client.MilvusClient.create_schema(auto_id=False)
    fields.add_field("id", kinds.VARCHAR, max_length=64, is_primary=True)
    for name in ("change", "part", "at"):
        fields.add_field(name, kinds.INT64)
    fields.add_field("kind", kinds.VARCHAR, max_length=64)
    fields.add_field("text", kinds.VARCHAR, max_length=65_535)
    fields.add_field("vector", kinds.FLOAT_VECTOR, dim=2)  # without one there is no collection
    return fields
