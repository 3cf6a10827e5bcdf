"""A request to stop, by Ctrl-C or by the system, in the middle of every verb that writes."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY
from faulty_disk import FaultyDisk
from writing_verbs import VERBS, Arguments, Undisturbed, World, call, state

from platefree.data.table import read_table, write_table
from platefree.storage.disk import TEMPORARY, written_to
from platefree.types import Sightings

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def usual_signals() -> Iterator[None]:
    """What is started in the background ignores some signals, and so would the verbs."""
    usual = {signal.SIGINT: signal.default_int_handler}
    usual |= dict.fromkeys((signal.SIGTERM, signal.SIGHUP), signal.SIG_DFL)
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class SignallingDisk(FaultyDisk):
    """Sends a signal to this process at the ``at``-th change."""

    def __init__(self, at: int, number: int) -> None:
        super().__init__(0)
        self.when, self.number = at, number

    def _count(self, *, needs_space: bool) -> bool:
        super()._count(needs_space=needs_space)
        if self.changes == self.when:
            os.kill(os.getpid(), self.number)
        return False


@pytest.mark.parametrize(
    ("verb", "number"),
    [
        ("split", signal.SIGHUP),
        *((verb, number) for verb in VERBS for number in (signal.SIGINT, signal.SIGTERM)),
    ],
)
def test_a_stopped_verb_says_so_and_goes_on(
    verb: str,
    number: signal.Signals,
    world: World,
    undisturbed: Callable[[str], Undisturbed],
) -> None:
    done = undisturbed(verb)
    out, whole = done.out, done.whole
    shutil.rmtree(out)
    out.mkdir()
    before = signal.getsignal(number)
    with written_to(SignallingDisk(done.changes // 2, number)):
        code, errors = call(VERBS[verb](world, out))
    assert signal.getsignal(number) == before
    last = errors.strip().splitlines()[-1]
    assert code == 1, errors
    assert re.match("platefree: .*stopped", last), errors
    code, errors = call(VERBS[verb](world, out))
    assert code == 0, errors
    found = state(out)
    assert not [name for name in found if TEMPORARY in name]
    assert found == whole


WITH_WORKERS: dict[str, Arguments] = {
    "train": [
        *("train", "strong_baseline/demo", "--data", "PICTURES", "--out", "OUT/run"),
        *(f"--set={key}={value}" for key, value in TINY.items() if key != "train.workers"),
        *("--set=train.workers=2", "--set=train.epochs=2000"),
    ],
    "eval": ["eval", "MODEL", "--data", "MANY", "--workers", 2],
    "embed": ["embed", "MANY", "--out", "OUT/e", "--model", "MODEL", "--processes", 2],
    "city": ["city", "OUT/city", "--preset", "small", "--workers", 2],
}


@pytest.mark.parametrize(
    ("verb", "number"),
    list(zip(WITH_WORKERS, cycle([signal.SIGINT, signal.SIGTERM]), strict=False)),
)
def test_a_signal_to_all_processes_of_a_verb_ends_it_in_one_line(
    verb: str, number: signal.Signals, world: World, many: Path, tmp_path: Path
) -> None:
    places = {"PICTURES": world.pictures, "MODEL": world.model, "MANY": many, "OUT": tmp_path}
    words = [str(word) for word in WITH_WORKERS[verb]]
    for name, path in places.items():
        words = [word.replace(name, str(path)) for word in words]
    child = subprocess.Popen(
        [sys.executable, "-m", "platefree", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    group = os.getpgid(child.pid)
    _wait_for_workers(child.pid)
    os.killpg(group, number)
    out, errors = child.communicate(timeout=120)
    assert child.returncode == 1, (out, errors)
    assert "Traceback" not in errors, errors
    lines = errors.strip().splitlines()
    assert re.match("platefree: .*stopped", lines[-1]), errors
    assert _ends(group), "a worker is left"


@pytest.fixture(scope="session")
def many(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn pictures, so often that embedding them takes a while."""
    folder = tmp_path_factory.mktemp("many")
    table = read_table(world.pictures)
    names = [f"{copy}-{row}.jpg" for copy in range(60) for row in range(len(table))]
    for number, name in enumerate(names):
        os.link(table.path(number % len(table)), folder / name)
    columns = {name: np.tile(getattr(table, name), 60) for name in ("vehicle", "camera")}
    write_table(Sightings.from_columns(folder, {"image": names, **columns}), folder / "images.csv")
    return folder


def _ends(group: int) -> bool:
    """Whether no process of a group is left after a while."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def _wait_for_workers(process: int, least: int = 2) -> None:
    """Wait until a process has started its workers and they have done some work."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        if len(children) >= least:
            time.sleep(2)
            return
        time.sleep(0.05)
    pytest.fail("no workers were started")
