"""Columns of text: of any kind of text, each cell of its own length, unknown for nothing."""

import pickle
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from messages import facts

from platefree.data.merge import merge_tables
from platefree.data.split import split_by_vehicle
from platefree.data.table import read_table, write_table
from platefree.errors import DataError
from platefree.evaluation.pair_labels import PairLabels
from platefree.ranking.steps import camera_numbers, track_numbers
from platefree.types import LABELS, Sightings, known_values, text_column

NAMES = ["b", "", "a" * 900, "a", "Škoda", "b"]


def table(names: object = NAMES) -> Sightings:
    images = [f"{row}.jpg" for row in range(6)]
    return Sightings.from_columns(Path("/"), {"image": images, "vehicle": names})


@pytest.mark.parametrize(
    "given",
    [
        NAMES,
        tuple(NAMES),
        np.array(NAMES),
        np.array(NAMES, object),
        np.array(NAMES, np.dtypes.StringDType()),
        [np.str_(name) for name in NAMES],
        [name or None for name in NAMES],
    ],
)
def test_every_kind_of_text_is_the_same_column(given: object) -> None:
    for found in (table(given), replace(table(), vehicle=given), table(text_column(given))):
        assert found.vehicle.tolist() == NAMES
        assert {type(name) for name in found.vehicle.tolist()} == {str}
        assert found.fingerprint() == table().fingerprint()


def test_columns_are_found_sorted_and_numbered_as_lists_are() -> None:
    column = table().vehicle
    assert known_values(column).tolist() == sorted(set(NAMES) - {""})
    assert np.unique(column).tolist() == sorted(set(NAMES))
    assert (column == "b").tolist() == [name == "b" for name in NAMES]
    numbers = camera_numbers(column)
    assert [one == other for one in numbers for other in numbers] == [
        one == other for one in NAMES for other in NAMES
    ]
    assert (numbers < 0).tolist() == [name == "" for name in NAMES]
    tracks = track_numbers(replace(table(), track=column))
    assert tracks.tolist() == [0, 1, 2, 3, 4, 0]


def test_ids_of_any_length_match_as_they_are() -> None:
    labels = PairLabels.encode(table().vehicle, table().vehicle)
    assert [
        labels.query_vehicles[one] == labels.gallery_vehicles[other]
        for one in range(6)
        for other in range(6)
    ] == [one == other for one in NAMES for other in NAMES]


def test_what_is_not_known_takes_no_memory() -> None:
    images = [f"{row}.jpg" for row in range(100)]
    plain = Sightings.from_columns(Path("/"), {"image": images, "vehicle": images})
    rows = np.arange(50)
    for found in (plain, plain.take(rows), plain.take(rows).take(rows < 9)):
        for name in {*LABELS, "time", "frame", "box"} - {"vehicle"}:
            assert getattr(found, name).strides[0] == 0, name
            assert len(getattr(found, name)) == len(found)
            assert not found.knows(name)
    assert pickle.loads(pickle.dumps(plain)).fingerprint() == plain.fingerprint()  # noqa: S301


def test_equal_labels_are_one_object(tmp_path: Path) -> None:
    names = [f"vehicle {row % 7}" for row in range(1000)]
    images = [f"{row}.jpg" for row in range(1000)]
    made = Sightings.from_columns(tmp_path, {"image": images, "vehicle": names})
    for suffix in ("csv", "parquet"):
        write_table(made, tmp_path / f"t.{suffix}")
        assert len({id(name) for name in read_table(tmp_path / f"t.{suffix}").vehicle}) == 7
    assert len({id(name) for name in made.vehicle}) == 7


def test_a_long_cell_is_as_long_as_it_is() -> None:
    images = [f"{row}.jpg" for row in range(2000)]
    names = ["x" * 900, *["7"] * 1000, *["8"] * 999]
    long = Sightings.from_columns(Path("/a"), {"image": images, "vehicle": names})
    other = Sightings.from_columns(Path("/b"), {"image": images, "vehicle": names})
    made = merge_tables(long, other, sources=["a", "b"])
    for found in (long, long.take(np.arange(1500)), split_by_vehicle(made), made):
        column = found.vehicle
        cells = {id(cell): sys.getsizeof(cell) for cell in column.tolist()}
        assert column.nbytes + sum(cells.values()) < 16 * len(column) + 3000


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_tables_that_are_too_large(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"t.{suffix}"
    write_table(replace(table(), vehicle=text_column(["1"] * 6)), path)
    for name in ("platefree.data.table", "platefree.data.table_cells"):
        monkeypatch.setattr(f"{name}.MOST_ROWS", 5)
    with pytest.raises(DataError, match=facts("rows", "at most 5 rows", "parts")):
        read_table(path)
    for name in ("platefree.data.table", "platefree.data.table_cells"):
        monkeypatch.setattr(f"{name}.MOST_ROWS", 6)
    assert len(read_table(path)) == 6
    for name in ("platefree.data.table", "platefree.data.table_cells"):
        monkeypatch.setattr(f"{name}.MOST_BYTES", 10)
    with pytest.raises(DataError, match=facts("10 bytes")):
        read_table(path)


def test_names_that_are_not_unicode_have_a_fingerprint() -> None:
    named = [Sightings.from_columns(Path("/"), {"image": [name]}) for name in ("\udcff", "\udcfe")]
    assert named[0].fingerprint() != named[1].fingerprint()
