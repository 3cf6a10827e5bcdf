"""Arrays that people hand in by mistake, and what is odd but right."""

from collections.abc import Callable, Mapping
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest
from messages import facts
from numpy.typing import NDArray

import platefree as pf
from platefree.errors import DataError


def unit_rows(n: int, seed: int) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).standard_normal((n, 8))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def embedded(rows: NDArray[np.float32]) -> pf.Embeddings:
    images = {"image": [f"{n}.jpg" for n in range(len(rows))]}
    return pf.Embeddings({"main": rows}, pf.Sightings.from_columns(Path("/"), images), "model")


def test_infinite_distances_are_far_or_near() -> None:
    """inf ranks last and -inf first; several of them rank by gallery row."""
    distance = np.array([[inf, 0.5, -inf, inf]], np.float32)
    for vehicle, rank in zip("abcd", (3, 2, 1, 4), strict=True):
        assert pf.rank_metrics(distance, [vehicle], list("abcd")).first_match.tolist() == [rank]


@pytest.mark.parametrize("mixed", [[1, "2"], ["2", 1], [np.int64(1), "2"], ["", 1], ["a", None]])
def test_ids_of_mixed_kinds_are_refused(mixed: list[object]) -> None:
    """numpy would make text of them all, and 12 equal to "12"."""
    distance = np.zeros((2, 2), np.float32)
    for ids in (mixed, np.array(mixed, object)):
        for sides in ((ids, ["a", "b"]), (["a", "b"], ids)):
            with pytest.raises(DataError, match=facts("vehicles", "str", "integers or text")):
                pf.rank_metrics(distance, *sides)
        with pytest.raises(DataError, match=facts("query cameras", "str", "integers or text")):
            pf.rank_metrics(distance, ["a", "b"], ["a", "b"], ids, ids)


def test_an_empty_gallery_has_no_hits() -> None:
    query, nothing = embedded(unit_rows(3, 0)), embedded(unit_rows(0, 0))
    found = pf.rank_exact(query, nothing, 2)
    assert found.indices.tolist() == [[-1, -1]] * 3
    assert (found.distances == inf).all()
    assert pf.rank_exact(nothing, query, 2).indices.shape == (0, 2)


@pytest.mark.parametrize("k1", [5, 6, 7, 8, 1000])
def test_a_neighbourhood_of_more_than_all_is_all(k1: int) -> None:
    """With q + g = 8 points, each has 7 others."""
    rows = unit_rows(8, seed=1)
    found = pf.k_reciprocal(rows[:3], rows[3:], k1=k1, k2=1)
    if k1 >= 7:
        np.testing.assert_array_equal(found, pf.k_reciprocal(rows[:3], rows[3:], k1=7, k2=1))
    averaged = [pf.k_reciprocal(rows[:3], rows[3:], k1=2, k2=k2) for k2 in (8, 9, 1000)]
    np.testing.assert_array_equal(averaged[1], averaged[0])
    np.testing.assert_array_equal(averaged[2], averaged[0])


def test_equal_pictures_rank_by_their_place_in_the_gallery() -> None:
    row, other = unit_rows(2, seed=2)
    gallery = np.stack([other, row, row, other, row])
    found = pf.rank_exact(embedded(row[None]), embedded(gallery), 5)
    assert found.indices.tolist() == [[1, 2, 4, 0, 3]]
    again = pf.rerank_top(row[None], gallery, 5, k1=2, k2=1)
    assert again.indices.tolist() == [[1, 2, 4, 0, 3]]


def test_a_query_in_its_own_gallery_is_found_unless_it_is_named() -> None:
    rows = unit_rows(4, seed=3)
    distance = 1 - rows @ rows.T
    vehicles = ["a", "b", "a", "b"]
    seen = pf.rank_metrics(distance, vehicles, vehicles)
    assert seen.first_match.tolist() == [1] * 4  # each finds itself
    own = pf.rank_metrics(distance, vehicles, vehicles, self_index=np.arange(4))
    for query in range(4):
        others = sorted((distance[query, row], row) for row in range(4) if row != query)
        ranks = [vehicles[row] for _, row in others].index(vehicles[query]) + 1
        assert own.first_match[query] == ranks
    reranked = pf.k_reciprocal(rows, rows, k1=2, k2=1)
    assert reranked.argmin(axis=1).tolist() == [0, 1, 2, 3]


Convert = Callable[[NDArray[np.float32], Path], NDArray[np.float32]]


def saved(rows: NDArray[np.float32], path: Path) -> NDArray[np.float32]:
    np.save(path, rows)
    return np.load(path, mmap_mode="r")


LAYOUTS: Mapping[str, Convert] = {
    "fortran": lambda rows, _: np.asfortranarray(rows),
    "every other column": lambda rows, _: np.repeat(rows, 2, axis=1)[:, ::2],
    "reversed": lambda rows, _: rows[::-1].copy()[::-1],
    "memory-mapped": saved,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_in_memory_never_matters(layout: str, tmp_path: Path) -> None:
    rows = unit_rows(40, seed=4)
    other = LAYOUTS[layout](rows, tmp_path / "rows.npy")
    expected = pf.rank_exact(embedded(rows[:5]), embedded(rows[5:]), 10)
    found = pf.rank_exact(embedded(other[:5]), embedded(other[5:]), 10)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.distances, expected.distances, atol=1e-6)
    np.testing.assert_allclose(
        pf.k_reciprocal(other[:5], other[5:], 6, 3), pf.k_reciprocal(rows[:5], rows[5:], 6, 3),
        atol=1e-6,
    )  # fmt: skip
    ids = [str(n % 7) for n in range(40)]
    distance = 1 - rows[:5] @ rows[5:].T
    moved = LAYOUTS[layout](distance, tmp_path / "distance.npy")
    assert (
        pf.rank_metrics(moved, ids[:5], ids[5:]).first_match.tolist()
        == pf.rank_metrics(distance, ids[:5], ids[5:]).first_match.tolist()
    )


@pytest.mark.parametrize("kind", ["f8", "f2", "i8", ">f4"])
def test_embeddings_of_another_precision_are_refused(kind: str) -> None:
    rows = unit_rows(3, 0).astype(kind)
    with pytest.raises(
        DataError, match=facts("'main'", str(rows.dtype), "(3, 8)", "float32 (3, d)")
    ):
        embedded(rows)
    if kind not in ("f8",):
        with pytest.raises(DataError, match=facts(str(rows.dtype), "float32 or float64")):
            pf.rank_metrics(rows, list("abc"), list("abcdefgh"))


def test_embeddings_that_are_not_finite_are_refused() -> None:
    rows = unit_rows(6, seed=5)
    for value in (nan, inf):
        broken = rows.copy()
        broken[4, 0] = value
        with pytest.raises(DataError, match=facts("gallery row 2", "infinity")):
            pf.k_reciprocal(rows[:2], broken[2:])
    gallery = embedded(rows[2:])
    rows[4] = nan  # after they were checked
    with pytest.raises(DataError, match=facts("query 0", "gallery row 2", "NaN")):
        pf.rank_exact(embedded(rows[:2]), gallery, 3)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (nan, "NaN"),
        (inf, "infinity"),
        (-inf, "infinity"),
        (3e38, "length 3e+38"),
        (1e-30, "length"),
        (0.99, "length"),
        (50.0, "length"),
    ],
)
@pytest.mark.parametrize("row", [0, 16_383, 16_384, 16_999])
def test_rows_that_are_no_unit_rows_are_refused(value: float, found: str, row: int) -> None:
    """A clipped distance would rank them by their place; in any block, and in any space."""
    rows = np.zeros((17_000, 2), np.float32)
    rows[:, 1] = 1
    table = pf.Sightings.from_columns(Path("/"), {"image": [f"{n}.jpg" for n in range(len(rows))]})
    pf.Embeddings({"a": rows, "b": rows}, table, "model")
    broken = rows.copy()
    broken[row] = [value, 0]
    with pytest.raises(DataError, match=facts("'b'", f"row {row} of 17000", found, "length 1")):
        pf.Embeddings({"a": rows, "b": broken}, table, "model")
    assert len(pf.Embeddings({"a": rows}, table, "model").take(np.array([row]))) == 1


def test_lengths_as_a_network_rounds_them_are_taken() -> None:
    rows = unit_rows(50, seed=6)
    embedded(rows.astype(np.float16).astype(np.float32))
    embedded(rows * np.float32(1.0005))
    with pytest.raises(DataError, match=facts("row 0")):
        embedded(rows * np.float32(1.01))
