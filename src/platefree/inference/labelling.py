"""Label a table: a model tells from which side each vehicle is seen."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from platefree.errors import DataError
from platefree.evaluation.label_trials import told
from platefree.inference.model import Model
from platefree.methods.vanet import VANetSettings
from platefree.types import Sightings


def class_names(model: Model, column: str) -> tuple[str, ...]:
    """The values of a label column that a model tells apart, sorted.

    Args:
        model: any.
        column: ``view`` or ``camera``.

    Raises:
        DataError: it tells none.
    """
    settings = model.recipe.model
    if settings.learns == column:
        return tuple(model.card["names"][column])
    if column == "view" and isinstance(settings, VANetSettings) and settings.inside is not None:
        return tuple(settings.views)
    method = {"view": "viewpoint"}.get(column, column)
    raise DataError(
        f"{model.name} tells no {column}s; give a {method} model, as 'platefree train "
        f"{method}/default' makes it"
    )


def label_views(
    model: Model,
    table: Sightings,
    *,
    only_unknown: bool = False,
    workers: int = -1,
    on_batch: Callable[[int], None] | None = None,
) -> tuple[Sightings, list[str]]:
    """Fill the column ``view`` with what a model sees.

    Args:
        model: a viewpoint model, or a VANet model with one inside.
        table: the pictures.
        only_unknown: keep the views that the table knows.
        workers: loading processes; -1 decides by the machine.
        on_batch: called with the number of pictures done, for progress bars.

    Returns:
        The same rows in the same order, and why some pictures were left as they were (those that
        cannot be read).

    Raises:
        DataError: the model tells no views.
        ImageError: no picture can be read.
    """
    names = class_names(model, "view")
    asked = np.flatnonzero(table.view == "") if only_unknown else np.arange(len(table))
    if not len(asked):
        return table, []
    embeddings, skipped = model.embed(
        table.take(asked), unreadable="skip", workers=workers, on_batch=on_batch
    )
    seen = dict(
        zip(embeddings.sightings.image.tolist(), told(embeddings, "view", names), strict=True)
    )
    images = table.image.tolist()
    view = table.view.tolist()
    for row in asked.tolist():
        view[row] = seen.get(images[row], view[row])
    return replace(table, view=np.array(view, dtype=np.str_)), skipped
