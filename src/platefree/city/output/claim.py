"""The folder of an unfinished rendering: it holds the settings that it was begun with."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from platefree.errors import DataError
from platefree.inputs.documents import read_unicode
from platefree.inputs.plain_files import Expected
from platefree.storage.disk import TEMPORARY
from platefree.storage.files import write_text


def claim_folder(plan: Path, settings: Mapping[str, Any], expected: Expected, what: str) -> None:
    """Write the settings into a folder, or compare them with those that it has.

    Args:
        plan: their file in the folder.
        settings: plain content.
        expected: what such a file is.
        what: is rendered, such as ``city``.

    Raises:
        DataError: it was begun with other settings, or holds something else.
        StorageError: they cannot be written.
    """
    folder, own = plan.parent, json.dumps(settings, indent=2) + "\n"
    if plan.is_file():
        if read_unicode(plan, expected) != own:
            raise DataError(
                f"{folder} was begun with other settings of its {what} (see {plan.name}): choose "
                "another folder, or remove it"
            )
    elif any(not entry.name.startswith(TEMPORARY) for entry in folder.iterdir()):
        raise DataError(f"{folder} is not empty and holds no {what}: choose another folder")
    else:
        write_text(plan, own)
