"""One table of several data sets, in which equal ids of two data sets stay different."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platefree.data.content import UNKNOWN, file_content
from platefree.data.listed_text import many
from platefree.data.model_years import models_of_years
from platefree.data.readers import veri
from platefree.errors import DataError
from platefree.types import COLUMNS, Sightings, Text, same_text, text_column

KEPT_APART = ("vehicle", "camera", "track", "model")
"""Columns whose values become ``SOURCE/value``: "12" of two data sets are two vehicles."""

REPEATS_ITS_QUERIES = veri.NAME
"""The source whose gallery holds every query, and whose file names are those of single pictures."""


def merge_tables(
    *tables: Sightings, sources: Sequence[str] | None = None, target: str | None = None
) -> Sightings:
    """Merge tables from any sources.

    A table with several sources was merged before, and so was a column of one source whose values
    all begin with it: these are kept as they are. If some tables know splits, those that know none
    are for training as a whole, as they would be alone.

    With a target, every picture of all other sources is for training, including their tests, as in
    the VehicleNet paper (Zheng et al., TMM 2020). A query that is also in its gallery, as in
    VeRi-776, is taken once: there the name of its file tells, elsewhere the bytes of files of equal
    names. A model trained on this must not be scored on the other sources.

    Args:
        tables: one or more.
        sources: a name for each table; by default what its column ``source`` says.
        target: the source to score on; only this one keeps its splits.

    Returns:
        The rows of the first table, then those of the second, and so on. Image paths are
        relative to the root if all tables share it, else absolute.

    Raises:
        DataError: a table has no source, two have the same, or two have the same picture or the
            same value of a column of `KEPT_APART`; no source is the target, or the target does not
            have both training pictures and others.
    """
    if not tables:
        raise DataError("nothing to merge, expected at least one table")
    if sources is not None and len(sources) != len(tables):
        found = f"{many(len(sources), 'source')} for {many(len(tables), 'table')}"
        raise DataError(f"{found}, expected one for each")
    named = [
        _with_source(table, "" if sources is None else sources[place], place)
        for place, table in enumerate(tables)
    ]
    _refuse_shared([_values(table.source) for table in named], "source")
    apart = [_apart(table) for table in named]
    for column in KEPT_APART:
        values = [_values(getattr(table, column)) for table in apart]
        _refuse_shared(values, column)
    if target is not None:
        apart = [_all_for_training(table, target) for table in apart]
        _need_splits(apart, target)
    elif any(table.knows("split") for table in apart):
        apart = [table if table.knows("split") else _for_training(table) for table in apart]
    return _stacked(apart)


def model_as_vehicle(table: Sightings) -> Sightings:
    """Use models as vehicle ids in a data set without known vehicles; all rows are for training.

    The VehicleNet paper (Zheng et al., TMM 2020) uses CompCars in this way: model and year are the
    class. Where no year is known, it is the model alone.

    Raises:
        DataError: the table knows vehicles, or no models.
    """
    if table.knows("vehicle") or not table.knows("model"):
        raise DataError(f"{table!r}: expected a table with models and without vehicle ids")
    return _for_training(replace(table, vehicle=models_of_years(table)))


def _with_source(table: Sightings, name: str, place: int) -> Sightings:
    if name:
        if "/" in name:
            raise DataError(f"source {name!r} holds a slash, expected a name without slashes")
        return replace(table, source=same_text(name, len(table)))
    if (table.source == "").any():
        unnamed = int((table.source == "").sum())
        raise DataError(
            f"table {place + 1} has {many(unnamed, 'row')} without a source, expected the name "
            "of the data set in each: fill the column, or name it (--source, or sources=)"
        )
    return table


def _apart(table: Sightings) -> Sightings:
    """The table with its source in front of the values of `KEPT_APART`."""
    sources = _values(table.source)
    if len(sources) > 1:
        return table
    columns: dict[str, Any] = {
        name: _prefixed(getattr(table, name), *sources) for name in KEPT_APART
    }
    return replace(table, **columns)


def _prefixed(column: Text, source: str = "") -> Text:
    """(n,) ``SOURCE/value``, unknown where the value is; unchanged if all values are so already."""
    values = column.tolist()
    if all(value.startswith(f"{source}/") for value in _values(column)):
        return column
    named = {value: f"{source}/{value}" if value else "" for value in set(values)}
    return text_column([named[value] for value in values])


def _values(column: Text) -> set[str]:
    """The distinct known values; not sorted, since that takes long for a large table."""
    return set(column.tolist()) - {""}


def _for_training(table: Sightings) -> Sightings:
    return replace(table, split=same_text("train", len(table)))


def _all_for_training(table: Sightings, target: str) -> Sightings:
    """The table with all pictures of sources other than the target for training."""
    others = table.source != target
    repeated = others & _also_in_gallery(table)
    split = np.where(others, "train", table.split)
    return replace(table, split=split).take(~repeated)


def _also_in_gallery(table: Sightings) -> NDArray[np.bool_]:
    """(n,) queries whose source has the same picture in its gallery, under the same file name.

    Only pictures of one vehicle and one known camera are compared, and of one frame and box.
    """
    keys = [
        (source, vehicle, camera, image.rpartition("/")[2], frame, box)
        for source, vehicle, camera, image, frame, box in zip(
            table.source.tolist(),
            table.vehicle.tolist(),
            table.camera.tolist(),
            table.image.tolist(),
            table.frame.tolist(),
            map(bytes, np.nan_to_num(table.box, nan=-1.0)),
            strict=True,
        )
    ]
    shown: dict[tuple[Any, ...], list[int]] = {}
    for row in np.flatnonzero(table.split == "gallery").tolist():
        shown.setdefault(keys[row], []).append(row)
    known = (table.split == "query") & (table.vehicle != "") & (table.camera != "")
    repeated = np.zeros(len(table), np.bool_)
    content = cache(file_content)  # a film has many rows
    for row in np.flatnonzero(known).tolist():
        others = shown.get(keys[row], [])
        if table.source[row] == REPEATS_ITS_QUERIES:
            repeated[row] = bool(others)
        else:
            path = table.path(row)
            repeated[row] = any(_same_file(path, table.path(other), content) for other in others)
    return repeated


def _same_file(one: Path, other: Path, content: Callable[[Path], bytes]) -> bool:
    """Whether two files hold the same bytes; unknown is not the same."""
    if one == other:
        return True
    if not (one.is_file() and other.is_file()) or one.stat().st_size != other.stat().st_size:
        return False
    return content(one) == content(other) != UNKNOWN


def _need_splits(tables: Sequence[Sightings], target: str) -> None:
    sources = sorted(set().union(*(_values(table.source) for table in tables)))
    if target not in sources:
        raise DataError(f"no source {target!r} to score on, expected one of {', '.join(sources)}")
    kinds = {split for table in tables for split in table.split[table.source == target].tolist()}
    if "train" not in kinds or kinds == {"train"}:
        found = "has only training pictures" if kinds == {"train"} else "has no training pictures"
        raise DataError(
            f"{target} {found}: expected pictures to train on and others to score on; "
            "'platefree data split' makes such a table"
        )


_OTHER_SOURCES = (
    "expected each data set once: give the tables different sources (--source for each, or "
    "sources=)"
)


def _refuse_shared(values: Sequence[set[str]], what: str, advice: str = _OTHER_SOURCES) -> None:
    first: dict[str, int] = {}
    for place, own in enumerate(values):
        for value in sorted(own & first.keys()):
            raise DataError(
                f"tables {first[value] + 1} and {place + 1} both have {what} {value!r}, {advice}"
            )
        first |= dict.fromkeys(own, place)


def _stacked(tables: Sequence[Sightings]) -> Sightings:
    roots = {table.root for table in tables}
    images = [
        table.image if len(roots) == 1 else _absolute(table.image, table.root) for table in tables
    ]
    pictures = [_pictures(*each) for each in zip(images, tables, strict=True)]
    _refuse_shared(pictures, "picture", "expected each once: leave its row out of one of them")
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(table, name) for table in tables])
        for name in COLUMNS
        if name != "image"
    }
    return replace(tables[0], image=np.concatenate(images), **columns)


def _pictures(images: Text, table: Sightings) -> set[str]:
    """A text for each picture, unlike that of any other: its file, frame and box."""
    if not (table.knows("frame") or table.knows("box")):
        return set(images.tolist())
    whole = (table.frame < 0) & np.isnan(table.box[:, 0])
    rows = zip(images.tolist(), table.frame.tolist(), table.box.tolist(), whole, strict=True)
    return {
        image if is_whole else f"{image} (frame {frame}, box {box})"
        for image, frame, box, is_whole in rows
    }


def _absolute(images: Text, root: Path) -> Text:
    return text_column([os.path.join(root, image) for image in images.tolist()])
