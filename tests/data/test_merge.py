"""Merged tables keep everything apart that was apart, and together what was together."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import facts

from platefree.batches.training_data import codes
from platefree.data.merge import KEPT_APART, merge_tables, model_as_vehicle
from platefree.data.table import read_table, write_table
from platefree.errors import DataError
from platefree.types import LABELS, Sightings

value = st.sampled_from(["", "1", "2", "b/1", "a/1"])
row = st.fixed_dictionaries(dict.fromkeys(KEPT_APART, value))
rows = st.lists(row, min_size=1, max_size=5)


def table(root: str, **columns: list[str]) -> Sightings:
    return Sightings.from_columns(Path(root), columns)


def of_rows(name: str, cells: list[dict[str, str]]) -> Sightings:
    columns = {column: [row[column] for row in cells] for column in KEPT_APART}
    return table(f"/{name}", image=[f"{n}.jpg" for n in range(len(cells))], **columns)


@given(st.lists(rows, min_size=1, max_size=3))
@settings(deadline=None, max_examples=50)
def test_values_are_equal_after_if_and_only_if_before_in_one_table(
    cells: list[list[dict[str, str]]],
) -> None:
    tables = [of_rows(str(place), each) for place, each in enumerate(cells)]
    sources = [f"set{place}" for place in range(len(tables))]
    merged = merge_tables(*tables, sources=sources)
    flat = [(place, row) for place, each in enumerate(cells) for row in each]
    assert len(merged) == len(flat)
    for one, (place, row) in enumerate(flat):
        assert merged.source[one] == sources[place]
        for other, (other_place, other_row) in enumerate(flat):
            for column in KEPT_APART:
                values = getattr(merged, column)
                assert (values[one] == "") == (row[column] == "")
                if row[column] and other_row[column]:
                    same = place == other_place and row[column] == other_row[column]
                    assert (values[one] == values[other]) == same


def test_other_columns_and_pictures_are_as_they_were(tmp_path: Path) -> None:
    one = table(
        str(tmp_path / "one"),
        image=["a.jpg", "/elsewhere/b.jpg"],
        color=["red", ""],
        type=["bus", "van"],
        view=["front", "rear"],
        time=["2026-01-02T03:04:05", "NaT"],
        source=["x", "x"],
    )
    other = table(str(tmp_path / "two"), image=["a.jpg"], vehicle=["1"], source=["y"])
    merged = merge_tables(one, other)
    assert [merged.path(n) for n in range(3)] == [one.path(0), one.path(1), other.path(0)]
    assert all(Path(image).is_absolute() for image in merged.image.tolist())
    assert merged.color.tolist() == ["red", "", ""]
    assert merged.type.tolist() == ["bus", "van", ""]
    assert merged.view.tolist() == ["front", "rear", ""]
    np.testing.assert_array_equal(merged.time[:2], one.time)
    assert np.isnat(merged.time[2])
    assert merged.vehicle.tolist() == ["", "", "y/1"]
    write_table(merged, tmp_path / "all.csv")
    again = read_table(tmp_path / "all.csv")
    for name in (*LABELS, "time"):
        np.testing.assert_array_equal(getattr(again, name), getattr(merged, name))


def test_paths_stay_relative_in_one_root() -> None:
    tables = [table("/data", image=[f"{n}.jpg"], source=[str(n)]) for n in range(2)]
    merged = merge_tables(*tables)
    assert (merged.root, merged.image.tolist()) == (Path("/data"), ["0.jpg", "1.jpg"])


def test_what_was_merged_can_be_merged_again() -> None:
    parts = [table(f"/{n}", image=["a"], vehicle=["7"], source=[n]) for n in "abc"]
    at_once = merge_tables(*parts)
    in_steps = merge_tables(merge_tables(*parts[:2]), parts[2])
    assert in_steps.fingerprint() == at_once.fingerprint()
    assert at_once.vehicle.tolist() == ["a/7", "b/7", "c/7"]


def test_a_merged_table_of_one_source_can_be_merged_again() -> None:
    names = [{"vehicle": [value, ""], "camera": ["c", "d"]} for value in ("7", "a/7")]
    for columns in names:
        part = table("/a", image=["a", "b"], source=["a"] * 2, **columns)
        once = merge_tables(part)
        assert merge_tables(once).fingerprint() == once.fingerprint()
        assert once.camera.tolist() == ["a/c", "a/d"]
        assert once.vehicle.tolist() == ["a/7", ""]
    both = table("/a", image=["a", "b"], source=["a"] * 2, vehicle=["7", "a/7"])
    assert merge_tables(both).vehicle.tolist() == ["a/7", "a/a/7"]
    other = table("/b", image=["c"], source=["b"], vehicle=["7"])
    again = merge_tables(merge_tables(table("/a", image=["a"], source=["a"], vehicle=["7"])), other)
    assert again.vehicle.tolist() == ["a/7", "b/7"]


def test_a_table_without_splits_is_for_training_beside_one_with() -> None:
    plain = table("/a", image=["a", "b"], source=["a"] * 2)
    split = table("/b", image=["c", "d"], split=["query", ""], source=["b"] * 2)
    assert merge_tables(plain, split).split.tolist() == ["train", "train", "query", ""]
    assert merge_tables(plain).split.tolist() == ["", ""]


def test_classes_of_all_sources_are_counted_apart() -> None:
    """As many classes as the sources have together: no label is shared."""
    sizes = (5, 3, 4)
    tables = [
        table(
            f"/{name}", image=[str(n) for n in range(size)],
            vehicle=[f"{n:04d}" for n in range(size)], source=[name] * size,
        )
        for name, size in zip("abc", sizes, strict=True)
    ]  # fmt: skip
    assert len(set(codes(merge_tables(*tables).vehicle).tolist())) == sum(sizes)


def test_models_stand_for_vehicles() -> None:
    cars = table("/c", image=["a", "b", "c"], model=["A3", "A4", ""], split=["", "", ""])
    classes = model_as_vehicle(cars)
    assert classes.vehicle.tolist() == classes.model.tolist() == cars.model.tolist()
    assert set(classes.split.tolist()) == {"train"}
    for wrong in (classes, table("/d", image=["a"])):
        with pytest.raises(DataError, match=facts("models", "without vehicle ids")):
            model_as_vehicle(wrong)


def test_a_model_of_two_years_stands_for_two_vehicles() -> None:
    cars = table(
        "/c", image=list("abcde"), model=["A3", "A3", "A3", "A3", ""],
        model_year=["2011", "2012", "2011", "", "2011"], source=["cars"] * 5,
    )  # fmt: skip
    classes = model_as_vehicle(cars)
    assert classes.vehicle.tolist() == ["A3 2011", "A3 2012", "A3 2011", "A3", ""]
    assert classes.model.tolist() == cars.model.tolist()
    merged = merge_tables(classes)
    assert merged.vehicle.tolist()[:2] == ["cars/A3 2011", "cars/A3 2012"]
    assert merged.model_year.tolist() == cars.model_year.tolist()


def test_a_target_alone_keeps_its_tests() -> None:
    target = table(
        "/a", image=list("abcd"), vehicle=list("1233"), source=["a"] * 4,
        split=["train", "train", "query", "gallery"],
    )  # fmt: skip
    lists = table("/b", image=list("ef"), vehicle=list("12"), split=["train", ""], source=["b"] * 2)
    plain = table("/c", image=["g"], vehicle=["1"], source=["c"])
    merged = merge_tables(lists, target, plain, target="a")
    assert merged.split.tolist() == ["train"] * 2 + target.split.tolist() + ["train"]
    again = merge_tables(
        merged, table("/d", image=["h"], split=["query"], source=["d"]), target="a"
    )
    assert again.split.tolist() == [*merged.split.tolist(), "train"]
    assert merge_tables(lists, target, target="b").split.tolist() == ["train", "", *["train"] * 4]


def test_a_query_that_is_in_its_gallery_is_trained_on_once() -> None:
    target = table("/t", image=["1", "2"], split=["train", "query"], source=["t"] * 2)
    cells = [  # picture, vehicle, camera, split, whether it stays
        ("query/1.jpg", "7", "c1", "query", False),
        ("query/2.jpg", "7", "c1", "query", True),  # no such picture in the gallery
        ("query/3.jpg", "", "c1", "query", True),  # vehicles are not known, so names say nothing
        ("query/4.jpg", "8", "c2", "query", True),  # another camera, so another picture
        ("test/1.jpg", "7", "c1", "gallery", True),
        ("test/3.jpg", "", "c1", "gallery", True),
        ("test/4.jpg", "8", "c1", "gallery", True),
        ("train/1.jpg", "7", "c1", "train", True),
    ]
    names = ("image", "vehicle", "camera", "split")
    columns = dict(
        zip(names, map(list, zip(*[cell[:4] for cell in cells], strict=True)), strict=True)
    )
    other = table("/v", **columns, source=["veri-776"] * len(cells))
    merged = merge_tables(other, target, target="t")
    expected = [f"/v/{image}" for image, *_, stays in cells if stays] + ["/t/1", "/t/2"]
    assert merged.image.tolist() == expected
    assert len(merge_tables(other, target)) == len(cells) + 2  # without a target all stay


def test_pictures_of_one_name_are_one_if_their_bytes_are(tmp_path: Path) -> None:
    """In ``split/vehicle/1.jpg`` the names alone tell nothing."""
    files = {  # picture, and whether it stays
        "query/6/1.jpg": (b"six", True),
        "query/7/1.jpg": (b"seven", False),
        "query/8/1.jpg": (b"eight", True),
        "gallery/6/1.jpg": (b"6, and longer", True),
        "gallery/7/1.jpg": (b"seven", True),
        "gallery/8/1.jpg": (b"EIGHT", True),
    }
    for name, (content, _) in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    splits, vehicles, _ = zip(*(name.split("/") for name in files), strict=True)
    own = table(
        str(tmp_path), image=list(files), vehicle=list(vehicles), split=list(splits),
        camera=["gate"] * 6, source=["own"] * 6,
    )  # fmt: skip
    target = table("/t", image=["1", "2"], split=["train", "query"], source=["t"] * 2)
    merged = merge_tables(own, target, target="t")
    expected = [name for name, (_, stays) in files.items() if stays]
    assert [str(merged.path(row)) for row in range(5)] == [str(tmp_path / n) for n in expected]
    for name in files:
        (tmp_path / name).unlink()
    assert len(merge_tables(own, target, target="t")) == 8  # nothing tells that two are one


def test_pictures_that_only_share_a_name_are_not_taken_for_one() -> None:
    target = table("/t", image=["1", "2"], split=["train", "query"], source=["t"] * 2)
    split = ["query", "gallery"]
    unknown = table(
        "/v",
        image=["query/7/0.jpg", "test/7/0.jpg"],
        vehicle=["7"] * 2,
        split=split,
        source=["v"] * 2,
    )
    frames = table(
        "/w",
        image=["film.mp4"] * 2,
        vehicle=["7"] * 2,
        camera=["c"] * 2,
        split=split,
        source=["w"] * 2,
        frame=[4, 9],
        box=[[0, 0, 9, 9]] * 2,
    )
    assert len(merge_tables(unknown, frames, target, target="t")) == 6


def test_a_target_needs_something_to_train_on_and_something_to_score() -> None:
    other = table("/o", image=["a"], source=["o"])
    for splits, message in (
        (["train", "train"], ("t", "only training", "platefree data split")),
        (["", ""], ("t", "no training", "platefree data split")),
        (["query", "gallery"], ("t", "no training")),
    ):
        target = table("/t", image=["a", "b"], split=splits, source=["t"] * 2)
        with pytest.raises(DataError, match=facts(message)):
            merge_tables(other, target, target="t")
    with pytest.raises(DataError, match=facts("source 'x'", "one of o, t")):
        merge_tables(other, target, target="x")


def test_refusals() -> None:
    one = table("/a", image=["a", "b"], vehicle=["1", "2"], source=["x", "x"])
    refused = {
        "nothing to merge": lambda: merge_tables(),
        ("tables 1 and 2", "source 'x'"): lambda: merge_tables(one, one),
        ("tables 1 and 2", "picture 'a'"): lambda: merge_tables(one, one, sources=["p", "q"]),
        ("1 source", "2 tables"): lambda: merge_tables(one, one, sources=["p"]),
        ("'p/q'", "slash"): lambda: merge_tables(one, sources=["p/q"]),
        ("table 2", "1 row", "without a source", "sources="): lambda: merge_tables(
            one, table("/c", image=["e", "f"], source=["z", ""])
        ),
        ("tables 1 and 2", "vehicle 'x/1'"): lambda: merge_tables(
            one, table("/c", image=["e", "f"], vehicle=["x/1", "9"], source=["y", "z"])
        ),
    }
    for message, merge in refused.items():
        with pytest.raises(DataError, match=facts(message)):
            merge()
