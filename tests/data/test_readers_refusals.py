"""What is malformed is named by file and line; what a folder is, is found or asked for."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from messages import facts, says
from small_sets import SETS, label_file, write_files

from platefree.data.readers.detect import FORMATS, find_dataset, read_dataset
from platefree.data.table import dataset_at, read_table
from platefree.errors import DataError

SPLIT = "train_test_split"
TWO_NAMES = [{"imageName": "0001_c002_1.jpg"}, {"imageName": "b.jpg"}]
VERI_NAME = "0001_c001_00016450_0.jpg"
SURVEILLANCE = "compcars-surveillance"
CLASSES = f"{SPLIT}/classification/train.txt"
PAIRS = f"{SPLIT}/verification/verification_pairs_easy.txt"


@pytest.mark.parametrize(
    ("data_set", "name", "content", "line", "found"),
    [
        ("vehicleid", f"{SPLIT}/train_list.txt", "1 7\n2 7 7\n", 2,
         ("'2 7 7'", "picture", "vehicle")),
        ("vehicleid", f"{SPLIT}/train_list.txt", "1 7\r\n\r\n1 7\r\n", 3,
         ("'1 7'", "picture once")),
        ("vehicleid", f"{SPLIT}/test_list_800.txt", "0000001 9\n", 1,
         ("'0000001 9'", "vehicle '7'")),
        ("vehicleid", "attribute/img2vid.txt", "0000001\n", 1, ("'0000001'", "picture", "vehicle")),
        ("vehicleid", "attribute/model_attr.txt", "7 0\n8\n", 2, ("'8'", "vehicle", "model")),
        ("vehicleid", "attribute/color_names.txt", "black 0\nred 0\n", 2,
         ("'red 0'", "one name", "'black'")),
        ("vehicleid", "attribute/color_names.txt", "black\nred 1\n", 2,
         ("'red 1'", "number", "name")),
        ("veri-776", "name_train.txt", f"{VERI_NAME}\nab.jpg\n", 2, ("'ab.jpg'", VERI_NAME)),
        ("veri-776", "name_train.txt", f"{VERI_NAME}\n" * 2, 2,
         (f"'{VERI_NAME}'", "name_train.txt, line 1", "picture once")),
        ("veri-776", "jk_index.txt", "1 4\n", 1, ("'1 4'", "1 to 3", "name_test.txt")),
        ("veri-776", "jk_index.txt", "1 x\n", 1, ("'1 x'", "1 to 3", "name_test.txt")),
        ("veri-776", "gt_index.txt", "0\n", 1, ("'0'", "1 to 3", "name_test.txt")),
        ("veri-776", "test_track.txt", f"{VERI_NAME}\nno track\n", 2,
         ("'no track'", "pictures", "track")),
        ("veri-776", "train_label.xml", label_file([{"cameraID": "c001"}]), 4,
         ("Item", "without imageName")),
        ("veri-776", "test_label.xml", label_file([], "<open>"), 5, ("not XML", "mismatched tag")),
        ("veri-wild", f"{SPLIT}/train_list.txt", "00001/000001\n000002\n", 2,
         ("'000002'", "00001/000001.jpg")),
        ("veri-wild", f"{SPLIT}/train_list.txt", "00001/a b c d\n", 1,
         ("'00001/a b c d'", "00001/000001.jpg")),
        ("veri-wild", f"{SPLIT}/vehicle_info.txt", "id/image;a\n1/2;3;4;5;6\n", 2,
         ("'1/2;3;4;5;6'", "6 fields", "semicolons")),
        ("cityflow", "train_track.txt", "000001.jpg\n\nhello.jpg\n", 3,
         ("'hello.jpg'", "pictures", "track")),
        ("compcars", CLASSES, "11/2011/aa.jpg\n", 1,
         ("'11/2011/aa.jpg'", "78/1/2014/3ac218c0c6c378.jpg")),
        ("compcars", PAIRS, "1/11/2011/aa.jpg 1/11/2012/bb.jpg 2\n", 1,
         ("two pictures", "1", "0", "bb.jpg 2'")),
        ("compcars", PAIRS, "1/11/2011/aa.jpg\n", 1, ("two pictures", "1", "0", "aa.jpg'")),
        (SURVEILLANCE, "test_surveillance.txt", "1/c.jpg\n1/2/d.jpg\n", 2,
         ("'1/2/d.jpg'", "1/d5dcefddcde927.jpg")),
        ("vric", "vric_probe.txt", "c.jpg 6 11\nd.jpg 6\n", 2,
         ("'d.jpg 6'", "picture", "vehicle", "camera")),
        ("vehiclex", "train_label.xml", label_file(TWO_NAMES), 5, ("'b.jpg'", "0001_c001_1.jpg")),
    ],
)  # fmt: skip
def test_a_malformed_line_is_named(
    tmp_path: Path,
    data_set: str,
    name: str,
    content: str | bytes,
    line: int,
    found: tuple[str, ...],
) -> None:
    write_files(tmp_path, {**SETS[data_set], name: content})
    with pytest.raises(DataError) as refused:
        read_dataset(tmp_path)
    message = str(refused.value)
    assert message.startswith(f"{tmp_path / name}, line {line}: ")
    assert says(message, found)
    assert "\n" not in message


@pytest.mark.parametrize("name", ["jk_index.txt", "gt_index.txt"])
def test_an_index_of_another_length_is_refused(tmp_path: Path, name: str) -> None:
    write_files(tmp_path, {**SETS["veri-776"], name: "1\n2\n"})
    with pytest.raises(DataError, match=facts(name, "2 lines", "1 query")):
        read_dataset(tmp_path)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path, {**SETS["vric"], "vric_probe.txt": b"\xff\xfe\xfd\x00\x01"})
    with pytest.raises(DataError, match=facts("vric_probe.txt", "not text", "UTF-8")):
        read_dataset(tmp_path)


def test_a_damaged_file_of_names_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path, {**SETS[SURVEILLANCE], "color_list.mat": b"not from MATLAB"})
    with pytest.raises(DataError, match=facts("color_list.mat", "not a MATLAB")):
        read_dataset(tmp_path)


def test_text_in_other_encodings_is_read(tmp_path: Path) -> None:
    text = "a.jpg 5 11\r\nb.jpg 5 12\r\n"
    for name, encoding in (("one", "utf-16"), ("two", "utf-8-sig")):
        files = {**SETS["vric"], "vric_train.txt": text.encode(encoding)}
        table = read_dataset(write_files(tmp_path / name, files)).table
        assert table.vehicle.tolist()[:2] == ["5", "5"]


# --- which set it is --------------------------------------------------------------------------


@pytest.mark.parametrize("name", SETS)
def test_a_set_is_found_by_its_files_alone(tmp_path: Path, name: str) -> None:
    write_files(tmp_path / "one" / "two", SETS[name])
    for place in ("", "one", "one/two"):
        assert read_dataset(tmp_path / place).name == name
        assert read_dataset(tmp_path / place, name).name == name
        dataset = dataset_at(tmp_path / place)
        assert dataset is not None
        table = read_table(tmp_path / place)
        assert table.fingerprint() == dataset.table.fingerprint()
    others = [each.name for each in FORMATS if each.name != name]
    for other in others:
        assert find_dataset(tmp_path / "one", other) is None
        with pytest.raises(
            DataError, match=facts("one", f"not {other}", f"({other})", "found two")
        ):
            read_dataset(tmp_path / "one", other)


def test_several_sets_are_not_chosen_from(tmp_path: Path) -> None:
    for name in ("AIC21_Track2_ReID", "AIC21_Track2_ReID_Simulation"):
        files = SETS["cityflow"] if name.endswith("ReID") else SETS["vehiclex"]
        write_files(tmp_path / name, files)
    message = facts(
        *(f"cityflow in {tmp_path}/AIC21_Track2_ReID", "name the folder"),
        f"vehiclex in {tmp_path}/AIC21_Track2_ReID_Simulation",
    )
    for read in (read_dataset, read_table):
        with pytest.raises(DataError, match=message):
            read(tmp_path)
    assert read_dataset(tmp_path, "vehiclex").name == "vehiclex"


def test_a_folder_that_is_no_set_says_what_was_looked_for_and_found(tmp_path: Path) -> None:
    write_files(tmp_path, {f"file{n}.txt": "" for n in range(10)})
    with pytest.raises(DataError) as refused:
        read_dataset(tmp_path)
    message = str(refused.value)
    assert message.startswith(str(tmp_path))
    assert says(message, "not a public data set", *(each.looks_for for each in FORMATS))
    assert says(message, *(f"file{n}.txt" for n in range(8)), "2 more")
    assert "file8.txt" not in message


def test_no_folder_or_no_such_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=facts("'market'", "vehicleid", "cityflow", "vric")):
        read_dataset(tmp_path, "market")
    with pytest.raises(DataError, match=facts("nothing", "not a folder")):
        read_dataset(tmp_path / "nothing")


def test_empty_lists_are_refused(tmp_path: Path) -> None:
    files = {"vric_train.txt": "", "vric_probe.txt": "\n", "vric_gallery.txt": ""}
    with pytest.raises(DataError, match=facts("vric", "no picture")):
        read_dataset(write_files(tmp_path, files))


def test_a_table_in_the_folder_comes_first(tmp_path: Path) -> None:
    write_files(tmp_path, {**SETS["vric"], "images.csv": "image,vehicle\na.jpg,1\n"})
    assert read_table(tmp_path).image.tolist() == ["a.jpg"]
    assert dataset_at(tmp_path) is None


def test_own_pictures_are_still_own_pictures(tmp_path: Path) -> None:
    write_files(tmp_path, {f"train/{n}/a.jpg": "" for n in range(70)})
    assert len(read_table(tmp_path)) == 70
    assert dataset_at(tmp_path) is None
    assert dataset_at(tmp_path / "nothing") is None


# --- large sets -------------------------------------------------------------------------------


def large_set(name: str, size: int) -> dict[str, str | bytes]:
    """A data set with so many pictures to train on, all of which are there."""
    names = [f"{n:06d}" for n in range(1, size + 1)]
    if name == "vehicleid":
        folder = "image"
        lists = {f"{SPLIT}/train_list.txt": "".join(f"{each} 1\n" for each in names)}
    elif name == "vric":
        folder = "train_images"
        lists = {"vric_train.txt": "".join(f"{each}.jpg 1 1\n" for each in names)}
    elif name == "veri-776":
        folder = "image_train"
        names = [f"0001_c001_{each}_0" for each in names]
        lists = {"name_train.txt": "".join(f"{each}.jpg\n" for each in names)}
    else:
        folder = "image_train"
        labels = {"vehicleID": "1", "cameraID": "1"}
        items = [{"imageName": f"{each}.jpg", **labels} for each in names]
        lists = {"train_label.xml": label_file(items)}
    return {**SETS[name], **lists, **{f"{folder}/{each}.jpg": "" for each in names}}


def file_calls(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> list[str]:
    """The paths that are listed or looked at while ``act`` runs."""
    calls: list[str] = []

    def counted(original: Callable[..., object]) -> Callable[..., object]:
        def call(path: object, *args: object, **more: object) -> object:
            calls.append(str(path))
            return original(path, *args, **more)

        return call

    with monkeypatch.context() as patch:
        for name in ("stat", "scandir", "listdir"):
            patch.setattr(os, name, counted(getattr(os, name)))
        act()
    return calls


@pytest.mark.parametrize("name", ["vehicleid", "veri-776", "cityflow", "vric"])
def test_pictures_are_neither_listed_nor_looked_at(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files that are touched do not depend on how many pictures there are."""
    counts = []
    for size in (10, 200):
        root = write_files(tmp_path / str(size), large_set(name, size))
        calls = file_calls(monkeypatch, lambda root=root: read_dataset(root))
        assert not any(call.endswith(("image", "image_train", "train_images")) for call in calls)
        counts.append(len(calls))
        assert len(read_dataset(root).rows("train")) == size
    assert 0 < counts[0] == counts[1] < 60
