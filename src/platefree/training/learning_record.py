"""What a run learns from: its pictures, and what the models that it starts from learnt from."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from platefree.batches.training_data import TrainingData
from platefree.checkpoint import CARD, read_checkpoint
from platefree.data.learnt import Learnt
from platefree.nets.package_weights import PREFIX
from platefree.nets.weights import read_learnt
from platefree.recipes.recipe import Recipe
from platefree.types import Sightings

_NO_PICTURES = ("", "none", "timm")  # settings of start weights that name no file


def learnt_in_run(recipe: Recipe, table: Sightings, data: TrainingData, last: Path) -> Learnt:
    """The record of a run; that of its ``last`` checkpoint, if there is one.

    Args:
        recipe: of the run.
        table: that it is trained on, whole.
        data: the training rows of this table.
        last: the folder to resume from.

    Raises:
        CheckpointError: a checkpoint is damaged.
    """
    if (last / CARD).exists():
        checkpoint = read_checkpoint(last)
        if "learnt" in checkpoint.card:
            return read_learnt(checkpoint)
    rows = data.sightings
    if recipe.train.identity != "vehicle":  # which then stands in the column of vehicles
        rows = table.take(np.isin(table.image, rows.image))
    # An evaluation knows the table alone; the fingerprint of the data may be of its boxes too.
    return Learnt.together([Learnt.of(rows, table.fingerprint()), *_earlier(recipe)])


def _earlier(recipe: Recipe) -> Iterator[Learnt]:
    """The records of the models that a recipe names."""
    settings = recipe.model.model_dump()
    for path in (settings.get("weights", ""), settings.get("viewpoint", ""), recipe.train.teacher):
        if path in _NO_PICTURES or path.startswith(PREFIX):
            continue
        folders = [each for each in (Path(path), Path(path).parent) if (each / CARD).is_file()]
        if folders:  # of a checkpoint, or of the file of its weights
            yield read_learnt(read_checkpoint(folders[0]))
        else:
            yield Learnt(unknown=(f"its start weights {path} have no record of it",))
