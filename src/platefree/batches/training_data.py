"""The training rows of a table, with their labels as class numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from platefree.batches.samplers import (
    BalancedSampler,
    IdentitySampler,
    Sampler,
    SetSampler,
    ShuffleSampler,
)
from platefree.data.dataset import DataSet
from platefree.data.listed_text import many
from platefree.data.model_years import models_of_years
from platefree.data.part_boxes import PictureBoxes
from platefree.data.sources import rows_of_sources
from platefree.data.table import dataset_at, read_table
from platefree.errors import TrainingError
from platefree.recipes.sections import Train
from platefree.types import Indices, Sightings, Text, known_values

_FILL = {
    "vehicle": "give every picture of a vehicle its id in the column 'vehicle'",
    "model": "write make and model of every picture in the column 'model'",
    "view": "write the view (front, rear, side) of every picture in the column 'view'",
    "camera": "write which camera took each picture in the column 'camera'",
}
"""What to do if too few values of a label column are known."""

CODED = ("vehicle", "camera", "make", "model", "type", "color", "view", "source")


WITHOUT_LABEL = "images_without_label"
"""What `TrainingData.counts` calls the rows whose label to learn is unknown, by its column."""


@dataclass(frozen=True, eq=False)
class TrainingData:
    """The data of a training run.

    Attributes:
        sightings: the training rows.
        labels: label column -> (n,) int64 codes in sorted order of the names, -1 unknown.
        names: label column -> its known values, sorted; a code is an index into them.
        validation: rows of held-out vehicles; empty if none are held out.
        fingerprint: of the whole table, and of boxes that a method learns from; it notices others
            on resume.
        learns: the label column that is learnt, or ``parts``.
        target: the source that the model is for, if a stage learns from its rows alone.
        boxes: of parts in the training rows, for methods that learn from them.
        validation_boxes: of parts in the held-out rows.
        counts: counts by the method, for the log and the checkpoint's card.
    """

    sightings: Sightings
    labels: Mapping[str, Tensor]
    names: Mapping[str, Text]
    validation: Sightings
    fingerprint: str
    learns: str = "vehicle"
    target: str = ""
    boxes: PictureBoxes | None = None
    validation_boxes: PictureBoxes | None = None
    counts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def classes(self) -> dict[str, int]:
        """Label column -> number of known values."""
        return {column: len(names) for column, names in self.names.items()}

    def of_stage(self, train: Train) -> "TrainingData":
        """The data of a stage: everything, or the rows of the target alone.

        In the latter case classes are renumbered from 0 in the old order; other labels keep their
        codes.

        Raises:
            TrainingError: too few rows of the target are for training.
        """
        if train.rows == "all":
            return self
        chosen = np.flatnonzero(self.sightings.source == self.target)
        labels = {name: codes[chosen] for name, codes in self.labels.items()}
        rows, names = self.sightings.take(chosen), dict(self.names)
        if self.learns in CODED:
            _require_classes(rows, train, self.learns)
            kept, anew = np.unique(labels[self.learns].numpy(), return_inverse=True)
            labels[self.learns] = torch.from_numpy(anew.astype(np.int64))
            names[self.learns] = names[self.learns][kept]
        boxes = None if self.boxes is None else self.boxes.take(chosen)
        return replace(self, sightings=rows, labels=labels, names=names, boxes=boxes)

    def same_classes(self, other: "TrainingData") -> bool:
        """Whether both have the same classes, so that a classifier can be kept."""
        return self.learns not in CODED or np.array_equal(
            self.names[self.learns], other.names[self.learns]
        )

    def sampler(self, train: Train) -> Sampler:
        """The sampler of a stage.

        Raises:
            TrainingError: the rows cannot fill its batches.
        """
        rows = self.sightings
        if train.sampler == "shuffle":
            return ShuffleSampler(len(rows), train.batch_size)
        if train.sampler == "balanced":
            return BalancedSampler(getattr(rows, self.learns), train.batch_size)
        if train.sampler == "sets":
            return SetSampler(
                rows.vehicle,
                rows.camera,
                rows.model,
                sets_per_batch=train.sets_per_batch,
                positives=train.positives_per_set,
                negatives=train.negatives_per_set,
                prefer=train.negatives,
            )
        return IdentitySampler(
            getattr(rows, self.learns),
            rows.camera,
            vehicles_per_batch=train.vehicles_per_batch,
            images_per_vehicle=train.images_per_vehicle,
        )


def training_table(data: str | Path | Sightings | DataSet, lists: Sequence[str]) -> Sightings:
    """The table for a run, with the split of its training lists.

    Args:
        data: a table or a public data set, or the path of one.
        lists: lists of a public data set to train on instead of split ``train``.

    Raises:
        DataError: it cannot be read.
        TrainingError: there are no such lists, or their pictures are in test pairs.
    """
    if not lists:
        read = read_table(data) if isinstance(data, str | Path) else data
        return read.table if isinstance(read, DataSet) else read
    found = dataset_at(data) if isinstance(data, str | Path) else data
    known = found.lists if isinstance(found, DataSet) else {}
    missing = [name for name in lists if name not in known]
    if missing or not isinstance(found, DataSet):
        has = f"its lists are {', '.join(known)}" if known else "it is no public data set"
        raise TrainingError(
            f"train.lists names {', '.join(missing)}, which the data does not have ({has}); give "
            "that data set, or set train.lists=[] to train on split 'train'"
        )
    rows = np.unique(np.concatenate([known[name] for name in lists]))
    for name, pairs in found.pairs.items():
        tested = int(np.isin(rows, [pairs.first, pairs.second]).sum())
        if tested and name != "train":
            raise TrainingError(
                f"{tested} of {many(len(rows), 'picture')} of the lists {', '.join(lists)} are in "
                f"the pairs that {name} tests; leave a list out of train.lists"
            )
    table = found.table.take(rows)
    return replace(table, split=np.full(len(table), "train"))


def is_for_training(table: Sightings) -> NDArray[np.bool_]:
    """(n,) which rows may be trained on: split ``train`` if splits are known, else all."""
    return table.split == "train" if table.knows("split") else np.ones(len(table), np.bool_)


def training_data(
    table: Sightings, train: Train, learns: str = "vehicle", *, target: str = ""
) -> TrainingData:
    """The training rows of a table: split ``train`` if splits are known, else all rows.

    Rows without the label to learn are left out, and counted. With ``train.identity = "model"`` the
    vehicle model replaces the vehicle as identity, and with ``"model_year"`` the model of each year
    does. With ``train.validation`` a seeded fraction of the vehicles is held out (or of the
    pictures, if no vehicle is known); with a target, only its vehicles are held out, since the
    model is for them.

    Args:
        table: the pictures.
        train: settings of the run.
        learns: the label column that is learnt, or ``parts``, which need no labels.
        target: the source that a stage may learn from alone; empty: none.

    Raises:
        TrainingError: there is nothing to learn from.
    """
    rows = table.take(is_for_training(table)) if table.knows("split") else table
    if not len(rows):
        raise TrainingError(f"{table!r} has a split column but no row with split 'train'")
    rows = rows_of_sources(rows, train.sources)
    rows = replace(rows, vehicle=_identity(rows, train.identity))
    counts: dict[str, Any] = {}
    if learns in CODED:
        known = getattr(rows, learns) != ""
        if not known.all():
            column = train.identity if learns == "vehicle" else learns
            counts = {WITHOUT_LABEL: {column: int((~known).sum())}}
        rows = rows.take(known)
    learnt, validation = _hold_out(rows, train, target)
    if learns in CODED:
        _require_classes(learnt, train, learns)
    labels = {name: torch.from_numpy(codes(getattr(learnt, name))) for name in CODED}
    names = {name: known_values(getattr(learnt, name)) for name in CODED}
    fingerprint = table.fingerprint()
    return TrainingData(
        *(learnt, labels, names, validation, fingerprint, learns, target), counts=counts
    )


def _identity(rows: Sightings, name: str) -> Text:
    return models_of_years(rows) if name == "model_year" else getattr(rows, name)


def _require_classes(learnt: Sightings, train: Train, learns: str) -> None:
    names, counts = np.unique(getattr(learnt, learns), return_counts=True)
    column = train.identity if learns == "vehicle" else learns
    if len(names) < 2:
        raise TrainingError(
            f"the training rows have {many(len(names), f'known {column}')}, expected at least 2; "
            f"{_FILL[column]}"
        )
    if train.sampler == "identity" and counts.max() < 2:
        raise TrainingError(
            f"each of the {len(names)} training {learns}s has one picture, but training needs "
            f"pairs of pictures of one {learns}; add pictures, or set train.sampler=shuffle"
        )


def codes(column: Text, names: Text | None = None) -> Indices:
    """Number the values of a label column by their index in ``names``; other values are -1.

    Args:
        column: (n,) labels.
        names: sorted; by default all known values of the column.
    """
    names = known_values(column) if names is None else names
    number_of = {name: number for number, name in enumerate(names.tolist())}
    return np.array([number_of.get(label, -1) for label in column.tolist()], np.int64)


def require_known(data: TrainingData, columns: Sequence[str], key: str) -> None:
    """Refuse training data in which no row has all of these labels.

    Args:
        data: the rows.
        columns: label columns, all needed together.
        key: of the recipe, which needs these labels.

    Raises:
        TrainingError: a label is unknown for all rows, or they are never known together.
    """
    for column in columns:
        if not data.classes[column]:
            raise TrainingError(
                f"{key} is {[*columns]}, but the column {column!r} is unknown for all "
                f"{len(data.sightings)} training pictures; {_FILL[column]}, or set {key}=[]"
            )
    labels = torch.stack([data.labels[column] for column in columns])
    if not (labels >= 0).all(0).any():
        raise TrainingError(
            f"{key} is {[*columns]}, but no training picture has them together; name one that is "
            "known"
        )


def _hold_out(rows: Sightings, train: Train, target: str) -> tuple[Sightings, Sightings]:
    groups = np.where(rows.vehicle == "", rows.image, rows.vehicle)
    names = np.unique(groups[rows.source == target] if target else groups)
    count = round(train.validation * len(names))
    random = np.random.default_rng((4, train.seed))
    chosen = set(random.permutation(names)[:count].tolist())
    held = np.array([group in chosen for group in groups.tolist()], np.bool_)
    return rows.take(~held), rows.take(held)
