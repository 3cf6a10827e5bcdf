"""The layout of CityFlow, track 2 of the AI City challenge: test vehicles have no ids.

Test pictures are numbered without regard to vehicle or camera. The labels of the test set, which
the challenge keeps to itself, are in the city's own table.
"""

from xml.sax.saxutils import quoteattr

from platefree.city.layouts import Source
from platefree.city.streams import Purpose, stream

ROOT = "AIC21_Track2_ReID"

_ELEMENTS = {"train": "TrainingImages", "query": "QueryImages", "test": "TestImages"}


def write_cityflow(source: Source) -> None:
    """CityFlow: train with ids, query with cameras, test with tracks alone."""
    splits = {"train": "train", "query": "query", "test": "gallery"}
    for number, (split, own) in enumerate(splits.items()):
        rows = source.rows(own)
        order = stream(Purpose.LAYOUT, number + 1).permutation(len(rows)).tolist()
        names = {rows[place]: f"{index:06d}.jpg" for index, place in enumerate(order, 1)}
        for row, name in names.items():
            source.link(row, f"{ROOT}/image_{split}/{name}")
        source.write(f"{ROOT}/name_{split}.txt", names.values())
        _write_labels(source, split, names)
        if split != "query":
            _write_tracks(source, split, names)


def _write_labels(source: Source, split: str, names: dict[int, str]) -> None:
    lines = []
    for row, name in names.items():
        attributes = {"imageName": name}
        if split == "train":
            attributes["vehicleID"] = f"{source.vehicle[str(source.table.vehicle[row])]:04d}"
        if split != "test":
            attributes["cameraID"] = f"c{source.camera[str(source.table.camera[row])]:03d}"
        pairs = " ".join(f"{key}={quoteattr(value)}" for key, value in attributes.items())
        lines.append(f"    <Item {pairs} />")
    element = _ELEMENTS[split]
    head = [
        '<?xml version="1.0" encoding="gb2312"?>',
        f'<{element} Version="1.0">',
        f'  <Items number="{len(lines)}">',
    ]
    text = [*head, *lines, "  </Items>", f"</{element}>"]
    source.write(f"{ROOT}/{split}_label.xml", text, encoding="gb2312")


def _write_tracks(source: Source, split: str, names: dict[int, str]) -> None:
    tracks: dict[str, list[str]] = {}
    for row in sorted(names):
        tracks.setdefault(str(source.table.track[row]), []).append(names[row])
    # By the name of a picture, since the name of a track would give its vehicle away.
    lines = sorted(" ".join(track) for track in tracks.values())
    source.write(f"{ROOT}/{split}_track.txt", lines)
