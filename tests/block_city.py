"""A small city of grey blocks, in the layout of each public data set."""

from pathlib import Path

from fake_studio import BlockStudio

from platefree.city.generate import generate_city
from platefree.city.output.layouts import NAMES, write_layout
from platefree.data.dataset import DataSet
from platefree.data.readers.detect import read_dataset
from platefree.types import Sightings


def build_city(folder: Path) -> Path:
    """130 pictures of 16 vehicles before 4 cameras."""
    generate_city(
        folder, vehicles=16, cameras=4, images=130, seed=5, size=64, studio=BlockStudio(), workers=1
    )
    return folder


def read_layouts(city: Path, root: Path) -> dict[str, DataSet]:
    """The city written as each data set, below ``root``, and read back."""
    return {name: read_dataset(write_layout(city, root / name, name), name) for name in NAMES}


def city_rows(dataset: DataSet, table: Sightings) -> list[int]:
    """The row of the city's table that each picture of a data set was."""
    by_bytes = {table.path(row).read_bytes(): row for row in range(len(table))}
    assert len(by_bytes) == len(table)
    return [by_bytes[dataset.table.path(row).read_bytes()] for row in range(len(dataset.table))]
