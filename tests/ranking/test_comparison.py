"""Comparisons against loops over pairs, and through the description that a card holds."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from messages import facts

from platefree.errors import DataError
from platefree.ranking.comparison import ONLY_SPACE, Comparison, Cosine
from platefree.ranking.described import read_comparison
from platefree.ranking.homogeneous import Euclidean, from_homogeneous
from platefree.ranking.joined_spaces import WeightedMean, mean_of
from platefree.ranking.view_comparison import ViewComparison, ViewRelations
from platefree.types import Embeddings, Sightings

VIEWS = ["front", "rear", "side"]


def random_embeddings(names: list[str], n: int, seed: int) -> Embeddings:
    random = np.random.default_rng(seed)
    spaces = {}
    for name in names:
        width = len(VIEWS) if name == "view" else 6
        rows = random.standard_normal((n, width)).astype(np.float32)
        spaces[name] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    columns = {
        "image": [f"{seed}-{row}.jpg" for row in range(n)],
        "view": random.choice(VIEWS, n).tolist(),
    }
    return Embeddings(spaces, Sightings.from_columns(Path(), columns), "m")


def by_views(kind: str = "same-different", error: float = 0.0) -> ViewComparison:
    return ViewComparison(ViewRelations(VIEWS, kind), "table", error)  # type: ignore[arg-type]


COMPARISONS: dict[str, tuple[Comparison, list[str]]] = {
    "only": (ONLY_SPACE, ["anything"]),
    "cosine": (Cosine("main"), ["main", "view"]),
    "euclidean": (Euclidean("main"), ["main", "view"]),
    "views": (by_views(), ["same_view", "different_view"]),
    "views by prediction": (
        ViewComparison(ViewRelations(VIEWS, "same-different")),
        ["same_view", "different_view", "view"],
    ),
    "views mistaken": (by_views(error=0.4), ["same_view", "different_view"]),
    "mean": (
        WeightedMean((Cosine("main"), by_views()), (0.25, 0.75)),
        ["0-main", "1-same_view", "1-different_view"],
    ),
    "mean of raw vectors": (
        WeightedMean((Cosine("main"), Euclidean("main")), (0.25, 0.75)),
        ["0-main", "1-main"],
    ),
}


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_description_makes_the_same_comparison(name: str) -> None:
    comparison, spaces = COMPARISONS[name]
    query, gallery = random_embeddings(spaces, 7, 0), random_embeddings(spaces, 12, 1)
    again = read_comparison(json.loads(json.dumps(comparison.to_json())))
    assert again.to_json() == comparison.to_json()
    expected = comparison.distances(query, gallery)
    assert (expected.shape, expected.dtype) == ((7, 12), np.float32)
    np.testing.assert_array_equal(again.distances(query, gallery), expected)
    np.testing.assert_array_equal(
        again.space_of(query, gallery), comparison.space_of(query, gallery)
    )


def vectors(n: int, size: float, seed: int) -> tuple[np.ndarray, Embeddings]:
    """(n, 5) float64 vectors, and the embeddings that hold them."""
    random = np.random.default_rng(seed)
    rows = random.standard_normal((n, 5)) * random.uniform(0.1, size, (n, 1))
    whole = np.concatenate([rows, np.ones((n, 1))], axis=1)
    whole /= np.linalg.norm(whole, axis=1, keepdims=True)
    table = Sightings.from_columns(Path(), {"image": [f"{seed}-{row}.jpg" for row in range(n)]})
    return rows, Embeddings({"main": whole.astype(np.float32)}, table, "m")


@pytest.mark.parametrize("size", [0.5, 5.0, 50.0])
def test_vectors_of_any_length_are_compared_by_their_euclidean_distance(size: float) -> None:
    (ours, query), (theirs, gallery) = vectors(9, size, 4), vectors(11, size, 5)
    found = Euclidean("main").distances(query, gallery)
    assert found.dtype == np.float32
    expected = [[math.dist(one, other) for other in theirs] for one in ours]
    for row, distances in zip(found, expected, strict=True):
        assert row == pytest.approx([2 * d / (1 + d) for d in distances], abs=1e-5)
        assert np.argsort(row).tolist() == np.argsort(distances).tolist()
        assert (row < 2).all()
    own = Euclidean("main").distances(query, query)
    assert np.diagonal(own) == pytest.approx(np.zeros(9), abs=1e-5)


def test_the_order_of_raw_vectors_is_not_that_of_their_directions() -> None:
    (_, query), (_, gallery) = vectors(9, 5.0, 6), vectors(40, 5.0, 7)
    raw = Euclidean("main").distances(query, gallery).argmin(axis=1)
    directions = (
        rows / np.linalg.norm(rows, axis=1, keepdims=True)
        for rows in (from_homogeneous(each.spaces["main"]) for each in (query, gallery))
    )
    one, other = directions
    assert (raw != (one @ other.T).argmax(axis=1)).any()


def test_each_pair_is_compared_in_the_space_of_its_views() -> None:
    comparison, spaces = COMPARISONS["views"]
    query, gallery = random_embeddings(spaces, 9, 2), random_embeddings(spaces, 11, 3)
    found, names = comparison.distances(query, gallery), comparison.space_of(query, gallery)
    for q in range(9):
        for g in range(11):
            same = query.sightings.view[q] == gallery.sightings.view[g]
            space = "same_view" if same else "different_view"
            expected = 1 - query.spaces[space][q] @ gallery.spaces[space][g]
            assert names[q, g] == space
            assert found[q, g] == pytest.approx(expected, abs=1e-6)


def test_a_mean_is_that_of_its_parts() -> None:
    comparison, spaces = COMPARISONS["mean"]
    query, gallery = random_embeddings(spaces, 5, 4), random_embeddings(spaces, 6, 5)

    def part(of: Embeddings, mark: str) -> Embeddings:
        kept = {
            name.removeprefix(mark): rows for name, rows in of.spaces.items() if name[:2] == mark
        }
        return Embeddings(kept, of.sightings, of.model)

    one = Cosine("main").distances(part(query, "0-"), part(gallery, "0-"))
    other = by_views().distances(part(query, "1-"), part(gallery, "1-"))
    np.testing.assert_allclose(
        comparison.distances(query, gallery), 0.25 * one + 0.75 * other, atol=1e-6
    )
    assert mean_of([Cosine("main"), Cosine("main")], [0.5, 0.5]) == Cosine("main")
    assert isinstance(mean_of([Cosine("main"), by_views()], [0.5, 0.5]), WeightedMean)


def test_a_view_that_nobody_knows_is_refused() -> None:
    comparison, spaces = COMPARISONS["views by prediction"]
    query = random_embeddings(spaces[:2], 3, 6)
    with pytest.raises(DataError, match=facts("6-0.jpg", "front, rear, side", "platefree label")):
        comparison.distances(query, query)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ({}, ("comparison", "kind")),
        ({"kind": "euclid"}, ("'euclid'", "cosine, euclidean, views or mean", "upgrade")),
        ({"kind": "cosine"}, ("comparison", "space")),
        ({"kind": "views", "views": VIEWS}, ("comparison", "relations")),
        (
            {"kind": "views", "views": VIEWS, "relations": "x", "view_from": "table"},
            ("comparison", "x, table"),
        ),
        ({"kind": "mean", "parts": [{"kind": "cosine"}], "fractions": [1]}, ("space",)),
        ({"kind": "mean", "parts": 3, "fractions": [1]}, ("comparison",)),
    ],
)
def test_what_describes_no_comparison_is_refused(
    content: dict[str, object], wanted: tuple[str, ...]
) -> None:
    with pytest.raises(DataError, match=facts(wanted)):
        read_comparison(content)


def test_a_space_that_is_not_there_is_refused() -> None:
    rows = random_embeddings(["a", "b"], 2, 7)
    for comparison, wanted in ((Cosine("c"), "space 'c'"), (ONLY_SPACE, "one space")):
        with pytest.raises(DataError, match=facts("'a', 'b'", wanted, "comparison")):
            comparison.distances(rows, rows)
