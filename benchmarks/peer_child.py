"""Measure one peer on one task in its own process: ``python peer_child.py ORDER``.

The order is a JSON file; the measurements are written next to it. Inputs are read, and the code is
loaded and compiled on small ones, before the clock starts.
"""

import gc
import json
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import peer_calls
import psutil
from peer_tasks import TASKS, Inputs, small

_LONG = 20.0  # seconds: a run of this length is not repeated
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Order:
    """A measurement to make.

    Attributes:
        task: key of `TASKS`.
        call: function of `peer_calls`.
        folder: where the inputs are, and the result goes.
        built: where the parts of fast-reid are, or None.
        runs: number of runs, unless that takes long.
        memory: limit in bytes beyond the inputs.
    """

    task: str
    call: str
    folder: str
    built: str | None
    runs: int
    memory: int


@dataclass(frozen=True)
class Measured:
    """The measurements of a process, or why it failed.

    Attributes:
        cpu: seconds of all threads, the least of all runs.
        wall: seconds of the fastest run.
        memory: peak bytes beyond the inputs and loaded code.
        mAP: nan if the answer is a matrix, which is then saved as ``NAME.answer.npy``.
        rank_1: the same.
        changed: fraction of the entries of that matrix that differ from those of platefree.
        failure: empty if there was none.
    """

    cpu: float = np.nan
    wall: float = np.nan
    memory: int = 0
    mAP: float = np.nan
    rank_1: float = np.nan
    changed: float = np.nan
    failure: str = ""


def measure(order: Order) -> Measured:
    """Carry out an order."""
    task = TASKS[order.task]
    built = None if order.built is None else Path(order.built)
    functions: peer_calls.Functions = getattr(peer_calls, order.call)(built)
    functions.answer(task.kind, small(task))
    inputs = _read(Path(order.folder))
    _limit_memory(order.memory)
    gc.collect()
    before = _reset_peak()
    cpu: list[float] = []
    wall: list[float] = []
    while len(wall) < order.runs and sum(wall) < _LONG:
        wall_start, cpu_start = time.perf_counter(), time.process_time()
        answer = functions.answer(task.kind, inputs)
        cpu.append(time.process_time() - cpu_start)
        wall.append(time.perf_counter() - wall_start)
    memory = _peak() - before
    if isinstance(answer, np.ndarray):
        np.save(Path(order.folder) / f"{order.call}.answer", answer)
        return Measured(min(cpu), min(wall), memory)
    return Measured(min(cpu), min(wall), memory, *answer)


def _read(folder: Path) -> Inputs:
    """Arrays in memory, not mapped: some peers write to them or refuse what is read-only."""
    return {path.stem: np.load(path) for path in folder.glob("*.npy") if "." not in path.stem}


def _limit_memory(more: int) -> None:
    held = psutil.Process().memory_info()
    data = getattr(held, "data", held.vms)
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (data + more, hard))


def _reset_peak() -> int:
    """Reset the peak of memory; returns the current memory."""
    if _CLEAR.exists():
        _CLEAR.write_text("5")
    return psutil.Process().memory_info().rss


def _peak() -> int:
    """The peak of memory since the reset."""
    if _STATUS.exists():
        lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS, in bytes, since the start


def main() -> None:
    """Read the order, write what was measured."""
    order = Order(**json.loads(Path(sys.argv[1]).read_text()))
    try:
        measured = measure(order)
    except peer_calls.UnavailableError as error:
        measured = Measured(failure=str(error))
    except MemoryError as error:
        measured = Measured(failure=f"out of memory: {error}")
    except Exception as error:  # whatever a peer raises is a result, not a fault of ours
        named = "out of memory" if "allocate memory" in str(error) else type(error).__name__
        measured = Measured(failure=f"{named}: {error}")
    Path(sys.argv[1]).with_suffix(".result").write_text(json.dumps(asdict(measured)))


if __name__ == "__main__":
    main()
