"""VehicleID (Liu, Tian, Wang, Pang and Huang, CVPR 2016): 26,328 vehicles, front or rear.

Cameras are unknown. The protocol draws gallery and queries of a test; the lists do not give them.
"""

from collections.abc import Mapping
from pathlib import Path

from platefree.data.dataset import DataSet
from platefree.data.listed_text import Folder, Lines, many
from platefree.data.readers.names import distinct_names, name_for, nameless, read_names
from platefree.data.readers.pictures import PictureFolder, Pictures, indices, split_ending
from platefree.types import Indices

NAME = "vehicleid"
LOOKS_FOR = "train_test_split/test_list_800.txt"

TESTS = (800, 1600, 2400, 3200, 6000, 13164)
"""Numbers of vehicles in the tests, by which the lists are called."""

_LISTS = {"train": "train_list.txt", **{f"test_{n}": f"test_list_{n}.txt" for n in TESTS}}


def fits(folder: Folder) -> bool:
    """Whether a folder is the root of this data set."""
    return any(_list(folder, name) is not None for name in _LISTS if name != "train")


def read_vehicleid(folder: Folder) -> DataSet:
    """Read VehicleID: lists ``train`` and ``test_800`` to ``test_13164``.

    Raises:
        DataError: a list is malformed, or two of them give a picture different vehicles.
    """
    pictures, remarks, lists = Pictures(), list[str](), dict[str, Indices]()
    place: PictureFolder | None = None
    for name, file in _LISTS.items():
        path = _list(folder, name)
        if path is None:
            remarks.append(f"no {file}: the list {name} is missing")
            continue
        lines = Lines.read(path)
        rows = list(lines.fields((2,), "a picture and its vehicle"))
        if place is None and rows:
            place, odd = PictureFolder.of(folder, ("image", "images"), rows[0][1][0])
            remarks += odd
        seen: set[int] = set()
        lists[name] = indices(
            pictures.add_labelled(place.image(image), vehicle, "", lines, number, seen)
            for number, (image, vehicle) in rows
            if place is not None
        )
    remarks += _other_vehicles(folder, pictures)
    splits = {"train": lists["train"]} if "train" in lists else {}
    table = pictures.table(
        folder.path,
        NAME,
        splits,
        model=_attribute(folder, "model", pictures, remarks),
        color=_attribute(folder, "color", pictures, remarks),
    )
    return DataSet(NAME, table, lists=lists, remarks=tuple(remarks))


def _list(folder: Folder, name: str) -> Path | None:
    return folder.find(f"train_test_split/{_LISTS[name]}", _LISTS[name])


def _other_vehicles(folder: Folder, pictures: Pictures) -> list[str]:
    """Where ``img2vid.txt``, the vehicle of every picture, differs from the lists."""
    path = folder.find("attribute/img2vid.txt", "img2vid.txt")
    if path is None:
        return []
    lines = Lines.read(path)
    known = {
        split_ending(image)[0]: (place, vehicle)
        for place, (image, vehicle) in lines.fields((2,), "a picture and its vehicle")
    }
    stems = [split_ending(image)[0].rpartition("/")[2] for image in pictures.images]
    listed = [known.get(stem) for stem in stems]
    missing = listed.count(None)
    remarks = [f"{many(missing, 'picture')} not in {path.name}"] if missing else []
    other = [
        (found[0], vehicle)
        for found, vehicle in zip(listed, pictures.vehicles, strict=True)
        if found is not None and found[1] != vehicle
    ]
    if other:
        place, vehicle = min(other)
        remarks.append(
            f"{many(len(other), 'picture')} of another vehicle in {path.name}, the first: {path}, "
            f"line {place + 1}: {lines.texts[place]!r}, the lists say {vehicle!r}"
        )
    return remarks


def _attribute(folder: Folder, kind: str, pictures: Pictures, remarks: list[str]) -> list[str]:
    """The model or the color of each row, by its vehicle."""
    path = folder.find(f"attribute/{kind}_attr.txt", f"{kind}_attr.txt")
    if path is None:
        remarks.append(f"no attribute/{kind}_attr.txt: each {kind} is unknown")
        return [""] * len(pictures)
    fields = Lines.read(path).fields((2,), f"a vehicle and the number of its {kind}")
    numbers = {vehicle: number for _, (vehicle, number) in fields}
    used = set(numbers.values())
    names = read_names(folder.find(f"attribute/{kind}_names.txt", f"{kind}_names.txt"), used)
    remarks += nameless(names, used, kind)
    if names is None:
        remarks.append(f"no attribute/{kind}_names.txt: numbers are used as names")
    else:
        names = distinct_names(names)
    known: Mapping[str, str] = {
        vehicle: name_for(number, names) for vehicle, number in numbers.items()
    }
    return [known.get(vehicle, "") for vehicle in pictures.vehicles]
