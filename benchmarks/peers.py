"""platefree's scoring and re-ranking compared with its peers: time, memory, and agreement.

Every peer does the same tasks on the same inputs, each in its own process, so that peak memory is
its own. Peers that are not installed, need too much memory, or fail are listed with the reason. The
first line of a table is platefree, the second a lower limit for exact ways; ratios are to the first
line, so those of a slower way are above 1.

    python benchmarks/peers.py [--tasks veri vehicleid rerank] [--fast-reid FOLDER]

`docs/benchmarks.md` has the installation of the peers, and results.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import psutil
from peer_build import build_fast_reid
from peer_calls import UnavailableError
from peer_child import Measured, Order
from peer_oracle import apart_from_oracle
from peer_tables import Line, size, table
from peer_tasks import LABELS, TASKS, Task, save_inputs

from platefree.evaluation.metrics import rank_metrics

_SMALL = ("veri", "vehicleid", "rerank")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_FRACTION = 0.85  # of the free memory, for one process
_SAME = 2e-6  # re-ranked distances that differ by no more are the same
_ROUNDED = "sums in float32"
_TIES = "rounds distances, so neighbours change places"


@dataclass(frozen=True)
class Peer:
    """A package to measure.

    Attributes:
        call: function of `peer_calls`.
        name: in tables.
        score_bytes: approximate memory of its scores per distance; None if it has none.
        rerank_bytes: the same of its re-ranking per pair of points; None if it has none.
        score_remark: why its scores differ.
        rerank_remark: why its re-ranked distances differ.
    """

    call: str
    name: str
    score_bytes: int | None
    rerank_bytes: int | None
    score_remark: str = ""
    rerank_remark: str = ""

    def bytes_for(self, task: Task) -> int | None:
        """Approximate memory beyond the inputs; None if it has no such function."""
        points = task.size.queries + task.size.gallery
        parts = []
        if task.kind != "rerank":
            parts.append((self.score_bytes, task.size.queries * task.size.gallery))
        if task.kind != "score":
            parts.append((self.rerank_bytes, points**2))
        return max((each * pairs for each, pairs in parts if each is not None), default=None)


PEERS = (
    Peer("platefree", "platefree", 0, 0),
    Peer("limit", "(limit)", 0, 0),
    Peer("fast_reid", "fast-reid", 8, 24, _ROUNDED, _TIES),
    Peer("torchreid", "torchreid", 20, 24, "equal distances in any order", _TIES),
    Peer("open_metric_learning", "open-metric-learning", 28, None, _ROUNDED),
    Peer(
        "pytorch_metric_learning", "pytorch-metric-learning", 65, None,
        "cannot ignore the query's camera",
    ),
    Peer("torchmetrics", "torchmetrics", 0, None, "similarities must be positive: rounded"),
)  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """Limits of a process.

    Attributes:
        runs: number of runs, unless that takes long.
        seconds: after which it is stopped.
        threads: of every library; 0 is the library's default.
    """

    runs: int
    seconds: int
    threads: int


def measure(
    peer: Peer, key: str, folder: Path, built: Path | str, memory: int, limits: Limits
) -> Measured:
    """Measure a peer in its own process; ``built`` is fast-reid's folder, or why it is missing."""
    needed = peer.bytes_for(TASKS[key])
    if needed is None:
        return Measured(failure="no such function")
    if peer.call == "fast_reid" and isinstance(built, str):
        return Measured(failure=built)
    if needed > memory:
        return Measured(failure=f"needs about {size(needed)}, of {size(memory)} free")
    path = folder / f"{peer.call}.json"
    order = Order(key, peer.call, str(folder), str(built), limits.runs, memory)
    path.write_text(json.dumps(asdict(order)))
    threads = {name: str(limits.threads) for name in _THREADS if limits.threads}
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("peer_child.py"))]
    try:
        done = subprocess.run(
            [*command, str(path)], env={**os.environ, **threads}, capture_output=True, text=True,
            timeout=limits.seconds,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Measured(failure=f"not done after {limits.seconds} s")
    result = path.with_suffix(".result")
    if not result.exists():
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return Measured(failure=f"ended with {done.returncode}: {last}")
    return Measured(**json.loads(result.read_text()))


def compare(
    key: str, peers: Sequence[Peer], built: Path | str, limits: Limits, seed: int
) -> list[Line]:
    """Some peers on one task; the first is platefree."""
    task, lines = TASKS[key], []
    with tempfile.TemporaryDirectory(prefix="platefree-peers-") as name:
        folder = Path(name)
        held = save_inputs(task, folder, seed)
        _say(f"{key}: {task.title}, {size(held)} of inputs")
        for peer in peers:
            free = int(_FRACTION * psutil.virtual_memory().available) - held
            found = measure(peer, key, folder, built, free, limits)
            if task.kind == "rerank" and peer.call != "limit" and not found.failure:
                found = _scored(found, folder, peer.call)
            _say(f"  {peer.name}: {found.failure or f'{found.cpu:.3f} CPU s'}")
            remark = peer.score_remark if task.kind == "score" else peer.rerank_remark
            lines.append(Line(peer.name, found, remark))
    return [line for line in lines if line.measured.failure != "no such function"]


def _scored(found: Measured, folder: Path, call: str) -> Measured:
    """The scores of a peer's distances, and the fraction that differs from platefree's."""
    labels = [np.load(folder / f"{name}.npy")[0] for name in LABELS]
    ours, theirs = (np.load(folder / f"{each}.answer.npy") for each in (PEERS[0].call, call))
    scores = rank_metrics(theirs, *labels)
    changed = float((abs(ours - theirs) > _SAME).mean())
    return replace(found, mAP=scores.mAP, rank_1=float(scores.cmc[0]), changed=changed)


def _build(checkout: Path | None, target: Path) -> Path | str:
    if checkout is None:
        return "no checkout: give --fast-reid FOLDER"
    try:
        return build_fast_reid(checkout, target)
    except UnavailableError as error:
        return str(error)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="platefree's scoring and re-ranking compared with its peers.",
        epilog="tasks: " + "; ".join(f"{key}: {task.title}" for key, task in TASKS.items()),
    )
    parser.add_argument("--tasks", nargs="*", default=_SMALL, choices=[*TASKS], metavar="TASK")
    parser.add_argument(
        "--peers", nargs="*", choices=[peer.call for peer in PEERS[2:]], metavar="PEER",
        help="only some of: " + ", ".join(peer.call for peer in PEERS[2:]),
    )  # fmt: skip
    parser.add_argument("--fast-reid", type=Path, metavar="FOLDER", help="a checkout of fast-reid")
    parser.add_argument("--runs", type=int, default=5, help="number of runs, if they are quick")
    parser.add_argument("--seconds", type=int, default=1200, help="stop a process after this time")
    parser.add_argument("--threads", type=int, default=0, help="of every library; 0: its default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-oracle", action="store_true", help="skip the float64 comparison")
    parser.add_argument("--markdown", action="store_true", help="print tables as Markdown")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the measurements")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    limits = Limits(arguments.runs, arguments.seconds, arguments.threads)
    chosen = [
        peer
        for peer in PEERS
        if peer in PEERS[:2] or arguments.peers is None or peer.call in arguments.peers
    ]
    results: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="platefree-peers-") as name:
        built = _build(arguments.fast_reid, Path(name))
        for key in arguments.tasks:
            lines = compare(key, chosen, built, limits, arguments.seed)
            print(table(TASKS[key].title, lines, markdown=arguments.markdown) + "\n", flush=True)
            results[key] = {line.name: asdict(line.measured) for line in lines}
    if not arguments.no_oracle:
        apart = apart_from_oracle(arguments.seed)
        results["apart from float64"] = apart
        print("Largest difference from the definitions in float64: " + ", ".join(
            f"{name} {value:.1e}" for name, value in apart.items()
        ))  # fmt: skip
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
        print(f"written: {arguments.json}")


if __name__ == "__main__":
    main()
