"""What all layouts use: a generated city, and the folder that its layout is written to."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from platefree.city.output.shards import LABELS
from platefree.data.box_places import CITY_LABELS
from platefree.inputs.parquet import read_parquet
from platefree.storage.files import link_file, new_file
from platefree.types import Sightings


@dataclass(frozen=True, eq=False)
class Source:
    """A generated city, and the folder that its layout is written to.

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
        """The columns of its label table, with the rows of ``table``."""
        columns: dict[str, list[Any]] = read_parquet(self.folder / LABELS, CITY_LABELS).to_pydict()
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
        link_file(self.table.path(row), self.out / name)

    def write(self, name: str, lines: Iterable[str], encoding: str = "utf-8") -> None:
        """Write a text file of these lines."""
        text = "".join(f"{line}\n" for line in lines)
        with new_file(self.out / name) as file:
            file.write(text.encode(encoding))


def numbers(names: Iterable[str]) -> dict[str, int]:
    """A number from 1 for each distinct name, in sorted order."""
    return {name: number for number, name in enumerate(sorted(set(names)), 1)}
