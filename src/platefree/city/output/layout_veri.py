"""The layout of VeRi-776: labels in file names, gb2312 XML, and index lists of matches.

Query pictures are in ``image_test`` too. ``gt_index.txt`` and ``jk_index.txt`` have a line for
each query with the positions in ``name_test.txt``, from 1, of its matches and of its
vehicle's pictures from the same camera, which are ignored.
"""

from collections.abc import Iterable
from xml.sax.saxutils import quoteattr

import numpy as np

from platefree.city.output.card import CAMERAS, read_cameras
from platefree.city.output.layout_source import Source
from platefree.city.plan import START

_COLORS = (
    *("yellow", "orange", "green", "gray", "red"),
    *("blue", "white", "golden", "brown", "black"),
)
_TYPES = ("sedan", "suv", "van", "hatchback", "mpv", "pickup", "bus", "truck", "estate")
_FRAME = 40  # milliseconds


def write_veri(source: Source) -> None:
    """VeRi-776; colors and types that VeRi-776 does not have follow its own numbers."""
    names = _names(source)
    colors = [str(color).replace("grey", "gray") for color in source.table.color]
    types = [str(kind).lower() for kind in source.table.type]
    color_ids, type_ids = _ids(_COLORS, colors), _ids(_TYPES, types)
    splits = {
        "train": source.rows("train"),
        "query": source.rows("query"),
        "test": source.rows("query", "gallery"),
    }
    for split, rows in splits.items():
        rows.sort(key=lambda row: names[row])
        for row in rows:
            source.link(row, f"image_{split}/{names[row]}")
        source.write(f"name_{split}.txt", (names[row] for row in rows))
    for split in ("train", "test"):
        items = (
            _item(
                imageName=names[row],
                vehicleID=names[row].split("_")[0],
                cameraID=names[row].split("_")[1],
                colorID=str(color_ids[colors[row]]),
                typeID=str(type_ids[types[row]]),
            )
            for row in splits[split]
        )
        _write_xml(source, split, items, len(splits[split]))
    source.write("list_color.txt", (f"{number} {name}" for name, number in color_ids.items()))
    source.write("list_type.txt", (f"{number} {name}" for name, number in type_ids.items()))
    _write_indices(source, splits["query"], splits["test"])
    _write_tracks(source, splits["test"], names)
    _write_cameras(source)


def _names(source: Source) -> list[str]:
    """VVVV_cCCC_FFFFFFFF_N.jpg: vehicle, camera, frame at 25 a second, and a counter."""
    table = source.table
    frames = (table.time.astype(np.int64) - START) // _FRAME
    names: list[str] = []
    used: set[str] = set()
    for row in range(len(table)):
        vehicle = source.vehicle[str(table.vehicle[row])]
        camera = source.camera[str(table.camera[row])]
        counter = 0
        while (name := f"{vehicle:04d}_c{camera:03d}_{frames[row]:08d}_{counter}.jpg") in used:
            counter += 1
        used.add(name)
        names.append(name)
    return names


def _ids(own: tuple[str, ...], values: list[str]) -> dict[str, int]:
    every = [*own, *sorted(set(values) - set(own))]
    return {value: number for number, value in enumerate(every, 1)}


def _item(**attributes: str) -> str:
    pairs = " ".join(f"{name}={quoteattr(value)}" for name, value in attributes.items())
    return f"    <Item {pairs} />"


def _write_xml(source: Source, split: str, items: Iterable[str], count: int) -> None:
    root = "TrainingImages" if split == "train" else "TestImages"
    lines = [
        '<?xml version="1.0" encoding="gb2312"?>',
        f'<{root} Version="1.0">',
        f'  <Items number="{count}">',
        *items,
        "  </Items>",
        f"</{root}>",
    ]
    source.write(f"{split}_label.xml", lines, encoding="gb2312")


def _write_indices(source: Source, queries: list[int], tests: list[int]) -> None:
    vehicle, camera = source.table.vehicle[tests], source.table.camera[tests]
    good, junk = [], []
    for row in queries:
        same = vehicle == source.table.vehicle[row]
        own = camera == source.table.camera[row]
        good.append(_positions(same & ~own))
        junk.append(_positions(same & own))
    source.write("gt_index.txt", good)
    source.write("jk_index.txt", junk)


def _positions(mask: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> str:
    return " ".join(str(place + 1) for place in np.flatnonzero(mask).tolist())


def _write_tracks(source: Source, tests: list[int], names: list[str]) -> None:
    tracks: dict[str, list[str]] = {}
    for row in tests:
        tracks.setdefault(str(source.table.track[row]), []).append(names[row])
    source.write("test_track.txt", (" ".join(track) for track in tracks.values()))


def _write_cameras(source: Source) -> None:
    """The place of each camera on the map, and the distances between them in metres."""
    cameras = read_cameras(source.folder / CAMERAS)
    places = {camera.name: camera.map for camera in cameras}
    known = [places[name] for name in source.camera]
    source.write(
        "camera_ID.txt",
        (
            f"c{number:03d} {places[name][0]:.1f} {places[name][1]:.1f}"
            for name, number in source.camera.items()
        ),
    )
    metres = np.linalg.norm(np.array(known)[:, None] - np.array(known)[None], axis=2)
    source.write("camera_Dist.txt", (" ".join(f"{each:.1f}" for each in row) for row in metres))
