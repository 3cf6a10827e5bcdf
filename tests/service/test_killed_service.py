"""A service that is killed at any moment: what it acknowledged is there, and it starts again."""

import os
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import psutil
import pytest
from ready import forkserver
from serve_lot import serve_lot

import platefree as pf
from platefree.audit.audit_check import read_entries, verify_audit
from platefree.service.accounts import Accounts
from platefree.service.client_connection import ServiceError
from platefree.service.register import Register
from platefree.service.sessions import Sessions
from platefree.storage.disk import TEMPORARY
from platefree.types import Sightings

PASSWORD = "a password of the tests"  # noqa: S105
SECONDS = 0.5  # the longest time for which it is asked when each was answered once


@contextmanager
def served(lot: Path, log: Path) -> Iterator[tuple[ForkServerProcess, str]]:
    """Within the block the service runs in a process of its own: it, and its address."""
    here, there = forkserver.Pipe(duplex=False)
    process = forkserver.Process(target=serve_lot, args=(lot, log, there))
    process.start()
    there.close()
    try:
        assert here.poll(60), log.read_text()
        yield process, f"http://127.0.0.1:{here.recv()}"
    finally:
        process.kill()
        process.join()
        process.close()
        here.close()


@dataclass
class Asker:
    """Somebody who changes something again and again, and knows what has to be there.

    Attributes:
        name: of all that it makes.
        state: what was acknowledged.
        asked: what there is if that which is being asked is done, too.
        lines: what the audit log has to have: an action, and a word of its line.
        refused: what was refused, which nothing should be.
    """

    name: str
    state: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, Any] = field(default_factory=dict)
    lines: list[tuple[str, str]] = field(default_factory=list)
    refused: str = ""
    count: int = 0

    def word(self) -> str:
        self.count += 1
        return f"{self.name}-{self.count}"

    def change(self, do: Callable[[], object], after: dict[str, Any], action: str, of: str) -> None:
        """Ask for something; it is acknowledged when this returns."""
        self.asked = after
        do()
        self.state = after
        self.lines.append((action, of))

    def found(self, there: dict[str, Any]) -> None:
        """What there is after the kill: what was acknowledged, with what was being asked or not."""
        assert there in (self.state, self.asked), self.name
        self.state = self.asked = there


class OfCases(Asker):
    """Makes, changes and deletes cases, and marks sightings in them."""

    def ask(self, client: pf.Client, chance: random.Random, numbers: list[int]) -> None:
        word, cases = self.word(), client.cases
        name = chance.choice([*self.state, ""])
        if not name or len(self.state) < 2:
            after = {**self.state, word: ("", {})}
            self.change(lambda: cases.make(word), after, "case.made", word)
            return
        (key,) = [each["case"] for each in cases.all() if each["name"] == name]
        note, marks = self.state[name]
        kind = chance.choice(["note", "mark", "mark", "mark", "out", "delete"])
        if kind == "note":
            after = {**self.state, name: (word, marks)}
            self.change(lambda: cases.change(key, note=word), after, "case.changed", word)
        elif kind == "mark":
            some, mark = chance.sample(numbers, 5), chance.choice(["yes", "no", "similar"])
            after = {**self.state, name: (note, {**marks, **dict.fromkeys(some, (mark, word))})}
            self.change(
                lambda: cases.put(key, some, mark=mark, note=word), after, "case.sightings", word
            )
        elif kind == "out" and marks:
            number = chance.choice(list(marks))
            rest = {each: said for each, said in marks.items() if each != number}
            after = {**self.state, name: (note, rest)}
            self.change(lambda: cases.take_out(key, number), after, "case.taken-out", key)
        elif kind == "delete":
            after = {each: said for each, said in self.state.items() if each != name}
            self.change(lambda: cases.delete(key), after, "case.deleted", name)

    def there(self, client: pf.Client) -> dict[str, Any]:
        found = {}
        for each in client.cases.all():
            if each["name"].startswith(f"{self.name}-"):
                whole = client.cases.find(each["case"])
                said = {row["number"]: (row["mark"], row["note"]) for row in whole["sightings"]}
                found[each["name"]] = (whole["note"], said)
        return found


class OfAccounts(Asker):
    """Makes and removes accounts."""

    def ask(self, client: pf.Client, chance: random.Random, numbers: list[int]) -> None:
        connection = client._connection
        if len(self.state) > 2:
            name = chance.choice(list(self.state))
            after = {each: role for each, role in self.state.items() if each != name}
            path = f"/api/accounts/{name}"
            self.change(lambda: connection.ask("DELETE", path), after, "account.removed", name)
            return
        name, role = self.word(), chance.choice(["viewer", "analyst"])
        asked = {"name": name, "role": role, "password": PASSWORD}
        after = {**self.state, name: role}
        self.change(
            lambda: connection.json("POST", "/api/accounts", asked), after, "account.added", name
        )

    def there(self, client: pf.Client) -> dict[str, Any]:
        found = client._connection.json("GET", "/api/accounts")
        mine = [each for each in found if each["name"].startswith(f"{self.name}-")]
        return {each["name"]: each["role"] for each in mine}


@dataclass
class OfSearches(Asker):
    """Uploads pictures and searches with marks; what it changes is the audit log alone."""

    picture: Path = Path()

    def ask(self, client: pf.Client, chance: random.Random, numbers: list[int]) -> None:
        word, (yes, no) = self.word(), chance.sample(numbers, 2)
        feedback = pf.Feedback(yes=[yes], no=[no])
        self.change(
            lambda: client.search(self.picture, feedback=feedback, top=3, reason=word),
            *({}, "search", f'"{word}"'),
        )

    def there(self, client: pf.Client) -> dict[str, Any]:
        return {}


def ask_until_it_is_killed(
    asker: Any,  # noqa: ANN401
    address: str,
    token: str,
    numbers: list[int],
    seed: int,
) -> None:
    chance = random.Random(seed)  # noqa: S311
    with pf.Client(address, token) as client:
        while True:
            try:
                asker.ask(client, chance, numbers)
            except ServiceError as error:
                asker.refused = "" if error.status == 0 else str(error)  # 0: it does not answer
                return


def check_log(folder: Path, askers: list[Any]) -> None:
    """The chain holds, and every change that was acknowledged has its line."""
    count = verify_audit(folder).end.entries
    lines = [(each.action, each.model_dump_json()) for each in read_entries(folder, count)]
    of = {action: [text for each, text in lines if each == action] for action, _ in lines}
    for asker in askers:
        for action, word in asker.lines:
            assert any(word in text for text in of.get(action, ())), (action, word)


@pytest.mark.skipif(os.name != "posix", reason="needs kill -9")
def test_a_killed_service_loses_nothing_that_it_acknowledged(
    drawn_lot: Path, drawn_table: Sightings, tmp_path: Path, kills: int
) -> None:
    lot, log = shutil.copytree(drawn_lot, tmp_path / "lot"), tmp_path / "log"
    shutil.rmtree(lot / "service", ignore_errors=True)  # of other tests
    folder, chance = lot / "service", random.Random(kills)  # noqa: S311
    register = Register(folder)
    Accounts(register).add("root", "administrator", PASSWORD)
    token = Sessions(register).begin("root", "program")
    numbers = [hit.number or 0 for hit in pf.Gallery(lot).search(top=40).hits]
    askers: list[Any] = [OfCases("one"), OfCases("two"), OfAccounts("person")]
    askers += [OfSearches("search", picture=drawn_table.path(0))]
    for turn in range(kills + 1):
        with served(lot, log) as (process, address):
            with pf.Client(address, token) as client:
                for asker in askers:
                    asker.found(asker.there(client))
                if turn:
                    client.search(drawn_table.path(0), top=1)  # without repair
            check_log(folder, askers)
            left = [each.name for each in folder.iterdir() if each.name.startswith(TEMPORARY)]
            assert len([each for each in left if not each.endswith(".lock")]) == 1  # its own
            if turn == kills:
                break
            had = [len(asker.lines) for asker in askers]
            threads = [
                threading.Thread(
                    target=ask_until_it_is_killed,
                    args=(asker, address, token, numbers, 1_000 * turn + place),
                )
                for place, asker in enumerate(askers)
            ]
            for thread in threads:
                thread.start()
            while any(len(each.lines) == many for each, many in zip(askers, had, strict=True)):
                assert all(thread.is_alive() for thread in threads)
                time.sleep(0.01)
            time.sleep(chance.uniform(0, SECONDS))
            helpers = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            for thread in threads:
                thread.join(60)
                assert not thread.is_alive()
            assert not psutil.wait_procs(helpers, timeout=30)[1], "what decodes outlived it"
        assert [asker.refused for asker in askers] == [""] * len(askers)
        check_log(folder, askers)  # before anything mends it
    assert "Traceback" not in log.read_text()
