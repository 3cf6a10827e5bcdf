import io
from pathlib import Path

import numpy as np
import pytest
from drawn import draw_vehicles
from messages import facts
from numpy.typing import NDArray
from PIL import Image
from small_films import shown_number, write_film

from platefree.errors import DataError, StorageError
from platefree.reports.contact_sheet import contact_sheet
from platefree.types import Hit, Sightings

LABELS = {"camera": "gate", "time": "2026-05-01T07:12:03Z"}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    table = draw_vehicles(tmp_path_factory.mktemp("drawn"), vehicles=2, cameras=2, size=64)
    return sorted((table.parent / "images").iterdir())


def hits(pictures: list[Path]) -> list[Hit]:
    return [Hit(i + 1, 0.9 - i / 10, path, LABELS) for i, path in enumerate(pictures)]


@pytest.mark.parametrize(
    ("name", "format_name"), [("a.jpg", "JPEG"), ("a.JPEG", "JPEG"), ("a.png", "PNG")]
)
def test_suffix_decides_the_format(
    pictures: list[Path], tmp_path: Path, name: str, format_name: str
) -> None:
    path = contact_sheet(pictures[0], hits(pictures[1:]), tmp_path / name)
    assert path == tmp_path / name
    with Image.open(path) as sheet:
        sheet.load()
        assert sheet.format == format_name
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.pdf", "a", "a.webp"])
def test_another_suffix_is_refused(pictures: list[Path], tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=facts(name, ".jpg, .jpeg, .png")):
        contact_sheet(pictures[0], [], tmp_path / name)
    assert not any(tmp_path.iterdir())


def test_rows_and_columns(pictures: list[Path], tmp_path: Path) -> None:
    def size(count: int, columns: int) -> tuple[int, int]:
        path = contact_sheet(
            pictures[0], hits((pictures * 2)[:count]), tmp_path / "a.png", columns=columns
        )
        with Image.open(path) as sheet:
            return sheet.size

    one = size(0, 5)
    assert size(4, 5)[1] == one[1]
    assert size(5, 5)[1] > one[1]
    assert size(5, 5)[0] == size(9, 5)[0]
    assert size(5, 2)[0] < size(5, 3)[0]


def test_only_the_query_is_framed(pictures: list[Path], tmp_path: Path) -> None:
    path = contact_sheet(pictures[0], hits(pictures[1:4]), tmp_path / "a.png")
    with Image.open(path) as sheet:
        dark = (np.asarray(sheet.convert("L")) < 60).mean(axis=0)
    left, *_, right = np.flatnonzero(dark > 0.8)
    assert left < 20
    assert len(dark) / 5 < right < len(dark) / 3


def test_same_answer_gives_the_same_bytes(pictures: list[Path], tmp_path: Path) -> None:
    sheets = [
        contact_sheet(pictures[0], hits(pictures[1:]), tmp_path / name)
        for name in ("a.png", "b.png")
    ]
    assert sheets[0].read_bytes() == sheets[1].read_bytes()


def test_captions_change_the_sheet(pictures: list[Path], tmp_path: Path) -> None:
    def drawn(hit: Hit) -> bytes:
        return contact_sheet(pictures[0], [hit], tmp_path / "a.png").read_bytes()

    plain = Hit(1, 0.9, pictures[1], LABELS)
    others = (
        Hit(2, 0.9, pictures[1], LABELS),
        Hit(1, 0.8, pictures[1], LABELS),
        Hit(1, 0.9, pictures[1], {**LABELS, "camera": "ramp"}),
        Hit(1, 0.9, pictures[1], {**LABELS, "time": "2026-05-01T07:12:04Z"}),
        Hit(1, 0.9, pictures[1], {}),
    )
    assert len({drawn(hit) for hit in (plain, *others)}) == 6


@pytest.mark.parametrize(
    "text",
    ["x" * 500, "Königsplatz 東京 🚗", "two\nlines\tand\0more", "q\udcff", "\u202eabc", "", "…"],
)
def test_any_label_can_be_drawn(pictures: list[Path], tmp_path: Path, text: str) -> None:
    strange = Hit(1, 0.5, tmp_path / f"{text[:200]}.jpg", {"camera": text, "time": text})
    contact_sheet(tmp_path / text[:200], [strange], tmp_path / "a.jpg")


def test_unreadable_pictures_leave_a_placeholder(pictures: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(pictures[0].read_bytes()[:200])
    path = contact_sheet(broken, [Hit(1, 0.5, tmp_path / "gone.jpg")], tmp_path / "a.png")
    with Image.open(path) as sheet:
        colors = {color for _, color in sheet.getcolors(1 << 24) or []}
    assert (0xEC, 0xEE, 0xF0) in colors


def test_impossible_sheets_are_refused(pictures: list[Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=facts("0 columns", "1 or more")):
        contact_sheet(pictures[0], [], tmp_path / "a.jpg", columns=0)
    with pytest.raises(DataError, match=facts("2,001 pictures", "101,874", "65,000", "fewer hits")):
        contact_sheet(pictures[0], hits(pictures[:1]) * 2000, tmp_path / "a.jpg")


def test_a_failed_sheet_leaves_the_old_one(pictures: list[Path], tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    with pytest.raises(StorageError):
        contact_sheet(pictures[0], [], file / "a.jpg")
    assert file.read_text() == "old"


def test_lines_above_the_pictures(pictures: list[Path], tmp_path: Path) -> None:
    def drawn(name: str, *about: str) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
        path = contact_sheet(pictures[0], hits(pictures[1:3]), tmp_path / name, about=about)
        with Image.open(path) as sheet:
            return np.asarray(sheet.convert("RGB"))

    plain = drawn("plain.png")
    one = drawn("one.png", "photos.csv, 12 pictures")
    two = drawn("two.png", "photos.csv, 12 pictures", "model runs/first/best")
    other = drawn("other.png", "photos.csv, 13 pictures")
    long = drawn("long.png", "/a folder/of pictures" * 20)
    assert len(plain) < len(one) < len(two) < len(long)
    assert all(sheet.shape[1] == plain.shape[1] for sheet in (one, two, long))
    for sheet in (one, two, long):  # the rest is as before
        np.testing.assert_array_equal(sheet[len(sheet) - len(plain) + 10 :], plain[10:])
    assert (one != other).any()
    margin = 20
    for sheet in (one, two, long):
        assert (sheet[: len(sheet) - len(plain), -margin:] == 255).all()


def test_every_query_picture_is_drawn_in_a_frame(pictures: list[Path], tmp_path: Path) -> None:
    def drawn(query: list[Path]) -> NDArray[np.uint8]:
        path = contact_sheet(query, hits(pictures[2:4]), tmp_path / "a.png", columns=9)
        return np.asarray(Image.open(path))

    one, two = drawn(pictures[:1]), drawn(pictures[:2])
    cell = two.shape[1] - one.shape[1]
    first, second, rest = np.split(two, [cell, 2 * cell], axis=1)
    np.testing.assert_array_equal(first[:, :-20], one[:, : cell - 20])
    np.testing.assert_array_equal(rest[:, 20:], one[:, cell + 20 :])  # beside the frames
    dark = [(part < 60).all(axis=2).sum(axis=1).max() for part in (first, second)]
    assert min(dark) > 0.8 * cell  # the edge of a frame


def cell_of(sheet: Path, place: int) -> NDArray[np.uint8]:
    """The picture at a place of the first row: (144, 192, 3)."""
    left = 20 + place * (192 + 20)
    return np.asarray(Image.open(sheet).convert("RGB"))[20 : 20 + 144, left : left + 192]


def jpeg(color: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (160, 120), color).save(file, "JPEG", quality=95)
    return file.getvalue()


def shows(cell: NDArray[np.uint8], color: tuple[int, int, int]) -> bool:
    """Whether the middle of a cell has a color."""
    return bool((np.abs(cell[60:84, 80:112].astype(int) - color) < 12).all())


def test_a_query_of_a_film_is_its_frame_with_the_box(tmp_path: Path) -> None:
    film = write_film(tmp_path / "gate.mp4", [each / 10 for each in range(20)])
    columns = {"image": ["gate.mp4"] * 2, "frame": [13, 13]}
    box = np.array([[96, 32, 144, 60], [np.nan] * 4])
    table = Sightings.from_columns(tmp_path, {**columns, "box": box})
    sheet = contact_sheet(table, [], tmp_path / "a.png")
    with_box, plain = (cell_of(sheet, place)[-64:] for place in (0, 1))  # 192 x 64: not scaled
    assert shown_number(plain) == shown_number(with_box) == 13
    differs = (with_box != plain).any(axis=2)
    expected = np.zeros((64, 192), bool)
    expected[30:62, 94:146] = True  # two pixels around the box
    expected[32:60, 96:144] = False
    np.testing.assert_array_equal(differs, expected)
    assert film.exists()


def test_the_box_of_a_query_picture_is_scaled_with_it(tmp_path: Path) -> None:
    Image.new("RGB", (1920, 1440), (90, 90, 90)).save(tmp_path / "street.jpg")
    columns = {"image": ["street.jpg"], "box": [[480.0, 360.0, 960.0, 720.0]]}
    sheet = contact_sheet(Sightings.from_columns(tmp_path, columns), [], tmp_path / "a.png")
    rows, across = np.nonzero((cell_of(sheet, 0) > 240).all(axis=2))
    assert (rows.min(), rows.max(), across.min(), across.max()) == (35, 72, 47, 96)


def test_hits_of_films_and_with_boxes_are_cut_to_them(tmp_path: Path) -> None:
    write_film(tmp_path / "gate.mp4", [each / 10 for each in range(20)])
    half = np.zeros((96, 128, 3), np.uint8)
    half[:, 64:] = 200, 40, 40
    Image.fromarray(half).save(tmp_path / "half.png")
    first = Hit(1, 0.9, tmp_path / "gate.mp4", frame=13, box=(0, 0, 32, 16))
    second = Hit(2, 0.8, tmp_path / "half.png", box=(64, 0, 128, 96))
    sheet = contact_sheet(tmp_path / "half.png", [first, second], tmp_path / "a.png")
    cell = cell_of(sheet, 1)[-96:]  # the lowest bits of 13 are 1 and 0
    assert (cell[20:-20, 20:76] > 195).all()
    assert (cell[20:-20, 116:-20] < 60).all()
    assert shows(cell_of(sheet, 2), (200, 40, 40))


def test_what_a_gallery_keeps_is_shown_of_films_and_of_lost_files(tmp_path: Path) -> None:
    write_film(tmp_path / "gate.mp4", [0, 0.1, 0.2])
    Image.new("RGB", (64, 48), (10, 200, 10)).save(tmp_path / "there.png")
    blue, red = (20, 30, 220), (220, 30, 20)
    small = {3: jpeg(blue), 4: jpeg(red), 5: jpeg(blue), 6: b"\xff\xd8damaged"}
    hits = [
        Hit(1, 0.9, tmp_path / "gate.mp4", number=3, frame=1),
        Hit(2, 0.8, tmp_path / "gone.png", number=4),
        Hit(3, 0.7, tmp_path / "there.png", number=5),
        Hit(4, 0.6, tmp_path / "gone.png", number=6),
    ]
    sheet = contact_sheet(4, hits, tmp_path / "a.png", columns=6, small=small)
    for place, color in enumerate((red, blue, red, (10, 200, 10))):
        assert shows(cell_of(sheet, place), color), place
    assert not shows(cell_of(sheet, 4), blue)
    empty = cell_of(contact_sheet(9, [], tmp_path / "b.png"), 0)
    assert (empty == (0xEC, 0xEE, 0xF0)).all(axis=2).mean() > 0.5
