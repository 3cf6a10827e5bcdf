"""Run the fuzz corpus and count its outcomes.

    python tests/fuzz/corpus.py            one round, as the tests run it
    python tests/fuzz/corpus.py 10         ten times as many inputs

Inputs are the same in every run. A fault is kept in ``/tmp/platefree-fuzz-*``; put a small one into
``tests/fuzz/found/FORMAT`` when it is mended.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Self

from formats import FORMATS

HERE = Path(__file__).parent
FOUND = HERE / "found"
"""Small files on which something failed once: FOUND/FORMAT/NAME."""

_PROCESSES = 2
_ENDING = 120  # seconds that a process may take to end


@dataclass
class Outcomes:
    """What became of the inputs of a format.

    Attributes:
        counts: how often each outcome was: ``read`` and ``refused`` are right, others are faults.
        faults: a line on each fault.
    """

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add_death(self, name: str, started: int, code: int, errors: str) -> None:
        """The process ended at file ``started`` of a format, which is a fault of that file."""
        if started < 0:
            raise RuntimeError(f"{name}: {errors}")
        kind = "hang" if -code in (signal.SIGALRM, signal.SIGPROF) else "death"
        self.counts[kind] += 1
        self.faults.append(f"{kind}: input {started} of {name}, code {code}: {errors[-300:]}")


@dataclass(frozen=True)
class Job:
    """Files of one format to read.

    Attributes:
        name: of the format.
        folder: a new one, for what is read.
        count: how many damaged files; 1 for a file as it is.
        file: the file that is read as it is; None damages valid ones.
    """

    name: str
    folder: Path
    count: int
    file: Path | None = None

    def line(self, first: int) -> str:
        """What `worker.run` takes."""
        folder = str(self.folder / f"from-{first}")
        file = None if self.file is None else str(self.file)
        words = {"name": self.name, "folder": folder, "first": first, "count": self.count}
        return json.dumps({**words, "file": file}) + "\n"


class Reader:
    """A process that reads the files of one job after another; one that died is replaced.

    A process for each job would spend nine tenths of its time on imports.
    """

    def __init__(self) -> None:
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - closed in the end
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.communicate(timeout=_ENDING)
        self._errors.close()

    def read(self, job: Job) -> Outcomes:
        """What became of the files of a job."""
        outcomes, first = Outcomes(), 0
        while first < job.count:
            first = self._read_from(first, job, outcomes)
        return outcomes

    def _read_from(self, first: int, job: Job, outcomes: Outcomes) -> int:
        """Count what the process says; the first file that it has not read."""
        process = self._process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(job.line(first))
        process.stdin.flush()
        started = -1
        for line in process.stdout:
            said = json.loads(line)
            if "done" in said:
                return job.count
            started = said.get("started", started)
            if "kind" in said:
                outcomes.counts[said["kind"]] += 1
                if said["kind"] not in ("read", "refused"):
                    place = job.folder / f"from-{first}" / f"fault-{said['number']}"
                    outcomes.faults.append(f"{said['kind']}: {said['line']} ({place})")
        self._process = None
        outcomes.add_death(job.name, started, process.wait(_ENDING), self._said())
        return started + 1

    def _start(self) -> "subprocess.Popen[str]":
        self._errors.seek(0)
        self._errors.truncate()
        return subprocess.Popen(
            [sys.executable, str(HERE / "worker.py")],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            errors="replace",
        )

    def _said(self) -> str:
        self._errors.seek(0)
        return self._errors.read()


def run_jobs(jobs: Iterable[Job], readers: Collection[Reader]) -> Iterator[Outcomes]:
    """What became of each of the jobs, in their order; each reader reads one at a time."""
    free: SimpleQueue[Reader] = SimpleQueue()
    for reader in readers:
        free.put(reader)

    def run(job: Job) -> Outcomes:
        reader = free.get()
        try:
            return reader.read(job)
        finally:
            free.put(reader)

    with ThreadPoolExecutor(len(readers)) as pool:
        yield from pool.map(run, jobs)


def run_found(folder: Path, reader: Reader) -> dict[str, Outcomes]:
    """Read every file on which something failed once."""
    found = {f"{path.parent.name}/{path.name}": path for path in sorted(FOUND.glob("*/*"))}
    return {
        label: reader.read(Job(path.parent.name, folder / label, 1, path))
        for label, path in found.items()
    }


def run_corpus(rounds: int, folder: Path, readers: Collection[Reader]) -> dict[str, Outcomes]:
    """Read the damaged files of every format, ``rounds`` times as many as in the tests."""
    jobs = [
        Job(name, folder / name.replace(" ", "-"), rounds * form.share)
        for name, form in FORMATS.items()
    ]
    return dict(zip(FORMATS, run_jobs(jobs, readers), strict=True))


def table(outcomes: dict[str, Outcomes]) -> Iterator[str]:
    """A line for each format, and one for all."""
    kinds = ("read", "refused", "traceback", "no line", "memory", "hang", "death")
    yield f"{'format':24}{'inputs':>8}" + "".join(f"{kind:>10}" for kind in kinds)
    total: Counter[str] = sum((each.counts for each in outcomes.values()), Counter())
    for name, counts in (*((name, each.counts) for name, each in outcomes.items()), ("all", total)):
        numbers = "".join(f"{counts[kind]:>10,}" for kind in kinds)
        yield f"{name:24}{counts.total():>8,}{numbers}"


def main() -> None:
    """Print the table and the faults; the exit code is 1 if there are any."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    folder = Path(tempfile.mkdtemp(prefix="platefree-fuzz-"))
    with ExitStack() as stack:
        readers = [stack.enter_context(Reader()) for _ in range(_PROCESSES)]
        outcomes = run_corpus(rounds, folder, readers)
    faults = [f"{name}: {fault}" for name, each in outcomes.items() for fault in each.faults]
    sys.stdout.write("\n".join([*table(outcomes), *faults]) + "\n")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
