"""White space around the texts of a table, which no table keeps: cells are read without it."""

import logging
from collections.abc import Sequence
from pathlib import Path

from platefree.errors import DataError

_log = logging.getLogger(__name__)


def without_outer_blanks(path: Path, column: str, labels: Sequence[str]) -> list[str]:
    """(n,) labels without white space around them, with a note in the log where there was any.

    Args:
        path: of the table or the folder, for messages.
        column: name of the label, for messages.
        labels: (n,) texts; empty is unknown.

    Raises:
        DataError: two different labels, or a label and the unknown one, differ in nothing else.
    """
    blank = sorted(label for label in set(labels) if label != label.strip())
    if not blank:
        return list(labels)
    kept = {label: label for label in ("", *labels) if label == label.strip()}
    for label in blank:
        other = kept.setdefault(label.strip(), label)
        if other != label:
            raise DataError(
                f"{path}: {column} {label!r} and {other!r} differ only in the white space around "
                "them, which a table does not keep: rename one of them"
            )
    more = f" and {len(blank) - 1:,} more" if len(blank) > 1 else ""
    _log.warning(
        "note: %s: the white space around %s %r%s is dropped", path, column, blank[0], more
    )
    return [label.strip() for label in labels]


def refuse_outer_blanks(path: Path, images: Sequence[str]) -> None:
    """Refuse pictures that a table cannot name.

    Raises:
        DataError: a path begins or ends with white space.
    """
    for image in images:
        if image != image.strip():
            raise DataError(
                f"{path}: {image!r} begins or ends with white space, which a table does not keep: "
                "rename the file or its folder"
            )
