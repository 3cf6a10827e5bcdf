"""Tables whose pictures lie elsewhere now: on another disk, or in another folder than before."""

import os
from dataclasses import replace
from pathlib import Path

from platefree.data.listed_text import many
from platefree.errors import DataError
from platefree.types import Sightings, text_column


def relocated(
    table: Sightings, root: str | Path, *, instead_of: str | Path | None = None
) -> Sightings:
    """The table with its pictures under another folder.

    Args:
        table: relative paths start at ``root`` from now on, unless ``instead_of`` is given.
        root: where the pictures lie.
        instead_of: only absolute paths that begin with this folder begin with ``root`` instead; all
            other pictures stay where they are.

    Raises:
        DataError: ``root`` is no folder, no path would change, or none of the pictures is there.
    """
    new = Path(root).absolute()
    if not new.is_dir():
        raise DataError(
            f"{new} is not a folder, expected the one that holds the pictures of the table"
        )
    if instead_of is None:
        images = table.image.tolist()
        found = f"all {many(len(images), 'path')} of the table are absolute"
    else:
        old = os.path.join(os.path.abspath(instead_of), "")
        images = [_from(image, old, table.root.absolute()) for image in table.image.tolist()]
        found = (
            f"none of {many(len(images), 'path')} of the table is absolute and begins with {old}"
        )
    if all(map(os.path.isabs, images)):
        raise DataError(
            f"{found} (first: {table.image[0]!r}): say which folder the new one replaces "
            "(--instead-of, instead_of=)"
        )
    moved = replace(table, root=new, image=text_column(images, "image"))
    missing = missing_pictures(moved)
    if len(missing) == len(moved):
        raise DataError(
            f"none of {many(len(moved), 'picture')} is there, the first would be "
            f"{moved.path(0)}: expected the folder that the paths of the table start from"
        )
    return moved


def missing_pictures(table: Sightings) -> list[Path]:
    """The files of a table that do not exist; each is looked for, none is opened."""
    return [path for path in map(table.path, range(len(table))) if not path.is_file()]


def lies_elsewhere(table: Sightings) -> bool:
    """Whether the first, the middle and the last picture of a table are all missing."""
    rows = {0, len(table) // 2, len(table) - 1}
    return len(table) > 0 and not any(table.path(row).is_file() for row in rows)


def _from(image: str, old: str, root: Path) -> str:
    """A path from the new folder; absolute where the picture stays."""
    return image.removeprefix(old) if os.path.isabs(image) else os.path.join(root, image)
