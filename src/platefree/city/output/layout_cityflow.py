"""The layout of CityFlow, track 2 of the AI City challenge: test vehicles have no ids.

Test pictures are numbered without regard to vehicle or camera. The labels of the test set, which
the challenge does not publish, are in the city's own table.

Next to it is the challenge's simulated training set in the layout of VehicleX. Every third training
vehicle is in it and not in the real one, so that no vehicle has two ids. Of VehicleX's labels,
``orientation`` is the azimuth, ``lightDir`` the height of the sun in degrees, ``lightInt`` its
sine or 0 at night, ``camHei`` the camera's height; ``camDis`` is left out. The names of colors and
types are in ``list_color.txt`` and ``list_type.txt``.
"""

import math
from collections.abc import Iterable, Mapping
from xml.sax.saxutils import quoteattr

from platefree.city.output.card import CAMERAS, read_cameras
from platefree.city.output.layout_source import Source, numbers
from platefree.city.world.streams import Purpose, stream

ROOT = "AIC21_Track2_ReID"
SIMULATION = f"{ROOT}_Simulation"

_ELEMENTS = {"train": "TrainingImages", "query": "QueryImages", "test": "TestImages"}
_EVERY = 3  # one of this many training vehicles is simulated


def write_cityflow(source: Source) -> None:
    """CityFlow: train with ids, query with cameras, test with cameras and tracks; and VehicleX."""
    simulated = set(sorted(set(source.table.vehicle[source.rows("train")]))[_EVERY - 1 :: _EVERY])
    train = [(str(source.table.vehicle[row]) in simulated, row) for row in source.rows("train")]
    splits = {
        "train": [row for is_simulated, row in train if not is_simulated],
        "query": source.rows("query"),
        "test": source.rows("gallery"),
    }
    for number, (split, rows) in enumerate(splits.items()):
        order = stream(Purpose.LAYOUT, number + 1).permutation(len(rows)).tolist()
        names = {rows[place]: f"{index:06d}.jpg" for index, place in enumerate(order, 1)}
        for row, name in names.items():
            source.link(row, f"{ROOT}/image_{split}/{name}")
        source.write(f"{ROOT}/name_{split}.txt", names.values())
        items = [_attributes(source, split, row, name) for row, name in names.items()]
        _write_labels(source, f"{ROOT}/{split}_label.xml", _ELEMENTS[split], items)
        if split != "query":
            _write_tracks(source, split, names)
    _write_simulation(source, [row for is_simulated, row in train if is_simulated])


def _attributes(source: Source, split: str, row: int, name: str) -> dict[str, str]:
    attributes = {"imageName": name, "cameraID": _camera(source, row)}
    if split == "train":
        attributes["vehicleID"] = f"{source.vehicle[str(source.table.vehicle[row])]:04d}"
    return attributes


def _camera(source: Source, row: int) -> str:
    return f"c{source.camera[str(source.table.camera[row])]:03d}"


def _write_labels(
    source: Source, name: str, element: str, items: Iterable[Mapping[str, str]]
) -> None:
    lines = [
        f"    <Item {' '.join(f'{key}={quoteattr(value)}' for key, value in item.items())} />"
        for item in items
    ]
    head = [
        '<?xml version="1.0" encoding="gb2312"?>',
        f'<{element} Version="1.0">',
        f'  <Items number="{len(lines)}">',
    ]
    source.write(name, [*head, *lines, "  </Items>", f"</{element}>"], encoding="gb2312")


def _write_tracks(source: Source, split: str, names: dict[int, str]) -> None:
    tracks: dict[str, list[str]] = {}
    for row in sorted(names):
        tracks.setdefault(str(source.table.track[row]), []).append(names[row])
    # Sorted by the name of a picture: the name of a track contains its vehicle.
    lines = sorted(" ".join(track) for track in tracks.values())
    source.write(f"{ROOT}/{split}_track.txt", lines)


def _write_simulation(source: Source, rows: list[int]) -> None:
    """``sys_image_train/VVVVV_cCCC_N.jpg``: vehicle, camera, and a counter for each camera."""
    table, labels = source.table, source.labels
    vehicles = numbers(str(table.vehicle[row]) for row in rows)
    colors, types = numbers(table.color.tolist()), numbers(table.type.tolist())
    cameras = read_cameras(source.folder / CAMERAS)
    heights = {camera.name: camera.position[2] for camera in cameras}
    counts: dict[str, int] = {}
    items = []
    for row in rows:
        camera, vehicle = _camera(source, row), vehicles[str(table.vehicle[row])]
        counts[camera] = counts.get(camera, 0) + 1
        name = f"{vehicle:05d}_{camera}_{counts[camera]}.jpg"
        source.link(row, f"{SIMULATION}/sys_image_train/{name}")
        sun = labels["sun_elevation"][row]
        items.append(
            {
                "typeID": str(types[str(table.type[row])]),
                "imageName": name,
                "cameraID": camera,
                "vehicleID": f"{vehicle:04d}",
                "colorID": str(colors[str(table.color[row])]),
                "orientation": f"{labels['azimuth'][row]:.1f}",
                "lightInt": f"{max(math.sin(math.radians(sun)), 0.0):.2f}",
                "lightDir": f"{sun:.1f}",
                "camHei": f"{heights[str(table.camera[row])]:.1f}",
            }
        )
    _write_labels(source, f"{SIMULATION}/train_label.xml", _ELEMENTS["train"], items)
    for kind, known in (("color", colors), ("type", types)):
        lines = (f"{number} {name}" for name, number in known.items())
        source.write(f"{SIMULATION}/list_{kind}.txt", lines)
