"""Sessions: a secret that stands for an account until it expires or is ended.

Only the SHA-256 of a secret is kept. A session of the page ends `UNUSED` after it was last used and
`LONGEST` after it was begun; that of a program, which no cookie carries, after `PROGRAM`.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from platefree.service.accounts import Account
from platefree.service.register import Register

Kind = Literal["page", "program"]

UNUSED, LONGEST, PROGRAM = 3_600.0, 12 * 3_600.0, 90 * 86_400.0
"""Seconds."""

_NOTED: Final = 60.0  # a use is written down after so many seconds, not at each request


@dataclass(frozen=True)
class Sessions:
    """The sessions of a gallery's accounts.

    Attributes:
        register: the file that keeps them.
        clock: seconds since 1970.
    """

    register: Register
    clock: Callable[[], float] = time.time

    def begin(self, name: str, kind: Kind) -> str:
        """Begin a session of an account.

        Returns:
            Its secret, which is not kept.
        """
        secret, now = secrets.token_urlsafe(32), self.clock()
        ends = now + (LONGEST if kind == "page" else PROGRAM)
        with self.register.opened() as file:
            file.execute("DELETE FROM sessions WHERE ends <= ?", [now])
            row = [_digest(secret), name, kind, now, now, ends]
            file.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?)", row)
        return secret

    def find(self, secret: str) -> tuple[Account, Kind] | None:
        """Whose session a secret is, as that account is now; None if it is none, or has ended."""
        if not self.register.path.exists():
            return None
        now = self.clock()
        with self.register.opened() as file:
            row = file.execute(
                "SELECT name, role, kind, used FROM sessions JOIN accounts USING (name) "
                "WHERE digest = ? AND ends > ? AND (kind = 'program' OR used > ?)",
                [_digest(secret), now, now - UNUSED],
            ).fetchone()
            if row is None:
                return None
            if now - row[3] > _NOTED:
                used = [now, _digest(secret)]
                file.execute("UPDATE sessions SET used = ? WHERE digest = ?", used)
        return Account(row[0], row[1]), row[2]

    def end(self, secret: str) -> None:
        """End a session; one that is none is no fault."""
        with self.register.opened() as file:
            file.execute("DELETE FROM sessions WHERE digest = ?", [_digest(secret)])

    def end_all(self, name: str) -> int:
        """End all sessions of an account; returns how many there were."""
        with self.register.opened() as file:
            return file.execute("DELETE FROM sessions WHERE name = ?", [name]).rowcount


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True)
class TokenSessions:
    """The page's sessions of whoever gave the token of a service; they end with the process.

    Attributes:
        clock: seconds.
    """

    clock: Callable[[], float] = time.monotonic
    _kept: dict[str, tuple[float, float]] = field(default_factory=dict, repr=False)

    def begin(self) -> str:
        """Begin one; returns its secret."""
        secret, now = secrets.token_urlsafe(32), self.clock()
        for digest in [each for each in list(self._kept) if not self._lasts(each, now)]:
            self._kept.pop(digest, None)
        self._kept[_digest(secret)] = (now, now)
        return secret

    def find(self, secret: str) -> bool:
        """Whether a secret is of one that has not ended."""
        digest, now = _digest(secret), self.clock()
        if not self._lasts(digest, now):
            return False
        self._kept[digest] = (self._kept[digest][0], now)
        return True

    def end(self, secret: str) -> None:
        """End one; a secret of none is no fault."""
        self._kept.pop(_digest(secret), None)

    def _lasts(self, digest: str, now: float) -> bool:
        begun, used = self._kept.get(digest, (-LONGEST, -UNUSED))
        return now < begun + LONGEST and now < used + UNUSED and digest in self._kept
