"""Find out by its files which public data set a folder holds, and read it.

The set may be one or two folders deeper, as archives unpack it (``VeRi/VeRi/``).
"""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from platefree.data.dataset import DataSet
from platefree.data.listed_text import Folder, reading
from platefree.data.readers import (
    cityflow,
    compcars,
    compcars_surveillance,
    market,
    vehicleid,
    vehiclex,
    veri,
    veri_wild,
    vric,
)
from platefree.data.unknown_cells import note_of, without_unknown
from platefree.errors import DataError
from platefree.types import LABELS, text_column

_DEEPER = 2  # levels of folders below the given one
_ABOVE = 4  # levels above it: CompCars has image/MAKE/MODEL/YEAR/
_MANY = 64  # more folders in one are not searched: they are vehicles
_SHOWN = 8  # names of found files in an error message


@dataclass(frozen=True)
class Format:
    """A public data set.

    Attributes:
        name: as in the documentation.
        looks_for: the files by which it is recognised, as shown to users.
        fits: returns whether a folder is its root.
        read: reads it from its root.
    """

    name: str
    looks_for: str
    fits: Callable[[Folder], bool]
    read: Callable[[Folder], DataSet]


FORMATS = (
    Format(vehicleid.NAME, vehicleid.LOOKS_FOR, vehicleid.fits, vehicleid.read_vehicleid),
    Format(veri.NAME, veri.LOOKS_FOR, veri.fits, veri.read_veri),
    Format(veri_wild.NAME, veri_wild.LOOKS_FOR, veri_wild.fits, veri_wild.read_veri_wild),
    Format(veri_wild.NAME_2, veri_wild.LOOKS_FOR_2, veri_wild.fits_2, veri_wild.read_veri_wild),
    Format(cityflow.NAME, cityflow.LOOKS_FOR, cityflow.fits, cityflow.read_cityflow),
    Format(compcars.NAME, compcars.LOOKS_FOR, compcars.fits, compcars.read_compcars),
    Format(
        compcars_surveillance.NAME,
        compcars_surveillance.LOOKS_FOR,
        compcars_surveillance.fits,
        compcars_surveillance.read_surveillance,
    ),
    Format(vric.NAME, vric.LOOKS_FOR, vric.fits, vric.read_vric),
    Format(vehiclex.NAME, vehiclex.LOOKS_FOR, vehiclex.fits, vehiclex.read_vehiclex),
    Format(market.NAME, market.LOOKS_FOR, market.fits, market.read_market),
)
"""Every data set that can be read."""


def read_dataset(path: str | Path, name: str | None = None) -> DataSet:
    """Read the folder of a public data set.

    Args:
        path: its root, or a folder up to two above it.
        name: of the data set, one of `FORMATS`; by default recognised by its files.

    Returns:
        Its table, lists and pairs; a value that the set does not give is unknown.

    Raises:
        DataError: the folder holds no data set or several, or a list is malformed; the message
            names the file and the line.
    """
    known = [each.name for each in FORMATS]
    if name is not None and name not in known:
        raise DataError(f"data set {name!r} is unknown, expected one of {', '.join(known)}")
    path = Path(path).absolute()
    if not path.is_dir():
        raise DataError(f"{path} is not a folder, expected that of a public data set")
    dataset = find_dataset(path, name)
    if dataset is None:
        wanted = [each for each in FORMATS if name in (None, each.name)]
        looked = "; ".join(f"{each.looks_for} ({each.name})" for each in wanted)
        raise DataError(
            f"{path} is not {name or 'a public data set that is known'}: looked for {looked}; "
            f"found {_contents(path)}"
        )
    return dataset


def find_dataset(path: Path, name: str | None = None) -> DataSet | None:
    """The public data set in a folder, None if there is none.

    Raises:
        DataError: there are several, or a list is malformed.
    """
    found = sets_in(path, name)
    if len(found) > 1:
        places = " and ".join(f"{each.name} in {folder.path}" for each, folder in found)
        raise DataError(f"{path} holds {places}: name the folder of one of them")
    return _read(*found[0]) if found else None


def sets_in(path: Path, name: str | None = None) -> list[tuple[Format, Folder]]:
    """The public data sets in a folder, with their roots: those on the highest level."""
    folders = [Folder(path)]
    for _ in range(_DEEPER + 1):
        found = [
            (each, folder)
            for folder in folders
            for each in FORMATS
            if name in (None, each.name) and each.fits(folder)
        ]
        if found:
            return found
        folders = [Folder(below) for folder in folders for below in _folders(folder.path)]
    return []


def set_around(path: Path) -> str:
    """What to say of a folder within a public data set, whose folders need not be vehicles.

    Returns:
        Which set it is a part of, and what to do; empty if none of the four folders above is the
        root of a data set.
    """
    for above in path.parents[:_ABOVE]:
        for each in FORMATS:
            if each.fits(Folder(above)):
                return (
                    f"{path} is a part of the data set {each.name}, whose lists and labels are in "
                    f"{above}: give that folder"
                )
    return ""


def _read(found: Format, folder: Folder) -> DataSet:
    with reading(folder.path):
        dataset = found.read(folder)
    if not len(dataset.table):
        raise DataError(
            f"{folder.path}: the lists of {found.name} name no picture: unpack it again"
        )
    return _without_unknown_labels(dataset)


def _without_unknown_labels(dataset: DataSet) -> DataSet:
    """The data set without the words that its lists have for labels that are not known."""
    labels: dict[str, Any] = {}
    unknown: dict[str, Counter[str]] = {}
    for name in filter(dataset.table.knows, LABELS):
        column, counts = without_unknown(getattr(dataset.table, name).tolist())
        if counts:
            labels[name], unknown[name] = text_column(column, name), counts
    if not unknown:
        return dataset
    table = replace(dataset.table, **labels)
    return replace(dataset, table=table, remarks=(*dataset.remarks, note_of(unknown)))


def _folders(path: Path) -> list[Path]:
    """The folders in a folder, sorted; none if there are more than `_MANY`."""
    with reading(path), os.scandir(path) as entries:
        names = [entry.name for entry in entries if entry.is_dir() and entry.name[0] != "."]
    return [path / name for name in sorted(names)] if len(names) <= _MANY else []


def _contents(path: Path) -> str:
    names = Folder(path).names()
    shown = ", ".join(names[:_SHOWN]) or "nothing"
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
