"""Sightings that are a part of a file: a frame of a video, a box in a picture."""

import hashlib
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from messages import facts
from PIL import Image
from small_films import shown_number, write_film

from platefree.data.check import check_table
from platefree.data.film import Film, open_film
from platefree.data.image_source import TableImages
from platefree.data.merge import merge_tables
from platefree.data.split import split_by_vehicle
from platefree.data.table import read_table, write_table
from platefree.errors import DataError, FilmError, ImageError
from platefree.types import COLUMNS, LABELS, Sightings

UNKNOWN = [np.nan] * 4
PLAIN = {"image": ["a.jpg", "b.jpg"], "vehicle": ["1", "2"], "time": ["2026-05-01", "NaT"]}
CUT = {
    "image": ["gate.mp4", "gate.mp4", "c.jpg", "d.jpg"],
    "vehicle": ["1", "2", "1", "2"],
    "source": ["x"] * 4,
    "frame": [0, 12, -1, -1],
    "box": [[1, 2, 30, 40], [0.1, 2.7, 9.3, 11], [5, 5, 6.5, 7], UNKNOWN],
}


def assert_equal(left: Sightings, right: Sightings) -> None:
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)


def without(*names: str) -> dict[str, object]:
    return {name: values for name, values in CUT.items() if name not in names}


# --- the values -------------------------------------------------------------------------------


def test_tables_without_frames_and_boxes_are_as_before() -> None:
    table = Sightings.from_columns(Path("/"), PLAIN)
    assert table.frame.dtype == np.int64
    assert table.frame.tolist() == [-1, -1]
    assert table.box.dtype == np.float32
    assert table.box.shape == (2, 4)
    assert np.isnan(table.box).all()
    assert not table.knows("frame")
    assert not table.knows("box")
    digest = hashlib.sha256()
    former = (name for name in LABELS if name != "model_year")
    for name in ("image", *former, "time"):
        digest.update("\x1f".join(getattr(table, name).astype(np.str_)).encode() + b"\x1e")
    assert table.fingerprint() == digest.hexdigest()[:12]


def test_the_constructor_needs_neither_frames_nor_boxes() -> None:
    table = Sightings.from_columns(Path("/"), PLAIN)
    texts = {name: getattr(table, name) for name in ("image", *LABELS, "time")}
    assert_equal(Sightings(root=Path("/"), **texts), table)


def test_empty_tables() -> None:
    table = Sightings.from_columns(Path("/"), {"image": [], "frame": [], "box": []})
    assert table.box.shape == (0, 4)
    assert table.fingerprint() == Sightings.from_columns(Path("/"), {"image": []}).fingerprint()


def test_known_frames_and_boxes_are_part_of_the_fingerprint() -> None:
    prints = {
        Sightings.from_columns(Path("/"), columns).fingerprint()
        for columns in (
            CUT,
            without("frame"),
            without("box"),
            without("frame", "box"),
            CUT | {"frame": [0, 13, -1, -1]},
            CUT | {"box": [[1, 2, 30, 40], UNKNOWN, UNKNOWN, UNKNOWN]},
        )
    }
    assert len(prints) == 6


def test_tables_without_years_of_models_keep_the_fingerprint_that_they_had() -> None:
    columns = {"image": ["a", "b"], "model": ["A3", "A4"], "type": ["suv", ""]}
    table = Sightings.from_columns(Path("/"), columns)
    former = [name for name in ("image", *LABELS, "time") if name != "model_year"]
    texts = ("\x1f".join(getattr(table, name).astype(np.str_)) for name in former)
    digest = hashlib.sha256("".join(f"{text}\x1e" for text in texts).encode())
    assert table.fingerprint() == digest.hexdigest()[:12]
    years = Sightings.from_columns(Path("/"), columns | {"model_year": ["2011", ""]})
    assert years.fingerprint() != table.fingerprint()


def test_rows_keep_their_frame_and_box() -> None:
    table = Sightings.from_columns(Path("/"), CUT)
    assert table.knows("frame")
    assert table.knows("box")
    taken = table.take(np.array([2, 1]))
    assert taken.frame.tolist() == [-1, 12]
    np.testing.assert_array_equal(taken.box, table.box[[2, 1]])
    assert table.path(1) == Path("/gate.mp4")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"frame": [0]}, r"'frame' has shape \(1,\), expected \(4,\)"),
        ({"frame": [0, 1, 2, -2]}, "int64 from -2, expected int64 frame numbers from 0"),
        ({"box": [1, 2, 3, 4]}, r"'box' has shape \(4,\), expected \(4, 4\)"),
        ({"box": [[1, 2, 30, 40]]}, r"'box' has shape \(1, 4\)"),
        ({"box": [[1, 2, 3, 4], [1, 2, 1, 4], UNKNOWN, UNKNOWN]}, "row 1: expected left, top"),
        ({"box": [[1, 2, 3, np.nan], UNKNOWN, UNKNOWN, UNKNOWN]}, "row 0: expected left, top"),
        ({"box": [[1, 2, 3, np.inf], UNKNOWN, UNKNOWN, UNKNOWN]}, "or four NaN"),
        ({"boxes": [0] * 4}, "expected image and any of"),
    ],
)
def test_impossible_columns_are_refused(columns: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Sightings.from_columns(Path("/"), CUT | columns)


# --- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_written_and_read_again(suffix: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    corner = random.uniform(0, 4000, (500, 2))
    box = np.hstack([corner, corner + random.uniform(1e-3, 900, (500, 2))]).astype(np.float32)
    box[::7] = np.nan
    frame = np.where(np.arange(500) % 5 == 0, -1, np.arange(500))
    columns = {"image": [f"{n}.mp4" for n in range(500)], "frame": frame, "box": box}
    for given in (columns, {"image": columns["image"], "box": box}):
        table = Sightings.from_columns(tmp_path, given)
        write_table(table, tmp_path / f"t.{suffix}")
        again = read_table(tmp_path / f"t.{suffix}")
        assert_equal(again, table)
        assert again.fingerprint() == table.fingerprint()


def test_cells_of_a_csv(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "image,frame,x0,y0,x1,y1\ngate.mp4,7,1,2.5,3,4\ngate.mp4,8.0,1,2.5,3,4\n"
        "gate.mp4,8,1,2.5,3,5\nb.jpg,,,,,\n"
    )
    table = read_table(path)
    assert table.frame.tolist() == [7, 8, 8, -1]
    np.testing.assert_array_equal(table.box[0], [1, 2.5, 3, 4])
    assert np.isnan(table.box[3]).all()
    write_table(table, path)
    assert path.read_text().splitlines()[1:3] == ["gate.mp4,7,1,2.5,3,4", "gate.mp4,8,1,2.5,3,4"]


def test_numbers_of_a_parquet_file(tmp_path: Path) -> None:
    edges = {name: pa.array([1.5, None, float("nan")], pa.float64()) for name in ("x0", "y0")}
    edges |= {name: pa.array([3, None, None], pa.int32()) for name in ("x1", "y1")}
    frames = pa.array([3.0, None, float("nan")], pa.float64())  # as pandas stores gaps
    pq.write_table(
        pa.table({"image": ["a", "b", "c"], "frame": frames, **edges}), tmp_path / "t.parquet"
    )
    table = read_table(tmp_path / "t.parquet")
    assert table.frame.tolist() == [3, -1, -1]
    np.testing.assert_array_equal(table.box, [[1.5, 1.5, 3, 3], UNKNOWN, UNKNOWN])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("image,frame\na,-1\n", ", line 2: frame '-1' is not a frame number"),
        ("image,frame\na,1.5\n", ", line 2: frame '1.5' is not a frame number"),
        ("image,frame\na,first\n", ", line 2: frame 'first' is not a frame number"),
        ("image,x0,y0,x1\na,1,2,3\n", " has the columns x0, y0, x1 but not y1"),
        ("image,x0,y0,x1,y1\na,1,2,3,\n", ", line 2: x0, y0, x1, y1 are 1, 2, 3, , expected"),
        ("image,x0,y0,x1,y1\na,1,2,1,4\n", ", line 2: x0, y0, x1, y1 are 1, 2, 1, 4, expected"),
        ("image,x0,y0,x1,y1\na,1,2,inf,4\n", ", line 2: x0, y0, x1, y1 are 1, 2, inf, 4"),
        ("image,x0,y0,x1,y1\na,.1,.2,.4,.6\nb,,,,\n", "these are fractions of the pictures"),
        ("image,frame\na,1\nb,1\na,1\n", ", line 4: 'a' is listed already in line 2"),
    ],
)
def test_wrong_cells_are_refused(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(DataError) as caught:
        read_table(path)
    assert message in str(caught.value)


def test_merging_and_splitting_keep_frames_and_boxes(tmp_path: Path) -> None:
    cut = Sightings.from_columns(tmp_path, CUT)
    plain = Sightings.from_columns(tmp_path, PLAIN | {"source": ["y", "y"]})
    merged = merge_tables(cut, plain)
    assert merged.frame.tolist() == [*cut.frame.tolist(), -1, -1]
    np.testing.assert_array_equal(merged.box, np.concatenate([cut.box, plain.box]))
    split = split_by_vehicle(cut)
    assert split.frame.tolist() == cut.frame.tolist()
    np.testing.assert_array_equal(split.box, cut.box)


def test_tables_may_share_a_video_but_not_a_sighting(tmp_path: Path) -> None:
    one = Sightings.from_columns(tmp_path, without("vehicle"))
    other = {"image": ["gate.mp4"], "source": ["y"], "box": [[1, 2, 30, 40]]}
    assert len(merge_tables(one, Sightings.from_columns(tmp_path, other | {"frame": [1]}))) == 5
    with pytest.raises(DataError, match=r"both have picture .*leave its row out"):
        merge_tables(one, Sightings.from_columns(tmp_path, other | {"frame": [0]}))


# --- pictures ---------------------------------------------------------------------------------


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "p.png")
    return tmp_path / "p.png"


def test_a_picture_is_cut_to_its_box(photograph: Path) -> None:
    box = [[10.2, 20, 30, 39.5], UNKNOWN, [-5, -5, 4, 900]]
    columns = {"image": ["p.png"] * 3, "box": box}
    source = TableImages(Sightings.from_columns(photograph.parent, columns))
    whole = np.asarray(Image.open(photograph))
    for row, expected in enumerate([whole[20:40, 10:30], whole, whole[:, :4]]):
        np.testing.assert_array_equal(np.asarray(source.read(row)), expected)
        header = source.header(row)
        assert (header.height, header.width) == expected.shape[:2]


def test_a_box_outside_of_its_picture_and_a_frame_that_is_not_there_are_refused(
    photograph: Path,
) -> None:
    columns = {"image": ["p.png"] * 2, "frame": [-1, 4], "box": [[80, 0, 90, 9], [0, 0, 9, 9]]}
    source = TableImages(Sightings.from_columns(photograph.parent, columns))
    for read in (source.read, source.header):
        with pytest.raises(ImageError, match="is 80 x 60 pixels, but the box of row 1 is 80, 0"):
            read(0)
        with pytest.raises(FilmError, match=facts(4, "p.png", "does not exist")):
            read(1)


def test_frames_of_a_film_are_cut_to_their_boxes_in_any_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_film(tmp_path / "gate.mp4", [each / 10 for each in range(60)], between=2)
    rows = [41, 3, 59, 0, 40, 3, 24, 23]
    box = [UNKNOWN] * 7 + [[0, 0, 160, 20]]
    columns = {"image": ["gate.mp4"] * 8, "frame": rows, "box": box}
    source = TableImages(Sightings.from_columns(tmp_path, columns))
    opened = list[Path]()

    def counted(path: Path) -> AbstractContextManager[Film]:
        opened.append(path)
        return open_film(path)

    monkeypatch.setattr("platefree.data.film_frames.open_film", counted)
    for row, number in enumerate(rows[:7]):
        picture = source.read(row)
        assert shown_number(np.asarray(picture)) == number
        assert source.header(row).width == picture.width
    assert source.read(7).size == (160, 20)
    assert len(opened) == 1 + len({number // 12 for number in rows})  # the index, and each group
    assert check_table(source.table, depth="pixels").unreadable == {}
    missing = Sightings.from_columns(tmp_path, {"image": ["gate.mp4"], "frame": [60]})
    with pytest.raises(FilmError, match=facts(60)):
        TableImages(missing).read(0)


def test_frames_of_a_film_with_wrong_stamps_are_those_of_reading_it_forward(
    tmp_path: Path,
) -> None:
    one = write_film(tmp_path / "one.ts", [each / 10 for each in range(20)], between=0)
    (tmp_path / "two.ts").write_bytes(one.read_bytes() * 2)  # the clock begins anew
    with open_film(tmp_path / "two.ts") as film:
        forward = {frame.number: shown_number(frame.picture) for frame in film.frames()}
        assert "back" in " ".join(film.remarks())
    assert len(forward) >= 39
    rows = sorted(forward)[::-3]
    columns = {"image": ["two.ts"] * len(rows), "frame": rows}
    source = TableImages(Sightings.from_columns(tmp_path, columns))
    found = [shown_number(np.asarray(source.read(row))) for row in range(len(rows))]
    assert found == [forward[number] for number in rows]


def test_a_check_measures_boxes_and_sees_no_copies_in_them(photograph: Path) -> None:
    box = [[0, 0, 10, 10], [10, 10, 50, 50], [0, 0, 999, 5]]
    table = Sightings.from_columns(photograph.parent, {"image": ["p.png"] * 3, "box": box})
    for depth in ("header", "pixels"):
        check = check_table(table, depth=depth)
        assert check.widths is not None
        assert (check.widths.minimum, check.widths.maximum) == (10, 80)
        assert not check.duplicates
        assert len(check.tiny) == 2
