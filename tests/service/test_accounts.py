"""Accounts, lock-outs, and sessions that end."""

import sqlite3
import stat
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from live import live
from messages import facts

from platefree.audit.audit_log import AUDIT_LOG
from platefree.errors import DataError, StorageError
from platefree.service.accounts import FAILURES, LOCKED, Account, Accounts, LockedOut, LogInRefused
from platefree.service.register import Register
from platefree.service.sessions import LONGEST, PROGRAM, UNUSED, Sessions

QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
PASSWORD = "correct horse battery"  # noqa: S105


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(tmp_path: Path, clock: Callable[[], float]) -> Accounts:
    accounts = Accounts(Register(tmp_path / "service"), clock, QUICK)
    accounts.add("anna", "analyst", PASSWORD)
    return accounts


@pytest.fixture
def sessions(accounts: Accounts) -> Sessions:
    return Sessions(accounts.register, accounts.clock)


def test_a_password_opens_its_account_alone(accounts: Accounts) -> None:
    accounts.add("berta", "viewer", PASSWORD + "!")
    assert accounts.check("anna", PASSWORD) == Account("anna", "analyst")
    for name, password in (("anna", PASSWORD + "!"), ("nobody", PASSWORD), ("anna' OR 1 --", "x")):
        with pytest.raises(LogInRefused):
            accounts.check(name, password)
    assert [each.name for each in accounts.all()] == ["anna", "berta"]


def test_no_password_is_on_the_disk_and_nobody_else_may_read(accounts: Accounts) -> None:
    folder = accounts.register.folder
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    assert PASSWORD.encode() not in content
    assert b"$argon2id$" in content
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(accounts.register.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["anna", "nobody"])
def test_a_name_is_locked_after_wrong_passwords(
    accounts: Accounts, clock: Clock, name: str
) -> None:
    for _ in range(FAILURES):
        with pytest.raises(LogInRefused):
            accounts.check(name, "wrong")
    with pytest.raises(LockedOut, match=facts(15)):
        accounts.check(name, PASSWORD)
    clock.now += LOCKED + 1
    if name == "anna":
        assert accounts.check("anna", PASSWORD).name == "anna"
    else:
        with pytest.raises(LogInRefused, match=facts("name", "password")):
            accounts.check(name, PASSWORD)


def test_tries_at_the_same_time_are_all_counted(accounts: Accounts) -> None:
    def wrong(_: int) -> type[Exception]:
        with pytest.raises(LogInRefused) as refused:
            accounts.check("anna", "wrong")
        return refused.type

    with ThreadPoolExecutor(16) as pool:
        found = Counter(pool.map(wrong, range(32)))
    assert found == {LogInRefused: FAILURES, LockedOut: 32 - FAILURES}


def test_the_usual_hashes_are_those_of_rfc_9106(tmp_path: Path) -> None:
    accounts = Accounts(Register(tmp_path))
    hasher = accounts.hasher
    assert (hasher.time_cost, hasher.memory_cost, hasher.parallelism) == (3, 64 * 1024, 4)


def test_a_right_password_forgets_the_wrong_ones(accounts: Accounts) -> None:
    for _ in range(3):
        for _ in range(FAILURES - 1):
            with pytest.raises(LogInRefused):
                accounts.check("anna", "wrong")
        accounts.check("anna", PASSWORD)


@pytest.mark.parametrize("name", ["", "a b", "../x", "a" * 65, "-x", "é", "Local"])
def test_names_and_passwords_that_are_none(accounts: Accounts, name: str) -> None:
    with pytest.raises(DataError, match=facts("letters", 64)):
        accounts.add(name, "viewer", PASSWORD)
    with pytest.raises(DataError, match=facts(5, 12)):
        accounts.add("carla", "viewer", "short")
    with pytest.raises(DataError, match=facts("anna")):
        accounts.add("anna", "viewer", PASSWORD)
    for change in (accounts.remove, lambda name: accounts.change_role(name, "viewer")):
        with pytest.raises(DataError, match=facts("carla")):
            change("carla")


def test_a_session_ends_when_it_is_not_used(sessions: Sessions, clock: Clock) -> None:
    secret = sessions.begin("anna", "page")
    for _ in range(5):
        clock.now += UNUSED - 70
        assert sessions.find(secret) == (Account("anna", "analyst"), "page")
    clock.now += UNUSED + 1
    assert sessions.find(secret) is None


def test_a_session_ends_however_it_is_used(sessions: Sessions, clock: Clock) -> None:
    page, program = sessions.begin("anna", "page"), sessions.begin("anna", "program")
    end = clock.now + LONGEST
    while clock.now < end - 600:
        assert sessions.find(page) is not None
        clock.now += 600
    clock.now = end
    assert sessions.find(page) is None
    assert sessions.find(program) == (Account("anna", "analyst"), "program")
    clock.now += PROGRAM
    assert sessions.find(program) is None


def test_sessions_end_with_what_they_stand_for(accounts: Accounts, sessions: Sessions) -> None:
    for change in (
        lambda: accounts.change_password("anna", PASSWORD + "?"),
        lambda: accounts.change_role("anna", "viewer"),
        lambda: sessions.end_all("anna"),
        lambda: accounts.remove("anna"),
    ):
        secret = sessions.begin("anna", "program")
        assert sessions.find(secret) is not None
        change()
        assert sessions.find(secret) is None
    other = sessions.begin("nobody", "page")
    assert sessions.find(other) is None


def test_a_secret_is_not_on_the_disk(sessions: Sessions) -> None:
    secret = sessions.begin("anna", "page")
    folder = sessions.register.folder
    assert secret.encode() not in b"".join(path.read_bytes() for path in folder.iterdir())
    sessions.end(secret)
    assert sessions.find(secret) is None
    assert sessions.find("\ud800") is None


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    register = Register(tmp_path)
    register.path.write_bytes(b"no database" * 100)
    with pytest.raises(StorageError, match=facts("accounts.sqlite3")):
        Accounts(register).all()
    assert issubclass(sqlite3.DatabaseError, sqlite3.Error)


def test_nothing_is_done_that_cannot_be_written_down(drawn_lot: Path, tmp_path: Path) -> None:
    with live(drawn_lot, folder=tmp_path) as served:
        account = {"name": "bob", "role": "viewer", "password": "p" * 12}
        assert served.ask("POST", "/api/accounts", account).status == 201
        case = served.ask("POST", "/api/cases", {"name": "van"}).json["case"]
        before = served.service.cases.find(case)
        (tmp_path / AUDIT_LOG).write_bytes(b"")
        number = served.service.gallery.store.latest(top=1).tolist()[0]
        for method, path, content in (
            ("POST", "/api/accounts", {**account, "name": "mallory"}),
            ("DELETE", "/api/accounts/bob", None),
            ("POST", "/api/cases", {"name": "lorry"}),
            ("PATCH", f"/api/cases/{case}", {"name": "lorry"}),
            ("PUT", f"/api/cases/{case}/sightings", {"sightings": [{"number": number}]}),
            ("DELETE", f"/api/cases/{case}", None),
        ):
            assert served.ask(method, path, content).status >= 400
        assert [each.name for each in served.service.accounts.all()] == ["bob"]
        assert served.service.cases.all() == [before]
