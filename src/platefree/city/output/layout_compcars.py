"""The layout of CompCars: models are the classes, vehicles are not known.

Web-nature part, with all pictures: ``data/image/MAKE/MODEL/YEAR/name.jpg`` with ids for make and
model; a label file of three lines (viewpoint, number of boxes, box from 1); lists for
classification and verification. A city has one generation of each model, but its vehicles are put
into three years, by their numbers, as in the public set: pairs are the same if their models are,
whatever the years.

Surveillance-nature part, with the pictures from straight ahead: ``sv_data/image/MODEL/name.jpg``
and the lists ``train_surveillance.txt`` and ``test_surveillance.txt``. The models have the ids of
the web-nature part, so that ``sv_make_model_name.mat``, which translates them, is not needed;
``color_list.mat`` is not written either: colors are in the city's own table.
"""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from platefree.city.output.layout_source import Source, numbers
from platefree.city.world.streams import Purpose, stream

VIEWPOINTS = {
    "front": 1,
    "rear": 2,
    "left": 3,
    "right": 3,
    "front-left": 4,
    "front-right": 4,
    "rear-left": 5,
    "rear-right": 5,
}
"""By the eight-way view."""

_PAIRS = 20_000
_YEARS = 3  # of each model
_KINDS = ("easy", "medium", "hard")


def write_compcars(source: Source) -> None:
    """Both parts; pairs are of one viewpoint (easy), of any (medium), or of one make (hard)."""
    paths = _paths(source)
    views = source.labels["view8"]
    for row, path in enumerate(paths):
        source.link(row, f"data/image/{path}")
        left, top, right, bottom = _box(source, row)
        label = (str(VIEWPOINTS[views[row]]), "1", f"{left + 1} {top + 1} {right} {bottom}")
        source.write(f"data/label/{path.removesuffix('.jpg')}.txt", label)
    split = "data/train_test_split"
    train, test = source.rows("train"), source.rows("query", "gallery")
    source.write(f"{split}/classification/train.txt", (paths[row] for row in train))
    source.write(f"{split}/classification/test.txt", (paths[row] for row in test))
    source.write(f"{split}/verification/verification_train.txt", (paths[row] for row in train))
    _write_surveillance(source, paths)
    for number, kind in enumerate(_KINDS):
        random = stream(Purpose.LAYOUT, 10 + number)
        source.write(
            f"{split}/verification/verification_pairs_{kind}.txt",
            (
                f"{paths[one]} {paths[other]} {label}"
                for one, other, label in _pairs(kind, test, paths, views, random)
            ),
        )


def _write_surveillance(source: Source, paths: list[str]) -> None:
    views = source.labels["view8"]
    for name, splits in (("train", ("train",)), ("test", ("query", "gallery"))):
        lines = []
        for row in source.rows(*splits):
            if views[row] == "front":
                _, model, _, picture = paths[row].split("/")
                lines.append(f"{model}/{picture}")
                source.link(row, f"sv_data/image/{lines[-1]}")
        source.write(f"sv_data/{name}_surveillance.txt", lines)


def _box(source: Source, row: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the visible vehicle; the whole picture if it is hidden."""
    left, top, right, bottom = (int(edge) for edge in source.labels["vehicle_box"][row])
    if right > left and bottom > top:
        return left, top, right, bottom
    return 0, 0, int(source.labels["width"][row]), int(source.labels["height"][row])


def _paths(source: Source) -> list[str]:
    models = source.table.model.tolist()
    makes = numbers(_make(model) for model in models)
    ids = numbers(models)
    years = [2008 + ids[model] % 8 for model in models]
    later = [source.vehicle[vehicle] % _YEARS for vehicle in source.table.vehicle.tolist()]
    return [
        f"{makes[_make(model)]}/{ids[model]}/{years[row] + later[row]}/{row + 1:07d}.jpg"
        for row, model in enumerate(models)
    ]


def _make(model: str) -> str:
    """The first word of a model's name."""
    return model.split(" ")[0]


def _pairs(
    kind: str, rows: list[int], paths: list[str], views: list[str], random: np.random.Generator
) -> Iterator[tuple[int, int, int]]:
    """Different pairs of rows, alternating 1 (same class) and 0 (two classes), as many as exist."""
    pools: dict[str, list[int]] = defaultdict(list)
    classes: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        group = _group(kind, paths[row], views[row])
        pools[group].append(row)
        classes[f"{group} {_class(paths[row])}"].append(row)
    wanted = {0: _of_several(pools), 1: _of_several(classes)}
    seen: set[tuple[int, int]] = set()
    label = 1
    for _ in range(6 * min(_PAIRS, len(rows) ** 2) if wanted[1] else 0):
        pool = wanted[label][int(random.integers(len(wanted[label])))]
        one, other = sorted(pool[int(place)] for place in random.integers(len(pool), size=2))
        same = _class(paths[one]) == _class(paths[other])
        if one != other and same == bool(label) and (one, other) not in seen:
            seen.add((one, other))
            yield one, other, label
            label = 1 - label
        if len(seen) == _PAIRS:
            return


def _of_several(groups: dict[str, list[int]]) -> list[list[int]]:
    return [group for _, group in sorted(groups.items()) if len(group) > 1]


def _class(path: str) -> str:
    return path.rsplit("/", 2)[0]


def _group(kind: str, path: str, view: str) -> str:
    """Pairs are drawn within these groups."""
    if kind == "easy":
        return str(VIEWPOINTS[view])
    return path.split("/")[0] if kind == "hard" else ""
