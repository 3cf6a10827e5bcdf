"""A service: the gallery, who may ask, and what it keeps while it runs."""

import asyncio
import logging
import math
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from platefree.audit.audit_log import AuditLog
from platefree.errors import DataError, PlatefreeError
from platefree.gallery.audit_trail import SERVICE, AuditTrail, move_log
from platefree.gallery.stored_gallery import Gallery
from platefree.inference.detector import Detector
from platefree.machine import cpu_count
from platefree.service.accounts import Accounts
from platefree.service.cases import Cases
from platefree.service.choices import Choices
from platefree.service.counts import Counts
from platefree.service.decoder import Busy, Decoder
from platefree.service.film_reader import FilmReader
from platefree.service.job_table import JobTable, TooManyJobs
from platefree.service.rate_limits import RateLimit
from platefree.service.refusals import Refused
from platefree.service.register import Register
from platefree.service.rules import Rules
from platefree.service.sessions import Sessions, TokenSessions
from platefree.service.uploads import Uploads
from platefree.storage.files import temporary_folder
from platefree.storage.locks import sweep
from platefree.storage.private_folder import make_private

_RECEIVED = 8  # uploads that arrive at once, which are in memory until they have

_PAGE_FIRST = 3.0  # seconds in which a page that is opened at once has the processor for itself

_MINUTE = 60.0  # seconds
_SOON = 10 * _MINUTE  # after which retention that failed is tried again
_LOOK = 0.2  # from one look at a job to the next

DAY = 86_400.0
"""Seconds."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RateLimits:
    """How often each may ask."""

    requests: RateLimit
    searches: RateLimit
    slow: RateLimit
    log_ins: RateLimit


class Service:
    """All that requests need; use `close` at the end.

    Args:
        gallery: that is searched.
        rules: who may use it, and how.
        folder: for accounts, the audit log, and what is uploaded while it runs; by default
            ``service`` in that of the gallery.
        detector: loads one of vehicles on whole pictures, when it is first needed; None finds
            none.

    Raises:
        DataError: the gallery is on a server and no folder is given.
        StorageError: the folder cannot be written.
    """

    def __init__(
        self,
        gallery: Gallery,
        rules: Rules,
        folder: str | Path | None = None,
        detector: Callable[[], Detector] | None = None,
    ) -> None:
        self.gallery, self.rules = gallery, rules
        self._load_detector = detector
        self._detector: Detector | None = None
        gallery.audit = None  # routes write the entries, with the account that asks
        self.folder = service_folder(gallery, folder)
        if isinstance(gallery.folder, Path) and self.folder == service_folder(gallery):
            move_log(gallery.folder, self.folder)
        self.register = Register(self.folder)
        self.accounts, self.sessions = Accounts(self.register), Sessions(self.register)
        self.token_sessions = TokenSessions()
        self.cases = Cases(self.register, gallery.card.created)
        self.audit = AuditLog(self.folder)
        self.counts, self.jobs, self.choices = Counts(), JobTable(), Choices(gallery)
        limits = rules.limits
        self.rates = RateLimits(
            RateLimit(limits.requests),
            RateLimit(limits.searches),
            RateLimit(limits.slow),
            RateLimit(limits.log_ins),
        )
        self._place = ExitStack()
        self.files = self._place.enter_context(_own_files(self.folder))
        self.decoder = Decoder(limits)
        self.films = FilmReader(limits)
        self.uploads = Uploads(self.files, self.decoder, limits)
        self.receiving = asyncio.Semaphore(_RECEIVED)
        self._turns = threading.Semaphore(max(cpu_count(), 2))
        self._loading, self._embedding = threading.Lock(), threading.Lock()
        self._closing = threading.Event()

    @property
    def detector(self) -> Detector | None:
        """Of vehicles on whole pictures, loaded once; None finds none.

        Raises:
            CheckpointError: it cannot be opened.
        """
        with self._loading:
            if self._detector is None and self._load_detector is not None:
                self._detector = self._load_detector()
            return self._detector

    @property
    def finds_vehicles(self) -> bool:
        """Whether there is a detector, loaded or not."""
        return self._load_detector is not None

    @property
    def shows_frames(self) -> bool:
        """Whether whole frames are shown: plates can be masked, or may be seen."""
        return self.finds_vehicles or self.rules.unmasked_frames

    def warm_up(self, pause: float = _PAGE_FIRST) -> None:
        """Open the store, which the page asks first; then the model and what decodes.

        Args:
            pause: seconds before the model is loaded; a search within them loads it itself.
        """
        with suppress(PlatefreeError):  # whoever asks is told
            self.choices.now()
        if self._closing.wait(pause):
            return
        self.decoder.warm_up()
        try:
            _ = self.detector
            self.load_model()
        except PlatefreeError as error:  # browsing and stored sightings need no model
            _log.warning("note: no search by pictures: %s", error)

    def load_model(self) -> None:
        """Load the model, once.

        Raises:
            CheckpointError: it cannot be opened.
            MismatchError: another one is where it was.
        """
        with self._embedding:
            _ = self.gallery.model

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Within the block few others work, so that all get their answers.

        Raises:
            Busy: others work, and for long.
        """
        if not self._turns.acquire(timeout=self.rules.limits.waiting_seconds):
            raise Busy("too many searches are under way: try again later")
        try:
            yield
        finally:
            self._turns.release()

    def writing_gallery(self) -> Gallery:
        """The gallery once more, for a thread that writes: that is not shared by threads."""
        opened = Gallery(self.gallery.folder, ledger=self.gallery.ledger)
        opened.audit = None
        return opened

    def carry_out_retention(self) -> dict[str, Any]:
        """Forget what is kept no longer, and note it.

        Raises:
            StorageError: another process writes to the gallery.
        """
        gallery = self.writing_gallery()
        gallery.audit = AuditTrail(self.audit, "platefree")
        found = gallery.retain()
        self.tidy_cases()
        return {"removed": found.removed, "undated": found.undated, "readers": found.readers}

    def tidy_cases(self) -> None:
        """Take out of all cases what the gallery has forgotten, whoever made it forget."""
        numbers = np.array(self.cases.numbers(), np.int64)
        if not len(numbers):
            return
        with self.gallery.store.snapshot() as now:
            gone = numbers[~now.has(numbers)]
        if len(gone):
            self.cases.forget(gone.tolist())
            self.audit.add("platefree", "case.forgotten", sightings=len(gone))

    def retain_daily(self, pause: float = DAY) -> None:
        """Carry retention out now and then every day, until the service is closed.

        Args:
            pause: seconds from one time to the next.
        """
        while True:
            with suppress(DataError):  # the rule that was read last stays
                self.gallery.refresh()
            if self.gallery.card.retention is None or self._retained():
                wait = pause
            else:
                wait = min(pause, _SOON)
            if self._closing.wait(wait):
                return

    def _retained(self) -> bool:
        """Carry retention out as a job, and wait for its end; whether it could be."""
        try:
            job = self.jobs.add("retain", "platefree", lambda _: self.carry_out_retention())
        except TooManyJobs:
            return False
        while job.state in ("waiting", "running"):
            if self._closing.wait(_LOOK):
                return True
        return job.state == "done"

    def tidy_uploads(self, pause: float = _MINUTE) -> None:
        """Remove what was uploaded and is unused for long, until the service is closed.

        Args:
            pause: seconds from one time to the next.
        """
        while not self._closing.wait(pause):
            self.uploads.tidy()

    def is_token(self, token: str) -> bool:
        """Whether this is the token that the service printed, and access is by it."""
        return self.rules.access == "token" and secrets.compare_digest(
            token.encode("utf-8", "replace"), self.rules.token.encode()
        )

    def take(self, limit: RateLimit, who: str) -> None:
        """Count a request.

        Raises:
            Refused: there were too many of them.
        """
        if wait := limit.take(who):
            raise Refused(429, f"too many requests: try again in {math.ceil(wait)} s", wait)

    def stated(self, reason: str) -> str:
        """The reason, if it says anything.

        Raises:
            Refused: it does not, and has to.
        """
        stated = " ".join(reason.split())
        if self.rules.reason_required and not stated:
            raise Refused(422, "reason is missing: say why this is asked; the audit log keeps it")
        return stated

    def close(self) -> None:
        """Stop jobs, end processes, and remove what was uploaded."""
        self._closing.set()
        self.jobs.close()
        self.decoder.close()
        self._place.close()


@contextmanager
def _own_files(folder: Path) -> Iterator[Path]:
    """A folder for what is uploaded and made, within the block; those of killed services go."""
    make_private(folder)
    sweep(folder)
    with temporary_folder(folder / f"files-{secrets.token_hex(8)}") as found:
        yield found


def service_folder(gallery: Gallery, folder: str | Path | None = None) -> Path:
    """Where accounts and the audit log of a gallery lie.

    Args:
        gallery: in a folder or on a server.
        folder: another place.

    Raises:
        DataError: the gallery is on a server and no folder is given.
    """
    if folder is not None:
        return Path(folder)
    if not isinstance(gallery.folder, Path):
        raise DataError(
            f"{gallery.folder} is on a server: say in which folder accounts and the audit log are "
            "kept (--state)"
        )
    return gallery.folder / SERVICE


def about(values: dict[str, Any]) -> dict[str, Any]:
    """The values that say something, for the audit log."""
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}
