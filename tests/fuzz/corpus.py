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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from formats import FORMATS

HERE = Path(__file__).parent
FOUND = HERE / "found"
"""Small files on which something failed once: FOUND/FORMAT/NAME."""

_PROCESSES = 2
_STARTING = 120  # seconds that a process may take to import and to start


@dataclass
class Outcomes:
    """What became of the inputs of a format.

    Attributes:
        counts: how often each outcome was: ``read`` and ``refused`` are right, others are faults.
        faults: a line on each fault.
    """

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def run_format(name: str, count: int, folder: Path) -> Outcomes:
    """Read ``count`` damaged files of a format; a process that died is replaced."""
    outcomes, first, tries = Outcomes(), 0, 0
    while first < count:
        tries += 1
        place = folder / f"{name.replace(' ', '-')}-{tries}"
        words = [name, str(first), str(count - first), str(place)]
        died_at = _collect(words, outcomes)
        if died_at is None:
            break
        first = died_at + 1
    return outcomes


def run_found(folder: Path) -> dict[str, Outcomes]:
    """Read every file on which something failed once."""
    found = {}
    for path in sorted(FOUND.glob("*/*")):
        label = f"{path.parent.name}/{path.name}"
        found[label] = Outcomes()
        _collect([path.parent.name, str(path), str(folder / label)], found[label])
    return found


def _collect(words: list[str], outcomes: Outcomes) -> int | None:
    """Count what a process says; the number of the input that killed it, if one did."""
    worker = [sys.executable, str(HERE / "worker.py"), *words]
    started = -1
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        worker,
        env=one_thread,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            said = json.loads(line)
            started = said.get("started", started)
            if "kind" in said:
                outcomes.counts[said["kind"]] += 1
                if said["kind"] not in ("read", "refused"):
                    place = f"{words[-1]}/fault-{said['number']}"
                    outcomes.faults.append(f"{said['kind']}: {said['line']} ({place})")
        errors = process.stderr.read()
        code = process.wait(_STARTING)
    if code == 0:
        return None
    if started < 0:
        raise RuntimeError(f"{words}: {errors}")
    kind = "hang" if -code in (signal.SIGALRM, signal.SIGPROF) else "death"
    outcomes.counts[kind] += 1
    outcomes.faults.append(f"{kind}: input {started} of {words[0]}, code {code}: {errors[-300:]}")
    return started


def run_corpus(rounds: int, folder: Path) -> dict[str, Outcomes]:
    """Read the damaged files of every format, ``rounds`` times as many as in the tests."""
    with ThreadPoolExecutor(_PROCESSES) as pool:
        jobs = {
            name: pool.submit(run_format, name, rounds * form.share, folder)
            for name, form in FORMATS.items()
        }
        return {name: job.result() for name, job in jobs.items()}


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
    outcomes = run_corpus(rounds, folder)
    faults = [f"{name}: {fault}" for name, each in outcomes.items() for fault in each.faults]
    sys.stdout.write("\n".join([*table(outcomes), *faults]) + "\n")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
