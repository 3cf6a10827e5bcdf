import errno
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from messages import facts

from platefree.errors import StorageError
from platefree.storage import locks
from platefree.storage.disk import Disk, make_folder, written_to
from platefree.storage.files import atomic_file, atomic_folder, new_file, write_text
from platefree.storage.locks import only_writer


def fail_half_way(file: BinaryIO) -> None:
    file.write(b"half")
    file.flush()
    raise ValueError("half way")


def test_a_failure_keeps_the_old_file_and_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_text(target, "old")
    with pytest.raises(ValueError, match="half way"), atomic_file(target) as file:
        fail_half_way(file)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_replaces_a_folder_whole(tmp_path: Path) -> None:
    target = tmp_path / "f"
    for content in ("one", "two"):
        with atomic_folder(target) as temporary:
            (temporary / content).write_text(content)
    assert [path.name for path in target.iterdir()] == ["two"]
    with (
        pytest.raises(ValueError, match="half way"),
        atomic_folder(target) as temporary,
        new_file(temporary / "three") as file,
    ):
        fail_half_way(file)
    assert [path.name for path in target.iterdir()] == ["two"]
    assert list(tmp_path.iterdir()) == [target]


def test_every_file_is_on_disk_before_its_folder_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, before, after = tmp_path / "f", set(), set()

    def record(descriptor: int) -> None:
        (after if target.exists() else before).add(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", record)
    with atomic_folder(target) as temporary:
        (temporary / "inside").mkdir()
        for index in range(30):
            (temporary / "inside" / str(index)).write_text("x")
    assert before == {path.stat().st_ino for path in (target, *target.rglob("*"))}
    assert after == {tmp_path.stat().st_ino}

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with (
        pytest.raises(StorageError, match=facts("the disk reports a fault")),
        atomic_folder(target) as temporary,
    ):
        (temporary / "new").write_text("x")
    assert [path.name for path in target.iterdir()] == ["inside"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_in_the_way_of_a_folder_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match=facts("cannot write", "inside", "is a file")):
        make_folder(tmp_path / "file" / "inside")
    with pytest.raises(StorageError, match=facts("cannot write", "inside.txt", "is a file")):
        write_text(tmp_path / "file" / "inside.txt", "x")


def test_a_folder_has_one_writer_at_a_time(tmp_path: Path) -> None:
    with only_writer(tmp_path):
        with (
            pytest.raises(StorageError, match=facts(tmp_path.name, "another run")),
            only_writer(tmp_path),
        ):
            pytest.fail("two writers")
        (tmp_path / "a").write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    with pytest.raises(ValueError, match="half way"), only_writer(tmp_path):
        raise ValueError("half way")
    with only_writer(tmp_path):
        pass


def test_a_killed_writer_leaves_no_lock(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path\n"
        "from platefree.storage.locks import only_writer\n"
        "with only_writer(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    command = [sys.executable, "-c", script, tmp_path]
    assert subprocess.run(command, check=False).returncode == -9
    assert len(list(tmp_path.iterdir())) == 1
    with only_writer(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = (
        shutil.which("mount")
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)],
            capture_output=True,
            check=False,
        ).returncode
    )
    if not mounted:
        pytest.skip("mounting a small tmpfs needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_keeps_the_old_file(small_disk: Path) -> None:
    target = small_disk / "a.bin"
    write_text(target, "old")
    with (
        pytest.raises(StorageError, match=facts("a.bin", "disk is full")),
        atomic_file(target) as file,
    ):
        file.write(os.urandom(1 << 20))
    assert target.read_text() == "old"
    assert list(small_disk.iterdir()) == [target]


def test_a_read_only_file_system_says_so(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StorageError, match=facts("a.txt", "read-only")):
        write_text(small_disk / "a.txt", "x")


def test_a_folder_that_cannot_be_replaced_is_put_back(tmp_path: Path) -> None:
    class Torn(Disk):
        def rename(self, old: Path, new: Path) -> None:
            if new == tmp_path / "f" and "old" not in old.name:
                raise OSError(errno.EIO, "Input/output error")
            super().rename(old, new)

    with atomic_folder(tmp_path / "f") as folder, new_file(folder / "one") as file:
        file.write(b"1")
    with (
        pytest.raises(StorageError, match=facts("the disk reports a fault")),
        written_to(Torn()),
        atomic_folder(tmp_path / "f") as folder,
        new_file(folder / "two") as file,
    ):
        file.write(b"2")
    assert [path.name for path in tmp_path.rglob("*")] == ["f", "one"]


def test_a_file_system_without_locks_and_synced_folders_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Plain(Disk):
        def sync(self, descriptor: int) -> None:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "Invalid argument")
            super().sync(descriptor)

    def refuse(descriptor: int, *, blocking: bool) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks, "lock_descriptor", refuse)
    locks._warn.cache_clear()
    with written_to(Plain()), only_writer(tmp_path):
        write_text(tmp_path / "a" / "b.txt", "x")
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "b.txt"]
    assert caplog.text.count("no locks") == 1
