"""Sets whose lists are missing or whose archives lie elsewhere are found or refused."""

from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from messages import facts, says
from small_sets import CITYFLOW, PICTURE, SETS, VEHICLEX, VERI, VERI_WILD, Files, write_files

from platefree.data.readers.detect import read_dataset
from platefree.data.table import dataset_at, read_table
from platefree.errors import DataError


def pictures_of(files: Files) -> Files:
    """The pictures of a set, as if nothing else had been unpacked."""
    return {name: content for name, content in files.items() if name.endswith(".jpg")}


# --- sets without their lists -----------------------------------------------------------------


def test_veri_by_its_pictures(tmp_path: Path) -> None:
    write_files(tmp_path, pictures_of(VERI))
    dataset = dataset_at(tmp_path)
    assert dataset is not None
    assert dataset.name == "veri-776"
    rows = zip(dataset.table.vehicle, dataset.table.camera, dataset.table.split, strict=True)
    assert [*rows] == [
        ("0001", "c001", "train"), ("0002", "c001", "query"), ("0002", "c001", "gallery"),
    ]  # fmt: skip
    assert any(says(remark, "name_train.txt") for remark in dataset.remarks)


def test_cityflow_by_its_pictures_knows_no_vehicles(tmp_path: Path) -> None:
    table = read_table(write_files(tmp_path, pictures_of(CITYFLOW)))
    assert table.source.tolist() == ["cityflow"] * 3
    assert table.split.tolist() == ["train", "query", "gallery"]
    assert not table.knows("vehicle")


def test_vehiclex_by_its_pictures(tmp_path: Path) -> None:
    table = read_table(write_files(tmp_path, pictures_of(VEHICLEX)))
    assert (table.source.tolist(), table.vehicle.tolist()) == (["vehiclex"], ["0001"])
    renamed = {"image_train/0001_c002_1.jpg": PICTURE, "image_train/0002_c001_7.jpg": PICTURE}
    assert read_dataset(write_files(tmp_path / "b", renamed)).name == "vehiclex"


@pytest.mark.parametrize("name", SETS)
def test_no_set_without_lists_gets_vehicles_of_its_folders(tmp_path: Path, name: str) -> None:
    write_files(tmp_path, pictures_of(SETS[name]))
    if name in ("veri-776", "cityflow", "vehiclex"):
        assert read_table(tmp_path).source.tolist()[0] == name
        return
    with pytest.raises(DataError, match=facts("pictures")):
        read_table(tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        ("image_train", "image_query", "image_test"),
        ("bounding_box_train", "query", "bounding_box_test"),
        ("train", "val"),
        ("val", "1"),
        ("images", "7"),
        ("probe", "7"),
        ("train_images", "probe_images", "gallery_images"),
        ("sys_image_test", "7"),
        ("cam1", "cam2"),
        ("Camera_01", "7"),
        ("c001", "c002"),
        ("c1s1", "c2s1"),
        ("part01", "part02"),
        ("images_part01", "images.part02"),
        ("test_800", "7"),
        ("S01", "S02"),
        ("gt_bbox", "7"),
        ("train_split1", "7"),
        ("video1", "video2"),
        ("cars", "7"),
        ("2026-05-01", "2026-05-02"),
        ("VeRi", "7"),
        ("front", "rear"),
        ("gallery_A", "gallery_B"),
        ("TrainImages", "7"),
        ("trainset", "testset"),
        ("camA", "camB"),
        ("VehicleID_V1.0", "7"),
        ("Market-1501-v15.09.15", "7"),
        ("AIC21_Track2_ReID", "7"),
    ],
)
def test_folders_that_are_no_vehicles(tmp_path: Path, names: tuple[str, ...]) -> None:
    write_files(tmp_path, {f"{name}/a{place}.jpg": PICTURE for place, name in enumerate(names)})
    with pytest.raises(DataError, match=facts("FOLDER/vehicle/picture", "picture")):
        read_table(tmp_path)
    below = {f"train/{name}/a{place}.jpg": PICTURE for place, name in enumerate(names)}
    with pytest.raises(DataError, match=facts("FOLDER/vehicle/picture")):
        read_table(write_files(tmp_path / "split", below))


def test_folders_that_are_vehicles(tmp_path: Path) -> None:
    names = [
        "0012",
        "7",
        "car_7",
        "vehicle-12",
        "BMW 3",
        "v1",
        "A",
        "trainer",
        "A_7",
        "white van",
        "Škoda",
        "x1",
        "id3",
    ]
    write_files(tmp_path, {f"{name}/a.jpg": PICTURE for name in names})
    assert sorted(read_table(tmp_path).vehicle) == sorted(names)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("compcars-surveillance", "image"),
        ("compcars", "image/1/11"),
        ("veri-wild", "images"),
        ("veri-wild", "images/.."),
    ],
)
def test_a_part_of_a_set_is_no_set_of_vehicles(tmp_path: Path, name: str, part: str) -> None:
    write_files(tmp_path / "set", SETS[name])
    if part.endswith(".."):
        assert read_table(tmp_path / "set" / part).source[0] == name
        return
    with pytest.raises(DataError, match=facts(part, f"data set {name}", f"{tmp_path}/set")):
        read_table(tmp_path / "set" / part)


def test_a_flat_part_of_a_set_has_no_labels(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_files(tmp_path, VERI)
    assert not read_table(tmp_path / "image_query").knows("vehicle")
    assert says(caplog.text, "no labels", "veri-776", str(tmp_path))
    caplog.clear()
    write_files(tmp_path / "cars", SETS["compcars"])
    assert not read_table(tmp_path / "cars" / "image" / "1" / "11" / "2011").knows("vehicle")
    assert says(caplog.text, "no labels", "compcars", str(tmp_path / "cars"))


# --- VERI-Wild in parts -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "prefixes",
    [
        ("images/images.part01/", "images/images.part02/"),
        ("images/images.part01/images/", "images/images.part02/images/"),
        ("images/images_part01/images_part01/", "images/images_part02/images_part02/"),
        ("images/01/", "images/02/"),
        ("images/a/b/", "images/"),
        ("images.part01/", "images.part02/"),
        ("images.part01/images/", "images.part02/images/"),
        ("images (1)/", "images/"),
        ("archive/images/", "more/"),
    ],
)
def test_archives_unpacked_into_folders_of_their_own(
    tmp_path: Path, prefixes: tuple[str, str]
) -> None:
    listed = ["00001/000001", "00001/000002", "00002/000003", "00003/000004", "00003/000005"]
    listed.append("00004/000006")
    where = [f"{prefixes[place in (1, 4, 5)]}{name}.jpg" for place, name in enumerate(listed)]
    files = {name: text for name, text in VERI_WILD.items() if not name.startswith("images")}
    write_files(tmp_path, {**files, **dict.fromkeys(where, PICTURE)})
    table = read_dataset(tmp_path).table
    assert table.image.tolist() == where
    assert all(table.path(row).is_file() for row in range(len(table)))


# --- names of Market-1501 ---------------------------------------------------------------------

MARKET: Files = {
    "bounding_box_train/0002_c1s1_000451_03.jpg": PICTURE,
    "bounding_box_train/0002_c3s2_000451_01.jpg": PICTURE,
    "query/0007_c2s1_000151_00.jpg": PICTURE,
    "bounding_box_test/0007_c1s1_000151_00.jpg": PICTURE,
    "bounding_box_test/0007_c2s3_000999_00.jpg": PICTURE,
    "bounding_box_test/-1_c1s1_000401_03.jpg": PICTURE,
    "bounding_box_test/0000_c1s1_000151_01.jpg": PICTURE,
    "bounding_box_test/Thumbs.db": PICTURE,
    "gt_query/0007_c2s1_000151_00_good.mat": PICTURE,
}


def test_market(tmp_path: Path) -> None:
    dataset = read_dataset(write_files(tmp_path, MARKET))
    table = dataset.table
    rows = zip(table.image, table.vehicle, table.camera, table.split, strict=True)
    assert dataset.name == "market-1501"
    assert sorted(rows) == [
        ("bounding_box_test/-1_c1s1_000401_03.jpg", "", "c1", ""),
        ("bounding_box_test/0000_c1s1_000151_01.jpg", "", "c1", "gallery"),
        ("bounding_box_test/0007_c1s1_000151_00.jpg", "0007", "c1", "gallery"),
        ("bounding_box_test/0007_c2s3_000999_00.jpg", "0007", "c2", "gallery"),
        ("bounding_box_train/0002_c1s1_000451_03.jpg", "0002", "c1", "train"),
        ("bounding_box_train/0002_c3s2_000451_01.jpg", "0002", "c3", "train"),
        ("query/0007_c2s1_000151_00.jpg", "0007", "c2", "query"),
    ]
    assert table.path(0).is_file()
    assert {name: len(rows) for name, rows in dataset.lists.items()} == {
        "train": 2, "query": 1, "gallery": 3,
    }  # fmt: skip
    assert any(says(remark, "1 picture", "-1", "junk") for remark in dataset.remarks)
    assert any(says(remark, "1 picture", "0000", "distractors") for remark in dataset.remarks)


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (("train", "query", "gallery"), "{}_c{}s1_000451_03.jpg"),
        (("train", "query", "test"), "{}_c00{}_00030600_0.jpg"),
        (("Train", "probe", "Gallery"), "{}_c{}_f0046985.png"),
    ],
)
def test_own_sets_with_such_names(
    tmp_path: Path, folders: tuple[str, str, str], names: str
) -> None:
    train, query, gallery = folders
    files = [f"{train}/{names.format('0001', 1)}", f"{query}/{names.format('0002', 1)}"]
    files.append(f"{gallery}/{names.format('0002', 2)}")
    write_files(tmp_path / "my set", dict.fromkeys(files, PICTURE))
    table = read_table(tmp_path)
    assert table.vehicle.tolist() == ["0001", "0002", "0002"]
    assert [camera.lstrip("c0") for camera in table.camera] == ["1", "1", "2"]
    assert table.split.tolist() == ["train", "query", "gallery"]


def test_names_that_are_not_such_are_named(tmp_path: Path) -> None:
    write_files(tmp_path, {**MARKET, "query/IMG_2041.jpg": PICTURE})
    with pytest.raises(DataError, match=facts("query/IMG_2041.jpg", "0002_c1s1_000451_03.jpg")):
        read_table(tmp_path)


def test_distractors_among_queries_are_remarked(tmp_path: Path) -> None:
    files = {"query/0000_c1s1_000001_00.jpg": PICTURE, "gallery/0000_c2s1_000001_00.jpg": PICTURE}
    dataset = read_dataset(write_files(tmp_path, files))
    assert any(
        says(each, "2 pictures", "0000", "1 in train or query", "rename")
        for each in dataset.remarks
    )
    assert not dataset.table.knows("vehicle")


def test_market_is_scored_without_its_junk(run: Run, tmp_path: Path) -> None:
    from PIL import Image

    write_files(tmp_path, MARKET)
    for seed, path in enumerate(tmp_path.rglob("*.jpg")):
        color = np.random.default_rng(seed).integers(0, 255, (32, 32, 3), np.uint8)
        Image.fromarray(color).save(path)
    code, out, err = run("data", "check", tmp_path)
    assert code == 0
    assert says(out, "query-gallery", "1 picture in 3 pictures")
    assert says(err, "junk")


# --- labels -----------------------------------------------------------------------------------


def test_words_for_unknown_in_the_lists_of_a_set(tmp_path: Path) -> None:
    lists = {
        "vric_train.txt": "a.jpg -1 11\nb.jpg 5 unknown\n",
        "vric_probe.txt": "c.jpg 6 11\n",
        "vric_gallery.txt": "d.jpg 6 NULL\n",
    }
    dataset = read_dataset(write_files(tmp_path, {**SETS["vric"], **lists}))
    assert dataset.table.vehicle.tolist() == ["", "5", "6", "6"]
    assert dataset.table.camera.tolist() == ["11", "", "11", ""]
    assert says(dataset.remarks[-1], "1 cell '-1' in vehicle", "1 cell 'NULL' in camera")
