"""Folders and files that only their owner may look into."""

import os
from pathlib import Path

from platefree.storage.disk import make_folders, storage_errors
from platefree.storage.files import append_text


def make_private(folder: Path) -> None:
    """Make a folder that nobody else can read; one that is there stays as it is.

    Raises:
        StorageError: it cannot be made.
    """
    if folder.is_dir():
        return
    with storage_errors(folder):
        make_folders(folder)
        os.chmod(folder, 0o700)


def make_private_file(path: Path) -> None:
    """Make an empty file that nobody else can read; what is in one that is there stays.

    Raises:
        StorageError: it cannot be made.
    """
    append_text(path, "")
    with storage_errors(path):
        os.chmod(path, 0o600)
