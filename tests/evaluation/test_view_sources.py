"""Views that a data set lacks: from files of views, or predicted by a model."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from drawn import draw_vehicles
from messages import facts

import platefree as pf
from platefree.data.dataset import DataSet
from platefree.data.view_file import views_from_file
from platefree.errors import DataError, ProtocolError
from platefree.evaluation.draws import DRAWS
from platefree.evaluation.set_protocols import make_plan, rows_to_see
from platefree.types import Embeddings, Sightings

NUMBER = {"front": "0", "rear": "1"}


@pytest.fixture(scope="module")
def vehicle_id(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as VehicleID is unpacked, with two test lists, of drawn pictures."""
    root = tmp_path_factory.mktemp("sets") / "VehicleID_V1.0"
    folder = draw_vehicles(tmp_path_factory.mktemp("drawn"), 8, images_per_camera=2, size=32)
    drawn = pf.read_table(folder)
    (root / "image").mkdir(parents=True)
    (root / "train_test_split").mkdir()
    lines = []
    for row in range(len(drawn)):
        drawn.path(row).rename(root / f"image/{row:07d}.jpg")
        lines.append(f"{row:07d} {drawn.vehicle[row]}")
    for size, test in ((800, lines[:24]), (1600, lines)):
        (root / f"train_test_split/test_list_{size}.txt").write_text("\n".join(test) + "\n")
    return root


def view_of(image: str) -> str:
    return ("front", "rear")[int(Path(image).stem) * 7 % 5 % 2]


def names(root: Path) -> list[str]:
    return [f"image/{path.name}" for path in sorted((root / "image").iterdir())]


def views_file(folder: Path, root: Path, kind: str) -> Path:
    """The views of every picture, in one of the ways that files have them."""
    images, path = names(root), folder / ("views.csv" if kind.startswith("table") else "views.txt")
    lines = {
        "table": ["image,view", *(f"{image},{view_of(image)}" for image in images)],
        "table of whole paths": [
            "image,vehicle,view",
            *(f"{root / image},x,{view_of(image)}" for image in images),
        ],
        "table of numbers": [
            "view,image",
            *(f"{NUMBER[view_of(image)]},{Path(image).name}" for image in images),
        ],
        "list": [f"{Path(image).stem} {NUMBER[view_of(image)]}" for image in images],
        "list with commas": [f"{Path(image).name},{NUMBER[view_of(image)]}" for image in images],
        "list of words": [f"{image}\t{view_of(image)}" for image in images],
    }[kind]
    path.write_text("\n".join(lines) + "\n")
    return path


KINDS = (
    "table",
    "table of whole paths",
    "table of numbers",
    "list",
    "list with commas",
    "list of words",
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_gives_the_views_of_its_pictures(
    vehicle_id: Path, tmp_path: Path, kind: str
) -> None:
    data = pf.read_dataset(vehicle_id)
    assert not data.table.knows("view")
    seen = pf.with_views(data, views_file(tmp_path, vehicle_id, kind))
    assert seen.table.view.tolist() == [view_of(image) for image in data.table.image.tolist()]
    assert (seen.name, seen.lists.keys()) == ("vehicleid", data.lists.keys())
    assert f"of {len(data.table)} pictures" in seen.views


def test_table_2_is_scored_on_ten_draws_of_vehicle_id(
    run: Run, vehicle_id: Path, tmp_path: Path
) -> None:
    views, report = views_file(tmp_path, vehicle_id, "list"), tmp_path / "report.html"
    arguments = ["eval", "color_stripes", "--data", str(vehicle_id), "--protocol", "views"]
    code, _, err = run(*arguments)
    assert code
    assert "--views" in err
    code, out, err = run(*arguments, "--views", str(views), "--report", str(report), "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["data"]["views"] == f"the file {views}, of {len(names(vehicle_id))} pictures"
    tests = [f"{size} top1_{kind}" for size in (800, 1600) for kind in ("s", "d", "s*", "d*")]
    assert [test["name"] for test in found["tests"]] == tests
    means = by_loops(vehicle_id)
    for test in found["tests"]:
        assert test["figures"]["rank-1"] == pytest.approx(means[test["name"]], abs=1e-6)
    assert "the file" in report.with_suffix(".md").read_text("utf-8")


def by_loops(root: Path) -> dict[str, float]:
    """Rank-1 of the eight tests: the mean of ten draws, each over all of its queries."""
    data = pf.read_dataset(root)
    embeddings, _ = pf.load_model("color_stripes").embed(data.table)
    rows, vehicle = embeddings.spaces["main"], data.table.vehicle
    view = np.array([view_of(image) for image in data.table.image.tolist()])
    drawn: dict[str, list[float]] = {}
    for trial in make_plan(data, "vehicleid").trials:
        for kind in ("s", "d", "s*", "d*"):
            right = []
            for query in trial.query.tolist():
                fits = (view == view[query]) == (kind[0] == "s")
                allowed = [
                    row
                    for row in trial.gallery.tolist()
                    if fits[row] or (vehicle[row] != vehicle[query] and not kind.endswith("*"))
                ]
                if any(vehicle[row] == vehicle[query] for row in allowed):
                    nearest = max(allowed, key=lambda row, q=query: float(rows[q] @ rows[row]))
                    right.append(vehicle[nearest] == vehicle[query])
            drawn.setdefault(f"{trial.test} top1_{kind}", []).append(float(np.mean(right)))
    assert all(len(values) == DRAWS for values in drawn.values())
    return {test: float(np.mean(values)) for test, values in drawn.items()}


class Teller:
    """A model that tells views, and counts the pictures it has looked at."""

    name = "runs/teller"

    def __init__(self) -> None:
        self.looked: list[str] = []

    def class_names(self, column: str) -> tuple[str, ...]:
        assert column == "view"
        return ("front", "rear")

    def embed(self, sightings: Sightings, **options: object) -> tuple[Embeddings, list[str]]:
        self.looked += sightings.image.tolist()
        tells = [int(NUMBER[view_of(image)]) for image in sightings.image.tolist()]
        return Embeddings({"view": np.eye(2, dtype=np.float32)[tells]}, sightings, "teller"), []


def test_a_model_tells_the_views_of_the_scored_pictures_only(vehicle_id: Path) -> None:
    data, teller = pf.read_dataset(vehicle_id), Teller()
    wrong = np.full(len(data.table), "wrong")
    data = replace(data, table=replace(data.table, view=wrong))
    rows = rows_to_see(data, ["800 top1_d", "800 top1_s*"])
    assert rows.tolist() == sorted(data.rows("test_800").tolist())
    seen = pf.with_views(data, teller, rows=rows)  # type: ignore[arg-type]
    assert sorted(teller.looked) == sorted(data.table.image[rows].tolist())
    for row, view in enumerate(seen.table.view.tolist()):
        known = row in set(rows.tolist())
        assert view == (view_of(str(data.table.image[row])) if known else "")
    assert "runs/teller" in seen.views
    assert rows_to_see(data).tolist() == sorted(data.rows("test_1600").tolist())
    with pytest.raises(DataError, match=facts("color_stripes", "no view")):
        pf.with_views(data, "color_stripes")


def test_a_set_scored_by_pairs_has_no_rows_to_see() -> None:
    table = Sightings.from_columns(Path(), {"image": ["a.jpg"], "vehicle": ["1"]})
    with pytest.raises(ProtocolError):
        rows_to_see(DataSet("compcars", table))


REFUSED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "a third column": ("0000001 0 1\n", ("line 1", "'0000001 0'")),
    "a number without a view": ("0000001 0\n0000002 3\n", ("line 2",)),
    "two views": ("0000001 0\n0000001 1\n", ("line 2", "front")),
    "two views by two names": ("0000001 0\nimage/0000001.jpg 1\n", ("front", "rear")),
    "pictures of another set": ("9999999 0\n", ("9999999", "image/0000000.jpg")),
    "nothing": ("", ("0 pictures",)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_that_cannot_be_used_is_refused(vehicle_id: Path, tmp_path: Path, what: str) -> None:
    text, named = REFUSED[what]
    path = tmp_path / "views.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=facts(str(path), *named)):
        views_from_file(pf.read_dataset(vehicle_id).table, path)


def test_names_that_are_no_view_or_no_single_picture_are_refused(tmp_path: Path) -> None:
    table = Sightings.from_columns(tmp_path, {"image": ["a/1.jpg", "b/1.jpg", "c.jpg"]})
    (tmp_path / "short.txt").write_text("1 0\n")
    with pytest.raises(DataError, match=facts("short.txt", "a/1.jpg", "1 other row")):
        views_from_file(table, tmp_path / "short.txt")
    (tmp_path / "long.txt").write_text("a/1 0\nb/1.jpg 1\nc ?\nother/c 1\n")
    assert views_from_file(table, tmp_path / "long.txt").tolist() == ["front", "rear", ""]
    (tmp_path / "blind.csv").write_text("image,vehicle\nc.jpg,1\n")
    with pytest.raises(DataError, match=facts("blind.csv", "no view")):
        views_from_file(table, tmp_path / "blind.csv")
    with pytest.raises(DataError, match=facts("missing.txt", "does not exist")):
        pf.with_views(table, tmp_path / "missing.txt")
