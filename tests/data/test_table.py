import csv
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from messages import facts, says

from platefree.data.picture_files import find_pictures
from platefree.data.table import read_table, write_table
from platefree.errors import DataError, StorageError
from platefree.types import LABELS, Sightings

REAL = Path(__file__).parents[3] / "shared" / "data" / "two-cameras"
COLUMNS = ("image", *LABELS, "time")

Csv = Callable[[str | bytes], Path]
Parquet = Callable[..., Path]


@pytest.fixture
def table(tmp_path: Path) -> Csv:
    def write(content: str | bytes) -> Path:
        path = tmp_path / "table.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def parquet(tmp_path: Path) -> Parquet:
    def write(**columns: object) -> Path:
        path = tmp_path / "table.parquet"
        pq.write_table(pa.table(columns), path)
        return path

    return write


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Path]:
    def make(*names: str) -> Path:
        root = tmp_path / "tree"
        root.mkdir()
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(b"never opened")
        return root

    return make


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_table(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(str(path))


def assert_same(left: Sightings, right: Sightings) -> None:
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)


# --- CSV that is fine -------------------------------------------------------------------------


def test_every_column_is_read_as_text(table: Csv) -> None:
    path = table(
        "image,vehicle,camera,track,model,type,color,view,split,time\n"
        "a/1.jpg,0012,c1,t1,Škoda Fabia,car,red,rear,Query,2026-05-01T10:00:00+02:00\n"
        '"b, 2.jpg",12, 007 ,,"10"" wheel",,,,,\n'
    )
    sightings = read_table(path)
    assert sightings.root == path.parent
    assert sightings.image.tolist() == ["a/1.jpg", "b, 2.jpg"]
    assert sightings.path(0) == path.parent / "a" / "1.jpg"
    assert sightings.vehicle.tolist() == ["0012", "12"]
    assert sightings.camera.tolist() == ["c1", "007"]
    assert sightings.model.tolist() == ["Škoda Fabia", '10" wheel']
    assert sightings.split.tolist() == ["query", ""]
    assert sightings.time.tolist() == [datetime(2026, 5, 1, 8), None]
    assert sightings.time.dtype == np.dtype("datetime64[ms]")


def test_absent_columns_are_unknown_and_others_ignored(
    table: Csv, caplog: pytest.LogCaptureFixture
) -> None:
    sightings = read_table(table("plate,image,fog\nX1,a.jpg,\nX2,b.jpg,thick\n"))
    assert sightings.image.tolist() == ["a.jpg", "b.jpg"]
    assert not any(sightings.knows(name) for name in (*LABELS, "time"))
    assert says(caplog.text, "table.csv", "not used", "'plate'", "'fog'")


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfimage,vehicle\na.jpg,1\nb.jpg,2\n",
        b"image,vehicle\r\na.jpg,1\r\nb.jpg,2\r\n",
        b"image,vehicle\ra.jpg,1\rb.jpg,2",
        b"\n\nimage,vehicle\n\na.jpg,1\n\n\nb.jpg,2\n\n",
        b'"image","vehicle"\n"a.jpg","1"\n"b.jpg","2"',
        b" Image ,VEHICLE\n a.jpg , 1 \n\tb.jpg,2\n",
        b",image,vehicle\n0,a.jpg,1\n1,b.jpg,2\n",  # pandas with its index
    ],
)
def test_spellings_of_the_same_table(content: bytes, table: Csv) -> None:
    sightings = read_table(table(content))
    assert sightings.image.tolist() == ["a.jpg", "b.jpg"]
    assert sightings.vehicle.tolist() == ["1", "2"]


def test_color_is_color(table: Csv) -> None:
    assert read_table(table("image,Color\na.jpg,red\n")).color.tolist() == ["red"]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-01", (2026, 5, 1)),
        ("2026-05-01T17:32", (2026, 5, 1, 17, 32)),
        ("2026-05-01 17:32:05", (2026, 5, 1, 17, 32, 5)),
        ("2026-05-01T17:32:05.1239Z", (2026, 5, 1, 17, 32, 5, 123_000)),
        ("2026-05-01T17:32:05+0530", (2026, 5, 1, 12, 2, 5)),
        ("2026-05-01T00:30:00-10:00", (2026, 5, 1, 10, 30)),
        ("20260501T173205Z", (2026, 5, 1, 17, 32, 5)),
        ("1969-12-31T23:59:59.999Z", (1969, 12, 31, 23, 59, 59, 999_000)),
    ],
)
def test_times_are_utc(text: str, moment: tuple[int, ...], table: Csv) -> None:
    sightings = read_table(table(f"image,time\na.jpg,{text}\n"))
    assert sightings.time[0].item() == datetime(*moment)


DAYS = ("2026-05-01", "2026-5-1", "2026-02-30", "20260501", "1969-12-31", "0001-01-01", "2026-05")
CLOCKS = ("", "T10", "T10:00", "T10:00:00.1", "T10:00:00.123456", "T24:00:00", " 10:00:00", "T1000")
ZONES = ("", "Z", "+02:00", "+0200", "-07", " +02:00", "+25:00", " UTC")


@pytest.mark.parametrize("day", DAYS)
def test_a_time_does_not_depend_on_the_other_times(day: str, table: Csv) -> None:
    """Columns with a zone in each cell, in none, and in some of them are read in different ways."""

    def first(*times: str) -> object:
        rows = "".join(f"{row}.jpg,{time}\n" for row, time in enumerate(times))
        try:
            return read_table(table(f"image,time\n{rows}")).time.tolist()[0]
        except DataError:
            return "refused"

    for clock in CLOCKS:
        for zone in ZONES:
            time = f"{day}{clock}{zone}"
            mixed = first(time, "2026-05-01T10:00Z", "2026-05-01T10:00", "2026-05-01T10:00:00.5+01")
            assert first(time) == mixed, time
            assert first(time, "") == mixed, time


def test_relative_paths_start_at_the_table(
    tmp_path: Path, table: Csv, monkeypatch: pytest.MonkeyPatch
) -> None:
    table("image\nx/a.jpg\n/abs/b.jpg\n")
    monkeypatch.chdir(tmp_path)
    sightings = read_table("table.csv")
    monkeypatch.chdir("/")
    assert sightings.path(0) == tmp_path / "x" / "a.jpg"
    assert sightings.path(1) == Path("/abs/b.jpg")


# --- CSV that is not --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", ("is empty", "header", "image")),
        ("\n \n", ("no column", "'image'", "only ' '")),
        ("image,vehicle\n", ("no pictures", "one row")),
        ("a.jpg,7\nb.jpg,8\n", ("no column", "'image'", "'a.jpg', '7'")),
        ("imgae,vehicle\na.jpg,1\n", ("'imgae', 'vehicle'", "mean 'imgae'", "Rename")),
        ("image_path,id\na.jpg,1\n", ("'id'", "mean 'vehicle'", "Rename")),
        ("imagge,vehicle\na.jpg,1\n", ("'image'", "mean 'imagge'", "Rename")),
        ("image,vehicel\na.jpg,1\n", ("'vehicel'", "mean 'vehicle'", "Rename")),
        ("image,vehicle_idd\na.jpg,1\n", ("'vehicle_idd'", "mean 'vehicle'")),
        ("image,tiem\na.jpg,1\n", ("'tiem'", "mean 'time'")),
        ("image,color,color\na.jpg,1,2\n", ("2 columns", "'color'", "keep one")),
        ("image,Image \na.jpg,b.jpg\n", ("2 columns", "'image'")),
        ("image;vehicle\na.jpg;1\n", ("semicolons", "commas")),
        ("image\tvehicle\na.jpg\t1\n", ("tabs", "commas")),
        ('"image";"vehicle"\n', ("line 1", "not CSV")),
        ("image,vehicle\na.jpg,1\nb.jpg\n", ("line 3", "1 cell", "expected 2", "header")),
        ("image,vehicle\n\na.jpg,1,2\n", ("line 3", "3 cells", "expected 2")),
        ("image,vehicle\na.jpg,1\n  ,2\n", ("line 3", "no image")),
        ('image,vehicle\na.jpg,"1\nb.jpg,2\n', ("line 2", "not CSV", "end of data")),
        ('image,vehicle\na.jpg,"1"x\n', ("line 2", "not CSV")),
        ("image,split\na.jpg,train\nb.jpg,Test\n",
         ("line 3", "split", "'Test'", "train, query, gallery")),
        ("image,time\na.jpg,1714560000\n", ("line 2", "time", "'1714560000'", "ISO 8601")),
        ("image,time\na.jpg,1714560000123\n", ("line 2", "'1714560000123'", "ISO 8601")),
        ("image,time\na.jpg,\nb.jpg,01/05/2026\n", ("line 3", "'01/05/2026'", "ISO 8601")),
        ("image,time\na.jpg,2026-02-30\n", ("line 2", "'2026-02-30'", "ISO 8601")),
        ("image,time\na.jpg,2026-05-01T25:00Z\n", ("line 2", "'2026-05-01T25:00Z'", "ISO 8601")),
        (b"image,vehicle\na.jpg,1\nb.jpg,\xe9\n", ("line 3", "not UTF-8", "save")),
        ("image,vehicle\na.jpg,1\n".encode("utf-16"), ("line 1", "not UTF-8")),
        ("image,vehicle\na.jpg,1\nb\0.jpg,2\n", ("line 3", "not UTF-8")),
        (b"PK\x03\x04\x14\0\x06\0", ("line 1", "not UTF-8")),
        ("image,vehicle\na.jpg," + "x" * 1001 + "\n",
         ("line 2", "vehicle", "'" + "x" * 40 + "'", "1,001", "1,000")),
        ("image,vehicle\na.jpg," + "x" * 200_000 + "\n", ("line 2", "not CSV", "field limit")),
        ("image,vehicle\na.jpg," + "x" * 2_000_000, ("line 2", "longer than")),
    ],
)  # fmt: skip
def test_a_malformed_csv_gives_one_clear_line(
    content: str | bytes, message: tuple[str, ...], table: Csv
) -> None:
    assert says(refusal(table(content)), message)


def test_an_image_listed_twice_is_refused_with_both_lines(table: Csv) -> None:
    same = table("image,vehicle\na.jpg,1\n\nb.jpg,2\na.jpg,1\n")
    assert says(refusal(same), "line 5", "'a.jpg'", "in line 2", "remove line 5")
    other = table("image,vehicle\na.jpg,1\nb.jpg,2\na.jpg,3\n")
    assert says(refusal(other), "line 4", "'a.jpg'", "vehicle '3'", "vehicle '1' in line 2")
    unlabelled = table("image\na.jpg\na.jpg\n")
    assert says(refusal(unlabelled), "remove line 3")


def test_lines_are_counted_in_the_file_not_in_the_table(table: Csv) -> None:
    path = table(
        'image,vehicle,model\na.jpg,1,"two\nlines"\nb.jpg,2,"three\r\nmore\nlines"\nc.jpg,3\n'
    )
    assert says(refusal(path), "line 7", "2 cells", "expected 3")


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    assert says(refusal(tmp_path / "absent.csv"), "not exist", "a table")
    for name in ("list.txt", "book.xlsx", "picture.jpg", "plain"):
        (tmp_path / name).write_bytes(b"image\na.jpg\n")
        assert says(refusal(tmp_path / name), "not a table", ".csv", ".parquet")


def test_an_unreadable_table_says_why(table: Csv, monkeypatch: pytest.MonkeyPatch) -> None:
    path = table("image\na.jpg\n")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert says(refusal(path), "cannot be opened", "Permission denied")


# --- Parquet ----------------------------------------------------------------------------------


def test_parquet_types_become_text(parquet: Parquet) -> None:
    path = parquet(
        image=pa.array(["a.jpg", "b.jpg", "c.jpg"], pa.large_string()),
        vehicle=pa.array([2**63 + 1, 7, None], pa.uint64()),
        camera=pa.array(["c1", None, "c1"]).dictionary_encode(),
        track=pa.array([1, None, -3], pa.int32()).dictionary_encode(),
        model=pa.array([None, None, None], pa.null()),
        COLOR=pa.array([" red", "", None]),
        weight=pa.array([1.5, 2.5, None]),
        extra=pa.array([{"a": 1}, None, None]),
    )
    sightings = read_table(path)
    assert sightings.vehicle.tolist() == ["9223372036854775809", "7", ""]
    assert sightings.camera.tolist() == ["c1", "", "c1"]
    assert sightings.track.tolist() == ["1", "", "-3"]
    assert sightings.model.tolist() == ["", "", ""]
    assert sightings.color.tolist() == ["red", "", ""]
    assert sightings.path(2) == path.parent / "c.jpg"


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "+05:30", "America/New_York"])
def test_parquet_timestamps_are_utc_whatever_their_unit(
    unit: str, zone: str | None, parquet: Parquet
) -> None:
    moment = datetime(2026, 5, 1, 12, 0, 7, tzinfo=UTC)
    stored = moment if zone else moment.replace(tzinfo=None)
    times = pa.array([stored, None], pa.timestamp(unit, tz=zone))
    sightings = read_table(parquet(image=["a.jpg", "b.jpg"], time=times))
    assert sightings.time.dtype == np.dtype("datetime64[ms]")
    assert sightings.time.tolist() == [moment.replace(tzinfo=None), None]


def test_parquet_dates_and_texts_are_times_too(parquet: Parquet) -> None:
    day = datetime(2026, 5, 1)
    dates = read_table(parquet(image=["a.jpg", "b"], time=pa.array([day.date(), None])))
    assert dates.time.tolist() == [day, None]
    texts = read_table(parquet(image=["a.jpg", "b"], time=["2026-05-01T02:00+02:00", None]))
    assert texts.time.tolist() == [day, None]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"vehicle": ["1"]}, ("no column", "'image'", "only 'vehicle'")),
        ({"image": ["a"], "vehicle": [1.0]}, ("'vehicle'", "double", "digits", "text")),
        ({"image": ["a"], "vehicle": [True]}, ("'vehicle'", "bool", "expected text")),
        ({"image": [b"a"]}, ("'image'", "binary", "expected text")),
        ({"image": [{"bytes": b"", "path": "a"}]}, ("'image'", "struct<", "expected text")),
        ({"image": ["a"], "time": [1714560000]}, ("'time'", "int64", "timestamps")),
        ({"image": ["a"], "time": [timedelta(1)]}, ("'time'", "duration", "timestamps")),
        ({"image": ["a"], "time": ["noon"]}, ("row 1", "time", "'noon'", "ISO 8601")),
        ({"image": ["a", None]}, ("row 2", "no image")),
        ({"image": ["a", "b", "a"]}, ("'a'", "in row 1", "remove row 3")),
        ({"image": ["a", "b\0"]}, ("row 2", "image", r"'b\x00'", "UTF-8 text")),
        ({"image": ["a"], "split": ["val"]}, ("row 1", "split", "'val'", "train, query, gallery")),
        ({"image": ["a"], "vehicel": ["1"]}, ("'vehicel'", "mean 'vehicle'")),
        ({"image": ["a"], "Image": ["b"]}, ("2 columns", "'image'")),
        ({"image": pa.array([], pa.string())}, ("no pictures", "one row")),
    ],
)
def test_a_malformed_parquet_gives_one_clear_line(
    columns: dict[str, Any], message: tuple[str, ...], parquet: Parquet
) -> None:
    assert says(refusal(parquet(**columns)), message)


def test_damaged_parquet_files(parquet: Parquet) -> None:
    path = parquet(image=[f"{i}.jpg" for i in range(1000)])
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[4:2000] = b"\xff" * 1996
    parquet(image=pa.array([b"\xff.jpg"], pa.binary()).view(pa.string()))
    undecodable = path.read_bytes()
    for content in (b"", b"PAR1", whole[:-100], b"image\na.jpg\n", bytes(damaged), undecodable):
        path.write_bytes(content)
        message = refusal(path)
        assert says(message, "not Parquet") or says(message, "cannot be read")


# --- folders ----------------------------------------------------------------------------------


def test_a_folder_for_each_vehicle(tree: Callable[..., Path]) -> None:
    root = tree("0012/b.JPG", "0012/a.jpg", "7/z.png", ".hidden/9/x.jpg", "7/notes.txt",
                "7/.x.jpg", "Thumbs.db", "empty/readme.md")  # fmt: skip
    sightings = read_table(root)
    assert sightings.image.tolist() == ["0012/a.jpg", "0012/b.JPG", "7/z.png"]
    assert sightings.vehicle.tolist() == ["0012", "0012", "7"]
    assert sightings.path(2) == root / "7" / "z.png"
    assert not sightings.knows("split")
    assert not sightings.knows("camera")


def test_a_folder_for_each_split_and_vehicle(tree: Callable[..., Path]) -> None:
    root = tree("train/1/a.jpg", "Query/2/b.jpg", "gallery/2/c.jpg", "gallery/3/d.jpg")
    sightings = read_table(root)
    assert sightings.image.tolist() == [
        "Query/2/b.jpg", "gallery/2/c.jpg", "gallery/3/d.jpg", "train/1/a.jpg",
    ]  # fmt: skip
    assert sightings.split.tolist() == ["query", "gallery", "gallery", "train"]
    assert sightings.vehicle.tolist() == ["2", "2", "3", "1"]


def test_a_flat_folder_knows_no_vehicles(tree: Callable[..., Path]) -> None:
    sightings = read_table(tree("b.webp", "a.jpg", "list.txt"))
    assert sightings.image.tolist() == ["a.jpg", "b.webp"]
    assert not sightings.knows("vehicle")


def test_the_order_of_the_directory_never_matters(
    tree: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree(*(f"{vehicle}/{image}.jpg" for vehicle in range(5) for image in range(5)))
    forward = list(find_pictures(root, depth=1))
    assert forward == sorted(forward)
    assert len(forward) == 25
    scandir = os.scandir

    class Backwards:
        def __init__(self, path: str) -> None:
            self.entries = sorted(scandir(path), key=lambda entry: entry.name, reverse=True)

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self.entries

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(os, "scandir", Backwards)
    assert list(find_pictures(root, depth=1)) == forward


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), ("no pictures", ".jpg")),
        (("notes.txt", "a/b.txt"), ("no pictures", ".jpg")),
        (("a.jpg", "1/b.jpg"), ("different depths", "a.jpg", "1/b.jpg")),
        (("1/a.jpg", "train/1/b.jpg"), ("different depths", "train/1/b.jpg")),
        (("query/a.jpg", "gallery/b.jpg"), ("gallery/b.jpg", "FOLDER/picture")),
        (("1/a.jpg", "test/b.jpg"), ("test/b.jpg", "FOLDER/vehicle/picture")),
        (("1/cam1/a.jpg",), ("1/cam1/a.jpg", "FOLDER/vehicle/picture")),
        (("train/1/cam1/a.jpg",), ("train/1/cam1/a.jpg", "FOLDER/vehicle/picture")),
        (("train/1/a.jpg", "test/1/b.jpg"), ("'test/1/b.jpg'", "split 'test'", "gallery")),
        (("images.csv", "table.parquet"), ("images.csv", "table.parquet", "name one")),
    ],
)
def test_odd_folders_give_one_clear_line(
    names: tuple[str, ...], message: tuple[str, ...], tree: Callable[..., Path]
) -> None:
    assert says(refusal(tree(*names)), message)


def test_links_to_folders_are_followed_and_loops_end(tree: Callable[..., Path]) -> None:
    root = tree("7/a.jpg")
    elsewhere = root.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.jpg").write_bytes(b"")
    (root / "8").symlink_to(elsewhere)
    assert read_table(root).vehicle.tolist() == ["7", "8"]
    (elsewhere / "loop").symlink_to(root)
    assert says(refusal(root), "different depths", "8/b.jpg", "8/loop/8/b.jpg")


def test_a_file_name_that_is_not_unicode_is_refused(tree: Callable[..., Path]) -> None:
    root = tree("7/a.jpg")
    try:
        (root / "7" / os.fsdecode(b"\xff.jpg")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    assert says(refusal(root), "image", r"'7/\udcff.jpg'", "UTF-8 text")


def test_a_folder_is_read_through_the_table_in_it(tree: Callable[..., Path]) -> None:
    root = tree("loose.jpg", "images/a.jpg")
    (root / "images.csv").write_text("image,vehicle\nimages/a.jpg,v1\n")
    sightings = read_table(root)
    assert sightings.vehicle.tolist() == ["v1"]
    assert sightings.path(0) == root / "images" / "a.jpg"
    (root / "images.csv").write_text("image,vehicle\n")
    with pytest.raises(DataError, match=facts("images.csv", "no pictures")):
        read_table(root)


def test_no_picture_is_touched(table: Csv, monkeypatch: pytest.MonkeyPatch) -> None:
    path = table("image\n" + "".join(f"{row}.jpg\n" for row in range(500)))
    touched: list[object] = []
    stat = os.stat
    monkeypatch.setattr(
        os, "stat", lambda *args, **more: touched.append(args) or stat(*args, **more)
    )
    assert len(read_table(path)) == 500
    assert len(touched) <= 5


# --- writing ----------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20).map(
    str.strip
)
moments = st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1))


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[Any]]:
    images = draw(st.lists(texts.filter(bool), min_size=1, max_size=8, unique=True))
    n = len(images)
    columns: dict[str, list[Any]] = {"image": images}
    for name in draw(st.sets(st.sampled_from(LABELS))):
        values = st.sampled_from(["", "train", "query", "gallery"]) if name == "split" else texts
        columns[name] = draw(st.lists(values, min_size=n, max_size=n))
    if draw(st.booleans()):
        columns["time"] = draw(st.lists(moments, min_size=n, max_size=n))
    return columns


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(columns=tables(), suffix=st.sampled_from([".csv", ".parquet", ".CSV"]))
def test_round_trip(
    columns: dict[str, list[Any]], suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / f"round-trip{suffix}"
    original = Sightings.from_columns(path.parent, columns)
    write_table(original, path)
    again = read_table(path)
    assert_same(again, original)
    assert again.root == path.parent
    assert again.fingerprint() == original.fingerprint()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_white_space_around_labels_is_dropped_unless_it_tells_them_apart(
    tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    def written(*vehicles: str) -> Path:
        images = [f"{number}.jpg" for number in range(len(vehicles))]
        table = Sightings.from_columns(tmp_path, {"image": images, "vehicle": list(vehicles)})
        write_table(table, tmp_path / f"t.{suffix}")
        return tmp_path / f"t.{suffix}"

    with caplog.at_level(logging.WARNING):
        path = written("7 ", "8", " =9", "7 ", "", "\u00a0NA")
    assert read_table(path).vehicle.tolist() == ["7", "8", "=9", "7", "", "NA"]
    (record,) = caplog.records
    assert says(record.getMessage(), "white space around vehicle", "and 2 more is dropped")
    for one, other in (("7", "7 "), (" 7", "7 "), ("  ", "")):
        with pytest.raises(DataError, match=facts("vehicle", f"{one!r}", "white space", "rename")):
            written(one, "8", other)
    assert read_table(path).vehicle.tolist()[:3] == ["7", "8", "=9"]  # the one before


@pytest.mark.parametrize("image", [" a/1.jpg", "a/1.jpg ", "\ta.jpg"])
def test_paths_that_a_table_cannot_keep_are_not_written(tmp_path: Path, image: str) -> None:
    table = Sightings.from_columns(tmp_path, {"image": ["b.jpg", image]})
    with pytest.raises(DataError, match=facts(f"{image!r}", "white space", "rename")):
        write_table(table, tmp_path / "t.csv")
    assert not (tmp_path / "t.csv").exists()


def test_folders_of_vehicles_are_read_without_white_space_around_their_names(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("7 ", "8"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").touch()
    with caplog.at_level(logging.WARNING):
        table = read_table(tmp_path)
    assert table.vehicle.tolist() == ["7", "8"]
    assert table.image.tolist() == ["7 /1.jpg", "8/1.jpg"]
    assert says(caplog.records[0].getMessage(), "vehicle '7 '", "is dropped")
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "1.jpg").touch()
    with pytest.raises(DataError, match=facts("vehicle '7 ' and '7'", "rename")):
        read_table(tmp_path)


def test_only_known_columns_are_written_and_times_end_in_z(tmp_path: Path) -> None:
    original = Sightings.from_columns(
        tmp_path,
        {
            "image": ["a.jpg", "b.jpg"],
            "vehicle": ["0012", ""],
            "camera": ["", ""],
            "time": [np.datetime64("2026-05-01T17:32:05.125"), np.datetime64("NaT")],
        },
    )
    write_table(original, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == (
        "image,vehicle,time\na.jpg,0012,2026-05-01T17:32:05.125Z\nb.jpg,,\n"
    )
    write_table(original, tmp_path / "out.parquet")
    stored = pq.read_table(tmp_path / "out.parquet")
    assert stored.column_names == ["image", "vehicle", "time"]
    assert stored["vehicle"].to_pylist() == ["0012", None]
    moment = datetime(2026, 5, 1, 17, 32, 5, 125_000, tzinfo=timezone(timedelta(0)))
    assert stored["time"].to_pylist() == [moment, None]


def test_paths_are_relative_where_the_pictures_lie_under_the_target(tmp_path: Path) -> None:
    root = tmp_path / "data" / "set"
    root.mkdir(parents=True)
    original = Sightings.from_columns(root, {"image": ["x/a.jpg", "/elsewhere/b.jpg", "../c.jpg"]})
    expected = [os.path.normpath(original.path(row)) for row in range(3)]
    cases = {
        root / "out.csv": ["x/a.jpg", "/elsewhere/b.jpg", "../c.jpg"],
        tmp_path / "data" / "out.csv": ["set/x/a.jpg", "/elsewhere/b.jpg", "set/../c.jpg"],
        tmp_path / "other" / "out.csv": [
            f"{root}/x/a.jpg", "/elsewhere/b.jpg", f"{root}/../c.jpg",
        ],
        tmp_path / "data" / "set-2" / "out.csv": [
            f"{root}/x/a.jpg", "/elsewhere/b.jpg", f"{root}/../c.jpg",
        ],
    }  # fmt: skip
    for path, images in cases.items():
        write_table(original, path)
        with path.open(newline="") as file:
            assert [line["image"] for line in csv.DictReader(file)] == images
        again = read_table(path)
        assert [os.path.normpath(again.path(row)) for row in range(3)] == expected


def test_writing_from_a_relative_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_table(Sightings.from_columns(Path(), {"image": ["a.jpg"]}), "sub/../out.csv")
    assert (tmp_path / "out.csv").read_text() == "image\na.jpg\n"


def test_a_table_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    good = Sightings.from_columns(tmp_path, {"image": ["a.jpg"]})
    with pytest.raises(DataError, match=facts("out.txt", ".csv", ".parquet")):
        write_table(good, tmp_path / "out.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=facts("out.csv", "is a file", "another output")):
        write_table(good, tmp_path / "file" / "out.csv")
    broken = Sightings.from_columns(tmp_path, {"image": ["\udcff.jpg"]})
    for suffix in (".csv", ".parquet"):
        with pytest.raises(
            DataError, match=facts(f"out{suffix}", r"\udcff.jpg", "not Unicode", "rename")
        ):
            write_table(broken, tmp_path / f"out{suffix}")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_real_table() -> None:
    if not REAL.is_dir():
        pytest.skip(f"real pictures are absent: {REAL}")
    sightings = read_table(REAL)
    assert_same(sightings, read_table(REAL / "images.csv"))
    assert repr(sightings) == "<Sightings: 552 images, 276 vehicles, 2 cameras>"
    assert sightings.path(551).is_file()
