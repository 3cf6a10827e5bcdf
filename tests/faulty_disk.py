"""Disks that fail: at the n-th change, by an error, a kill or a power cut."""

import errno
import os
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path

from platefree.storage.disk import Disk


class Killed(BaseException):
    """Stands for the end of the process: nothing that runs after it can change the disk."""


@dataclass
class FaultyDisk(Disk):
    """A disk whose ``at``-th change fails.

    Attributes:
        at: the change that fails, from 1; 0 is none.
        failure: what it raises: an ``OSError`` number, ``MemoryError`` or `Killed`.
        lasting: whether all later changes that need space fail too, as on a full disk.
        changes: how many there have been.
    """

    at: int = 0
    failure: int | type[BaseException] = Killed
    lasting: bool = False
    changes: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def _count(self, *, needs_space: bool) -> bool:
        """Count a change; whether it fails."""
        self.changes += 1
        if not self.at or self.changes < self.at:
            return False
        if self.changes == self.at or self.failure is Killed:
            return True
        return self.lasting and needs_space

    def _fail(self) -> None:
        if isinstance(self.failure, int):
            raise OSError(self.failure, os.strerror(self.failure))
        raise self.failure

    def _check(self, *, needs_space: bool = False) -> None:
        with self._lock:
            if self._count(needs_space=needs_space):
                self._fail()

    def open(self, path: Path, *, append: bool) -> int:
        self._check(needs_space=not append)
        return super().open(path, append=append)

    def write(self, descriptor: int, content: memoryview) -> int:
        with self._lock:
            fails = self._count(needs_space=True)
        if not fails:
            return super().write(descriptor, content)
        if self.changes == self.at:
            super().write(descriptor, content[: len(content) // 2])
        self._fail()
        return 0

    def sync(self, descriptor: int) -> None:
        self._check()
        super().sync(descriptor)

    def rename(self, old: Path, new: Path) -> None:
        self._check()
        super().rename(old, new)

    def link(self, old: Path, new: Path) -> None:
        self._check(needs_space=True)
        super().link(old, new)

    def make_folder(self, path: Path) -> None:
        self._check(needs_space=True)
        super().make_folder(path)

    def remove(self, path: Path) -> None:
        self._check()
        super().remove(path)

    def remove_folder(self, path: Path) -> None:
        self._check()
        super().remove_folder(path)


class CachingDisk(FaultyDisk):
    """A disk that loses at a power cut what was not synced.

    Args:
        root: the folder that is watched; what it holds now is safe.
        at: the change at which the power is cut.
        keeps_names: whether names (of new, renamed and removed files) are safe at once, and only
            contents need a sync; otherwise a name is safe when its folder was synced.
    """

    def __init__(self, root: Path, at: int, *, keeps_names: bool) -> None:
        super().__init__(at)
        self.root, self.keeps_names = root, keeps_names
        self._identity: dict[int, int] = {}  # inode -> a number that is never used again
        self._contents: dict[int, bytes] = {}  # of files, as they are safe
        self._names: dict[int, dict[str, int]] = {}  # of folders, as they are safe
        self._paths: dict[int, Path] = {}  # of open descriptors
        for path in (root, *root.rglob("*")):
            self._new(path)
        for path in (root, *root.rglob("*")):
            self._keep(path)

    def _new(self, path: Path) -> None:
        number = self._identity[path.stat().st_ino] = next(_numbers)
        if path.is_dir():
            self._names[number] = {}
        else:
            self._contents[number] = b""

    def _number(self, path: Path) -> int:
        return self._identity[path.lstat().st_ino]

    def _keep(self, path: Path) -> None:
        """Take what a file or folder holds for safe."""
        with self._lock:
            if path.is_dir():
                self._names[self._number(path)] = {
                    each.name: self._number(each) for each in path.iterdir()
                }
            else:
                self._contents[self._number(path)] = path.read_bytes()

    def _named(self, *paths: Path) -> None:
        if self.keeps_names:
            for path in paths:
                self._keep(path.parent)

    def open(self, path: Path, *, append: bool) -> int:
        with self._lock:
            existed = path.exists()
            descriptor = super().open(path, append=append)
            self._paths[descriptor] = path
            if not existed:
                self._new(path)
                self._named(path)
            return descriptor

    def sync(self, descriptor: int) -> None:
        with self._lock:
            super().sync(descriptor)
            self._keep(Path(os.readlink(f"/proc/self/fd/{descriptor}")))

    def rename(self, old: Path, new: Path) -> None:
        with self._lock:
            super().rename(old, new)
            self._named(old, new)

    def link(self, old: Path, new: Path) -> None:
        with self._lock:
            super().link(old, new)
            if new.stat().st_ino not in self._identity:  # the other name is not watched
                self._new(new)
                self._keep(new)
            self._named(new)

    def make_folder(self, path: Path) -> None:
        with self._lock:
            super().make_folder(path)
            self._new(path)
            self._named(path)

    def remove(self, path: Path) -> None:
        with self._lock:
            super().remove(path)
            self._named(path)

    def remove_folder(self, path: Path) -> None:
        with self._lock:
            super().remove_folder(path)
            self._named(path)

    def cut(self) -> None:
        """Leave in the watched folder only what was safe."""
        number = self._number(self.root)
        for path in self.root.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self._restore(self.root, number)

    def _restore(self, folder: Path, number: int) -> None:
        for name, inside in self._names[number].items():
            if inside in self._names:
                (folder / name).mkdir()
                self._restore(folder / name, inside)
            else:
                (folder / name).write_bytes(self._contents[inside])


_numbers = iter(range(1, 1 << 60))


FULL, BROKEN = errno.ENOSPC, errno.EIO
