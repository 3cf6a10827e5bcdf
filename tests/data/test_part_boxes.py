"""Part boxes: files, what is refused, how they come to a table, and what stands in for missing."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from messages import facts, says
from part_pictures import COLORS, draw_parts
from PIL import Image

import platefree as pf
from platefree.batches.loader import Boxes, Key, TrainingPictures, _collate
from platefree.batches.transforms import TrainingTransform
from platefree.data.part_boxes import (
    PARTS,
    PartBoxes,
    PictureBoxes,
    count_parts,
    fill_missing,
    place_boxes,
)
from platefree.data.part_files import find_part_boxes, read_part_boxes, write_part_boxes
from platefree.data.table import read_table
from platefree.errors import DataError
from platefree.recipes.sections import Augment, Input
from platefree.types import Sightings

HEADER = "image,part,x0,y0,x1,y1\n"


def csv_file(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "own.csv"
    path.write_text(header + "".join(f"{line}\n" for line in lines))
    return path


def content(boxes: PartBoxes) -> set[tuple[str, str, tuple[float, ...]]]:
    return {
        (str(boxes.root / boxes.image[owner]), PARTS[part], tuple(box))
        for owner, part, box in zip(boxes.picture, boxes.part, boxes.box.tolist(), strict=True)
    }


# --- files ----------------------------------------------------------------------------------


def test_a_file_says_what_was_written(tmp_path: Path) -> None:
    table, boxes = draw_parts(tmp_path)
    read = read_part_boxes(tmp_path / "parts.csv")
    assert content(read) == content(boxes)
    assert read.image.tolist() == table.image.tolist()
    assert read.fingerprint() == boxes.fingerprint()
    elsewhere = tmp_path / "other" / "parts.csv"
    write_part_boxes(boxes, elsewhere)  # paths are absolute there
    assert content(read_part_boxes(elsewhere)) == content(boxes)
    order = np.random.default_rng(0).permutation(len(boxes))
    mixed = PartBoxes(
        boxes.root, boxes.image, *(each[order] for each in (boxes.picture, boxes.part, boxes.box)),
        boxes.score[order],
    )  # fmt: skip
    assert mixed.fingerprint() == boxes.fingerprint()
    assert mixed.at_least(1.1).fingerprint() != boxes.fingerprint()
    with pytest.raises(DataError, match=facts("parts.txt", ".csv")):
        write_part_boxes(boxes, tmp_path / "parts.txt")


def test_pictures_without_a_part_were_looked_at_all_the_same(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "a.jpg,windows,1,2,3,4", "b.jpg,,,,,", "a.jpg, Light ,5,6,7,8")
    read = read_part_boxes(path)
    assert read.image.tolist() == ["a.jpg", "b.jpg"]
    assert [PARTS[part] for part in read.part] == ["window", "light"]
    assert read.score.tolist() == [1.0, 1.0]


def test_coco_files_are_read(tmp_path: Path) -> None:
    table, boxes = draw_parts(tmp_path, vehicles=2)
    coco = {
        "images": [{"id": 7 + n, "file_name": name} for n, name in enumerate(table.image.tolist())],
        "categories": [{"id": 3 + n, "name": f"{part}s"} for n, part in enumerate(PARTS)]
        + [{"id": 99, "name": "wheel"}],
        "annotations": [
            {
                "image_id": 7 + int(owner),
                "category_id": 3 + int(part),
                "bbox": [left, top, right - left, bottom - top],
            }
            for owner, part, (left, top, right, bottom) in zip(
                boxes.picture, boxes.part, boxes.box.tolist(), strict=True
            )
        ],
    }
    path = tmp_path / "own.json"
    path.write_text(json.dumps(coco))
    assert content(read_part_boxes(path)) == content(boxes)
    coco["annotations"][2]["category_id"] = 99  # type: ignore[index]
    path.write_text(json.dumps(coco))
    with pytest.raises(
        DataError, match=facts("annotation 3", "part 'wheel'", "window, light, brand")
    ):
        read_part_boxes(path)
    coco["annotations"][2]["image_id"] = 5  # type: ignore[index]
    path.write_text(json.dumps(coco))
    with pytest.raises(
        DataError, match=facts("own.json", "annotation 3", "image_id", "category_id")
    ):
        read_part_boxes(path)
    path.write_text('{"images": []}')
    with pytest.raises(DataError, match=facts("own.json", "COCO", "categories is missing")):
        read_part_boxes(path)


def test_a_city_knows_its_parts(block_city: Path) -> None:
    boxes = find_part_boxes("", block_city)
    labels = pq.read_table(block_city / "labels.parquet").to_pylist()
    assert boxes.image.tolist() == [row["image"] for row in labels]
    expected = {
        (str(block_city / row["image"]), part, tuple(box))
        for row in labels
        for part, column in (("window", "windows"), ("light", "lights"), ("brand", "brand"))
        for box in row[column]
    }
    assert content(boxes) == expected
    assert len(boxes) > 100
    table = read_table(block_city)
    assert place_boxes(boxes, table).seen.all()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("a.jpg,wheel,1,2,3,4", ("line 2", "part 'wheel'", "window, light, brand")),
        ("a.jpg,windwo,1,2,3,4", ("'windwo'", "mean 'window'")),
        ("a.jpg,light,30,2,3,40", ("line 2", "30, 2, 3, 40", "right of")),
        ("a.jpg,light,3,20,30,4", ("3, 20, 30, 4", "left, top, right, bottom", "not width")),
        ("a.jpg,light,3,4,3,8", ("3, 4, 3, 8", "right of")),  # an empty box
        ("a.jpg,light,nan,4,5,8", ("line 2", "nan, 4, 5, 8", "not finite")),
        ("a.jpg,light,1,4,inf,8", ("1, 4, inf, 8", "not finite")),
        ("a.jpg,light,1,4,many,8", ("line 2", "'many'", "pixels")),
        ("a.jpg,,1,4,5,8", ("line 2", "without a part", "window, light, brand")),
        (",light,1,4,5,8", ("line 2", "no image")),
        ("a.jpg,light,1,4,5", ("line 2", "5 cells", "expected 6")),
        ("a.jpg,light,0.1,0.2,0.5,0.6", ("above 1", "fractions", "expected pixels")),
    ],
)
def test_boxes_that_cannot_be_are_refused(
    tmp_path: Path, line: str, complaint: tuple[str, ...]
) -> None:
    with pytest.raises(DataError, match=facts(complaint)):
        read_part_boxes(csv_file(tmp_path, line))


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=facts("own.csv", "no picture")):
        read_part_boxes(csv_file(tmp_path))
    with pytest.raises(DataError, match=facts("column 'y1'", "image,part,x0,y0,x1,y1")):
        read_part_boxes(csv_file(tmp_path, header="image,part,x0,y0,x1\n"))
    with pytest.raises(
        DataError, match=facts("nothing.csv", "not exist", ".json", "labels.parquet")
    ):
        read_part_boxes(tmp_path / "nothing.csv")
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(
        DataError, match=facts("a.txt", "part boxes", ".csv", ".json", "labels.parquet")
    ):
        read_part_boxes(tmp_path / "a.txt")
    (tmp_path / "labels.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=facts("labels.parquet", "not Parquet", "labels of a city")):
        find_part_boxes(str(tmp_path), tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(
        DataError, match=facts("empty", "no part boxes", "platefree parts", "model.boxes=FILE")
    ):
        find_part_boxes("", empty)


# --- on the rows of a table -----------------------------------------------------------------


def small_table(folder: Path, sizes: dict[str, tuple[int, int]], vehicle: str = "a") -> Sightings:
    for name, size in sizes.items():
        Image.new("RGB", size).save(folder / name)
    return Sightings.from_columns(folder, {"image": list(sizes), "vehicle": [vehicle] * len(sizes)})


def test_boxes_become_shares_of_their_pictures(tmp_path: Path) -> None:
    table = small_table(tmp_path, {"a.png": (40, 20), "b.png": (10, 10), "c.png": (8, 8)})
    path = csv_file(
        tmp_path, "b.png,brand,0,5,10,10", "a.png,light,10,5,30,10", "a.png,window,0,0,4,4"
    )
    placed = place_boxes(read_part_boxes(path), table)
    assert placed.seen.tolist() == [True, True, False]
    fraction, part = placed.of(0)
    np.testing.assert_allclose(fraction, [[0.25, 0.25, 0.75, 0.5], [0, 0, 0.1, 0.2]])
    assert part.tolist() == [1, 0]
    assert placed.of(1)[0].tolist() == [[0, 0.5, 1, 1]]
    assert len(placed.of(2)[0]) == 0
    assert placed.has().tolist() == [[True, True, False], [False, False, True], [False] * 3]
    turned = placed.take(np.array([2, 1, 0]))
    assert turned.seen.tolist() == [False, True, True]
    np.testing.assert_array_equal(turned.of(2)[0], fraction)
    np.testing.assert_array_equal(placed.take(placed.seen).of(1)[0], placed.of(1)[0])


def test_what_reaches_beyond_a_picture_is_cut_off_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = small_table(tmp_path, {"a.png": (40, 20)})
    path = csv_file(tmp_path, "a.png,light,-4,10,20,25", "a.png,window,1,1,40,20")
    with caplog.at_level(logging.WARNING):
        placed = place_boxes(read_part_boxes(path), table)
    np.testing.assert_allclose(placed.of(0)[0], [[0, 0.5, 0.5, 1], [0.025, 0.05, 1, 1]])
    assert says(caplog.text, "1 of 2 part boxes", "beyond their pictures")


def test_boxes_outside_of_their_pictures_are_refused(tmp_path: Path) -> None:
    table = small_table(tmp_path, {"a.png": (40, 20)})
    path = csv_file(tmp_path, "a.png,light,1,1,2,2", "a.png,light,400,100,600,180")
    with pytest.raises(
        DataError, match=facts("1 of 2", "outside", "400, 100, 600, 180", "a.png", "40 x 20 pixels")
    ):
        place_boxes(read_part_boxes(path), table)


def test_pictures_that_are_not_in_the_table_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = small_table(tmp_path, {"a.png": (40, 20)})
    path = csv_file(tmp_path, "gone.png,light,1,1,2,2", "a.png,light,4,2,8,4")
    with caplog.at_level(logging.INFO):
        assert len(place_boxes(read_part_boxes(path), table)) == 1
    assert says(caplog.text, "1 picture", "part boxes", "not in the table")
    with pytest.raises(
        DataError, match=facts("none of the 1 picture", "among the 1 picture", "'gone.png'")
    ):
        place_boxes(read_part_boxes(csv_file(tmp_path, "gone.png,light,1,1,2,2")), table)


def test_files_of_boxes_may_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    table = small_table(tmp_path / "data", {"a.png": (40, 20)})
    boxes = read_part_boxes(csv_file(tmp_path, "a.png,light,4,2,8,4"))  # paths from the table
    assert place_boxes(boxes, table).seen.all()


# --- missing parts ---------------------------------------------------------------------------


def slow_fill(boxes: PictureBoxes, vehicle: list[str]) -> list[list[list[list[float]]]]:
    """Boxes by row and part, by loops."""
    rows = len(vehicle)
    own = [[[] for _ in PARTS] for _ in range(rows)]  # type: list[list[list[list[float]]]]
    for row, part, fraction in zip(boxes.row, boxes.part, boxes.fraction.tolist(), strict=True):
        own[row][part].append(fraction)
    filled = [[list(each) for each in row] for row in own]
    for row in range(rows):
        for part in range(len(PARTS)):
            if own[row][part] or vehicle[row] == "":
                continue
            others = [
                sorted(own[other][part], key=lambda box: box[0] + box[2])
                for other in range(rows)
                if vehicle[other] == vehicle[row] and own[other][part]
            ]
            if not others:
                continue
            counts = [len(each) for each in others]
            usual = max(counts, key=lambda count: (counts.count(count), count))
            chosen = [each for each in others if len(each) == usual]
            filled[row][part] = [
                [sum(each[place][edge] for each in chosen) / len(chosen) for edge in range(4)]
                for place in range(usual)
            ]
    return filled


def random_boxes(seed: int, rows: int = 40) -> tuple[PictureBoxes, list[str]]:
    random = np.random.default_rng(seed)
    row = np.sort(random.integers(0, rows, 3 * rows))
    corners = np.sort(random.random((len(row), 2, 2)), axis=1)
    boxes = PictureBoxes(
        np.ones(rows, np.bool_),
        row,
        random.choice(3, len(row), p=[0.6, 0.3, 0.1]),
        corners.reshape(-1, 4),
        np.ones(len(row)),
    )
    return boxes, random.choice(["", "a", "b", "c", "d", "e", "f"], rows).tolist()


@pytest.mark.parametrize("seed", range(6))
def test_missing_parts_take_the_mean_location_of_the_vehicle(seed: int) -> None:
    boxes, vehicle = random_boxes(seed)
    filled = fill_missing(boxes, np.array(vehicle))
    expected = slow_fill(boxes, vehicle)
    for row in range(len(vehicle)):
        fraction, part = filled.of(row)
        for number in range(len(PARTS)):
            found = fraction[part == number]
            wanted = np.array(expected[row][number]).reshape(-1, 4)
            np.testing.assert_allclose(sorted(found.tolist()), sorted(wanted.tolist()), atol=1e-12)
    counts = count_parts(boxes, filled)
    for number, name in enumerate(PARTS):
        had = len(set(boxes.row[boxes.part == number].tolist()))
        has = sum(bool(each[number]) for each in expected)
        assert counts[name] == {
            "found": had,
            "mean_location": has - had,
            "missing": len(vehicle) - has,
        }
    assert any(count["mean_location"] for count in counts.values())


def test_both_lights_keep_their_places() -> None:
    """A mean over all boxes would put one light in the middle."""
    left, right = [0.1, 0.6, 0.2, 1.0], [0.8, 0.6, 0.9, 1.0]
    fractions = np.array([right, left, left, right, [0.3, 0.6, 0.4, 1.0]])
    boxes = PictureBoxes(
        np.ones(4, np.bool_), np.array([0, 0, 1, 1, 2]), np.ones(5, np.int64), fractions, np.ones(5)
    )
    filled = fill_missing(boxes, np.array(["a"] * 4))
    np.testing.assert_allclose(filled.of(3)[0], [left, right])


# --- through augmentation --------------------------------------------------------------------


def transform(size: int = 64, **augment: float) -> TrainingTransform:
    quiet: dict[str, float] = dict.fromkeys(("flip", "color", "erase", "warp"), 0.0)
    settings = Input(height=size, width=size, mean=[0.5] * 3, std=[0.5] * 3)
    changed = {"pad": 0, **quiet, **augment}
    return TrainingTransform(settings, Augment.model_validate(changed))


EVERYTHING = {
    "flip": 0.5, "pad": 8, "warp": 0.5, "color": 0.3, "balance": 0.1, "grey": 0.2,
    "degrade": 0.5, "erase": 0.5,
}  # fmt: skip


@pytest.mark.parametrize("augment", [{}, EVERYTHING])
def test_a_picture_with_boxes_is_the_picture_without(augment: dict[str, float]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    fractions = torch.tensor([[0.1, 0.2, 0.5, 0.6], [0.0, 0.0, 1.0, 1.0]], dtype=torch.float64)
    change = transform(**augment)
    for seed in range(8):
        with_boxes, boxes = change.with_boxes(picture, fractions, seed)
        torch.testing.assert_close(with_boxes, change(picture, seed), rtol=0, atol=0)
        assert boxes.shape == (2, 4)
        none, nowhere = change.with_boxes(picture, fractions[:0], seed)
        torch.testing.assert_close(none, with_boxes, rtol=0, atol=0)
        assert nowhere.shape == (0, 4)


@pytest.mark.parametrize(
    ("augment", "slack"),
    [({}, 0), ({"flip": 1.0}, 0), ({"pad": 12}, 0), ({"warp": 0.5}, 3), ({"warp": 1.0}, 5)],
)
def test_boxes_follow_what_they_are_drawn_on(augment: dict[str, float], slack: int) -> None:
    """The box is where the blue pixels are; one that is turned may be a little larger."""
    picture = Image.new("RGB", (128, 128), (128, 128, 128))
    picture.paste(COLORS["window"], (48, 32, 88, 56))
    fractions = torch.tensor([[48, 32, 88, 56]], dtype=torch.float64) / 128
    change = transform(128, **augment)
    compared = 0
    for seed in range(12):
        image, boxes = change.with_boxes(picture, fractions, seed)
        blue = ((image[2].int() - image[0].int()) > 105).numpy()
        left, top, right, bottom = boxes[0].tolist()
        rows, columns = np.flatnonzero(blue.any(1)), np.flatnonzero(blue.any(0))
        if not len(rows):
            assert right - left < 4 or bottom - top < 4
            continue
        compared += 1
        seen = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        np.testing.assert_allclose([left, top, right, bottom], seen, atol=1.0 + slack)
    assert compared > 6


def test_boxes_that_leave_the_picture_have_no_area() -> None:
    picture = Image.new("RGB", (64, 64))
    fractions = torch.tensor([[0.0, 0.0, 0.05, 0.05]], dtype=torch.float64)
    areas = [
        float((boxes[0, 2] - boxes[0, 0]).clamp(min=0) * (boxes[0, 3] - boxes[0, 1]).clamp(min=0))
        for boxes in (
            transform(pad=30).with_boxes(picture, fractions, seed)[1] for seed in range(9)
        )
    ]
    assert 0.0 in areas
    assert max(areas) == pytest.approx(3.2**2, abs=1e-3)


def test_edges_on_the_border_of_a_cell_stay_on_it() -> None:
    """Thirds are no binary fractions, but a third of 96 pixels is 32 of them."""
    picture = Image.new("RGB", (120, 120))
    fractions = np.array([[40, 80, 80, 120]]) / 120
    change = transform(96)
    _, boxes = change.with_boxes(picture, torch.from_numpy(fractions), 0)
    assert boxes.tolist() == [[32.0, 64.0, 64.0, 96.0]]


def test_batches_say_whose_boxes_they_hold(tmp_path: Path) -> None:
    table, boxes = draw_parts(tmp_path)
    placed = place_boxes(boxes, table)
    pictures = TrainingPictures(table, transform(), placed)
    (tmp_path / str(table.image[1])).unlink()
    batch = _collate([pictures[Key(row, row)] for row in (4, 1, 0)])
    assert batch.rows == [4, 0]
    assert len(batch.unreadable) == 1
    assert isinstance(batch.boxes, Boxes)
    for place, row in enumerate(batch.rows):
        fraction, part = placed.of(row)
        own = batch.boxes.picture == place
        assert batch.boxes.part[own].tolist() == part.tolist()
        np.testing.assert_allclose(batch.boxes.box[own].numpy(), fraction * 64, rtol=1e-6)
    without = TrainingPictures(table, transform())
    assert _collate([without[Key(0, 0)]]).boxes is None


def test_reading_is_in_the_public_package(tmp_path: Path) -> None:
    draw_parts(tmp_path, vehicles=2)
    read: Callable[[Path], PartBoxes] = pf.read_part_boxes
    assert len(read(tmp_path / "parts.csv")) > 20


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"images": {}}, ("images", "list")),
        ({"images": [{"id": [1], "file_name": "a"}]}, ("images.0.id",)),
        ({"images": [{"id": 1, "file_name": 3}]}, ("images.0.file_name",)),
        ({"images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}]}, ("the id 1",)),
        ({"categories": None}, ("categories",)),
        ({"categories": [{"id": 1}]}, ("categories.0.name", "missing")),
        ({"annotations": [3]}, ("annotations.0",)),
        ({"annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3]}]}, ("bbox",)),
        ({"annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, "4"]}]}, ("bbox.3",)),
        ({"annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 0, 4]}]}, ("corner",)),
        (
            {"annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 7}]},
            ("score", 7),
        ),
    ],
)
def test_coco_of_other_types_is_refused(
    change: dict[str, object], found: tuple[str | int, ...], tmp_path: Path
) -> None:
    coco = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "categories": [{"id": 1, "name": "window"}],
        "annotations": [],
    }
    path = tmp_path / "own.json"
    path.write_text(json.dumps({**coco, **change}))
    with pytest.raises(DataError, match=facts(path, *found)):
        read_part_boxes(path)


@pytest.mark.parametrize(
    "content", ["[]", "3", "{", '{"images": NaN}', "[" * 10**5, '{"a": 1, "a": 2}', "\ufeff{}"]
)
def test_what_is_no_coco_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text(content, "utf-8")
    with pytest.raises(DataError, match=facts(path)):
        read_part_boxes(path)
