"""Work that takes long: it is done one after the other, shows how far it is, and can be stopped."""

import logging
import queue
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from platefree.errors import Interrupted, PlatefreeError
from platefree.storage.files import remove

State = Literal["waiting", "running", "done", "failed", "cancelled"]

MOST = 100
"""Jobs that are remembered, and of these the `MOST_WAITING` that wait."""

MOST_WAITING = 20
_log = logging.getLogger(__name__)


@dataclass
class Job:
    """A piece of work.

    Attributes:
        key: its name, which nobody can guess.
        kind: what it is.
        owner: the account that asked for it.
        state: how it stands.
        done: how much is.
        of: how much there is to do; 0 is unknown.
        result: what it did.
        error: why it failed.
        file: that it made.
    """

    key: str
    kind: str
    owner: str
    state: State = "waiting"
    done: int = 0
    of: int = 0
    result: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    file: Path | None = None
    _stop: threading.Event = field(default_factory=threading.Event, repr=False)

    def advance(self, done: int, of: int) -> None:
        """Say how far it is.

        Raises:
            Interrupted: it was cancelled.
        """
        self.done, self.of = done, of
        if self._stop.is_set():
            raise Interrupted("cancelled")


Task = Callable[[Job], dict[str, Any]]
"""Does the work, calls `Job.advance`, and returns what it did."""


class TooManyJobs(PlatefreeError):
    """More work is waiting than is taken."""


class JobTable:
    """All jobs, and the thread that does them; use `close` at the end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._waiting: queue.Queue[tuple[Job, Task] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)
        self._thread.start()

    def add(self, kind: str, owner: str, task: Task) -> Job:
        """Take a job, which is done when those before it are.

        Raises:
            TooManyJobs: too many wait.
        """
        job = Job(secrets.token_hex(16), kind, owner)
        with self._lock:
            if sum(each.state == "waiting" for each in self._jobs.values()) >= MOST_WAITING:
                raise TooManyJobs(f"{MOST_WAITING} jobs are waiting: ask again when some are done")
            self._jobs[job.key] = job
            self._forget()
        self._waiting.put((job, task))
        return job

    def find(self, key: str) -> Job | None:
        """The job of this key; None if there is none."""
        with self._lock:
            return self._jobs.get(key)

    def all(self) -> list[Job]:
        """All that are remembered, the oldest first."""
        with self._lock:
            return list(self._jobs.values())

    def cancel(self, job: Job) -> None:
        """Stop a job where it can be stopped; one that is done stays so."""
        job._stop.set()
        with self._lock:
            if job.state == "waiting":
                job.state = "cancelled"

    def close(self) -> None:
        """Stop all jobs, and wait for the one that is being done."""
        for job in self.all():
            self.cancel(job)
        self._waiting.put(None)
        self._thread.join()

    def _forget(self) -> None:
        """Forget the oldest that are over, with their files."""
        over = [each for each in self._jobs.values() if each.state not in ("waiting", "running")]
        for job in over[: max(len(self._jobs) - MOST, 0)]:
            del self._jobs[job.key]
            if job.file is not None:
                remove(job.file)

    def _work(self) -> None:
        while (each := self._waiting.get()) is not None:
            job, task = each
            with self._lock:
                if job.state != "waiting":
                    continue
                job.state = "running"
            self._do(job, task)

    def _do(self, job: Job, task: Task) -> None:
        state: State = "done"
        try:
            job.result = task(job)
        except Interrupted:
            state = "cancelled"
        except PlatefreeError as error:
            state, job.error = "failed", str(error)
        except Exception:
            _log.exception("job %s failed", job.kind)
            state, job.error = "failed", "an internal error of platefree: see the server's log"
        with self._lock:
            job.state = state
