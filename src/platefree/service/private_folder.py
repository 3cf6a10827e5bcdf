"""The folder of a service, which only its owner may look into."""

import os
from pathlib import Path

from platefree.storage.disk import make_folders, storage_errors


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
