"""Machines unlike the one at hand: containers, clusters, and other operating systems."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from conftest import TINY, Run
from messages import facts, says

from platefree import jit, machine
from platefree.batches.loader import worker_count
from platefree.cli.endings import stops_as_ctrl_c
from platefree.doctor import diagnose
from platefree.errors import PlatefreeError, StorageError
from platefree.methods.catalogue import load_recipe
from platefree.storage import disk, locks
from platefree.storage.files import atomic_file, atomic_folder, new_file, write_text
from platefree.storage.locks import only_writer
from platefree.training.loop import train

SHARED = "/dev/shm"  # noqa: S108 - the place of shared memory, where nothing is written here


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    machine.can_share_memory.cache_clear()
    yield
    machine.can_share_memory.cache_clear()


# --- the launcher -----------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["WORLD_SIZE", "LOCAL_WORLD_SIZE", "RANK"])
@pytest.mark.parametrize("value", ["abc", "-1", "1.5", "0x2"])
def test_a_variable_that_is_no_number_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(PlatefreeError, match=facts(variable, value, "torchrun")):
        [machine.started_processes(), machine.started_here(), machine.started_as()]


@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    for variable in ("WORLD_SIZE", "LOCAL_WORLD_SIZE", "RANK"):
        monkeypatch.setenv(variable, value)
    found = machine.started_processes(), machine.started_here(), machine.started_as()
    assert found == (1, 1, 0)


def test_a_verb_refuses_a_wrong_variable_in_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, drawn_folder: Path
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "many")
    code, _, errors = run("data", "check", drawn_folder)
    assert (code, len(errors.strip().splitlines())) == (1, 1)
    assert says(errors, "WORLD_SIZE", "many")


def test_the_variables_of_a_cluster_start_no_processes(
    drawn_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As within ``sbatch`` without ``srun``: the tasks of the job are not processes of ours."""
    job = {"SLURM_NTASKS": "4", "SLURM_JOB_NAME": "train", "SLURM_PROCID": "0"}
    job |= {"SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_NTASKS_PER_NODE": "4"}
    job |= {"SLURM_JOB_ID": "17", "SLURM_NODELIST": "node[1-2]", "KUBERNETES_PORT": "tcp"}
    for name, value in job.items():
        monkeypatch.setenv(name, value)
    recipe = load_recipe("strong_baseline/demo", {**TINY, "train.max_steps": 1})
    assert train(recipe, drawn_folder, tmp_path).step == 1


# --- shared memory, cores ---------------------------------------------------------------------


def test_without_shared_memory_no_process_is_started(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(38, "Function not implemented")  # as without /dev/shm

    monkeypatch.setattr(type(multiprocessing.get_context("spawn")), "Lock", refuse)
    assert [worker_count(asked, 10_000) for asked in (-1, 4)] == [0, 0]
    assert says(caplog.text, SHARED)


@pytest.mark.slow
def test_a_machine_without_dev_shm_trains_and_scores(drawn_folder: Path, tmp_path: Path) -> None:
    script = (
        "umount -l /dev/shm 2>/dev/null; mount -t tmpfs -o ro,size=4k tmpfs /dev/shm && "
        'exec "$0" -c "$1" "${@:2}"'
    )
    code = """
import sys
import platefree as pf
from conftest import TINY
recipe = pf.load_recipe("strong_baseline/demo", {**TINY, "train.workers": 2, "train.max_steps": 2})
run = pf.train(recipe, *sys.argv[1:])
assert 0 < pf.evaluate(run.best, sys.argv[1], work=pf.Work(workers=2)).figures()["mAP"] <= 1
"""
    inside = ["unshare", "--mount", "bash", "-c"]
    if subprocess.run([*inside, "mount -t tmpfs tmpfs /mnt"], check=False).returncode:
        pytest.skip("a private mount needs root")
    done = subprocess.run(
        [*inside, script, sys.executable, code, drawn_folder, tmp_path / "run"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    assert says(done.stderr, SHARED)


@pytest.mark.parametrize("missing", [(), ("sched_getaffinity",)])
def test_cores_are_counted_on_every_system(
    monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...]
) -> None:
    monkeypatch.delattr(os, "process_cpu_count", raising=False)
    for name in missing:
        monkeypatch.delattr(os, name, raising=False)
        monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert machine.cpu_count() == (7 if missing else len(os.sched_getaffinity(0)))
    monkeypatch.setattr(os, "process_cpu_count", lambda: 5, raising=False)
    assert machine.cpu_count() == 5


def _say_how_its_processes_start(connection: Connection) -> None:
    machine.start_processes_as_usual()
    connection.send(multiprocessing.get_start_method())


def test_spawned_processes_start_theirs_as_the_machine_does() -> None:
    with machine.child_processes([_say_how_its_processes_start], duplex=False) as [child]:
        assert child.recv() == multiprocessing.get_all_start_methods()[0]


# --- compiled code ----------------------------------------------------------------------------


@pytest.mark.slow
def test_a_read_only_home_is_enough(tmp_path: Path, drawn_folder: Path) -> None:
    """Nothing but the output folder can be written, as in many containers."""
    report = tmp_path / "report.html"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "platefree", "eval", "color_stripes", "--data"),
            *(str(drawn_folder), "--report", str(report)),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "HOME": f"{os.devnull}/home",
            "XDG_CACHE_HOME": f"{os.devnull}/cache",
            # the folder of these sources may be writable; that of an installed package is not
            "NUMBA_CACHE_LOCATOR_CLASSES": "UserWideCacheLocator",
            "NUMBA_OPT": "0",  # all is compiled here, for one look at it
        },
    )
    assert done.returncode == 0, done.stderr
    assert report.exists()
    assert done.stderr.count("NUMBA_CACHE_DIR") == 1


def test_the_doctor_says_where_compiled_code_is_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*, cache: bool = False, **options: object) -> object:
        if cache:
            raise RuntimeError("cannot cache function 'f': no locator available")
        return lambda function: function

    monkeypatch.setattr(jit.numba, "njit", refuse)
    jit._warn.cache_clear()
    try:
        assert jit.njit(cache=True, parallel=True)(abs) is abs
        (found,) = (each for each in diagnose().findings if each.subject == "compiled metrics")
        assert (found.state, says(found.remedy, "NUMBA_CACHE_DIR")) == ("note", True)
    finally:
        jit._warn.cache_clear()


def test_a_folder_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    found = diagnose(tmp_path / "none")
    (disk_there,) = (each for each in found.findings if each.subject == "disk")
    assert (disk_there.state, found.healthy) == ("missing", False)
    assert says(disk_there.found, str(tmp_path / "none"))


# --- output -----------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    "verb", [["recipes"], ["doctor"], ["data", "sets", "--json"], ["recipes", "show", "drdl/city"]]
)
def test_output_that_nobody_can_take_is_an_error_of_one_line(verb: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "platefree", *verb],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert says(done.stderr, "platefree:", "No space left on device")


def test_a_reader_that_has_enough_is_no_traceback() -> None:
    command = f"{sys.executable} -m platefree recipes --json | head -c 10"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert len(done.stdout) == 10
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


# --- Windows and macOS ------------------------------------------------------------------------


def test_files_and_folders_are_written_where_folders_cannot_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows opens no folder, syncs only files that are open for writing, and renames none."""
    opened = os.open

    def open_as_windows(path: str | Path, flags: int, mode: int = 0o777) -> int:
        if Path(path).is_dir():
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, flags, mode)

    def unlink_as_windows(path: str | Path) -> None:
        if str(path) in _open_files():
            raise PermissionError(13, "The process cannot access the file", str(path))
        unlink(path)

    unlink = os.unlink
    monkeypatch.setattr(disk, "WINDOWS", True)
    monkeypatch.setattr(locks, "WINDOWS", True)
    monkeypatch.setattr(os, "open", open_as_windows)
    monkeypatch.setattr(os, "unlink", unlink_as_windows)
    write_text(tmp_path / "a" / "b.txt", "one")
    write_text(tmp_path / "a" / "b.txt", "two")
    assert (tmp_path / "a" / "b.txt").read_text() == "two"
    with atomic_folder(tmp_path / "f") as folder, new_file(folder / "x") as file:
        file.write(b"x")
    with (
        only_writer(tmp_path / "a"),
        pytest.raises(StorageError, match=facts("another run")),
        only_writer(tmp_path / "a"),
    ):
        pytest.fail("two writers")
    with pytest.raises(ValueError, match="half way"), atomic_file(tmp_path / "c") as file:
        raise ValueError("half way")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b.txt", "f", "x"]


def _open_files() -> set[str]:
    links = Path("/proc/self/fd").iterdir()
    return {os.readlink(link) for link in links if link.is_symlink()}


def test_signals_that_a_system_lacks_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(signal, "SIGHUP")
    monkeypatch.delattr(signal, "pthread_sigmask")
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), stops_as_ctrl_c(), machine.stop_signals_held():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


def test_no_module_needs_what_only_some_systems_have() -> None:
    """Importing the core works where these modules and functions do not exist."""
    script = (
        "import os, signal, sys\n"
        "for name in ('fcntl', 'resource', 'pwd', 'grp', 'termios'): sys.modules[name] = None\n"
        "for name in ('sched_getaffinity', 'fork', 'getuid'):\n"
        "    if hasattr(os, name): delattr(os, name)\n"
        "del signal.SIGHUP\n"
        "import platefree.storage.files, platefree.machine, platefree.cli, platefree.data.table\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
