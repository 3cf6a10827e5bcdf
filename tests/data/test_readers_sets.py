"""Each public data set, written by hand, with what is odd in the copies that are about."""

from pathlib import Path

import numpy as np
import pytest
from messages import facts, says
from scipy.io import savemat
from small_sets import (
    CITYFLOW,
    COMPCARS,
    SETS,
    SURVEILLANCE,
    VEHICLEID,
    VEHICLEX,
    VERI,
    VERI_WILD,
    VRIC,
    Files,
    label_file,
    veri_item,
    write_files,
)

from platefree.data.dataset import DataSet
from platefree.data.readers.detect import read_dataset
from platefree.data.table import read_table
from platefree.errors import ProtocolError
from platefree.evaluation.set_protocols import make_plan

PICTURE = b"never opened"


def read(root: Path, files: Files) -> DataSet:
    return read_dataset(write_files(root, files))


def without(files: Files, *names: str) -> Files:
    return {name: content for name, content in files.items() if name not in names}


def images(dataset: DataSet, name: str) -> list[str]:
    return dataset.table.image[dataset.rows(name)].tolist()


def column(dataset: DataSet, name: str, rows: str) -> list[str]:
    return getattr(dataset.table, name)[dataset.rows(rows)].tolist()


# --- VehicleID --------------------------------------------------------------------------------


def test_vehicleid_as_it_should_be(tmp_path: Path) -> None:
    dataset = read(tmp_path, VEHICLEID)
    table = dataset.table
    assert images(dataset, "train") == [f"image/000000{n}.jpg" for n in (1, 2, 3)]
    assert images(dataset, "test_800") == [f"image/000000{n}.jpg" for n in (4, 5)]
    assert images(dataset, "test_1600") == [f"image/000000{n}.jpg" for n in (4, 5, 6)]
    assert table.vehicle.tolist() == ["7", "7", "8", "9", "9", "10"]
    assert table.split.tolist() == ["train"] * 3 + [""] * 3
    assert table.model.tolist() == ["Audi A6L 2012"] * 2 + [""] + ["Mazda 6 (1)"] * 2 + [
        "Mazda 6 (2)"
    ]
    assert table.color.tolist() == ["red", "red", "", "", "", ""]
    assert not table.knows("camera")
    sizes = (2400, 3200, 6000, 13164)
    for remark, size in zip(dataset.remarks, sizes, strict=True):
        assert says(remark, f"test_list_{size}.txt", f"test_{size}", "missing")


def test_vehicleid_without_attributes_and_with_large_letters(tmp_path: Path) -> None:
    files = {
        "VehicleID_V1.0/Image/0000001.JPG": PICTURE,
        "VehicleID_V1.0/Train_Test_Split/train_list.txt": "\ufeff0000001 7 \r\n0000002 7\t\r\n\r\n",
        "VehicleID_V1.0/Train_Test_Split/Test_List_800.TXT": "0000004 9",
    }
    dataset = read(tmp_path, files)
    assert dataset.table.root == tmp_path / "VehicleID_V1.0"
    assert dataset.table.image.tolist() == [f"Image/000000{n}.JPG" for n in (1, 2, 4)]
    assert dataset.table.vehicle.tolist() == ["7", "7", "9"]
    assert says("; ".join(dataset.remarks), "attribute/model_attr.txt", "model is unknown")


@pytest.mark.parametrize(
    ("names", "color"),
    [
        ("0 black\n3 dark red\n", "dark red"),
        ("black 0\ndark red 3\n", "dark red"),
        ("black\nblue\ngrey\ndark red\n", "dark red"),
        ("黑 0\n红 3\n".encode("gbk"), "红"),
        (None, "3"),
        ("0 black\n1 blue\n", ""),
    ],
)
def test_colors_by_every_kind_of_list(
    tmp_path: Path, names: str | bytes | None, color: str
) -> None:
    place = "attribute/color_names.txt"
    files = {**without(VEHICLEID, place), **({} if names is None else {place: names})}
    assert read(tmp_path, files).table.color[0] == color


@pytest.mark.parametrize(
    ("lines", "models"),
    [
        (("Audi 100", "Mazda 3", "Peugeot 508"), ("Audi 100", "Mazda 3", "Peugeot 508")),
        (("Audi A3", "Mazda 3", "BMW X5"), ("Audi A3", "Mazda 3", "BMW X5")),
        (("Mazda 3", "Audi 3", "Mazda 3"), ("Mazda 3 (0)", "Audi 3", "Mazda 3 (2)")),
        (("Audi 100 2", "Mazda 3 0", "Peugeot 508 1"), ("Mazda 3", "Peugeot 508", "Audi 100")),
        (("Mazda 0", "Audi 1"), ("Mazda", "Audi", "")),
        (("Mazda 0", "Audi 1", "BMW 3"), ("Mazda", "Audi", "")),  # a line is missing
        (("0 Mazda 3", "1 Audi 100", "3 BMW"), ("Mazda 3", "Audi 100", "")),
        (("Audi A3", "BMW X5"), ("Audi A3", "BMW X5", "")),
    ],
)
def test_numbers_in_names_are_told_from_the_numbers_of_names(
    tmp_path: Path, lines: tuple[str, ...], models: tuple[str, ...]
) -> None:
    files = {**VEHICLEID, "attribute/model_names.txt": "\n".join(lines)}
    dataset = read(tmp_path, {**files, "attribute/model_attr.txt": "7 0\n9 1\n10 2\n"})
    by_vehicle = dict(zip(dataset.table.vehicle.tolist(), dataset.table.model, strict=True))
    assert tuple(by_vehicle[vehicle] for vehicle in ("7", "9", "10")) == models
    remark = remark_on(dataset, "without a name")
    assert says(remark or "", "1 model number") == ("" in models)


def test_the_vehicle_of_every_picture_is_compared(tmp_path: Path) -> None:
    place = "attribute/img2vid.txt"
    lines = [f"000000{n} {v}" for n, v in enumerate((7, 7, 8, 9, 9, 10), 1)]
    right = read(tmp_path / "a", {**VEHICLEID, place: "\r\n".join(["0000000 99", *lines])})
    assert not any("img2vid" in remark for remark in right.remarks)
    lines[4:] = ["0000005.jpg 7"]
    wrong = read(tmp_path / "b", {**VEHICLEID, place: "\n".join(lines)})
    assert wrong.table.vehicle.tolist() == ["7", "7", "8", "9", "9", "10"]
    lacking, other = (remark for remark in wrong.remarks if "img2vid" in remark)
    assert says(lacking, "1 picture", "not in img2vid.txt")
    assert says(other, "1 picture", "another vehicle", str(tmp_path / "b" / place), "line 5")
    assert says(other, "'0000005.jpg 7'", "'9'")


# --- VeRi-776 ---------------------------------------------------------------------------------


def test_veri_as_it_should_be(tmp_path: Path) -> None:
    dataset = read(tmp_path, VERI)
    table = dataset.table
    assert images(dataset, "query") == ["image_query/0002_c001_00026450_0.jpg"]
    assert images(dataset, "gallery")[0] == "image_test/0002_c001_00026450_0.jpg"
    assert column(dataset, "vehicle", "train") == ["0001", "0001", "0003"]
    assert column(dataset, "camera", "gallery") == ["c001", "c002", "c001"]
    assert column(dataset, "color", "train") == ["yellow", "yellow", ""]
    assert column(dataset, "type", "train") == ["suv", "", ""]  # type 0 is none of the list
    assert column(dataset, "track", "gallery") == ["0001", "0002", "0001"]
    assert column(dataset, "track", "query") == ["0001"]
    assert not table.knows("time")
    gallery = dataset.rows("gallery")
    assert [junk.tolist() for junk in dataset.ignored["query"]] == [gallery[[0, 2]].tolist()]
    unlabelled, unnamed = dataset.remarks
    assert says(unlabelled, "1 picture", "label files", "no color", "no type")
    assert says(unnamed, "1 type number", "without a name")


def test_veri_in_a_folder_of_its_name_with_other_letters(tmp_path: Path) -> None:
    renamed = {
        name.replace("image_", "Image_")
        .replace("image_query", "image_Query")
        .replace("name_train", "Name_Train")
        .replace(".jpg", ".JPG"): content
        for name, content in VERI.items()
    }
    files = {f"VeRi/VeRi/{name}": content for name, content in renamed.items()}
    dataset = read(tmp_path, files)
    assert dataset.table.root == tmp_path / "VeRi" / "VeRi"
    assert images(dataset, "query") == ["Image_query/0002_c001_00026450_0.JPG"]
    assert dataset.table.path(0).is_file()


def test_veri_without_what_is_optional(tmp_path: Path) -> None:
    optional = ("train_label.xml", "test_label.xml", "list_color.txt", "list_type.txt")
    files = without(VERI, *optional, "jk_index.txt", "gt_index.txt", "test_track.txt")
    dataset = read(tmp_path, files)
    assert column(dataset, "vehicle", "gallery") == ["0002"] * 3
    assert dataset.ignored == {}
    assert not any(map(dataset.table.knows, ("color", "type", "track")))
    assert len(dataset.remarks) == 3


def test_veri_without_lists_of_names(tmp_path: Path) -> None:
    files = without(VERI, "name_train.txt", "name_query.txt", "name_test.txt")
    dataset = read(tmp_path, files)
    assert len(dataset.rows("train")) == 2  # those of the label file
    assert images(dataset, "query") == ["image_query/0002_c001_00026450_0.jpg"]  # of the folder
    assert len(dataset.rows("gallery")) == 3


def test_numbers_of_veri_without_their_names(tmp_path: Path) -> None:
    dataset = read(tmp_path, without(VERI, "list_color.txt", "list_type.txt"))
    assert column(dataset, "color", "gallery") == ["2", "2", "2"]


def test_labels_of_veri_that_contradict_the_names_are_remarked(tmp_path: Path) -> None:
    item = {**veri_item("0001_c001_00016450_0.jpg"), "cameraID": "c009"}
    dataset = read(tmp_path, {**VERI, "train_label.xml": label_file([item])})
    assert column(dataset, "camera", "train")[0] == "c001"
    assert says("; ".join(dataset.remarks), "1 picture", "another vehicle", "label files")


def test_an_empty_index_of_junk_is_none(tmp_path: Path) -> None:
    dataset = read(tmp_path, {**VERI, "jk_index.txt": "\r\n\r\n"})
    assert dataset.ignored == {}
    assert says("; ".join(dataset.remarks), "jk_index.txt", "is empty")


def test_a_query_may_have_no_junk(tmp_path: Path) -> None:
    names = "0002_c001_00026450_0.jpg\n0002_c002_00026455_0.jpg\n"
    files = {**VERI, "name_query.txt": names, "jk_index.txt": "1 3\n\n"}
    dataset = read(tmp_path, without(files, "gt_index.txt"))
    assert [len(junk) for junk in dataset.ignored["query"]] == [2, 0]
    remark = remark_on(dataset, "jk_index.txt")
    assert remark is not None
    assert says(remark, "1 line", str(tmp_path / "jk_index.txt"), "line 2", "position 2", "missing")


@pytest.mark.parametrize(
    ("junk", "matches", "wrong"),
    [
        ("1 3\n", "2\n", None),
        ("3 1\r\n", " 2 \r\n\r\n", None),
        ("1 3\n", "2 3\n", ("line 1", "position 3", "too many")),
        ("1 3\n", "1\n", ("line 1", "position 1", "too many")),
        (None, "2\n", None),
        (None, "1 2 3\n", ("line 1", "position 1", "too many")),
        ("\n", "\n", None),
        ("1 2 3\n", "2\n", ("line 1", "position 2", "too many")),  # which the junk takes away
        ("1 2 3\n", None, None),
    ],
)
def test_the_matches_that_veri_lists_are_those_of_the_protocol(
    tmp_path: Path, junk: str | None, matches: str | None, wrong: tuple[str, ...] | None
) -> None:
    listed = {"jk_index.txt": junk, "gt_index.txt": matches}
    files = without(VERI, *listed) | {n: t for n, t in listed.items() if t is not None}
    remark = remark_on(read(tmp_path, files), "of gt_index.txt")
    if wrong is None:
        assert remark is None
    else:
        assert remark is not None
        assert says(remark, str(tmp_path / "gt_index.txt"), *wrong)


def remark_on(dataset: DataSet, words: str) -> str | None:
    (found,) = [remark for remark in dataset.remarks if words in remark] or [None]
    return found


# --- VERI-Wild --------------------------------------------------------------------------------


def test_veri_wild_as_it_should_be(tmp_path: Path) -> None:
    dataset = read(tmp_path, VERI_WILD)
    table = dataset.table
    assert dataset.name == "veri-wild"
    assert images(dataset, "train")[2] == "images/00002/000003.jpg"
    assert column(dataset, "vehicle", "gallery_3000") == ["00003", "00004"]
    assert column(dataset, "camera", "train") == ["12", "13", ""]
    assert column(dataset, "model", "train") == ["Mercedes-Benz / AMG GT"] * 2 + [""]
    assert column(dataset, "type", "query_3000") == ["pickup truck"]
    expected = np.array(
        ["2018-03-01T07:12:03", "2018-03-01T23:59:59", "NaT", "2018-03-02", "NaT", "NaT"],
        "datetime64[ms]",
    )
    np.testing.assert_array_equal(table.time, expected)
    assert table.split.tolist() == ["train"] * 3 + [""] * 3


def test_pictures_that_veri_wild_says_nothing_of_are_counted(tmp_path: Path) -> None:
    dataset = read(tmp_path, VERI_WILD)
    assert (dataset.table.camera == "").sum() == 3
    assert says(remark_on(dataset, "not in vehicle_info.txt") or "", "3 pictures", "of 3", "camera")
    cameras = {
        "train_test_split/test_3000_query.txt": "00003/000004 3 77\n",
        "train_test_split/test_3000.txt": "00003/000005 3 41\n00004/000006 4 41\n",
    }
    dataset = read(tmp_path / "listed", {**VERI_WILD, **cameras})
    assert says(remark_on(dataset, "not in vehicle_info.txt") or "", "3 pictures", "of 1", "camera")
    dataset = read(tmp_path / "none", without(VERI_WILD, "train_test_split/vehicle_info.txt"))
    assert remark_on(dataset, "not in vehicle_info.txt") is None


def test_veri_wild_lists_with_numbers_from_0_and_no_header(tmp_path: Path) -> None:
    info = str(VERI_WILD["train_test_split/vehicle_info.txt"]).split("\n", 1)[1]
    files = {
        "images/00001/000001.jpg": PICTURE,
        "train_list_start0.txt": "00001/000001.jpg 0 12\n00002/000003.jpg 1 40\n",
        "test_3000_id_query.txt": "00003/000004.jpg 3 77\n",
        "test_3000_id.txt": "00003/000005.jpg 3 41\n",
        "vehicle_info.txt": info.replace("\n", " \r\n"),
    }
    dataset = read(tmp_path, files)
    assert dataset.table.vehicle.tolist() == ["00001", "00002", "00003", "00003"]
    assert dataset.table.camera.tolist() == ["12", "40", "12", "41"]
    assert dataset.table.image[1] == "images/00002/000003.jpg"


def test_veri_wild_in_parts(tmp_path: Path) -> None:
    pictures = {
        "images/images_part01/00001/000001.JPG": PICTURE,
        "images/images_part02/00001/000002.JPG": PICTURE,
        "images/images_part02/00002/000003.JPG": PICTURE,
        "images_part03/00003/000004.JPG": PICTURE,
        "images/00004/000006.JPG": PICTURE,
    }
    dataset = read(tmp_path, {**without(VERI_WILD, "images/00001/000001.jpg"), **pictures})
    found = set(dataset.table.image.tolist())
    assert set(pictures) <= found
    assert found - set(pictures) == {"images_part03/00003/000005.JPG"}


def test_veri_wild_without_folders_of_vehicles(tmp_path: Path) -> None:
    files = {**without(VERI_WILD, "images/00001/000001.jpg"), "images/000001.jpg": PICTURE}
    dataset = read(tmp_path, files)
    assert images(dataset, "train")[1] == "images/000002.jpg"
    assert column(dataset, "vehicle", "train")[1] == "00001"


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2018/3/1 7:12:03", "2018-03-01T07:12:03"),
        ("20180301071203", "2018-03-01T07:12:03"),
        ("2018-03-01T07:12", "2018-03-01T07:12:00"),
        ("2018-02-30 07:12:03", "NaT"),
        ("yesterday", "NaT"),
        ("", "NaT"),
    ],
)
def test_times_of_veri_wild(tmp_path: Path, text: str, time: str) -> None:
    info = f"id/image;Camera ID;Time;Model;Type;Color\n00001/000001;12;{text};a;b;c\n"
    dataset = read(tmp_path, {**VERI_WILD, "train_test_split/vehicle_info.txt": info})
    assert str(dataset.table.time[0].astype("datetime64[s]")) == time
    wrong = [remark for remark in dataset.remarks if "vehicle_info.txt, line 2" in remark]
    assert bool(wrong) == (time == "NaT" and text != "")


def test_veri_wild_2(tmp_path: Path) -> None:
    files = {
        **VERI_WILD,
        "query/query/query_final/1.jpg": PICTURE,
        "gallery/gallery_final/2.jpg": PICTURE,
        "test_split_V2/A_query.txt": "query/query_final/1.jpg 41000\n",
        "test_split_V2/A_gallery.txt": "gallery/gallery_final/2.jpg 41000\n",
        "test_split_V2/All_query.txt": "query/query_final/1.jpg 41000\nquery/query_final/9.jpg 7\n",
    }
    dataset = read(tmp_path, files)
    assert dataset.name == "veri-wild-2"
    assert images(dataset, "query_A") == ["query/query/query_final/1.jpg"]
    assert images(dataset, "gallery_A") == ["gallery/gallery_final/2.jpg"]
    assert column(dataset, "vehicle", "query_All") == ["41000", "7"]
    assert column(dataset, "camera", "query_All") == ["", ""]
    assert len(dataset.rows("gallery_3000")) == 2
    assert says("; ".join(dataset.remarks), "gallery_All", "missing")


# --- CityFlow and VehicleX --------------------------------------------------------------------


def test_cityflow_of_2021(tmp_path: Path) -> None:
    files = {f"AIC21_Track2_ReID/{name}": content for name, content in CITYFLOW.items()}
    dataset = read(tmp_path, files)
    assert column(dataset, "vehicle", "train") == ["0011", "0011", "0012"]
    assert column(dataset, "camera", "query") == ["c001", "c001"]
    assert column(dataset, "camera", "gallery") == [""] * 4
    assert column(dataset, "vehicle", "gallery") == [""] * 4
    assert column(dataset, "track", "gallery") == [f"test-000{n}" for n in (1, 2, 1, 3)]
    assert dataset.remarks == ()
    assert read_table(tmp_path).split.tolist() == ["train"] * 3 + ["query"] * 2 + ["gallery"] * 4


def test_cityflow_whose_test_has_ids(tmp_path: Path) -> None:
    """Copies that were split again have ids in all label files; -1 is unknown."""
    labels = {
        f"{split}_label.xml": label_file(
            [
                {"imageName": f"{n:06d}.jpg", "vehicleID": vehicle, "cameraID": f"c{n:03d}"}
                for n, vehicle in enumerate(vehicles, 1)
            ]
        )
        for split, vehicles in {"query": ["0241", "0242"], "test": ["-1", "0242", "0241"]}.items()
    }
    dataset = read(tmp_path, {**CITYFLOW, **labels})
    assert column(dataset, "vehicle", "query") == ["0241", "0242"]
    assert column(dataset, "vehicle", "gallery") == ["", "0242", "0241"]
    assert column(dataset, "camera", "gallery") == ["c001", "c002", "c003"]
    (trial,) = make_plan(dataset).trials
    assert trial.query.tolist() == dataset.rows("query").tolist()
    with pytest.raises(
        ProtocolError,
        match=facts("column 'vehicle'", "2 queries", "challenge", "--hold-out", "platefree submit"),
    ):
        make_plan(read(tmp_path / "hidden", CITYFLOW))


def test_cityflow_of_2019(tmp_path: Path) -> None:
    files = {
        **without(CITYFLOW, "query_label.xml", "test_label.xml", "train_track.txt"),
        "name_train.txt": "000001.jpg\n000002.jpg\n000003.jpg\n",
        "name_test.txt": "000004.jpg\n000001.jpg\n",
        "test_track_id.txt": "1 4 \n",
        "train_track_id.txt": "1 \n2 3\n",
    }
    dataset = read(tmp_path, without(files, "test_track.txt"))
    assert images(dataset, "gallery") == ["image_test/000004.jpg", "image_test/000001.jpg"]
    assert images(dataset, "query") == ["image_query/000001.jpg"]  # there is only the folder
    assert column(dataset, "track", "train") == ["train-0001", "train-0002", "train-0002"]
    assert column(dataset, "track", "gallery") == ["test-0001", "test-0001"]


def test_pictures_of_cityflow_without_a_label(tmp_path: Path) -> None:
    dataset = read(tmp_path, {**CITYFLOW, "name_train.txt": "000001.jpg\n000009.jpg\n"})
    assert column(dataset, "vehicle", "train") == ["0011", ""]
    assert column(dataset, "track", "train") == ["train-0001", ""]
    unlabelled, trackless = dataset.remarks
    assert says(unlabelled, "1 picture", "train_label.xml", "vehicle unknown")
    assert says(trackless, "1 picture", "image_train", "train_track.txt")


@pytest.mark.parametrize(("listed", "labelled"), [("", ".jpg"), (".jpg", ""), (".JPG", ".jpg")])
def test_lists_and_label_files_may_leave_endings_out(
    tmp_path: Path, listed: str, labelled: str
) -> None:
    def endings_of(file: str | bytes, ending: str) -> str | bytes:
        if isinstance(file, bytes):
            return file.replace(b".jpg", ending.encode())
        return file.replace(".jpg", ending)

    names = "000001.jpg\n000002.jpg\n000003.jpg\n"
    for place, files, labels in (
        ("cityflow", {**CITYFLOW, "name_train.txt": names}, ("vehicle", "camera", "track")),
        ("veri-776", VERI, ("vehicle", "camera", "color", "type", "track")),
    ):
        usual = read(tmp_path / place / "usual", files)
        other = {
            name: endings_of(content, listed if name.startswith("name_") else labelled)
            if name.startswith("name_") or name.endswith(".xml")
            else content
            for name, content in files.items()
        }
        found = read(tmp_path / place / "other", other)
        assert found.name == place
        assert found.table.image.tolist() == usual.table.image.tolist()
        assert found.remarks == usual.remarks
        for label in labels:
            assert usual.table.knows(label)
            assert getattr(found.table, label).tolist() == getattr(usual.table, label).tolist()


def test_vehiclex(tmp_path: Path) -> None:
    dataset = read(tmp_path, VEHICLEX)
    table = dataset.table
    names = ["0001_c002_1.jpg", "0002_c001_7.jpg"]
    assert images(dataset, "train") == [f"sys_image_train/{name}" for name in names]
    assert (table.vehicle[0], table.camera[0], table.color[0]) == ("0001", "c002", "4")
    assert table.color[1] == ""
    assert not table.knows("view")


def test_vehiclex_flat_and_without_labels(tmp_path: Path) -> None:
    flat = {"0001_c002_1.jpg": PICTURE, "train_label.xml": VEHICLEX["train_label.xml"]}
    named = {**flat, "list_color.txt": "0 yellow\n4 red\n"}
    dataset = read(tmp_path / "flat", named)
    assert dataset.table.image.tolist() == ["0001_c002_1.jpg", "0002_c001_7.jpg"]
    assert dataset.table.color.tolist() == ["red", ""]
    bare = read(tmp_path / "bare", without(VEHICLEX, "train_label.xml"))
    assert bare.table.vehicle.tolist() == ["0001"]
    assert not bare.table.knows("color")


# --- CompCars and VRIC ------------------------------------------------------------------------


def cells(rows: list[list[object]]) -> np.ndarray:
    array = np.empty((len(rows), len(rows[0])), dtype=object)
    for place, row in enumerate(rows):
        array[place] = row
    return array


@pytest.mark.parametrize("place", ["", "data", "CompCars/data"])
def test_compcars_at_any_level(tmp_path: Path, place: str) -> None:
    root = tmp_path / place
    dataset = read_dataset(write_files(root, COMPCARS) and tmp_path)
    assert dataset.table.root == root
    assert dataset.table.image.tolist() == [name for name in COMPCARS if name.startswith("image/")]
    assert dataset.table.model.tolist() == ["11", "11", "12", "13"]
    assert dataset.table.model_year.tolist() == ["2011", "2012", "2011", "2011"]
    assert dataset.table.type.tolist() == ["3", "3", "", ""]
    assert dataset.table.split.tolist() == ["", "", "", "train"]
    easy = dataset.pairs["easy"]
    assert (easy.first.tolist(), easy.second.tolist(), easy.same.tolist()) == (
        [2, 0],
        [1, 1],
        [False, True],
    )
    assert not dataset.table.knows("vehicle")


def test_names_of_compcars(tmp_path: Path) -> None:
    write_files(tmp_path, COMPCARS)
    names = [[""]] * 10 + [["Audi A3 hatchback"], ["Seat Ibiza"], ["Seat Ibiza"]]
    types = cells([["MPV", "SUV", "sedan"]])
    savemat(tmp_path / "misc" / "make_model_name.mat", {"model_names": cells(names)})
    savemat(tmp_path / "misc" / "car_type.mat", {"types": types})
    table = read_dataset(tmp_path).table
    assert table.model.tolist() == [
        *("Audi A3 hatchback", "Audi A3 hatchback"),
        *("Seat Ibiza (12)", "Seat Ibiza (13)"),
    ]
    assert table.type.tolist() == ["sedan", "sedan", "", ""]


def test_surveillance_part_of_compcars(tmp_path: Path) -> None:
    root = write_files(tmp_path / "sv_data" / "sv_data", SURVEILLANCE)
    dataset = read_dataset(tmp_path)
    assert images(dataset, "classification_train") == ["image/1/aa.jpg", "image/2/bb.jpg"]
    assert images(dataset, "classification_test") == ["image/1/cc.jpg"]
    assert dataset.table.model.tolist() == ["1", "2", "1"]
    assert dataset.table.split.tolist() == ["train", "train", ""]
    makes = cells([["Audi", "A4L", 58], ["BWM", "X5", 96]])
    colors = cells([["1/aa.jpg", 9], ["2/bb.jpg", -1]])
    savemat(root / "sv_make_model_name.mat", {"sv_make_model_name": makes})
    savemat(root / "color_list.mat", {"color_list": colors})
    table = read_dataset(tmp_path, "compcars-surveillance").table
    assert table.model.tolist() == ["Audi A4L", "BWM X5", "Audi A4L"]
    assert table.color.tolist() == ["silver", "", ""]


def test_vric(tmp_path: Path) -> None:
    dataset = read(tmp_path, VRIC)
    assert images(dataset, "query") == ["probe_images/c.jpg"]
    assert dataset.table.vehicle.tolist() == ["5", "5", "6", "6"]
    assert dataset.table.camera.tolist() == ["11", "12", "11", "12"]
    assert dataset.table.split.tolist() == ["train", "train", "query", "gallery"]
    assert dataset.remarks == ()


@pytest.mark.parametrize("name", SETS)
def test_the_pictures_need_not_be_there(tmp_path: Path, name: str) -> None:
    files = {place: text for place, text in SETS[name].items() if not place.endswith(".jpg")}
    dataset = read(tmp_path, files)
    assert dataset.name == name
    assert any("not exist" in remark or "no folder" in remark for remark in dataset.remarks)
