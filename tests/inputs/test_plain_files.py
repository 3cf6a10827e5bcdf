"""A file is opened for reading only if it is a plain file of a size that it can have."""

import hashlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from limits import within
from messages import facts

from platefree.errors import DataError, ImageError, RecipeError
from platefree.inputs.plain_files import Expected, hash_input, open_input, read_input

SMALL = Expected("a picture", 10, ImageError)


def odd_files(folder: Path) -> dict[str, Path]:
    """Name of what it is -> a path that is no plain file, and links to them."""
    pipe, door, zero = folder / "pipe", folder / "socket", folder / "zero"
    os.mkfifo(pipe)
    zero.symlink_to("/dev/zero")
    (folder / "linked").symlink_to(pipe)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(door))
    return {
        "a pipe": pipe,
        "is a pipe": folder / "linked",
        "a device": zero,
        "is a device": Path("/dev/null"),
        "a socket": door,
        "a folder": folder,
    }


def test_bytes_and_hash_of_a_plain_file_and_of_a_link_to_one(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"0123456789")
    (tmp_path / "link").symlink_to(path)
    for each in (path, str(path), tmp_path / "link"):
        assert read_input(each, SMALL) == b"0123456789"
        assert hash_input(each, SMALL) == hashlib.sha256(b"0123456789").hexdigest()
    path.write_bytes(b"")
    assert read_input(path, SMALL) == b""


def test_whatever_is_no_plain_file_is_refused_at_once(tmp_path: Path) -> None:
    for found, path in odd_files(tmp_path).items():
        with within(20), pytest.raises(ImageError, match=facts(path, found, "a picture")):
            read_input(path, SMALL)


def test_a_pipe_that_takes_the_place_of_a_file_does_not_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, pipe = tmp_path / "file", tmp_path / "pipe"
    file.write_bytes(b"x")
    os.mkfifo(pipe)
    status = os.stat(file)
    monkeypatch.setattr(os, "stat", lambda path: status)  # looked at before it was exchanged
    with within(20), pytest.raises(ImageError, match=facts(pipe, "a pipe")):
        read_input(pipe, SMALL)


def missing(folder: Path) -> Iterator[tuple[Path | str, tuple[str, ...]]]:
    yield folder / "none", ("does not exist",)
    yield folder / "large" / "x", ("a picture",)
    yield "\0", ("a picture",)
    yield folder / ("n" * 300), ("a picture",)
    circle = folder / "circle"
    circle.symlink_to(circle)
    yield circle, ("a picture",)


def test_what_cannot_be_opened_is_the_callers_error(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"01234567890")
    for path, found in missing(tmp_path):
        with pytest.raises(ImageError, match=facts(*found)):
            read_input(path, SMALL)
    with pytest.raises(ImageError, match=facts(11, 10, "a picture")):
        read_input(tmp_path / "large", SMALL)
    with pytest.raises(RecipeError, match=facts("does not exist", "a recipe")):
        read_input(tmp_path / "none", Expected("a recipe", 10, RecipeError))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_the_callers_error(tmp_path: Path) -> None:
    path = tmp_path / "closed"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(DataError, match=facts("Permission denied")):
        read_input(path, Expected("a table", 10))


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "growing"
    path.write_bytes(b"01")
    with pytest.raises(ImageError, match=facts(path, "changed")), open_input(path, SMALL):
        path.write_bytes(b"0123")
    path.write_bytes(b"01")
    with open_input(path, SMALL) as file:
        path.with_name("new").write_bytes(b"another")
        path.with_name("new").replace(path)  # the open file is still the old one
        assert file.read() == b"01"


def test_an_error_of_the_disk_while_reading_is_the_callers_error(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    with (
        pytest.raises(ImageError, match=facts(path, "Input/output error", "a picture")),
        open_input(path, SMALL),
    ):
        raise OSError(5, "Input/output error")


def test_open_files_do_not_pile_up(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 11)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        with pytest.raises(ImageError):
            read_input(path, SMALL)
    assert len(os.listdir("/proc/self/fd")) == before
