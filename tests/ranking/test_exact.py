"""Exact rankings against a stable sort of every distance."""

import tracemalloc
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest
from comparisons import By
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import facts
from numpy.typing import NDArray

from platefree.errors import DataError, MismatchError
from platefree.ranking import exact as distance
from platefree.ranking.comparison import Cosine, cosine_distance
from platefree.ranking.exact import rank_exact
from platefree.types import Embeddings, Ranking, Sightings


def embeddings(model: str = "3f2a", **spaces: NDArray[np.float32]) -> Embeddings:
    n = len(next(iter(spaces.values())))
    table = Sightings.from_columns(Path(), {"image": [f"{row}.jpg" for row in range(n)]})
    return Embeddings(spaces, table, model)


def any_rows(rows: NDArray[np.float32]) -> Embeddings:
    """Embeddings in one dimension, written over after they were checked."""
    changed = embeddings(main=np.ones_like(rows))
    changed.spaces["main"][:] = rows
    return changed


def unit_rows(n: int, d: int, seed: int) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).standard_normal((n, d), np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def first_column_times_first(query: Embeddings, gallery: Embeddings) -> NDArray[np.float32]:
    """A "distance" without rounding, so that no block shape can change it."""
    with np.errstate(invalid="ignore"):
        return query.spaces["main"][:, :1] * gallery.spaces["main"][:, 0]


def slow_ranking(
    distances: NDArray[np.float32], top: int, allowed: NDArray[np.bool_] | None = None
) -> Ranking:
    indices = np.full((len(distances), top), -1)
    nearest = np.full((len(distances), top), inf, np.float32)
    for query, row in enumerate(distances):
        order = np.argsort(row, kind="stable")
        order = order[allowed[order]] if allowed is not None else order
        kept = order[:top]
        indices[query, : len(kept)], nearest[query, : len(kept)] = kept, row[kept]
    return Ranking(indices, nearest)


def assert_equal(found: Ranking, expected: Ranking) -> None:
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.distances, expected.distances)
    assert (found.indices.dtype, found.distances.dtype) == (np.int64, np.float32)


@settings(deadline=None, max_examples=100)
@given(
    st.data(),
    st.integers(0, 5),
    st.integers(0, 200),
    st.integers(1, 40),
    st.sampled_from([7, 64, 1000]),
)
def test_equals_a_stable_sort_for_every_block_size(
    data: st.DataObject, q: int, g: int, top: int, block: int
) -> None:
    random = np.random.default_rng(data.draw(st.integers(0, 999)))
    pool = np.array(data.draw(st.sampled_from([[0, 1], [-inf, 1, inf], [*range(-50, 50)]])), "f4")
    query = embeddings(main=np.ones((q, 1), np.float32))
    gallery = any_rows(random.choice(pool, (g, 1)))
    allowed = data.draw(st.sampled_from([None, random.random(g) < 0.5, np.zeros(g, bool)]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distance, "_QUERY_BLOCK", 2)
        patch.setattr(distance, "_GALLERY_BLOCK", block)
        found = rank_exact(query, gallery, top, By(first_column_times_first), allowed=allowed)
    expected = slow_ranking(first_column_times_first(query, gallery), top, allowed)
    assert_equal(found, expected)


@pytest.mark.parametrize("top", [1, 20, 500])
def test_cosine_over_several_blocks(top: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distance, "_GALLERY_BLOCK", 256)
    query, gallery = unit_rows(5, 16, seed=0), unit_rows(600, 16, seed=1)
    gallery[300:500] = gallery[100:300]  # the same pictures again, in another block
    blocks = [cosine_distance(query, gallery[start : start + 256]) for start in (0, 256, 512)]
    found = rank_exact(embeddings(main=query), embeddings(main=gallery), top)
    assert_equal(found, slow_ranking(np.concatenate(blocks, axis=1), top))


def test_a_filter_only_leaves_out() -> None:
    query, gallery = embeddings(main=unit_rows(4, 8, 0)), embeddings(main=unit_rows(90, 8, 1))
    allowed = np.arange(90) % 3 == 0
    everything = rank_exact(query, gallery, 90)
    some = rank_exact(query, gallery, 30, allowed=allowed)
    for query_row, kept in enumerate(allowed[everything.indices]):
        np.testing.assert_array_equal(some.indices[query_row], everything.indices[query_row][kept])


def test_memory_mapped_gallery_is_not_copied(tmp_path: Path) -> None:
    rows = unit_rows(40_000, 64, seed=0)  # 10 MB
    np.save(tmp_path / "rows.npy", rows)
    gallery = embeddings(main=np.load(tmp_path / "rows.npy", mmap_mode="r"))
    query = embeddings(main=rows[:3])
    found = rank_exact(query, gallery, 5)
    assert found.indices[:, 0].tolist() == [0, 1, 2]
    assert_equal(found, rank_exact(query, embeddings(main=rows), 5))
    tracemalloc.start()
    try:
        rank_exact(query, gallery, 5)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < rows.nbytes / 4


@pytest.mark.parametrize("top", [1, 3, 5])
def test_fewer_rows_than_asked_for(top: int) -> None:
    query, gallery = embeddings(main=unit_rows(2, 4, 0)), embeddings(main=unit_rows(2, 4, 1))
    found = rank_exact(query, gallery, top)
    assert (found.indices[:, 2:] == -1).all()
    assert (found.distances[:, 2:] == inf).all()
    assert (found.indices[:, :2] >= 0).all()


def test_cosine_distance_stays_in_its_range() -> None:
    rows = unit_rows(200, 3, 0)
    found = cosine_distance(rows, np.concatenate([rows, -rows]))
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 2
    np.testing.assert_allclose(found, 1 - rows @ np.concatenate([rows, -rows]).T, atol=1e-6)


@pytest.mark.parametrize(("query", "gallery"), [((2, 3), (4, 5)), ((3,), (4, 3)), ((2, 3), (3,))])
def test_cosine_distance_of_other_shapes(query: tuple, gallery: tuple) -> None:
    with pytest.raises(DataError, match=facts(*map(str, (query, gallery)), "(q, d) and (g, d)")):
        cosine_distance(np.ones(query, np.float32), np.ones(gallery, np.float32))


def test_models_are_never_mixed() -> None:
    rows = unit_rows(3, 4, 0)
    with pytest.raises(
        MismatchError, match=facts("model 3f2a", "query by 91bc", "platefree embed")
    ):
        rank_exact(embeddings("91bc", main=rows), embeddings("3f2a", main=rows), 1)


@pytest.mark.parametrize("spaces", [{"main": 5}, {"other": 4}, {"main": 4, "other": 4}])
def test_spaces_are_never_mixed(spaces: dict[str, int]) -> None:
    other = embeddings(**{name: unit_rows(3, d, 0) for name, d in spaces.items()})
    with pytest.raises(MismatchError, match=facts("spaces")):
        rank_exact(embeddings(main=unit_rows(3, 4, 0)), other, 1)


def test_two_spaces_need_a_rule() -> None:
    two = embeddings(front=unit_rows(3, 4, 0), rear=unit_rows(3, 4, 1))
    with pytest.raises(DataError, match=facts("'front', 'rear'", "comparison")):
        rank_exact(two, two, 1)

    assert rank_exact(two, two, 1, Cosine("rear")).indices.tolist() == [[0], [1], [2]]


def test_nan_is_refused_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distance, "_QUERY_BLOCK", 2)
    monkeypatch.setattr(distance, "_GALLERY_BLOCK", 100)
    query, gallery = unit_rows(3, 1, 0), np.ones((300, 1), np.float32)
    query[:2], gallery[250] = 0, nan
    with pytest.raises(DataError, match=facts("query 0", "row 250", "NaN")):
        rank_exact(any_rows(query), any_rows(gallery), 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"top": 0}, ("top is 0", "1 or more")),
        ({"allowed": np.ones(2, bool)}, ("bool (2,)", "bool (3,)")),
        ({"allowed": np.ones(3, int)}, ("int64", "bool (3,)")),
        (
            {"comparison": By(lambda query, gallery: np.zeros((1, 1), np.float32))},
            ("the comparison", "(1, 1)", "(3, 3)"),
        ),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict, message: tuple[str, ...]) -> None:
    rows = embeddings(main=unit_rows(3, 4, 0))
    with pytest.raises(DataError, match=facts(message)):
        rank_exact(rows, rows, **({"top": 1} | changes))
