"""The layouts of VehicleID and VERI-Wild: numbered pictures and lists of them."""

import numpy as np

from platefree.city.output.layout_source import Source
from platefree.city.world.streams import Purpose, stream

_VEHICLEID_TESTS = (800, 1600, 2400, 3200, 6000, 13164)
_VEHICLEID_COLORS = ("black", "blue", "gray", "red", "silver", "white", "yellow")
_WILD_TESTS = (3000, 5000, 10000)


def write_vehicleid(source: Source) -> None:
    """VehicleID: no cameras; the protocol draws gallery and query; there are no lists of them.

    Color and model ids count from 0; colors that VehicleID does not have come after its own.
    """
    table = source.table
    names = {row: f"{row + 1:07d}" for row in range(len(table))}
    for row, name in names.items():
        source.link(row, f"image/{name}.jpg")
    vehicle = [source.vehicle[name] for name in table.vehicle.tolist()]

    def listed(rows: list[int]) -> list[str]:
        return [f"{names[row]} {vehicle[row]}" for row in rows]

    source.write("train_test_split/train_list.txt", listed(source.rows("train")))
    tested = source.rows("query", "gallery")
    order = _drawn(sorted({vehicle[row] for row in tested}))
    for size in _VEHICLEID_TESTS:
        chosen = set(order[:size])
        lines = listed([row for row in tested if vehicle[row] in chosen])
        source.write(f"train_test_split/test_list_{size}.txt", lines)
    source.write("attribute/img2vid.txt", listed(list(names)))
    _write_attribute(source, "model", table.model.tolist(), ())
    colors = [_american(color) for color in table.color.tolist()]
    _write_attribute(source, "color", colors, _VEHICLEID_COLORS)


def _write_attribute(source: Source, name: str, values: list[str], own: tuple[str, ...]) -> None:
    known = [*own, *sorted(set(values) - set(own))]
    ids = {value: index for index, value in enumerate(known)}
    of_vehicle = dict(zip(source.table.vehicle.tolist(), values, strict=True))
    source.write(
        f"attribute/{name}_attr.txt",
        (f"{number} {ids[of_vehicle[vehicle]]}" for vehicle, number in source.vehicle.items()),
    )
    source.write(f"attribute/{name}_names.txt", (f"{ids[value]} {value}" for value in known))


def write_veri_wild(source: Source) -> None:
    """VERI-Wild: one query for each test vehicle; its other pictures are gallery."""
    table = source.table
    names = [
        f"{source.vehicle[vehicle]:05d}/{row + 1:06d}"
        for row, vehicle in enumerate(table.vehicle.tolist())
    ]
    for row, name in enumerate(names):
        source.link(row, f"images/{name}.jpg")
    source.write("train_test_split/train_list.txt", (names[row] for row in source.rows("train")))
    queries: dict[str, int] = {}
    for row in source.rows("query"):
        queries.setdefault(str(table.vehicle[row]), row)
    order = _drawn(sorted(queries))
    tested = source.rows("query", "gallery")
    for size in _WILD_TESTS:
        chosen = set(order[:size])
        asked = {row for vehicle, row in queries.items() if vehicle in chosen}
        shown = [row for row in tested if table.vehicle[row] in chosen and row not in asked]
        source.write(f"train_test_split/test_{size}.txt", (names[row] for row in shown))
        source.write(
            f"train_test_split/test_{size}_query.txt", (names[row] for row in sorted(asked))
        )
    source.write("train_test_split/vehicle_info.txt", _vehicle_info(source, names))


def _vehicle_info(source: Source, names: list[str]) -> list[str]:
    table = source.table
    times = np.datetime_as_string(table.time, unit="s").tolist()
    lines = ["id/image;Camera ID;Time;Model;Type;Color"]
    for row, name in enumerate(names):
        camera = source.camera[str(table.camera[row])]
        when = times[row].replace("T", " ")
        kind = f"{table.model[row]};{table.type[row]};{_american(str(table.color[row]))}"
        lines.append(f"{name};{camera};{when};{kind}")
    return lines


def _drawn(vehicles: list[int] | list[str]) -> list[int] | list[str]:
    """In random order, so that the first ones are a fair sample."""
    order: list[int] | list[str] = [
        vehicles[place] for place in stream(Purpose.LAYOUT, 0).permutation(len(vehicles)).tolist()
    ]
    return order


def _american(color: str) -> str:
    return color.replace("grey", "gray")
