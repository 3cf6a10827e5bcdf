"""Expanded and joined embeddings against loops over single rows."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loops import slow_clusters
from messages import facts
from numpy.typing import NDArray

from platefree.errors import DataError, MismatchError
from platefree.gallery.feedback import moved_query
from platefree.ranking.cluster_expansion import expand_by_clusters
from platefree.ranking.clusters import cluster_rows
from platefree.ranking.comparison import ONLY_SPACE, Cosine, cosine_distance
from platefree.ranking.exact import rank_exact
from platefree.ranking.expansion import expand_queries
from platefree.ranking.joined_spaces import concatenate
from platefree.ranking.steps import expanded
from platefree.ranking.track_means import with_track_means
from platefree.recipes.post import Expand, Post
from platefree.types import Embeddings, Ranking, Sightings


def embeddings(model: str = "3f2a", **spaces: NDArray[np.float32]) -> Embeddings:
    n = len(next(iter(spaces.values())))
    table = Sightings.from_columns(Path(), {"image": [f"{row}.jpg" for row in range(n)]})
    return Embeddings(spaces, table, model)


def unit_rows(n: int, d: int, seed: int) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).standard_normal((n, d), np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def unit(row: NDArray[np.float64]) -> NDArray[np.float64]:
    return row / np.sqrt((row**2).sum())


@pytest.mark.parametrize("space", ["view", "1-view", "0-1-view", "front-view--rear-view"])
def test_predicted_views_stay_and_every_other_space_moves(space: str) -> None:
    query, gallery = (
        embeddings(main=unit_rows(n, 4, n), **{space: unit_rows(n, 2, n + 50)}) for n in (3, 5)
    )
    nearest = Ranking(np.array([[0, 1]] * 3), np.zeros((3, 2), np.float32))
    found = [
        expand_queries(query, gallery, nearest, neighbours=2, alpha=0.0),
        expand_by_clusters(query, 2.0, neighbours=gallery, comparison=Cosine("main")),
        with_track_means(query, np.zeros(3, np.int64)),
        moved_query(query, gallery, gallery.take(np.arange(1)), Cosine("main")),
    ]
    for each in found:
        assert not np.allclose(each.spaces["main"], query.spaces["main"], atol=1e-3)
        stays = np.array_equal(each.spaces[space], query.spaces[space])
        assert stays == ("--" not in space)


@pytest.mark.parametrize("alpha", [0, 1, 3.5])
@pytest.mark.parametrize("neighbours", [1, 4, 50])
def test_expanded_queries(alpha: float, neighbours: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platefree.ranking.expansion._BLOCK", 3)
    query, gallery = embeddings(main=unit_rows(8, 6, 0)), embeddings(main=unit_rows(30, 6, 1))
    ranking = rank_exact(query, gallery, 12)
    ranking.indices[2, 3:] = -1
    ranking.indices[3] = -1
    found = expand_queries(query, gallery, ranking, neighbours, alpha)
    for number, row in enumerate(query.spaces["main"].astype(np.float64)):
        total = row.copy()
        for index in ranking.indices[number][:neighbours]:
            if index >= 0:
                other = gallery.spaces["main"][index].astype(np.float64)
                total += max(0.0, row @ other) ** alpha * other
        np.testing.assert_allclose(found.spaces["main"][number], unit(total), atol=1e-6)
    assert found.spaces["main"].dtype == np.float32
    assert found.sightings is query.sightings
    assert found.model == query.model


def test_every_space_is_expanded_on_its_own() -> None:
    spaces = {"a": unit_rows(5, 4, 0), "b": unit_rows(5, 3, 1)}
    ranking = Ranking(np.array([[4], [3], [2], [1], [0]]), np.zeros((5, 1), np.float32))
    both = expand_queries(embeddings(**spaces), embeddings(**spaces), ranking)
    for name, rows in spaces.items():
        alone = embeddings(only=rows)
        expected = expand_queries(alone, alone, ranking).spaces["only"]
        np.testing.assert_array_equal(both.spaces[name], expected)


def test_a_query_that_cancels_out_stays() -> None:
    row = unit_rows(1, 4, 0)
    ranking = Ranking(np.array([[0]]), np.zeros((1, 1), np.float32))
    found = expand_queries(embeddings(main=row), embeddings(main=-row), ranking, alpha=0)
    np.testing.assert_array_equal(found.spaces["main"], row)


def test_no_queries() -> None:
    none, gallery = (
        embeddings(main=np.empty((0, 4), np.float32)),
        embeddings(main=unit_rows(5, 4, 0)),
    )
    assert len(expand_queries(none, gallery, rank_exact(none, gallery, 3))) == 0
    assert len(expand_by_clusters(none, 0.1)) == 0


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 40), st.floats(0.01, 0.6), st.integers(1, 6), st.integers(0, 999))
def test_clusters_and_their_means(n: int, radius: float, smallest: int, seed: int) -> None:
    rows = unit_rows(n, 3, seed)
    expected = slow_clusters(cosine_distance(rows, rows), radius, smallest)
    np.testing.assert_array_equal(cluster_rows(rows, radius, smallest), expected)
    q = n // 2
    found = expand_by_clusters(
        embeddings(main=rows[:q]), radius, smallest, neighbours=embeddings(main=rows[q:])
    )
    for number in range(q):
        members = [row for row in range(n) if expected[row] == expected[number] >= 0]
        total = sum((rows[row].astype(np.float64) for row in members), np.zeros(3))
        wanted = unit(total) if members else rows[number]
        np.testing.assert_allclose(found.spaces["main"][number], wanted, atol=1e-5)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 40), st.floats(0.01, 0.6), st.integers(1, 6), st.integers(0, 999))
def test_the_others_of_a_cluster(n: int, radius: float, smallest: int, seed: int) -> None:
    rows = unit_rows(n, 3, seed)
    clusters = slow_clusters(cosine_distance(rows, rows), radius, smallest)
    query = embeddings(main=rows)
    post = Post(expand=Expand(by="others", radius=radius, smallest=smallest))
    nearest = Ranking(np.empty((n, 0), np.int64), np.empty((n, 0), np.float32))
    found = expanded(post, query, query, nearest, ONLY_SPACE)
    for number in range(n):
        mates = [row for row in range(n) if clusters[row] == clusters[number] >= 0]
        others = [rows[row].astype(np.float64) for row in mates if row != number]
        wanted = unit(sum(others, np.zeros(3))) if others else rows[number]
        np.testing.assert_allclose(found.spaces["main"][number], wanted, atol=1e-4)


def test_of_two_queries_each_becomes_the_other() -> None:
    rows = np.array([[1, 0], [0.96, 0.28], [0, 1]], np.float32)
    found = expand_by_clusters(embeddings(main=rows), 0.1, of="others").spaces["main"]
    np.testing.assert_allclose(found, rows[[1, 0, 2]], atol=1e-6)


def test_clusters_of_queries_alone() -> None:
    close = unit_rows(1, 8, 0) + 0.01 * unit_rows(3, 8, 1)
    rows = np.concatenate([close, unit_rows(2, 8, 2)])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    found = expand_by_clusters(embeddings(main=rows), 0.01).spaces["main"]
    np.testing.assert_allclose(found[:3], np.tile(unit(rows[:3].sum(axis=0)), (3, 1)), atol=1e-6)
    np.testing.assert_array_equal(found[3:], rows[3:])


@pytest.mark.parametrize("weights", [None, [1, 1, 2], [0, 5, 0.5]])
def test_similarity_of_an_ensemble_is_the_mean(weights: list[float] | None) -> None:
    parts = [embeddings(f"model{d}", main=unit_rows(6, d, d)) for d in (3, 7, 5)]
    found = concatenate(parts, weights).spaces["main"]
    assert (found.shape, found.dtype) == ((6, 15), np.float32)
    shares = np.array(weights or [1, 1, 1]) / sum(weights or [1, 1, 1])
    expected = sum(
        share * part.spaces["main"] @ part.spaces["main"].T
        for share, part in zip(shares, parts, strict=True)
    )
    np.testing.assert_allclose(found @ found.T, expected, atol=1e-6)


def test_an_ensemble_is_a_model_of_its_own() -> None:
    one, other = (embeddings(name, main=unit_rows(4, 3, 0)) for name in ("1111", "2222"))
    fingerprints = {
        concatenate(parts, weights).model
        for parts, weights in (
            ([one, other], None),
            ([other, one], None),
            ([one, other], [1, 2]),
            ([one], None),
        )
    }
    assert len(fingerprints) == 4
    assert concatenate([one, other]).model == concatenate([one, other], [3, 3]).model


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda one, two: expand_queries(one, two, RANKING, 0),
            DataError,
            ("neighbours is 0", "1 or more"),
        ),
        (
            lambda one, two: expand_queries(one, two, RANKING, 1, -1),
            DataError,
            ("alpha -1", "0 or more"),
        ),
        (
            lambda one, two: expand_queries(one, two.take(np.arange(1)), RANKING),
            DataError,
            ("up to 2", "of 1"),
        ),
        (
            lambda one, two: expand_queries(one.take(np.arange(1)), two, RANKING),
            DataError,
            ("3 rankings", "1 queries"),
        ),
        (
            lambda one, two: expand_queries(one, FOREIGN, RANKING),
            MismatchError,
            ("model other", "platefree embed"),
        ),
        (lambda one, two: expand_by_clusters(one, 0), DataError, ("radius is 0", "(0, 2]")),
        (lambda one, two: expand_by_clusters(one, 0.1, 0), DataError, ("smallest 0", "1 or more")),
        (lambda one, two: expand_by_clusters(BROKEN, 0.1), DataError, ("cluster", "NaN")),
        (
            lambda one, two: expand_by_clusters(TWO_SPACES, 0.1),
            DataError,
            ("'a', 'b'", "comparison"),
        ),
        (lambda one, two: concatenate([]), DataError, ("0 sets", "at least one")),
        (lambda one, two: concatenate([one, two], [1]), DataError, ("2 sets", "weights [1]")),
        (
            lambda one, two: concatenate([one, two], [1, -1]),
            DataError,
            ("2 sets", "weights [1, -1]"),
        ),
        (
            lambda one, two: concatenate([one, two], [0, 0]),
            DataError,
            ("weights [0, 0]", "not all 0"),
        ),
        (
            lambda one, two: concatenate([one, LONGER]),
            MismatchError,
            ("embeddings 0", "embeddings 1", "same table"),
        ),
        (
            lambda one, two: concatenate([one, TWO_SPACES]),
            MismatchError,
            ("'main'", "'a', 'b'", "same names"),
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    call: Callable[[Embeddings, Embeddings], object],
    error: type[Exception],
    message: tuple[str, ...],
) -> None:
    one, two = (embeddings(main=unit_rows(3, 4, seed)) for seed in (0, 1))
    with pytest.raises(error, match=facts(message)):
        call(one, two)


RANKING = Ranking(np.array([[0, 1], [1, 2], [2, 0]]), np.zeros((3, 2), np.float32))
FOREIGN = embeddings("other", main=unit_rows(3, 4, 0))
BROKEN = embeddings(main=unit_rows(3, 4, 0))
BROKEN.spaces["main"][:] = np.nan  # written over after they were checked
TWO_SPACES = embeddings(a=unit_rows(3, 4, 0), b=unit_rows(3, 4, 0))
LONGER = embeddings(main=unit_rows(4, 4, 0))
