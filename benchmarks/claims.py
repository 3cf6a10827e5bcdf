"""The tables of the papers' claims, in one go: cities, trainings, tables.

    python benchmarks/claims.py OUT [--tables vanet drdl ...] [--jobs 2] [--seeds 3]

Renders the cities that the tables need, then trains every row with every seed, several at a time,
so that they share the processor or a GPU, and ends with `platefree ablate TABLE --converged` (or
`bench-methods`, for the table `methods`), which finds all of its runs finished and writes the
table. The same command goes on after an interruption; a run that fails stops no other.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from platefree.evaluation.evaluate import open_data
from platefree.experiments.ablation import Ablation, changed, converged, load_ablation
from platefree.experiments.ablation_run import row_run
from platefree.experiments.all_methods import ENTRIES, Budget, method_ablation
from platefree.machine import end_with_the_parent, start_processes_as_usual
from platefree.recipes.overrides import parse_overrides
from platefree.work import Work


class Data(NamedTuple):
    """What a table learns from.

    Attributes:
        made_by: what follows `platefree`, a command a line.
        path: what they make.
    """

    made_by: str
    path: str


VIEWS = Data(
    "city views --preset views --vehicles 400 --images 3200 --mounting gantry",
    "views",
)
MODELS = Data(
    "city models --preset models --vehicles 400 --images 3200 --mounting gantry --size 128 "
    "--seed 1 --layout vehicleid",
    "models-vehicleid",
)
MERGED = Data(
    """city veri --vehicles 200 --cameras 20 --images 2400 --days 3 --size 96 --seed 11
city cityflow --vehicles 40 --cameras 40 --images 1000 --days 1 --size 72 --mounting mast --seed 12
city cars --preset models --vehicles 100 --cameras 60 --images 1000 --seed 13 --layout compcars
city vehicleid --vehicles 200 --cameras 2 --images 1000 --days 3 --size 96 --mounting gantry \
    --near-duplicates 0.8 --seed 14
data crop cars-compcars/data --out compcars
data merge veri cityflow compcars vehicleid --out merged.csv --model-as-vehicle --target veri""",
    "merged.csv",
)
TABLES = {
    "vanet": VIEWS,
    "drdl": MODELS,
    "part_regularized": VIEWS,
    "fda_net": VIEWS,
    "vehiclenet": MERGED,
    "vanet-wrong-views": VIEWS,
    "losses": VIEWS,
    "methods": VIEWS,
}
CLAIMS = ("vanet", "drdl", "part_regularized", "fda_net", "vehiclenet", "methods")
TRUNK = "tf_efficientnet_lite0"
METHODS = (  # as in the files of the ablations; steps, since the epochs of methods differ
    "model.weights=package:efficientnet-lite0",
    "train.lr=5e-4",
    "train.steps=320",
)
"""Settings of the table of all methods."""


class Run(NamedTuple):
    """One row of a table with one seed."""

    table: str
    row: str
    seed: int


def platefree(*arguments: str, inside: Path | None = None) -> None:
    """Run a command as a user would."""
    subprocess.run([sys.executable, "-m", "platefree", *arguments], cwd=inside, check=True)


def make(data: Data, cities: Path) -> Path:
    """The pictures of a table, which are rendered unless they are there."""
    cities.mkdir(parents=True, exist_ok=True)
    for number, command in enumerate(data.made_by.splitlines()):
        done = cities / f"{data.path}.{number}.done"
        if not done.exists():
            platefree(*command.split(), inside=cities)
            done.touch()
    return cities / data.path


def learn(run: Run, data: Path, folder: Path, settings: Sequence[str], device: str) -> float:
    """Train and score one row with one seed; the minutes that it took."""
    began = time.monotonic()
    ablation = rows_of(run.table, data, settings)
    (row,) = [each for each in ablation.rows if each.name == run.row]
    work = Work(device=device)  # type: ignore[arg-type]
    row_run(ablation, row, run.seed, open_data(data), folder).measure(data.name, work, None)
    return (time.monotonic() - began) / 60


def rows_of(table: str, data: Path, settings: Sequence[str]) -> Ablation:
    """The rows of a table, as the command that writes it has them."""
    if table != "methods":
        return changed(converged(load_ablation(table)), parse_overrides(settings))
    overrides = parse_overrides([*METHODS, *settings])
    budget = Budget(size=96, backbone=TRUNK, overrides=overrides, stops="converged")
    return method_ablation(open_data(data), methods=chosen_rows(table, None), budget=budget)


def write(table: str, rows: Sequence[str], data: Path, given: argparse.Namespace) -> None:
    """The table of finished runs, by the command of a user."""
    words = [
        f"--data={data}",
        f"--out={given.out / table}",
        f"--seeds={given.seeds}",
        f"--device={given.device}",
    ]
    words += [part for each in given.set for part in ("--set", each)]
    if table == "methods":
        chosen = [f"--methods={','.join(rows)}", "--size=96", f"--backbone={TRUNK}"]
        chosen += [part for each in METHODS for part in ("--set", each)]
        platefree("bench-methods", "--converged", *chosen, *words)
    else:
        chosen = [part for row in rows for part in ("--row", row)]
        platefree("ablate", table, "--converged", *chosen, *words)


def main() -> None:
    """Cities, runs, tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=CLAIMS)
    parser.add_argument("--rows", nargs="+", help="only these, of every table that has them")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // given.jobs)))
    data = {table: make(TABLES[table], given.out / "cities") for table in given.tables}
    rows = {table: chosen_rows(table, given.rows) for table in given.tables}
    runs = [
        Run(table, row, seed)
        for table in given.tables
        for seed in range(given.seeds)
        for row in rows[table]
    ]
    failed = train_all(runs, data, given)
    for table in given.tables:
        if rows[table] and table not in failed:
            write(table, rows[table], data[table], given)
    sys.exit(1 if failed else 0)


def chosen_rows(table: str, wanted: Sequence[str] | None) -> list[str]:
    """The names of the rows of a table, or those that are wanted."""
    if table == "methods":
        names = [name for name in ENTRIES if name != "multi_branch"]  # needs a ResNet
    else:
        names = [row.name for row in load_ablation(table).rows]
    return [name for name in names if wanted is None or name in wanted]


def begin() -> None:
    """Prepare the process of a run."""
    end_with_the_parent()
    start_processes_as_usual()


def train_all(runs: Sequence[Run], data: dict[str, Path], given: argparse.Namespace) -> set[str]:
    """Train, several at a time; the tables with a run that failed."""
    failed, threads = set[str](), ThreadPoolExecutor(given.jobs)
    try:
        started = {
            threads.submit(
                learn_apart, run, data[run.table], given.out / run.table, given.set, given.device
            ): run
            for run in runs
        }
        for number, each in enumerate(as_completed(started), 1):
            run, error = started[each], each.exception()
            took = f"failed: {error}" if error else f"{each.result():.1f} min"
            said = f"{run.table}, {run.row}, seed {run.seed}: {took}"
            print(f"{number} of {len(runs)}: {said}", flush=True)
            if error:
                failed.add(run.table)
    finally:
        threads.shutdown(cancel_futures=True)  # after Ctrl-C no other run starts
    return failed


def learn_apart(*asked: Any) -> float:  # noqa: ANN401
    """`learn` in a process of its own.

    If it is killed, as where memory runs out, only its run fails; a pool of all would lose more.
    """
    context = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=begin) as alone:
        return alone.submit(learn, *asked).result()


if __name__ == "__main__":
    main()
