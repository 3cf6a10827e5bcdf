"""k-reciprocal re-ranking against loops over every pair, in float64, written from the paper."""

import tracemalloc
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comparisons import By, unnamed_kind
from hypothesis import given, settings
from hypothesis import strategies as st
from loops import slow_k_reciprocal
from messages import facts
from numpy.typing import NDArray

from platefree.errors import DataError, MismatchError
from platefree.ranking import neighbours, points, proposals, reciprocal, reciprocal_sets
from platefree.ranking.approximation import Approximation
from platefree.ranking.comparison import ONLY_SPACE, cosine_distance
from platefree.ranking.neighbours import RowSet, nearest_rows
from platefree.ranking.proposals import Proposals
from platefree.ranking.reciprocal import (
    k_reciprocal,
    k_reciprocal_blocks,
    rerank_top,
)
from platefree.ranking.steps import RerankedCandidates
from platefree.recipes.post import Rerank
from platefree.types import Embeddings, Ranking, Sightings

CLOSE = 2e-6
KINDS = ("spread", "clustered", "tight", "plain", "far away", "duplicates", "lattice", "one")


def embeddings(model: str = "3f2a", **spaces: NDArray[np.float32]) -> Embeddings:
    n = len(next(iter(spaces.values())))
    table = Sightings.from_columns(Path(), {"image": [f"{row}.jpg" for row in range(n)]})
    return Embeddings(spaces, table, model)


def unit(rows: NDArray[Any]) -> NDArray[np.float32]:
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32)


def make_rows(kind: str, n: int, seed: int) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    noise = random.standard_normal((n, 12))
    centres = random.standard_normal((n // 6 + 1, 12))[random.integers(0, n // 6 + 1, n)]
    if kind == "clustered":
        return unit(3 * centres + noise)
    if kind == "tight":  # every cosine above 0.9999
        return unit(1000 + centres + 0.3 * noise)
    if kind == "plain":
        return (random.lognormal(size=(n, 1)) * noise).astype(np.float32)
    if kind == "far away":
        return (100 + noise).astype(np.float32)
    if kind == "duplicates":
        return unit(noise)[random.integers(0, n // 3 + 1, n)]
    if kind == "lattice":  # L2-normalised rows with very many equal distances
        return random.choice([-0.5, 0.5], (n, 4)).astype(np.float32)
    if kind == "one":
        return np.tile(unit(noise[:1]), (n, 1))
    return unit(noise)


def squared_distances(rows: NDArray[Any]) -> NDArray[np.float64]:
    """One pair at a time in the same order of summation, so that equal rows are equally far."""
    rows = rows.astype(np.float64)
    products = np.stack([(row * rows).sum(axis=1) for row in rows])
    lengths = np.diag(products)
    return lengths[:, None] + lengths - 2 * products


def slow_ranking(distances: NDArray[np.float32], top: int) -> Ranking:
    order = np.argsort(distances, axis=1, kind="stable")[:, :top]
    return Ranking(order, np.take_along_axis(distances, order, axis=1))


def shrink_blocks(patch: pytest.MonkeyPatch) -> None:
    """So that sets of a few rows already span several blocks."""
    patch.setattr(neighbours, "_BLOCK", 7)
    patch.setattr(proposals, "_BLOCK", 7)
    patch.setattr(reciprocal_sets, "_BLOCK", 5)
    patch.setattr(reciprocal, "_BLOCK_ROWS", 3)
    patch.setattr(points, "_BLOCK", 5)
    patch.setattr(points, "_MEMBERS_OF", 4)
    patch.setattr(points, "_COLUMNS", 6)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink_blocks(monkeypatch)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(KINDS),
    st.integers(1, 12),
    st.integers(1, 40),
    st.sampled_from([1, 2, 3, 5, 6, 7, 20, 100]),
    st.sampled_from([1, 2, 3, 6, 100]),
    st.sampled_from([0.0, 0.3, 0.77, 1.0]),
    st.sampled_from([0, 2, 8]),
    st.integers(0, 999),
)
def test_equals_the_loops(
    kind: str, q: int, g: int, k1: int, k2: int, lambda_: float, spare: int, seed: int
) -> None:
    rows = make_rows(kind, q + g, seed)
    with pytest.MonkeyPatch.context() as patch:
        if seed % 2:
            shrink_blocks(patch)
        patch.setattr(neighbours, "_SPARE", spare)
        found = k_reciprocal(rows[:q], rows[q:], k1, k2, lambda_)
    expected = slow_k_reciprocal(squared_distances(rows), q, k1, k2, lambda_)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=CLOSE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spare", [0, 8])
def test_lists_are_those_of_exact_distances(
    kind: str, spare: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no candidates to spare, most lists are found by the second search."""
    monkeypatch.setattr(neighbours, "_SPARE", spare)
    monkeypatch.setattr(neighbours, "_BLOCK", 64)
    monkeypatch.setattr(proposals, "_BLOCK", 64)
    rows = make_rows(kind, 300, seed=0)
    distance = squared_distances(rows)
    nearest, farthest = nearest_rows(RowSet.prepare(rows), 21)
    np.testing.assert_array_equal(nearest, np.argsort(distance, axis=1, kind="stable")[:, :21])
    np.testing.assert_allclose(farthest, distance.max(axis=1) / 2, rtol=1e-6, atol=1e-12)


def test_neighbours_closer_than_float32_can_tell() -> None:
    random = np.random.default_rng(0)
    base = random.standard_normal((1, 64))
    rows = base / np.linalg.norm(base) + 1e-5 * random.standard_normal((400, 64))
    rows = np.concatenate([rows, unit(random.standard_normal((50, 64)))])  # keeps the mean away
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    nearest, _ = nearest_rows(RowSet.prepare(rows), 11)
    order = np.argsort(squared_distances(rows), axis=1, kind="stable")[:, :11]
    same = (nearest == order).all(axis=1)
    assert same.mean() > 0.99  # the few others are ties of float64 itself
    assert np.isin(nearest[~same], order[~same]).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tried_on", ["almost all", "none"])
def test_lists_that_integers_propose_are_exact(
    kind: str, tried_on: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a sample says that int8 proves next to nothing, it would not be used."""
    monkeypatch.setattr(neighbours, "_MANY", 0)
    monkeypatch.setattr(neighbours, "_ENOUGH", 0 if tried_on == "none" else 0.8)
    monkeypatch.setattr(proposals, "_BLOCK", 64)
    monkeypatch.setattr(neighbours, "integers_are_faster", lambda: True)
    rows = make_rows(kind, 700, seed=0)
    distance = squared_distances(rows)
    nearest, farthest = nearest_rows(RowSet.prepare(rows), 21)
    np.testing.assert_array_equal(nearest, np.argsort(distance, axis=1, kind="stable")[:, :21])
    np.testing.assert_allclose(farthest, distance.max(axis=1) / 2, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("many", [0, 10_000])
def test_lists_are_exact_where_a_sample_says_where_candidates_begin(
    kind: str, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "_MANY", many)
    monkeypatch.setattr(neighbours, "_ENOUGH", 0)
    monkeypatch.setattr(neighbours, "integers_are_faster", lambda: True)
    monkeypatch.setattr(proposals, "_SAMPLE", 32)
    monkeypatch.setattr(proposals, "_BLOCK", 64)
    rows = make_rows(kind, 700, seed=2)
    distance = squared_distances(rows)
    nearest, farthest = nearest_rows(RowSet.prepare(rows), 7)
    np.testing.assert_array_equal(nearest, np.argsort(distance, axis=1, kind="stable")[:, :7])
    np.testing.assert_allclose(farthest, distance.max(axis=1) / 2, rtol=1e-6, atol=1e-12)


def test_integers_propose_the_lists_of_many_dimensions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_MANY", 0)
    monkeypatch.setattr(neighbours, "integers_are_faster", lambda: True)
    quantised: list[Approximation] = []

    def propose(rows: Approximation, *sizes: int) -> Proposals:
        quantised.append(rows)
        return proposals.propose(rows, *sizes)

    monkeypatch.setattr(neighbours, "propose", propose)
    random = np.random.default_rng(0)
    rows = unit(np.repeat(random.standard_normal((60, 256)), 10, axis=0))
    rows = unit(rows + 0.04 * random.standard_normal(rows.shape))
    nearest, _ = nearest_rows(RowSet.prepare(rows), 4)
    order = np.argsort(squared_distances(rows), axis=1, kind="stable")[:, :4]
    np.testing.assert_array_equal(nearest, order)
    assert quantised[0].factors.dtype == np.int8


@pytest.mark.parametrize("kind", KINDS)
def test_approximations_are_off_by_their_bound_at_most(kind: str) -> None:
    rows = RowSet.prepare(make_rows(kind, 200, seed=1))
    exact = squared_distances(rows.rows) / 2
    for each in (rows.centred, rows.centred.quantised()):
        products = each.products(slice(None), each, slice(None)).astype(np.float32)
        shared = each.scale[:, None] * each.scale * products
        assert (each.least[:, None] + each.least - shared <= exact).all()
        assert (each.most[:, None] + each.most - shared >= exact).all()


@pytest.mark.usefixtures("small_blocks")
def test_input_of_any_kind_is_read_in_place(tmp_path: Path) -> None:
    rows = make_rows("clustered", 60, seed=3)
    expected = k_reciprocal(rows[:20], rows[20:], 5, 3)
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    wide = np.repeat(rows, 2, axis=1)[:, ::2]
    for variant in (rows.astype(np.float64), np.asfortranarray(rows), wide, mapped):
        np.testing.assert_array_equal(
            k_reciprocal(variant[:20], variant[20:], 5, 3).round(6), expected.round(6)
        )
    found = k_reciprocal(embeddings(main=rows[:20]), embeddings(main=rows[20:]), 5, 3)
    np.testing.assert_array_equal(found, expected)
    assert mapped.flags.writeable is False


@pytest.mark.parametrize("kind", ["clustered", "duplicates", "lattice"])
def test_blocks_and_rankings_are_the_matrix(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reciprocal, "_BLOCK_ROWS", 4)
    rows = make_rows(kind, 70, seed=5)
    query, gallery = rows[:10], rows[10:]
    expected = k_reciprocal(query, gallery, 8, 3)
    blocks = list(k_reciprocal_blocks(query, gallery, 8, 3))
    assert [rows for rows, _ in blocks] == [slice(0, 4), slice(4, 8), slice(8, 10)]
    np.testing.assert_array_equal(np.concatenate([block for _, block in blocks]), expected)
    for top in (1, 7, 60):
        found = rerank_top(query, gallery, top, 8, 3)
        np.testing.assert_array_equal(found.indices, slow_ranking(expected, top).indices)
        np.testing.assert_array_equal(found.distances, slow_ranking(expected, top).distances)
    more = rerank_top(query, gallery, 65, 8, 3)
    assert (more.indices[:, 60:] == -1).all()
    assert (more.distances[:, 60:] == inf).all()


def test_several_spaces_are_compared_by_their_method(small_blocks: None) -> None:
    one, two = make_rows("clustered", 50, seed=6), make_rows("spread", 50, seed=7)

    def nearer_space(query: Embeddings, gallery: Embeddings) -> NDArray[np.float32]:
        found = (cosine_distance(query.spaces[name], gallery.spaces[name]) for name in "ab")
        return np.minimum(*found)

    query, gallery = (embeddings(a=one[part], b=two[part]) for part in (slice(9), slice(9, 50)))
    both = embeddings(a=one, b=two)
    distance = nearer_space(both, both).astype(np.float64)
    for k1, k2 in ((7, 1), (20, 6)):
        found = k_reciprocal(query, gallery, k1, k2, comparison=By(nearer_space))
        expected = slow_k_reciprocal(distance, 9, k1, k2, 0.3)
        np.testing.assert_allclose(found, expected, rtol=0, atol=CLOSE)
    with pytest.raises(DataError, match=facts("spaces", "comparison", *query.spaces)):
        k_reciprocal(query, gallery)


def test_a_query_in_the_gallery_is_one_point_with_its_own_picture(small_blocks: None) -> None:
    """The oracle sees each picture once; queries are some of its gallery rows, and others."""
    one, two = make_rows("clustered", 40, seed=11), make_rows("spread", 40, seed=12)

    def sum_of_spaces(query: Embeddings, gallery: Embeddings) -> NDArray[np.float32]:
        found = (cosine_distance(query.spaces[name], gallery.spaces[name]) for name in "ab")
        return np.add(*found)

    gallery = list(range(3, 40))  # 0, 1 and 2 are not in it
    query = [7, 0, 39, 1, 7, 2, 3]
    own = np.array([gallery.index(row) if row in gallery else -1 for row in query])
    squared = squared_distances(one)
    for rows, distance, compare in (
        (lambda chosen: one[chosen], squared, ONLY_SPACE),
        (
            lambda chosen: embeddings(a=one[chosen], b=two[chosen]),
            sum_of_spaces(embeddings(a=one, b=two), embeddings(a=one, b=two)).astype(np.float64),
            By(sum_of_spaces),
        ),
    ):
        found = k_reciprocal(rows(query), rows(gallery), 7, 3, comparison=compare, self_index=own)
        everything = np.arange(40)
        expected = np.empty((len(query), len(gallery)))
        for number, row in enumerate(query):  # the loops take the first point as the query
            order = np.concatenate([[row], np.delete(everything, row)])
            final = slow_k_reciprocal(distance[np.ix_(order, order)], 1, 7, 3, 0.3)[0]
            of_row = dict(zip(order[1:].tolist(), final, strict=True))
            of_row[row] = 0.0  # a point is at no distance from itself
            expected[number] = [of_row[each] for each in gallery]
        np.testing.assert_allclose(found, expected, rtol=0, atol=CLOSE)
        top = rerank_top(rows(query), rows(gallery), 1, 7, 3, comparison=compare, self_index=own)
        inside = own >= 0
        np.testing.assert_array_equal(top.indices[inside, 0], own[inside])


def test_cosine_as_a_method_is_the_same_as_rows(small_blocks: None) -> None:
    rows = make_rows("clustered", 60, seed=8)
    query, gallery = embeddings(main=rows[:15]), embeddings(main=rows[15:])

    np.testing.assert_allclose(
        k_reciprocal(query, gallery, comparison=unnamed_kind("main")),
        k_reciprocal(query, gallery),
        rtol=0,
        atol=CLOSE,
    )


def test_candidates_are_reranked_among_themselves() -> None:
    rows = make_rows("duplicates", 80, seed=9)
    query, gallery = rows[:6], rows[6:]
    random = np.random.default_rng(0)
    indices = np.stack([random.permutation(74)[:30] for _ in query])
    indices[0, 25:], indices[1] = -1, -1
    before = Ranking(indices, np.where(indices < 0, np.inf, 0).astype(np.float32))
    sides = embeddings(main=query), embeddings(main=gallery)
    found = RerankedCandidates(*sides, Rerank(k1=8, k2=3))(before).in_order()
    for number, kept in enumerate(indices):
        kept = np.sort(kept[kept >= 0])
        count = len(kept)
        assert (found.indices[number, count:] == -1).all()
        assert (found.distances[number, count:] == inf).all()
        if count:
            alone = k_reciprocal(query[number : number + 1], gallery[kept], 8, 3)
            order = slow_ranking(alone, count)
            np.testing.assert_array_equal(found.indices[number, :count], kept[order.indices[0]])
            np.testing.assert_array_equal(found.distances[number, :count], order.distances[0])


@pytest.mark.parametrize(("q", "g"), [(0, 5), (5, 0), (0, 0), (1, 1)])
def test_small_and_empty_sets(q: int, g: int) -> None:
    query, gallery = make_rows("spread", q + 1, 0)[:q], make_rows("spread", g + 1, 1)[:g]
    assert k_reciprocal(query, gallery).shape == (q, g)
    found = rerank_top(query, gallery, 3)
    assert found.indices.shape == (q, 3)
    assert (found.indices[:, g:] == -1).all()


def test_memory_grows_with_the_points_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_BLOCK", 128)
    monkeypatch.setattr(proposals, "_BLOCK", 128)
    monkeypatch.setattr(reciprocal_sets, "_BLOCK", 128)
    monkeypatch.setattr(reciprocal, "_BLOCK_BYTES", 1 << 16)
    rows = make_rows("clustered", 6000, seed=0)
    rerank_top(rows[:20], rows[20:], 5)
    tracemalloc.start()
    try:
        rerank_top(rows[:20], rows[20:], 5)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(rows) ** 2 / 5


def test_memory_grows_with_the_points_only_for_any_distance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(points, "_BLOCK", 128)
    monkeypatch.setattr(reciprocal_sets, "_BLOCK", 128)
    monkeypatch.setattr(reciprocal, "_BLOCK_BYTES", 1 << 16)
    rows = make_rows("clustered", 2500, seed=0)
    query, gallery = embeddings(main=rows[:20]), embeddings(main=rows[20:])

    rerank_top(query, gallery, 5, comparison=unnamed_kind("main"))
    tracemalloc.start()
    try:
        rerank_top(query, gallery, 5, comparison=unnamed_kind("main"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(rows) ** 2 / 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k1": 0}, ("k1 is 0", "1 or more")),
        ({"k1": 2.5}, ("k1 is 2.5", "whole number")),
        ({"k2": 0}, ("k2 is 0", "1 or more")),
        ({"lambda_": 1.1}, ("lambda_ is 1.1", "0 to 1")),
        ({"lambda_": nan}, ("lambda_ is nan", "0 to 1")),
        ({"query": np.ones((3, 5), np.float32)}, ("query rows (3, 5)", "gallery rows (4, 4)")),
        ({"query": np.ones(4, np.float32)}, ("query rows", "float32 (4,)", "float32 (n, d)")),
        ({"query": np.array([["a"] * 4])}, ("query rows", "(1, 4)", "float32 (n, d)")),
        ({"gallery": np.array([[0, 0, 0, 1], [0, nan, 0, 0]])}, ("gallery row 1", "NaN")),
        ({"query": np.full((2, 4), inf)}, ("query row 0", "infinity")),
        (
            {"query": embeddings(main=np.eye(2, 4, dtype=np.float32))},
            ("both embeddings", "both arrays", "a comparison"),
        ),
        (
            {"comparison": By(lambda query, gallery: np.zeros((1, 1)))},
            ("both embeddings", "both arrays", "a comparison"),
        ),
        ({"self_index": np.array([0, 1, 4])}, ("self_index", "up to 4", "(3,)", "-1 to 3")),
        ({"self_index": np.zeros(3)}, ("self_index", "float64", "integers (3,)")),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], message: tuple[str, ...]) -> None:
    rows = {"query": np.eye(3, 4, dtype=np.float32), "gallery": np.eye(4, dtype=np.float32)}
    with pytest.raises(DataError, match=facts(message)):
        k_reciprocal(**(rows | changes))
    with pytest.raises(DataError, match=facts(message)):
        k_reciprocal_blocks(**(rows | changes))


def test_refusals_of_the_other_forms() -> None:
    rows = np.eye(4, dtype=np.float32)
    with pytest.raises(DataError, match=facts("top is 0", "1 or more")):
        rerank_top(rows, rows, 0)
    step = RerankedCandidates(embeddings(main=rows), embeddings(main=rows))
    with pytest.raises(DataError, match=facts("3 queries", "4 queries")):
        step(Ranking(np.zeros((3, 1), int), np.zeros((3, 1), "f4")))
    with pytest.raises(DataError, match=facts("rows up to 4", "4 gallery rows")):
        step(Ranking(np.full((4, 1), 4), np.zeros((4, 1), "f4")))


def test_models_and_broken_distances_are_refused() -> None:
    rows = np.eye(3, dtype=np.float32)
    one, other = embeddings("a", main=rows), embeddings("b", main=rows)
    with pytest.raises(MismatchError, match=facts("model b", "query by a", "platefree embed")):
        k_reciprocal(one, other)
    with pytest.raises(DataError, match=facts("the comparison", "NaN or infinity")):
        k_reciprocal(one, one, comparison=By(lambda a, b: np.full((len(a), len(b)), inf)))
    with pytest.raises(DataError, match=facts("the comparison", "(1, 7)", "(3, 3)")):
        k_reciprocal(one, one, comparison=By(lambda a, b: np.zeros((1, 7), np.float32)))
