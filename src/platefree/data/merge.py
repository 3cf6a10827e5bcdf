"""One table of several data sets, in which nothing of one is mistaken for something of another."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from platefree.errors import DataError
from platefree.types import LABELS, Sightings, Text

KEPT_APART = ("vehicle", "camera", "track", "model")
"""Columns whose values become ``SOURCE/value``: "12" of two data sets are two vehicles."""


def merge_tables(*tables: Sightings, sources: Sequence[str] | None = None) -> Sightings:
    """Merge tables from any sources.

    A table of several sources is one that was merged before: its values are kept as they are. If
    some tables know splits, those that know none are wholly for training, as they would be alone.

    Args:
        tables: one or more.
        sources: a name for each table; by default what its column ``source`` says.

    Returns:
        The rows of the first table, then those of the second, and so on. Image paths are
        relative to the root if all tables share it, else absolute.

    Raises:
        DataError: a table has no source, two have the same, or they share a picture or a value
            that would no longer be told apart.
    """
    if not tables:
        raise DataError("nothing to merge, expected one table or more")
    if sources is not None and len(sources) != len(tables):
        raise DataError(f"{len(sources)} sources for {len(tables)} tables, expected one for each")
    named = [
        _with_source(table, "" if sources is None else sources[place], place)
        for place, table in enumerate(tables)
    ]
    _refuse_shared([_values(table.source) for table in named], "source")
    apart = [_apart(table) for table in named]
    for column in KEPT_APART:
        values = [_values(getattr(table, column)) for table in apart]
        _refuse_shared(values, column)
    if any(table.knows("split") for table in apart):
        apart = [table if table.knows("split") else _for_training(table) for table in apart]
    return _stacked(apart)


def model_as_vehicle(table: Sightings) -> Sightings:
    """Let models stand for vehicles, all of them for training, in a set that knows no vehicle.

    So CompCars serves in the VehicleNet paper (Zheng et al., TMM 2020): model and year are the
    class.

    Raises:
        DataError: the table knows vehicles, or no models.
    """
    if table.knows("vehicle") or not table.knows("model"):
        raise DataError(f"{table!r}: expected a table that knows models and no vehicle")
    return _for_training(replace(table, vehicle=table.model))


def _with_source(table: Sightings, name: str, place: int) -> Sightings:
    if name:
        if "/" in name:
            raise DataError(f"source {name!r} holds a slash, expected a name without")
        return replace(table, source=np.full(len(table), name))
    if (table.source == "").any():
        unnamed = int((table.source == "").sum())
        raise DataError(
            f"table {place + 1} has {unnamed} rows without a source, expected the name of the "
            "data set in each: fill the column, or pass sources="
        )
    return table


def _apart(table: Sightings) -> Sightings:
    """The table with its source before the values that are kept apart."""
    sources = _values(table.source)
    if len(sources) > 1:
        return table
    columns: dict[str, Any] = {
        name: _prefixed(getattr(table, name), *sources) for name in KEPT_APART
    }
    return replace(table, **columns)


def _prefixed(column: Text, source: str = "") -> Text:
    """(n,) ``SOURCE/value``, unknown where the value is."""
    values = column.tolist()
    named = {value: f"{source}/{value}" if value else "" for value in set(values)}
    prefixed: Text = np.array([named[value] for value in values], np.str_)
    return prefixed


def _values(column: Text) -> set[str]:
    """The distinct known values, without sorting, which takes long in a large table."""
    return set(column.tolist()) - {""}


def _for_training(table: Sightings) -> Sightings:
    return replace(table, split=np.full(len(table), "train"))


def _refuse_shared(values: Sequence[set[str]], what: str) -> None:
    first: dict[str, int] = {}
    for place, own in enumerate(values):
        for value in sorted(own & first.keys()):
            raise DataError(
                f"tables {first[value] + 1} and {place + 1} both have {what} {value!r}, expected "
                "each data set once: give them different sources"
            )
        first |= dict.fromkeys(own, place)


def _stacked(tables: Sequence[Sightings]) -> Sightings:
    roots = {table.root for table in tables}
    images = [
        table.image if len(roots) == 1 else _absolute(table.image, table.root) for table in tables
    ]
    _refuse_shared([_values(each) for each in images], "picture")
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(table, name) for table in tables])
        for name in (*LABELS, "time")
    }
    return replace(tables[0], image=np.concatenate(images), **columns)


def _absolute(images: Text, root: Path) -> Text:
    paths: Text = np.array([os.path.join(root, image) for image in images.tolist()], np.str_)
    return paths
