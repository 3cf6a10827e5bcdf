import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import says
from PIL import Image

from platefree.data.check import Finding, Spread, TableCheck, check_table
from platefree.data.content import read_content
from platefree.data.image import PictureStart
from platefree.data.image_source import TableImages
from platefree.data.split import split_by_vehicle
from platefree.data.support import valid_matches
from platefree.data.table import read_table
from platefree.evaluation.protocols import PROTOCOLS, make_trials
from platefree.inputs.plain_files import Expected
from platefree.types import Sightings

REAL = Path(__file__).parents[3] / "shared" / "data" / "two-cameras"

Row = tuple[str, ...]
Make = Callable[..., Sightings]


def jpeg(color: int, size: tuple[int, int] = (64, 48)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (color % 256, color // 256, 90)).save(buffer, "JPEG")
    return buffer.getvalue()


def bomb() -> bytes:
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0")))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A table of (vehicle, camera, split) rows, each with a picture of its own."""

    def build(*rows: Row, **files: bytes) -> Sightings:
        padded = [(*row, "", "", "")[:3] for row in rows]
        images = [f"{i}.jpg" for i in range(len(rows))]
        for i, image in enumerate(images):
            (tmp_path / image).write_bytes(files.get(f"file{i}", jpeg(i)))
        vehicle, camera, split = (list(column) for column in zip(*padded, strict=True))
        columns = {"image": images, "vehicle": vehicle, "camera": camera, "split": split}
        return Sightings.from_columns(tmp_path, columns)

    return build


def found(check: TableCheck, *wanted: str) -> Finding:
    matching = [finding for finding in check.findings if says(finding.what, *wanted)]
    assert len(matching) == 1, check.findings
    return matching[0]


def absent(check: TableCheck, words: str) -> bool:
    return not any(says(finding.what, words) for finding in check.findings)


GOOD = [("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")]


def test_a_good_table_has_no_findings(make: Make) -> None:
    check = check_table(make(*GOOD))
    assert check.findings == ()
    assert check.passed
    assert (check.images, check.vehicles, check.cameras, check.unlabelled) == (4, 2, 2, 0)
    assert check.images_per_vehicle == Spread(2, 2.0, 2)
    assert (check.widths, check.heights) == (Spread(64, 64.0, 64), Spread(48, 48.0, 48))
    assert check.splits == {"": 4}


def test_counts_and_sizes(make: Make) -> None:
    sightings = make(
        ("a", "1", "train"), ("a", "2", "train"), ("a", "3", "train"), ("b", "1", "query"),
        ("b", "2", "gallery"), ("c", "1", "gallery"), ("", "", ""),
        file0=jpeg(0, (100, 50)), file1=jpeg(1, (200, 60)),
    )  # fmt: skip
    check = check_table(sightings)
    assert check.splits == {"": 1, "gallery": 2, "query": 1, "train": 3}
    assert check.images_per_vehicle == Spread(1, 2.0, 3)
    assert check.widths == Spread(64, 64.0, 200)
    assert check.heights == Spread(48, 48.0, 60)
    assert (check.vehicles, check.cameras, check.unlabelled) == (3, 3, 1)
    assert found(check, "1 picture", "without a vehicle").level == "note"
    assert found(check, "1 picture", "without a split").level == "note"


def test_unreadable_and_oversized_pictures_are_errors_with_reasons(make: Make) -> None:
    sightings = make(*GOOD, ("c", "1"), ("c", "2"), file0=b"", file1=b"<html>", file2=bomb())
    (sightings.path(3)).unlink()
    check = check_table(sightings)
    assert list(check.unreadable) == ["0.jpg", "1.jpg", "3.jpg"]
    assert says(check.unreadable["0.jpg"], "is empty", "0 bytes")
    assert says(check.unreadable["1.jpg"], "web page")
    assert says(check.unreadable["3.jpg"], "not exist")
    assert list(check.oversized) == ["2.jpg"]
    assert says(check.oversized["2.jpg"], "50,000 x 50,000")
    assert not check.passed
    unreadable = found(check, "3 pictures", "cannot be read", "0.jpg")
    assert unreadable.level == "error"
    assert says(unreadable.meaning, "remove", "rows")
    assert found(check, "1 picture", "too large").level == "error"
    assert check.widths == Spread(64, 64.0, 64)


def test_only_the_deep_check_finds_a_picture_cut_short(make: Make) -> None:
    whole = jpeg(0, (640, 480))
    sightings = make(*GOOD, file0=whole[: len(whole) - 200])
    assert check_table(sightings).passed
    deep = check_table(sightings, depth="pixels")
    assert list(deep.unreadable) == ["0.jpg"]
    assert says(deep.unreadable["0.jpg"], "cut short")
    assert not deep.passed


def test_tiny_pictures_are_a_warning(make: Make) -> None:
    check = check_table(make(*GOOD, file0=jpeg(0, (31, 400)), file1=jpeg(1, (32, 32))))
    assert check.tiny == ("0.jpg",)
    assert found(check, "1 picture", "32 pixels", "0.jpg").level == "warning"
    one = check_table(make(*GOOD, file0=jpeg(0, (1, 1))))
    assert one.tiny == ("0.jpg",)
    assert one.passed


def test_equal_files_under_different_vehicles_are_an_error(make: Make) -> None:
    check = check_table(make(*GOOD, file1=jpeg(9), file2=jpeg(9)))
    assert check.duplicates == (("1.jpg", "2.jpg"),)
    torn = found(check, "1 picture", "different vehicles", "1.jpg = 2.jpg")
    assert torn.level == "error"
    assert says(torn.meaning, "labels", "wrong")


def test_equal_size_is_not_equality(make: Make) -> None:
    padding = len(jpeg(500)) - len(jpeg(9))
    one, other = jpeg(9) + b"\0" * max(0, padding), jpeg(500) + b"\0" * max(0, -padding)
    assert len(one) == len(other)
    assert one != other
    assert check_table(make(*GOOD, file0=one, file2=other)).duplicates == ()


def test_duplicates_across_query_and_gallery_make_scores_too_high(make: Make) -> None:
    rows = [("a", "1", "query"), ("a", "2", "gallery"), ("b", "1", "query"), ("b", "2", "gallery")]
    easy = check_table(make(*rows, file0=jpeg(9), file1=jpeg(9)))
    warning = found(easy, "1 picture", "in query", "in gallery", "valid match")
    assert warning.level == "warning"
    assert says(warning.meaning, "scores", "too high")
    assert easy.passed
    ignored = [("a", "1", "query"), ("a", "1", "gallery"), ("a", "2", "gallery"), *rows[2:]]
    harmless = check_table(make(*ignored, file0=jpeg(9), file1=jpeg(9)))
    assert absent(harmless, "valid match")
    assert found(harmless, "1 picture", "more than once").level == "note"


def test_train_pictures_in_the_test_part_are_a_leak(make: Make) -> None:
    rows = [("a", "1", "train"), ("a", "2", "train"), ("a", "1", "gallery"), ("b", "1", "query")]
    check = check_table(make(*rows, file0=jpeg(9), file2=jpeg(9)))
    assert found(check, "1 picture", "in train", "query or gallery").level == "warning"
    vehicles = found(check, "1 vehicle", "in train", "query or gallery")
    assert vehicles.level == "warning"
    assert says(vehicles.meaning, "split by vehicle")


def test_vehicles_that_can_match_nothing_are_counted(make: Make) -> None:
    rows = [
        ("solo", "1"), ("one-camera", "1"), ("one-camera", "1"), ("half-known", "1"),
        ("half-known", ""), ("fine", "1"), ("fine", "2"), ("blind", ""), ("blind", ""),
    ]  # fmt: skip
    check = check_table(make(*rows))
    assert check.single_image == ("solo",)
    assert check.single_camera == ("one-camera",)
    one_camera = found(check, "1 vehicle", "one camera")
    assert says(one_camera.meaning, "no valid match", "same-camera rule", "left out")
    assert found(check, "1 vehicle", "one picture").level == "note"


def test_missing_labels_are_findings(make: Make) -> None:
    nothing = check_table(make(("",), ("",)))
    assert found(nothing, "no vehicle").level == "warning"
    assert nothing.images_per_vehicle is None
    assert nothing.passed
    assert absent(nothing, "no camera")
    blind = check_table(make(("a",), ("a",), ("b",), ("b",)))
    assert says(found(blind, "no camera").meaning, "scores", "too high")


def test_queries_without_a_match_are_counted(make: Make) -> None:
    rows = [("a", "1", "query"), ("a", "2", "gallery"), ("b", "1", "query"), ("b", "1", "gallery"),
            ("", "1", "query")]  # fmt: skip
    check = check_table(make(*rows))
    assert found(check, "2 of 3 queries", "valid match").level == "note"


def protocols(check: TableCheck) -> dict[str, tuple[int, str]]:
    assert all(each.supported == (each.reason == "") for each in check.protocols)
    return {each.name: (each.queries, each.reason) for each in check.protocols}


def test_protocols_and_why_not(make: Make) -> None:
    no_split = "no row of split query, or none of gallery"
    no_match = "no query has a match that is not from its own camera"
    assert protocols(check_table(make(*GOOD))) == {
        "cross-camera": (4, ""),
        "query-gallery": (0, no_split),
        "leave-one-out": (4, ""),
    }
    blind = check_table(make(("a",), ("a",), ("b",)))
    assert protocols(blind)["cross-camera"] == (0, "fewer than two cameras")
    assert protocols(blind)["leave-one-out"] == (2, "")
    apart = check_table(make(("a", "1", "query"), ("b", "2", "gallery")))
    assert protocols(apart) == {
        "cross-camera": (0, no_match),
        "query-gallery": (0, no_match),
        "leave-one-out": (0, no_match),
    }
    lone = check_table(make(("a", "1"), ("a", "2")))
    assert {reason for _, reason in protocols(lone).values()} == {"fewer than two vehicles"}


def test_pictures_to_train_on_are_not_counted_as_queries(make: Make) -> None:
    """As they are never scored."""
    train = [(vehicle, camera, "train") for vehicle, camera in GOOD]
    check = check_table(make(*train, ("c", "1", ""), ("c", "2", ""), ("d", "1", "")))
    assert protocols(check)["leave-one-out"] == (2, "")
    assert protocols(check)["cross-camera"] == (2, "")
    trained = check_table(make(*train))
    assert all(says(reason, "split 'train'") for _, reason in protocols(trained).values())


def test_listed_pictures_need_no_split(make: Make) -> None:
    sightings = make(("a", "1", "train"), ("a", "2", ""), ("b", "1", ""))
    assert found(check_table(sightings), "2 pictures", "without a split").level == "note"
    assert found(check_table(sightings, listed=np.array([0, 2])), "1 picture without a split")
    assert absent(check_table(sightings, listed=np.array([1, 2])), "without a split")


def test_what_is_called_supported_can_be_scored(make: Make) -> None:
    tables = [
        make(*GOOD),
        make(("a",), ("a",), ("b",)),
        make(("a", "1", "query"), ("a", "2", "gallery"), ("b", "2", "gallery")),
        make(("", ""), ("a", "1")),
    ]
    supported = 0
    for sightings in tables:
        check = check_table(sightings)
        assert {each.name for each in check.protocols} == set(PROTOCOLS)
        for each in check.protocols:
            if each.supported:
                assert make_trials(sightings, each.name)
                supported += 1
    assert supported == 2 + 1 + 3


def test_findings_come_errors_first(make: Make) -> None:
    sightings = make(*GOOD, ("c", "1"), ("", "1"), file0=b"", file1=jpeg(1, (8, 8)))
    levels = [finding.level for finding in check_table(sightings).findings]
    assert levels == sorted(levels, key=["error", "warning", "note"].index)
    assert set(levels) == {"error", "warning", "note"}


def test_json_is_complete_and_plain(make: Make) -> None:
    check = check_table(make(*GOOD, ("c", "1", "train"), file0=b"", file1=jpeg(1), file2=jpeg(1)))
    again = json.loads(json.dumps(check.to_json()))
    assert again["splits"] == {"unknown": 4, "train": 1}
    assert again["passed"] is False
    assert again["unreadable"].keys() == {"0.jpg"}
    assert again["duplicates"] == [["1.jpg", "2.jpg"]]
    assert again["images_per_vehicle"] == {"minimum": 1, "median": 2.0, "maximum": 2}
    assert again["protocols"][0] == {
        "name": "cross-camera", "queries": 4, "reason": "", "supported": True,
    }  # fmt: skip
    assert again["findings"][0].keys() == {"level", "what", "meaning"}


@pytest.mark.parametrize("workers", [1, 7])
def test_workers_and_progress(workers: int, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platefree.data.check._BATCH", 3)
    sightings = make(*GOOD, file0=jpeg(9), file3=jpeg(9))
    steps: list[tuple[str, int, int]] = []
    check = check_table(sightings, workers=workers, on_progress=lambda *step: steps.append(step))
    assert steps[:2] == [("reading", 3, 4), ("reading", 4, 4)]
    assert steps[-1][0] == "comparing"
    assert steps[-1][1] == steps[-1][2]
    assert check == check_table(sightings)


labels = st.tuples(st.sampled_from(["", "a", "b"]), st.sampled_from(["", "1", "2"]))
places = st.sampled_from(["query", "gallery", "both", "neither"])


@settings(deadline=None)
@given(rows=st.lists(st.tuples(labels, places), min_size=1, max_size=12))
def test_valid_matches_equal_the_definition(rows: list[tuple[tuple[str, str], str]]) -> None:
    vehicle, camera = zip(*(labels for labels, _ in rows), strict=True)
    sightings = Sightings.from_columns(
        Path(),
        {
            "image": [f"{i}.jpg" for i in range(len(rows))],
            "vehicle": list(vehicle),
            "camera": list(camera),
        },
    )
    query = np.array([place in ("query", "both") for _, place in rows])
    gallery = np.array([place in ("gallery", "both") for _, place in rows])
    expected = [
        sum(
            bool(gallery[j] and j != i and vehicle[i] and vehicle[i] == vehicle[j])
            and not (camera[i] and camera[i] == camera[j])
            for j in range(len(rows))
        )
        for i in np.flatnonzero(query)
    ]
    assert valid_matches(sightings, query, gallery).tolist() == expected


def test_a_split_table_supports_query_gallery(make: Make) -> None:
    rows = [(f"v{i}", camera) for i in range(6) for camera in ("1", "2", "2")]
    check = check_table(split_by_vehicle(make(*rows)))
    assert protocols(check)["query-gallery"] == (3, "")
    assert absent(check, "valid match")


def test_the_real_pictures() -> None:
    if not REAL.is_dir():
        pytest.skip(f"real pictures are absent: {REAL}")
    check = check_table(read_table(REAL), depth="pixels")
    assert check.findings == ()
    assert (check.images, check.vehicles, check.cameras) == (552, 276, 2)
    assert protocols(check)["cross-camera"] == (552, "")


def test_only_files_that_start_alike_are_read_whole(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: list[str] = []

    def counted(path: Path, expected: Expected) -> bytes:
        whole.append(path.name)
        return read_content(path, expected)

    monkeypatch.setattr("platefree.data.check.read_content", counted)
    size = max(len(jpeg(color)) for color in (9, 500))
    same, other = (jpeg(color).ljust(size, b"\0") for color in (9, 500))
    late = jpeg(9).ljust(5000, b"\0"), jpeg(9).ljust(4999, b"\0") + b"1"
    files = {"file0": same, "file1": other, "file2": same, "file3": late[0], "file4": late[1]}
    check = check_table(make(*GOOD, ("c", "1"), **files), workers=1)
    assert whole == ["0.jpg", "2.jpg", "3.jpg", "4.jpg"]
    assert check.duplicates == (("0.jpg", "2.jpg"),)


def test_many_pictures_keep_their_order(make: Make) -> None:
    """More than one thread is given at a time."""
    rows = [(f"v{row % 7}", str(row % 3), "train") for row in range(150)]
    files = {f"file{row}": jpeg(row, (10 + row, 300 - row)) for row in range(150)}
    files |= {"file40": b"", "file90": b"<html>", "file120": files["file77"]}
    sightings = make(*rows, **files)
    alone = check_table(sightings, workers=1)
    assert check_table(sightings, workers=7).to_json() == alone.to_json()
    assert list(alone.unreadable) == ["40.jpg", "90.jpg"]
    assert alone.tiny == tuple(f"{row}.jpg" for row in range(22))
    assert alone.duplicates == (("77.jpg", "120.jpg"),)


def test_ctrl_c_leaves_the_rest_unread(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    start = TableImages.start

    def counted(source: TableImages, row: int) -> PictureStart:
        looked.append(row)
        return start(source, row)

    def interrupted(*step: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("platefree.data.check._BATCH", 3)
    monkeypatch.setattr(TableImages, "start", counted)
    sightings = make(*GOOD * 5)
    with pytest.raises(KeyboardInterrupt):
        check_table(sightings, workers=2, on_progress=interrupted)
    assert sorted(looked) == [0, 1, 2]
