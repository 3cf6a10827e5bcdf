"""Label a table with the views that a model predicts."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from platefree.inference.embedder import Embedder
from platefree.types import Embeddings, Sightings, Text, text_column
from platefree.work import DEFAULT_WORK, Work


def most_probable(embeddings: Embeddings, column: str, names: Sequence[str]) -> Text:
    """(n,) the most probable label of each picture.

    Args:
        embeddings: with a space ``column``, (n, classes).
        column: the label.
        names: of the classes, sorted.
    """
    labels: Text = text_column(names)[embeddings.spaces[column].argmax(axis=1)]
    return labels


def label_views(
    model: Embedder, table: Sightings, *, only_unknown: bool = False, work: Work = DEFAULT_WORK
) -> tuple[Sightings, list[str]]:
    """Fill the column ``view`` with predictions.

    Args:
        model: a viewpoint model, or a VANet model with one inside.
        table: the pictures.
        only_unknown: keep the known views of the table.
        work: device, workers and progress.

    Returns:
        The same rows in the same order, and why some pictures were left unchanged (those that
        cannot be read).

    Raises:
        DataError: the model predicts no views.
        ImageError: no picture can be read.
    """
    names = model.class_names("view")
    asked = np.flatnonzero(table.view == "") if only_unknown else np.arange(len(table))
    if not len(asked):
        return table, []
    embeddings, skipped = model.embed(table.take(asked), unreadable="skip", work=work)
    predicted = most_probable(embeddings, "view", names)
    seen = dict(zip(_keys(embeddings.sightings), predicted.tolist(), strict=True))
    keys = list(_keys(table))
    view = table.view.tolist()
    for row in asked.tolist():
        view[row] = seen.get(keys[row], view[row])
    return replace(table, view=text_column(view)), skipped


def _keys(table: Sightings) -> Iterator[tuple[str, int, bytes]]:
    """What tells each row from others: its file, frame and box."""
    boxes = (box.tobytes() for box in table.box)
    return zip(table.image.tolist(), table.frame.tolist(), boxes, strict=True)
