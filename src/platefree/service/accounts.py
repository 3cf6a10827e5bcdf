"""Accounts: a name, what it may do, and a password that is kept as a hash alone.

Hashes are argon2id with the library's parameters (RFC 9106, the second recommended: 64 MiB). After
`FAILURES` wrong passwords in a row a name is locked for `LOCKED`, whether there is such an account
or not, so that nobody learns which names there are; a name that is unknown takes as long to refuse.
"""

import math
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Final, Literal, get_args

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from platefree.errors import DataError, PlatefreeError
from platefree.service.register import Register

Role = Literal["viewer", "analyst", "administrator"]

ROLES: Final[tuple[Role, ...]] = get_args(Role)
"""What accounts may do, each also what those before it may."""

RESERVED: Final = ("anybody", "local", "nobody", "platefree")
"""Names by which the audit log calls what is no account."""

FAILURES, LOCKED = 5, 900.0
"""Wrong passwords in a row, and the seconds for which a name is locked then."""

SHORTEST, LONGEST = 12, 1_000
"""Characters of a password."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_AT_A_TIME = 2  # hashes that are computed at once, 64 MiB each
_FORGOTTEN = 86_400.0  # seconds after which failures are no longer counted


class LogInRefused(PlatefreeError):
    """A name and password that open nothing."""


class LockedOut(LogInRefused):
    """A name that was given with too many wrong passwords."""


@dataclass(frozen=True)
class Account:
    """Somebody who may use the service.

    Attributes:
        name: of the account.
        role: what it may do.
    """

    name: str
    role: Role


@dataclass(frozen=True)
class Accounts:
    """The accounts of a gallery.

    Attributes:
        register: the file that keeps them.
        clock: seconds since 1970.
        hasher: of passwords.
    """

    register: Register
    clock: Callable[[], float] = time.time
    hasher: PasswordHasher = field(default_factory=PasswordHasher)
    _turns: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(_AT_A_TIME))

    def all(self) -> list[Account]:
        """All accounts, by name."""
        if not self.register.path.exists():
            return []
        with self.register.opened() as file:
            rows = file.execute("SELECT name, role FROM accounts ORDER BY name").fetchall()
        return [Account(*row) for row in rows]

    def find(self, name: str) -> Account | None:
        """The account of this name; None if there is none."""
        with self.register.opened() as file:
            row = file.execute("SELECT name, role FROM accounts WHERE name = ?", [name]).fetchone()
        return None if row is None else Account(*row)

    def add(self, name: str, role: Role, password: str) -> Account:
        """Make an account.

        Raises:
            DataError: the name is none or is taken, or the password is too short.
        """
        if _NAME.fullmatch(name) is None or name.lower() in RESERVED:
            raise DataError(
                f"account {name[:80]!r}, expected letters, digits and . _ @ -, at most 64, and not "
                f"one of {', '.join(RESERVED)}"
            )
        hashed = self._hash(password)
        with self.register.opened() as file:
            if file.execute("SELECT 1 FROM accounts WHERE name = ?", [name]).fetchone():
                raise DataError(f"there is an account {name!r} already")
            row = [name, role, hashed, self.clock()]
            file.execute("INSERT INTO accounts VALUES (?, ?, ?, ?)", row)
        return Account(name, role)

    def change_password(self, name: str, password: str) -> None:
        """Give an account another password; its sessions end.

        Raises:
            DataError: there is no such account, or the password is too short.
        """
        self._change(name, "hash", self._hash(password))

    def change_role(self, name: str, role: Role) -> None:
        """Let an account do more or less; its sessions end.

        Raises:
            DataError: there is no such account.
        """
        self._change(name, "role", role)

    def remove(self, name: str) -> None:
        """Remove an account and its sessions.

        Raises:
            DataError: there is no such account.
        """
        with self.register.opened() as file:
            found = file.execute("DELETE FROM accounts WHERE name = ?", [name]).rowcount
            file.execute("DELETE FROM sessions WHERE name = ?", [name])
        _refuse_absent(name, found)

    def check(self, name: str, password: str) -> Account:
        """The account that a name and password open.

        Raises:
            LockedOut: the name is locked, whatever the password.
            LogInRefused: there is no such account, or it has another password.
        """
        self._note_try(name)
        with self.register.opened() as file:
            select = "SELECT name, role, hash FROM accounts WHERE name = ?"
            row = file.execute(select, [name]).fetchone()
        right = self._is_right(row[2] if row else _of_nobody(self.hasher), password)
        if row is None or not right:
            raise LogInRefused("the name or the password is wrong")
        with self.register.opened() as file:
            file.execute("DELETE FROM failures WHERE name = ?", [name])
        return Account(row[0], row[1])

    def _note_try(self, name: str) -> None:
        """Count a try as a failure before it is one, so that none is free that comes meanwhile."""
        now, key = self.clock(), name[:64]
        with self.register.opened() as file:
            file.execute("BEGIN IMMEDIATE")
            file.execute("DELETE FROM failures WHERE last <= ?", [now - _FORGOTTEN])
            row = file.execute("SELECT count, last FROM failures WHERE name = ?", [key]).fetchone()
            count, last = row or (0, 0.0)
            if count >= FAILURES and now < last + LOCKED:
                minutes = math.ceil((last + LOCKED - now) / 60)
                raise LockedOut(f"too many wrong passwords: try again in {minutes} minutes")
            count = 1 if count >= FAILURES else count + 1
            file.execute("INSERT OR REPLACE INTO failures VALUES (?, ?, ?)", [key, count, now])

    def _change(self, name: str, column: Literal["hash", "role"], value: str) -> None:
        with self.register.opened() as file:
            update = f"UPDATE accounts SET {column} = ? WHERE name = ?"  # noqa: S608 - one of two
            found = file.execute(update, [value, name]).rowcount
            file.execute("DELETE FROM sessions WHERE name = ?", [name])
        _refuse_absent(name, found)

    def _hash(self, password: str) -> str:
        if not SHORTEST <= len(password) <= LONGEST:
            raise DataError(
                f"a password of {len(password)} characters, expected {SHORTEST} to {LONGEST:,}"
            )
        with self._turns:
            return self.hasher.hash(password)

    def _is_right(self, hashed: str, password: str) -> bool:
        with self._turns:
            try:
                return self.hasher.verify(hashed, password[: LONGEST + 1])
            except (VerificationError, InvalidHashError):
                return False


@cache
def _of_nobody(hasher: PasswordHasher) -> str:
    """The hash of a password that nobody has, to take the same time."""
    return hasher.hash(secrets.token_urlsafe())


def _refuse_absent(name: str, found: int) -> None:
    if not found:
        raise DataError(f"there is no account {name[:80]!r}")
