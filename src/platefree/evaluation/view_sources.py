"""Views for a data set that knows none, such as VehicleID: from a file, or predicted.

The lists, pairs and draws of the set stay as they are.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from platefree.data.dataset import DataSet
from platefree.data.listed_text import many
from platefree.data.view_file import TABLES, views_from_file
from platefree.errors import DataError
from platefree.evaluation.evaluate import open_data
from platefree.gallery.opening import open_embedder
from platefree.inference.embedder import Embedder
from platefree.inference.labelling import label_views
from platefree.types import Indices, Sightings, unknown_text
from platefree.work import DEFAULT_WORK, Work


def with_views(
    data: str | Path | Sightings | DataSet,
    views: str | Path | Embedder,
    *,
    rows: Indices | None = None,
    work: Work = DEFAULT_WORK,
) -> DataSet:
    """A data set with views, in place of those it had, for VANet's viewpoint protocol.

    Args:
        data: a public data set or a table, or the path of one.
        views: a file that names pictures and their views, see
            `platefree.data.view_file.views_from_file`; or a model that predicts them, a viewpoint
            model or a VANet model with one inside.
        rows: (r,) rows of the table whose views are to be predicted, see
            `platefree.evaluation.set_protocols.rows_to_see`; by default all.
        work: device, workers and progress of the prediction.

    Returns:
        The same rows and lists; `DataSet.views` says where the views are from, for reports.

    Raises:
        DataError: the file cannot be used, or the model predicts no views.
        CheckpointError: there is no such model, or it is damaged.
        ImageError: none of the pictures can be read.
    """
    opened = open_data(data)
    if isinstance(views, str | Path) and _is_file(Path(views)):
        seen, source = views_from_file(opened.table, views), f"the file {views}"
    else:
        model = open_embedder(views, work)
        asked = np.arange(len(opened.table)) if rows is None else rows
        part = opened.table.take(asked)
        blind = replace(part, view=unknown_text(len(part)))
        labelled, _ = label_views(model, blind, work=work)
        seen, source = unknown_text(len(opened.table)).copy(), f"predicted by {model.name}"
        seen[asked] = labelled.view
    known = many(int((seen != "").sum()), "picture")
    return replace(opened, table=replace(opened.table, view=seen), views=f"{source}, of {known}")


def _is_file(path: Path) -> bool:
    if not path.exists() and path.suffix.lower() in (*TABLES, ".txt"):
        raise DataError(
            f"{path} does not exist, expected a file of views, or a model that predicts them"
        )
    return path.is_file()
