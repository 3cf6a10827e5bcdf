"""A generated city as a public data set would be laid out, file by file.

The pictures are hard links where the disk allows it, else copies. Labels that a data set does not
have are left out, and official list names are kept whatever the size of the city: a list of
``test_list_800.txt`` holds 800 vehicles, or all that there are if they are fewer. Numbers stand
for vehicles, cameras and models where the data set has numbers, from 1 in the order of names.
"""

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from platefree.city.shards import LABELS
from platefree.data.table import read_table
from platefree.errors import DataError
from platefree.storage import atomic_folder
from platefree.types import Sightings

NAMES = ("vehicleid", "veri-776", "veri-wild", "cityflow", "compcars")


@dataclass(frozen=True, eq=False)
class Source:
    """A generated city, and where its layout is being written.

    Attributes:
        folder: of the city.
        table: its pictures.
        out: the folder that is being filled.
    """

    folder: Path
    table: Sightings
    out: Path

    @cached_property
    def labels(self) -> dict[str, list[Any]]:
        """Every column of its label table, row by row as ``table``."""
        columns: dict[str, list[Any]] = pq.read_table(self.folder / LABELS).to_pydict()
        return columns

    @cached_property
    def vehicle(self) -> dict[str, int]:
        """Vehicle -> its number, from 1."""
        return numbers(self.table.vehicle.tolist())

    @cached_property
    def camera(self) -> dict[str, int]:
        """Camera -> its number, from 1."""
        return numbers(self.table.camera.tolist())

    def rows(self, *splits: str) -> list[int]:
        """Rows of these splits, in the order of the table."""
        return np.flatnonzero(np.isin(self.table.split, splits)).tolist()

    def link(self, row: int, name: str) -> None:
        """Put the picture of a row at ``name``."""
        target = self.out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        source = self.table.path(row)
        try:
            os.link(source, target)
        except OSError:  # another disk, or one without links
            shutil.copyfile(source, target)

    def write(self, name: str, lines: Iterable[str], encoding: str = "utf-8") -> None:
        """Write a text file of these lines."""
        target = self.out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{line}\n" for line in lines)
        target.write_bytes(text.encode(encoding))


def numbers(names: Iterable[str]) -> dict[str, int]:
    """A number from 1 for each different name, in sorted order."""
    return {name: number for number, name in enumerate(sorted(set(names)), 1)}


def write_layout(city_folder: str | Path, out: str | Path, layout: str) -> Path:
    """Lay a finished city out as a public data set.

    Args:
        city_folder: that `platefree.city.generate.generate_city` filled.
        out: the root of the data set; replaced whole if it exists.
        layout: one of `NAMES`.

    Returns:
        ``out``.

    Raises:
        DataError: there is no such layout, or no finished city.
        StorageError: a file cannot be written.
    """
    writers = _writers()
    if layout not in writers:
        raise DataError(f"layout {layout!r} is unknown, expected {', '.join(writers)}")
    folder, target = Path(city_folder), Path(out)
    if not (folder / LABELS).is_file():
        raise DataError(
            f"{folder} holds no finished city (no {LABELS}): run 'platefree city' first"
        )
    table = read_table(folder)
    with atomic_folder(target) as temporary:
        writers[layout](Source(folder, table, temporary))
    return target


def _writers() -> dict[str, Callable[[Source], None]]:
    from platefree.city import layout_cityflow, layout_compcars, layout_pku, layout_veri

    writers = (
        layout_pku.write_vehicleid,
        layout_veri.write_veri,
        layout_pku.write_veri_wild,
        layout_cityflow.write_cityflow,
        layout_compcars.write_compcars,
    )
    return dict(zip(NAMES, writers, strict=True))
