"""What the files of public data sets are like after years on other people's disks."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from messages import facts
from small_sets import SETS, VERI_WILD, Files, write_files

import platefree as pf
from platefree.data.dataset import DataSet
from platefree.data.submission import check_numbers
from platefree.errors import DataError


def texts(files: Files) -> list[str]:
    """The names of the files that are read."""
    return [name for name in files if not name.endswith(".jpg")]


def changed(files: Files, change: Callable[[bytes], bytes]) -> Files:
    """The files with what is read changed, to the byte."""
    content = {name: files[name] for name in texts(files)}
    data = {
        name: each.encode() if isinstance(each, str) else each for name, each in content.items()
    }
    return {**files, **{name: change(each) for name, each in data.items()}}


def labelled(data: bytes) -> bool:
    return data.lstrip().startswith(b"<?xml")


ENCODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "carriage returns": lambda data: data.replace(b"\n", b"\r\n"),
    "old carriage returns": lambda data: data.replace(b"\n", b"\r"),
    "blanks at line ends": lambda data: data.replace(b"\n", b" \t \n"),
    "blank lines at the end": lambda data: data if labelled(data) else data + b"\n \r\n",
    "no line end at the end": lambda data: data.rstrip(b"\n"),
    "a byte order mark": lambda data: data if labelled(data) else b"\xef\xbb\xbf" + data,
    "UTF-16": lambda data: data if labelled(data) else data.decode().encode("utf-16"),
    "labels in UTF-8": lambda data: data.decode("gb2312").encode() if labelled(data) else data,
}


def read(root: Path, files: Files) -> DataSet:
    return pf.read_dataset(write_files(root, files))


def content(dataset: DataSet) -> object:
    """All that is read, but for where it lies and for what is remarked."""
    return (
        dataset.name,
        dataset.table.fingerprint(),
        {name: rows.tolist() for name, rows in dataset.lists.items()},
        {
            name: (each.first.tolist(), each.second.tolist(), each.same.tolist())
            for name, each in dataset.pairs.items()
        },
        {name: [rows.tolist() for rows in each] for name, each in dataset.ignored.items()},
    )


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("spelling", ENCODINGS)
def test_line_ends_blanks_and_encodings_never_matter(
    tmp_path: Path, name: str, spelling: str
) -> None:
    expected = read(tmp_path / "as it should be", SETS[name])
    found = read(tmp_path / "other", changed(SETS[name], ENCODINGS[spelling]))
    assert content(found) == content(expected)


def upper(name: str) -> str:
    """A path in large letters, but for the stems of pictures, which the lists give."""
    folder, _, file = name.rpartition("/")
    picture = file.endswith(".jpg")
    return f"{folder.upper()}/{file.replace('.jpg', '.JPG') if picture else file.upper()}"


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("deeper", ["", "Data", "Data/DATA"])
def test_the_case_and_the_depth_of_folders_never_matter(
    tmp_path: Path, name: str, deeper: str
) -> None:
    expected = read(tmp_path / "as it should be", SETS[name])
    files = {f"{deeper}/{upper(place)}".lstrip("/"): text for place, text in SETS[name].items()}
    found = read(tmp_path / "other", files)
    images = [image.lower() for image in found.table.image.tolist()]
    assert images == [image.lower() for image in expected.table.image.tolist()]
    there = [
        (tmp_path / "other" / place).relative_to(found.table.root).as_posix() for place in files
    ]
    pictures = {place for place in there if place.endswith(".JPG")}
    assert pictures <= set(found.table.image.tolist())
    alike = replace(found, table=replace(found.table, image=expected.table.image))
    assert content(alike) == content(expected)


@pytest.mark.parametrize("name", SETS)
def test_any_file_may_be_missing_or_empty_or_cut_short(tmp_path: Path, name: str) -> None:
    """What is left is read, or refused in one line; nothing else is ever raised."""
    whole = read(tmp_path / "whole", SETS[name])
    for number, lost in enumerate(texts(SETS[name])):
        data = SETS[name][lost]
        data = data.encode() if isinstance(data, str) else data
        for kind, rest in (("missing", None), ("empty", b""), ("cut", data[: len(data) // 2])):
            files = {place: text for place, text in SETS[name].items() if place != lost}
            if rest is not None:
                files[lost] = rest
            found = read_or_reason(tmp_path / f"{number} {kind}", files)
            if isinstance(found, str):
                assert "\n" not in found
                assert str(tmp_path) in found
            else:
                assert found.name == name
                assert set(found.table.image.tolist()) <= set(whole.table.image.tolist())


def read_or_reason(root: Path, files: Files) -> DataSet | str:
    try:
        return read(root, files)
    except DataError as error:
        return str(error)


def test_brands_with_slashes_blanks_and_commas_survive(tmp_path: Path) -> None:
    """From the reader through a merge and a table on disk, to the letter."""
    place = "train_test_split/vehicle_info.txt"
    info = str(VERI_WILD[place]).replace("Great Wall", 'Škoda, "R/S" 4 x 4')
    wild = read(tmp_path / "wild", {**VERI_WILD, place: info}).table
    merged = pf.merge_tables(wild, read(tmp_path / "vric", SETS["vric"]).table)
    for ending in ("csv", "parquet"):
        pf.write_table(merged, tmp_path / f"all.{ending}")
        models = pf.read_table(tmp_path / f"all.{ending}").model.tolist()
        assert models[0] == "veri-wild/Mercedes-Benz / AMG GT"
        assert models[3] == 'veri-wild/Škoda, "R/S" 4 x 4'
        assert models == merged.model.tolist()


def test_two_pictures_of_one_number_are_not_handed_in(tmp_path: Path) -> None:
    names = "000001.jpg\n1.jpg\n"
    dataset = read(tmp_path, {**SETS["cityflow"], "name_test.txt": names})
    with pytest.raises(DataError, match=facts("'000001' and '1'", "'gallery'", "same number")):
        pf.submit("color_stripes", dataset, tmp_path / "track2.txt")


@pytest.mark.parametrize("name", ["20210101120000123456", "9223372036854775808", "1a"])
def test_pictures_whose_names_are_no_numbers_of_cityflow_are_not_handed_in(
    tmp_path: Path, name: str
) -> None:
    dataset = read(tmp_path, {**SETS["cityflow"], "name_test.txt": f"000001.jpg\n{name}.jpg\n"})
    with pytest.raises(DataError, match=facts(f"picture '{name}'", "number", "CityFlow")):
        check_numbers(dataset)


def test_the_largest_number_that_is_handed_in(tmp_path: Path) -> None:
    names = "9223372036854775807.jpg\n000001.jpg\n"
    dataset = read(tmp_path, {**SETS["cityflow"], "name_test.txt": names})
    assert check_numbers(dataset)[1].tolist() == [2**63 - 1, 1]
