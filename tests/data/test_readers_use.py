"""What is done with a public data set: crops, validation, submissions, counts, commands."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from messages import facts, says
from PIL import Image
from small_sets import CITYFLOW, COMPCARS, SETS, VEHICLEID, VERI, VRIC, label_file, write_files

from platefree.data import documented
from platefree.data.crops import crop_compcars
from platefree.data.dataset import DataSet
from platefree.data.documented import DOCUMENTED, compare_counts
from platefree.data.image import read_image, read_part
from platefree.data.readers.detect import FORMATS, read_dataset
from platefree.data.split import hold_out_vehicles
from platefree.data.submission import write_submission
from platefree.data.support import lost_queries
from platefree.data.table import read_table
from platefree.errors import DataError, ImageError
from platefree.types import Ranking, Sightings

# --- crops ------------------------------------------------------------------------------------


def photograph(path: Path, orientation: int = 1) -> np.ndarray:
    """A picture of 40 x 30 pixels, each of another color in PNG; its pixels as stored."""
    rows, columns = np.mgrid[:30, :40]
    pixels = np.stack([rows * 8, columns * 6, rows + columns], axis=2).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, "PNG", exif=exif)
    return pixels


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_a_part_is_that_of_the_stored_pixels_turned(
    tmp_path: Path, orientation: int, turns: int
) -> None:
    pixels = photograph(tmp_path / "a.png", orientation)
    part = read_part(tmp_path / "a.png", (3, 5, 20, 11))
    np.testing.assert_array_equal(np.asarray(part), np.rot90(pixels[5:11, 3:20], turns))
    whole = read_part(tmp_path / "a.png", (0, 0, 40, 30))
    np.testing.assert_array_equal(np.asarray(whole), np.asarray(read_image(tmp_path / "a.png")))


@pytest.mark.parametrize("box", [(0, 0, 41, 30), (0, 0, 40, 31), (5, 5, 5, 9), (-1, 0, 5, 5)])
def test_a_box_must_lie_within_the_picture(tmp_path: Path, box: tuple[int, int, int, int]) -> None:
    photograph(tmp_path / "a.png")
    with pytest.raises(
        ImageError,
        match=facts(
            "a.png",
            "40 x 30 pixels",
            "{} to {}".format(*(f"{x}, {y}" for x, y in (box[:2], box[2:]))),
        ),
    ):
        read_part(tmp_path / "a.png", box)


LABELS = {
    "1/11/2011/aa": "4\n1\n3 5 20 11\n",
    "1/11/2012/bb": "-1\r\n1\r\n1 1 40 30 \r\n",
    "2/12/2011/cc": "2\n1\n1 1 41 30\n",  # beyond the picture
    "2/13/2011/dd": "2\n1\n9 9 9 12\n",  # empty
    "3/14/2011/ee": "2\n1\n",
    "3/14/2011/ff": "7\n1\n1 1 4 4\n",
    "3/14/2011/gg": "1\n1\n1 1 x 4\n",
}


def photographs(root: Path) -> Path:
    write_files(root, COMPCARS)
    for name, label in LABELS.items():
        photograph(root / "image" / f"{name}.jpg")
        write_files(root, {f"label/{name}.txt": label})
    photograph(root / "image/3/14/2011/no_label.jpg")
    return root


def test_crops(tmp_path: Path) -> None:
    root = photographs(tmp_path / "CompCars" / "data")
    dataset = crop_compcars(tmp_path / "CompCars", tmp_path / "crops")
    table = dataset.table
    assert table.image.tolist() == ["image/1/11/2011/aa.jpg", "image/1/11/2012/bb.jpg"]
    assert [read_image(table.path(row)).size for row in (0, 1)] == [(18, 7), (40, 30)]
    assert table.view.tolist() == ["front-side", ""]
    assert table.type.tolist() == ["3", "3"]
    assert dataset.rows("classification_train").tolist() == [0]
    assert dataset.rows("classification_test").tolist() == [1]
    assert dataset.pairs["easy"].same.tolist() == [True]  # the other pair lost a picture
    lost = ("6 pictures", "without a crop", "2/12/2011/cc.jpg")
    assert any(says(remark, lost) for remark in dataset.remarks)
    reasons = (tmp_path / "crops" / "skipped.txt").read_text()
    assert says(reasons, "0, 0 to 41, 30", "1 <= x1 < x2", "viewpoint", "four numbers")
    assert says(reasons, "no_label.txt")
    with pytest.raises(DataError, match=facts("crops", "cropped already")):
        crop_compcars(tmp_path / "crops", tmp_path / "again")
    assert read_dataset(root).table.view.tolist() == [""] * len(read_dataset(root).table)


def test_crops_that_are_there_are_kept(tmp_path: Path) -> None:
    photographs(tmp_path / "data")
    crop_compcars(tmp_path / "data", tmp_path / "crops")
    crop = tmp_path / "crops/image/1/11/2011/aa.jpg"
    crop.write_bytes(b"done before")
    (tmp_path / "crops/image/1/11/2012/bb.jpg").unlink()
    crop_compcars(tmp_path / "data", tmp_path / "crops")
    assert crop.read_bytes() == b"done before"
    assert (tmp_path / "crops/image/1/11/2012/bb.jpg").is_file()


def test_crops_of_files_in_large_letters(tmp_path: Path) -> None:
    """Skipped pictures leave the lists, however their files end."""
    files = {name.replace("image/", "Image/"): text for name, text in COMPCARS.items()}
    write_files(tmp_path / "data", {n: t for n, t in files.items() if "/cc.jpg" not in n})
    for name in ("1/11/2011/aa", "1/11/2012/bb", "2/13/2011/dd"):
        photograph(tmp_path / "data/Image" / f"{name}.jpg")
        write_files(tmp_path / "data", {f"label/{name}.txt": LABELS[name]})
    photograph(tmp_path / "data/Image/2/12/2011/cc.JPG")
    dataset = crop_compcars(tmp_path / "data", tmp_path / "crops")
    assert dataset.table.image.tolist() == ["image/1/11/2011/aa.jpg", "image/1/11/2012/bb.jpg"]
    assert len(dataset.pairs["easy"].same) == 1


def test_compcars_is_not_cropped_onto_itself(tmp_path: Path) -> None:
    photographs(tmp_path)
    with pytest.raises(DataError, match=facts(str(tmp_path), "CompCars itself", "another folder")):
        crop_compcars(tmp_path, tmp_path)


def test_nothing_to_crop_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path / "vric", VRIC)
    with pytest.raises(DataError, match=facts("vric", "not compcars", "train_test_split")):
        crop_compcars(tmp_path / "vric", tmp_path / "out")
    files = {name: text for name, text in COMPCARS.items() if not name.startswith("label")}
    write_files(tmp_path / "bare", files)
    with pytest.raises(DataError, match=facts("bare", "folder 'label'")):
        crop_compcars(tmp_path / "bare", tmp_path / "out")


# --- CityFlow ---------------------------------------------------------------------------------


def cityflow(root: Path, vehicles: int = 12) -> DataSet:
    items = [
        {"imageName": f"{3 * v + n:06d}.jpg", "vehicleID": f"{v:04d}", "cameraID": f"c{n:03d}"}
        for v in range(vehicles)
        for n in range(3)
    ]
    return read_dataset(write_files(root, {**CITYFLOW, "train_label.xml": label_file(items)}))


def test_vehicles_are_held_back_whole(tmp_path: Path) -> None:
    table = cityflow(tmp_path).table
    held = hold_out_vehicles(table, vehicles=4, seed=1)
    train = set(held.vehicle[held.split == "train"].tolist())
    test = set(held.vehicle[held.split != "train"].tolist())
    assert (len(train), len(test)) == (8, 4)
    assert not train & test
    assert train | test == set(table.vehicle.tolist()) - {""}
    assert len(held) == 36  # no picture of the hidden vehicles
    for row in np.flatnonzero(held.split == "query"):
        mates = held.vehicle[held.split == "gallery"] == held.vehicle[row]
        assert (mates & (held.camera[held.split == "gallery"] != held.camera[row])).any()
    again = hold_out_vehicles(table, vehicles=4, seed=1)
    assert again.fingerprint() == held.fingerprint()
    assert hold_out_vehicles(table, vehicles=4, seed=2).fingerprint() != held.fingerprint()


def test_vehicles_of_a_table_without_splits_are_held_back_too(tmp_path: Path) -> None:
    table = cityflow(tmp_path).table
    train = table.take(table.split == "train")
    plain = replace(train, split=np.full(len(train), ""))
    held = hold_out_vehicles(plain, vehicles=4, seed=1)
    assert held.fingerprint() == hold_out_vehicles(table, vehicles=4, seed=1).fingerprint()


@pytest.mark.parametrize("vehicles", [0, 12, 78])
def test_too_many_vehicles_to_hold_out_are_refused(tmp_path: Path, vehicles: int) -> None:
    with pytest.raises(DataError, match=facts(f"{vehicles} vehicles", "hold out", "of the 12")):
        hold_out_vehicles(cityflow(tmp_path).table, vehicles=vehicles)


def test_the_paper_holds_back_78_of_333() -> None:
    vehicles = [f"{n:03d}" for n in range(333) for _ in range(2)]
    images, cameras = [str(n) for n in range(666)], ["a", "b"] * 333
    columns = {"image": images, "vehicle": vehicles, "camera": cameras, "split": ["train"] * 666}
    held = hold_out_vehicles(Sightings.from_columns(Path("/"), columns))
    assert len(set(held.vehicle[held.split == "train"].tolist())) == 255
    assert len(set(held.vehicle[held.split == "query"].tolist())) == 78


def test_a_submission_has_a_line_for_each_query_by_number(tmp_path: Path) -> None:
    names = {"query": [7, 2, 31], "test": [12, 5, 900, 1]}
    files = {
        f"{split}_label.xml": label_file([{"imageName": f"{n:06d}.jpg"} for n in numbers])
        for split, numbers in names.items()
    }
    dataset = read_dataset(write_files(tmp_path, {**CITYFLOW, **files}))
    order = np.array([[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2]])
    ranking = Ranking(order, np.zeros((3, 4), np.float32))
    write_submission(dataset, ranking, tmp_path / "track2.txt")
    lines = (tmp_path / "track2.txt").read_text().splitlines()
    expected = {
        asked: " ".join(str(names["test"][place]) for place in row)
        for asked, row in zip(names["query"], order.tolist(), strict=True)
    }
    assert lines == [expected[asked] for asked in sorted(expected)]


def test_a_submission_is_100_deep_at_most(tmp_path: Path) -> None:
    items = [{"imageName": f"{n:06d}.jpg"} for n in range(1, 131)]
    files = {**CITYFLOW, "test_label.xml": label_file(items)}
    dataset = read_dataset(write_files(tmp_path, files))
    order = np.argsort(np.random.default_rng(0).random((2, 130)), axis=1)
    write_submission(dataset, Ranking(order, np.zeros((2, 130), np.float32)), tmp_path / "out.txt")
    lines = [line.split() for line in (tmp_path / "out.txt").read_text().splitlines()]
    assert lines == [[str(place + 1) for place in row[:100]] for row in order.tolist()]
    holed = order.copy()
    holed[1, 99] = -1
    for wrong, message in (
        (order[:, :99], ("fewer than 100", "query")),
        (holed, ("fewer than 100", "query")),
        (order[:1], ("of 1 query", "2 queries", "gallery of 130")),
        (order + 1, ("2 queries", "gallery of 130", "'query'", "'gallery'")),
    ):
        ranking = Ranking(wrong, np.zeros(wrong.shape, np.float32))
        with pytest.raises(DataError, match=facts(message)):
            write_submission(dataset, ranking, tmp_path / "no.txt")


# --- documented counts ------------------------------------------------------------------------


def test_every_set_has_documented_counts_that_can_be_counted(tmp_path: Path) -> None:
    own = "market-1501"  # a way to name pictures, in which people lay out their own sets
    assert set(DOCUMENTED) == {each.name for each in FORMATS} - {own}
    for name, files in SETS.items():
        counts = compare_counts(read_dataset(write_files(tmp_path / name, files)))
        assert [count.what for count in counts] == list(DOCUMENTED[name])
        assert not all(count.agrees for count in counts)


def test_counts_are_of_the_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = read_dataset(write_files(tmp_path, VEHICLEID))
    claims = {
        "train: pictures": {"paper": 9, "list": 3},
        "train: vehicles": {"paper": 2},
        "test_1600: vehicles": {"list": 2},
        "test_6000: vehicles": {"list": 0},
        "all: pictures": {"list": 6},
        "all: models": {"list": 3},
        "all: cameras": {"list": 1},
        "all: vehicles with a model": {"list": 3},
    }
    monkeypatch.setattr(documented, "DOCUMENTED", {"vehicleid": claims})
    found = {count.what: (count.found, count.agrees) for count in compare_counts(dataset)}
    assert found == {
        "train: pictures": (3, True),
        "train: vehicles": (2, True),
        "test_1600: vehicles": (2, True),
        "test_6000: vehicles": (0, True),
        "all: pictures": (6, True),
        "all: models": (3, True),
        "all: cameras": (0, False),
        "all: vehicles with a model": (3, True),
    }


def wild_with_one_camera(root: Path) -> DataSet:
    """Three queries: one with a match elsewhere, one of only its own camera, one of no match."""
    cameras = {"1/1": "7", "1/2": "7", "1/3": "8", "2/4": "7", "2/5": "7", "3/6": "9"}
    lines = [f"{image};{camera};2018-03-01 07:12:03;a;b;c" for image, camera in cameras.items()]
    return read_dataset(
        write_files(
            root,
            {
                "train_test_split/train_list.txt": "9/9\n",
                "train_test_split/test_3000_query.txt": "1/1\n2/4\n3/6\n",
                "train_test_split/test_3000.txt": "1/2\n1/3\n2/5\n",
                "train_test_split/test_5000_query.txt": "1/1\n",
                "train_test_split/test_5000.txt": "1/2\n1/3\n",
                "train_test_split/vehicle_info.txt": "\n".join(["id/image;...", *lines]),
            },
        )
    )


def matches_by_loops(data: DataSet, query: str, gallery: str) -> list[int]:
    table = data.table
    return [
        sum(
            table.vehicle[row] == table.vehicle[other] and table.camera[row] != table.camera[other]
            for other in data.rows(gallery)
        )
        for row in data.rows(query)
    ]


def test_queries_that_the_camera_rule_leaves_without_a_match_are_counted_by_list(
    run: Run, tmp_path: Path
) -> None:
    data = wild_with_one_camera(tmp_path)
    lost = {
        query: matches_by_loops(data, query, gallery).count(0)
        for query, gallery in (("query_3000", "gallery_3000"), ("query_5000", "gallery_5000"))
    }
    assert lost_queries(data) == lost == {"query_3000": 2, "query_5000": 0}
    counted = {count.what: count for count in compare_counts(data)}
    claimed = counted["query_3000: queries without a match"]
    assert (claimed.found, dict(claimed.documented), claimed.agrees) == (2, {"lists": 12}, False)
    assert DOCUMENTED["veri-wild"]["query_5000: queries without a match"] == {"lists": 21}
    code, out, err = run("data", "check", tmp_path, "--json")
    assert code == 1  # no picture is there
    assert json.loads(out)["data_set"]["queries_without_match"] == lost
    _, _, err = run("data", "check", tmp_path)
    assert says(err, "2 of 3 queries", "query_3000")
    assert "of the list query_5000" not in err


def test_queries_of_unknown_vehicles_are_not_lost(tmp_path: Path) -> None:
    data = read_dataset(write_files(tmp_path, CITYFLOW))
    assert lost_queries(data) == {"query": 0}


def test_the_lists_of_vehicleid_hold_other_queries_than_the_table_of_the_paper(
    tmp_path: Path,
) -> None:
    data = read_dataset(write_files(tmp_path, VEHICLEID))
    counts = {count.what: count for count in compare_counts(data)}
    assert counts["test_800: queries"].found == 1  # two pictures of one vehicle
    assert counts["test_1600: queries"].found == 1  # three of two
    documented_queries = {
        size: tuple(counts[f"test_{size}: queries"].documented.values())
        for size in (800, 1600, 2400)
    }
    assert documented_queries == {
        800: (5_693, 6_532), 1600: (11_777, 11_395), 2400: (17_377, 17_638)
    }  # fmt: skip


# --- the command line -------------------------------------------------------------------------


def drawn(root: Path, files: dict[str, str | bytes]) -> Path:
    """A data set whose listed pictures are all there, each another."""
    write_files(root, files)
    for place, image in enumerate(read_dataset(root).table.image.tolist()):
        (root / image).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 40), (place * 9 % 256, place, 5)).save(root / image, "PNG")
    return root


def test_check_prints_what_is_documented_beside_what_was_found(run: Run, tmp_path: Path) -> None:
    root = drawn(tmp_path, dict(VEHICLEID))
    code, out, err = run("data", "check", root)
    assert code == 0
    assert says(out, "110,178 (paper)", "113,346", "* 3")
    assert says(err, "13 of 13 counts", "not as documented", "no test_list_2400.txt")
    code, out, _ = run("data", "check", root, "--json")
    content = json.loads(out)
    assert (code, content["images"], content["data_set"]["name"]) == (0, 6, "vehicleid")
    assert content["data_set"]["counts"][0] == {
        "what": "train: pictures",
        "documented": {"paper": 110178, "released list": 113346},
        "found": 3,
        "agrees": False,
    }


def test_check_says_what_the_lists_are_scored_by(run: Run, layouts: dict[str, DataSet]) -> None:
    tests = {
        "vehicleid": ("vehicleid", "800", r"\d+ pictures in 8 pictures, 10 times"),
        "veri-776": ("veri-776", "tracks", r"\d+ pictures in \d+ tracks"),
        "veri-wild": ("query-gallery", "10000", r"\d+ pictures in \d+ pictures"),
        "compcars": ("model-verification", "hard", r"\d+ pairs"),
    }
    for name, (protocol, test, searched) in tests.items():
        code, out, _ = run("data", "check", layouts[name].table.root, "--json")
        scored_by = json.loads(out)["data_set"]["scored_by"]
        assert (code, scored_by["protocol"], scored_by["reason"]) == (0, protocol, "")
        assert re.fullmatch(searched, scored_by["tests"][test])
        text = run("data", "check", layouts[name].table.root)[1]
        assert "scored by" in text
        assert "without a split" not in text
    _, out, _ = run("data", "check", layouts["cityflow"].table.root, "--json")
    scored_by = json.loads(out)["data_set"]["scored_by"]
    assert (scored_by["protocol"], scored_by["tests"]) == ("query-gallery", {})
    assert says(scored_by["reason"], "'vehicle'", "challenge")
    assert says(run("data", "check", layouts["cityflow"].table.root)[1], "challenge")


def test_check_of_a_table_says_nothing_of_sets(run: Run, drawn_folder: Path) -> None:
    assert "documented" not in run("data", "check", drawn_folder)[1]
    assert "data_set" not in json.loads(run("data", "check", drawn_folder, "--json")[1])


def test_sets_are_merged_cropped_and_split(run: Run, tmp_path: Path) -> None:
    vric, veri = drawn(tmp_path / "vric", dict(VRIC)), drawn(tmp_path / "VeRi", dict(VERI))
    photographs(tmp_path / "data")
    code, out, err = run("data", "crop", tmp_path / "data", "--out", tmp_path / "crops")
    assert (code, out) == (0, "2 crops\n")
    assert says(err, "note", "6 pictures", "without a crop")
    own = write_files(tmp_path / "mine", {"7/a.jpg": "", "8/b.jpg": ""})
    target = tmp_path / "all.csv"
    parts = (vric, veri, tmp_path / "crops", own)
    code, out, _ = run("data", "merge", *parts, "--out", target, "--model-as-vehicle", "--json")
    content = json.loads(out)
    assert code == 0
    assert content["pictures"] == {"gallery": 4, "query": 2, "train": 9}
    assert content["vehicles"] == {"gallery": 2, "query": 2, "train": 7}
    text = target.read_text()
    assert "vric/images" not in text
    for vehicle in ("vric/5", "veri-776/0001", "compcars/11 2011", "mine/7"):
        assert f",{vehicle}," in text
    assert run("data", "split", veri, "--out", tmp_path / "split.csv")[0] == 0
    code, _, err = run("data", "merge", vric, vric, "--out", target)
    assert (code, says(err, "tables 1 and 2", "source 'vric'")) == (1, True)


def test_training_vehicles_are_held_back(run: Run, tmp_path: Path) -> None:
    cityflow(tmp_path / "set")
    words = ("data", "split", tmp_path / "set", "--out", tmp_path / "held.csv", "--hold-out")
    code, out, err = run(*words, 4, "--seed", 1, "--json")
    assert code == 0
    assert json.loads(out)["vehicles"] == {"gallery": 4, "query": 4, "train": 8}
    assert err.strip().endswith(f"table: {tmp_path / 'held.csv'}")
    held = hold_out_vehicles(read_dataset(tmp_path / "set").table, vehicles=4, seed=1)
    assert read_table(tmp_path / "held.csv").split.tolist() == held.split.tolist()
    code, _, err = run(*words, 12)
    assert (code, says(err, "12 vehicles", "hold out", "of the 12")) == (1, True)
    for wrong in (("0",), ("4", "--train", "0.5")):
        assert run(*words, *wrong)[0] == 2


def test_all_pictures_of_the_other_sources_are_trained_on(run: Run, tmp_path: Path) -> None:
    """As in VehicleNet: the tests of the sources too, but not those of the target."""
    roots = {name: drawn(tmp_path / name, dict(SETS[name])) for name in ("veri-776", "vehicleid")}
    cityflow(tmp_path / "set")
    held = tmp_path / "held.csv"
    assert run("data", "split", tmp_path / "set", "--hold-back", 4, "--out", held)[0] == 0
    words = ("data", "merge", *roots.values(), held, "--out", tmp_path / "all.parquet")
    code, _, err = run(*words, "--target", "cityflow")
    assert code == 0
    assert says(err, "warning", "4 test pictures of veri-776", "3 test pictures of vehicleid")
    assert "test pictures of cityflow" not in err
    merged, own = read_table(tmp_path / "all.parquet"), read_table(held)
    kept = merged.take(merged.source == "cityflow")
    assert kept.split.tolist() == own.split.tolist()
    assert set(merged.split[merged.source != "cityflow"].tolist()) == {"train"}
    veri = read_dataset(roots["veri-776"])
    train_and_gallery = [*veri.rows("train"), *veri.rows("gallery")]  # the queries are in it again
    assert [Path(image).name for image in merged.image[merged.source == "veri-776"].tolist()] == [
        Path(image).name for image in veri.table.image[train_and_gallery].tolist()
    ]
    assert (merged.source == "vehicleid").sum() == 6
    code, _, err = run(*words, "--target", "vric")
    assert (code, says(err, "source 'vric'", "cityflow, vehicleid, veri-776")) == (1, True)


def test_sets_are_listed(run: Run) -> None:
    code, out, _ = run("data", "sets")
    assert code == 0
    assert all(each.name in out for each in FORMATS)
    assert (
        json.loads(run("data", "sets", "--json")[1])["vric"] == "vric_train.txt or vric_probe.txt"
    )


@pytest.mark.parametrize("verb", ["check", "split", "merge", "crop", "sets"])
def test_help_fits_a_screen(run: Run, verb: str) -> None:
    code, out, _ = run("data", verb, "--help")
    assert (code, len(out.splitlines()) <= 50) == (0, True)
