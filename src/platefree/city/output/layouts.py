"""Write a generated city in the layout of a public data set.

The pictures are hard links where the disk allows it, else copies. Labels that a data set does not
have are left out. Lists keep their official names whatever the size of the city:
``test_list_800.txt`` has 800 vehicles, or all if there are fewer. Where a data set has numbers for
vehicles, cameras and models, they count from 1 in the order of names.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from platefree.city.output.layout_cityflow import write_cityflow
from platefree.city.output.layout_compcars import write_compcars
from platefree.city.output.layout_pku import write_vehicleid, write_veri_wild
from platefree.city.output.layout_source import Source
from platefree.city.output.layout_veri import write_veri
from platefree.city.output.shards import LABELS
from platefree.data.table import read_table
from platefree.errors import DataError, StorageError
from platefree.storage.files import atomic_folder, new_file

_WRITERS: Mapping[str, Callable[[Source], None]] = {
    "vehicleid": write_vehicleid,
    "veri-776": write_veri,
    "veri-wild": write_veri_wild,
    "cityflow": write_cityflow,
    "compcars": write_compcars,
}

MARK = ".platefree-layout"
"""A file by which a layout is recognised that may be replaced."""

NAMES = tuple(_WRITERS)
"""The data sets whose layout a city can take."""


def write_layout(city_folder: str | Path, out: str | Path, layout: str) -> Path:
    """Write a finished city in the layout of a public data set.

    Args:
        city_folder: written by `platefree.city.generate.generate_city`.
        out: the root of the data set; a data set written here earlier is replaced whole.
        layout: one of `NAMES`.

    Returns:
        ``out``.

    Raises:
        DataError: there is no such layout, or no finished city.
        StorageError: a file cannot be written, or ``out`` was not written here.
    """
    if layout not in _WRITERS:
        raise DataError(f"layout {layout!r} is unknown, expected {', '.join(NAMES)}")
    folder, target = Path(city_folder), Path(out)
    if not (folder / LABELS).is_file():
        raise DataError(
            f"{folder} holds no finished city (no {LABELS}): run 'platefree city' first"
        )
    require_replaceable(target)
    table = read_table(folder)
    with atomic_folder(target) as temporary:
        _WRITERS[layout](Source(folder, table, temporary))
        with new_file(temporary / MARK) as file:
            file.write(f"{layout} of the city {table.fingerprint()}\n".encode())
    return target


def require_replaceable(target: Path) -> None:
    """Refuse a folder that a layout may not replace.

    Raises:
        StorageError: it was not written here.
    """
    if target.exists() and not (target / MARK).is_file():
        raise StorageError(
            f"{target} exists, is not a layout of a city and would be lost: move or rename it"
        )
