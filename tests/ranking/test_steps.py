"""The steps that change a ranking, against loops over its entries."""

from collections.abc import Callable
from itertools import combinations
from math import inf
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import facts

from platefree.errors import DataError
from platefree.ranking.comparison import ONLY_SPACE
from platefree.ranking.guessed_cameras import RADII, agreement, camera_radius, cluster_cameras
from platefree.ranking.penalties import SameLabel, SimilarLook
from platefree.ranking.steps import (
    BestOfTrack,
    ExpandedQueries,
    OtherCameras,
    RerankedCandidates,
    Step,
    TimeWindow,
    apply_steps,
    camera_numbers,
    track_numbers,
)
from platefree.types import Embeddings, Ranking, Sightings, text_column

G = 12


def draw_ranking(random: np.random.Generator, q: int, k: int) -> Ranking:
    """Coarse distances, so that many are equal, and some empty places."""
    indices = (
        np.stack([random.permutation(G)[:k] for _ in range(q)]) if q else np.empty((0, k), int)
    )
    distances = random.integers(0, 4, (q, k)) / np.float32(8)
    indices[random.random((q, k)) < 0.1] = -1
    return slow_ranking(
        [list(zip(*row, strict=True)) for row in zip(distances, indices, strict=True)], k
    )


def slow_ranking(rows: list[list[tuple[float, int]]], k: int) -> Ranking:
    indices, distances = np.full((len(rows), k), -1), np.full((len(rows), k), inf, np.float32)
    for query, row in enumerate(rows):
        for place, (distance, index) in enumerate(sorted(each for each in row if each[1] >= 0)):
            indices[query, place], distances[query, place] = index, distance
    return Ranking(indices, distances)


def entries(ranking: Ranking) -> list[list[tuple[float, int]]]:
    return [
        [(float(d), int(i)) for d, i in zip(*row, strict=True)]
        for row in zip(ranking.distances, ranking.indices, strict=True)
    ]


def assert_equal(found: Ranking, expected: Ranking) -> None:
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.distances, expected.distances)
    assert (found.indices.dtype, found.distances.dtype) == (np.int64, np.float32)


CASES = given(st.integers(0, 5), st.integers(1, 12), st.integers(0, 999))


def whole_gallery(random: np.random.Generator, q: int) -> Ranking:
    return Ranking.of_gallery((random.integers(0, 4, (q, G)) / np.float32(8)).astype(np.float32))


def assert_moved(
    ranking: Ranking, step: Step, moved: Callable[[int, float, int], float], k: int
) -> None:
    """The step on all queries, and on some of them, is what a loop over the entries gives."""
    expected = [
        [(moved(query, d, i), i) for d, i in row if moved(query, d, i) < inf]
        for query, row in enumerate(entries(ranking))
    ]
    assert_equal(step(ranking).in_order(), slow_ranking(expected, k))
    for queries in (slice(1, 3), slice(2, None)):
        part = Ranking(ranking.indices[queries], ranking.distances[queries])
        assert_equal(step(part, queries).in_order(), slow_ranking(expected[queries], k))


@settings(deadline=None, max_examples=60)
@CASES
def test_cameras_and_times(q: int, k: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    cameras = [random.choice(["", "a", "b"], count) for count in (q, G)]
    seconds = [random.integers(0, 100, count).astype("datetime64[s]") for count in (q, G)]
    times = [each.astype("datetime64[ms]") for each in seconds]
    times[0][random.random(q) < 0.2] = "NaT"
    times[1][random.random(G) < 0.2] = "NaT"

    def other_camera(query: int, distance: float, index: int) -> float:
        same = index >= 0 and cameras[0][query] == cameras[1][index] != ""
        return inf if same else distance

    def in_window(query: int, distance: float, index: int) -> float:
        between = times[1][index] - times[0][query]
        far = index >= 0 and not np.isnat(between) and abs(between) > np.timedelta64(30, "s")
        return inf if far else distance

    numbers = camera_numbers(np.concatenate(cameras))
    steps = (
        (OtherCameras(numbers[:q], numbers[q:]), other_camera),
        (TimeWindow(*times, 30.0), in_window),
    )
    for step, moved in steps:
        assert_moved(draw_ranking(random, q, k), step, moved, k)
        assert_moved(whole_gallery(random, q), step, moved, G)


@settings(deadline=None, max_examples=60)
@CASES
def test_the_best_of_a_track(q: int, k: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    tracks, own = random.integers(0, 4, G), random.integers(-1, G, q)
    for ranking, count in ((draw_ranking(random, q, k), k), (whole_gallery(random, q), G)):

        def moved(query: int, distance: float, index: int, ranking: Ranking = ranking) -> float:
            if index < 0 or index == own[query]:
                return inf
            mates = [
                d
                for d, i in entries(ranking)[query]
                if i >= 0 and i != own[query] and tracks[i] == tracks[index]
            ]
            return min(mates)

        assert_moved(ranking, BestOfTrack(tracks, own), moved, count)


@settings(deadline=None, max_examples=30)
@CASES
def test_expanded_queries_are_compared_anew(q: int, k: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    ranking = draw_ranking(random, q, k)
    query, gallery = random_rows(random, q), random_rows(random, G)

    def moved(number: int, distance: float, index: int) -> float:
        del distance
        row, other = query.spaces["main"][number], gallery.spaces["main"][index]
        return inf if index < 0 else float(np.float32(1) - row @ other)

    found = ExpandedQueries(query, gallery)(ranking)
    for number, row in enumerate(entries(ranking)):
        expected = [moved(number, d, i) for d, i in row]
        np.testing.assert_allclose(found.distances[number], expected, atol=1e-6)
    np.testing.assert_array_equal(found.indices, ranking.indices)


def test_what_was_removed_stays_removed() -> None:
    random = np.random.default_rng(0)
    query, gallery = random_rows(random, 3), random_rows(random, G)
    ranking = whole_gallery(random, 3)
    ranking = Ranking(ranking.indices, np.where(ranking.distances > 0.2, inf, ranking.distances))
    gone = np.isinf(ranking.distances)
    nowhere = np.full(3, -1)
    steps: list[Step] = [
        RerankedCandidates(query, gallery),
        ExpandedQueries(query, gallery),
        BestOfTrack(np.zeros(G, np.int64), nowhere),
    ]
    for step in steps:
        np.testing.assert_array_equal(np.isinf(step(ranking).distances), gone)
    assert np.isinf(apply_steps(ranking, steps).distances[gone]).all()


def random_rows(random: np.random.Generator, n: int) -> Embeddings:
    rows = random.standard_normal((n, 5)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    table = Sightings.from_columns(Path(), {"image": [f"{row}.jpg" for row in range(n)]})
    return Embeddings({"main": rows}, table, "3f2a")


def make_sightings(random: np.random.Generator, n: int) -> Sightings:
    columns = {
        "image": [f"{row}.jpg" for row in range(n)],
        "track": random.choice(["", "1", "2", "x"], n),
        "camera": random.choice(["", "gate"], n),
        "source": random.choice(["veri", "city"], n),
        "vehicle": random.choice(["", "7", "8"], n),
        "time": random.choice(np.array(["NaT", "2026-01-01", "2026-01-02"], "datetime64[ms]"), n),
    }
    return Sightings.from_columns(Path(), columns)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 30), st.integers(0, 999))
def test_numbers_of_tracks(n: int, seed: int) -> None:
    table = make_sightings(np.random.default_rng(seed), n)
    members: dict[tuple[str, ...], list[int]] = {}
    for row in range(n):
        key = (table.source[row], table.camera[row], table.track[row])
        members.setdefault(key if table.track[row] else (str(row),), []).append(row)
    numbers = track_numbers(table)
    assert [np.flatnonzero(numbers == each).tolist() for each in range(len(members))] == [
        *members.values()
    ]


def camera_rows(cameras: list[int], seed: int) -> Embeddings:
    rows = np.eye(4, dtype=np.float32)[cameras]
    rows = rows + 0.05 * np.random.default_rng(seed).standard_normal(rows.shape).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    table = Sightings.from_columns(Path(), {"image": [str(row) for row in range(len(rows))]})
    return Embeddings({"main": rows}, table, "3f2a")


def test_guessed_cameras() -> None:
    query, gallery = [0, 1, 3], [0] * 6 + [1] * 6 + [2] * 2
    guessed = cluster_cameras(camera_rows(query + gallery, 0), radius=0.1)
    names = {0: guessed[0], 1: guessed[1], 2: "", 3: ""}
    assert len({names[0], names[1], ""}) == 3
    assert guessed.tolist() == [names[each] for each in query + gallery]


def slow_agreement(guessed: list[str], known: list[str]) -> tuple[float, float]:
    """Precision and recall by a loop over all pairs."""
    right = claimed = there = 0
    for one, other in combinations(range(len(known)), 2):
        if "" in (known[one], known[other]):
            continue
        alike = guessed[one] == guessed[other] != ""
        same = known[one] == known[other]
        right, claimed, there = right + (alike and same), claimed + alike, there + same
    precision = right / claimed if claimed else float("nan")
    recall = right / there if there else float("nan")
    return precision, recall


@given(st.lists(st.tuples(st.sampled_from(["", "0", "1"]), st.sampled_from(["", "a", "b", "c"]))))
def test_how_guessed_cameras_agree_with_known_ones(pairs: list[tuple[str, str]]) -> None:
    guessed, known = [one for one, _ in pairs], [other for _, other in pairs]
    found = agreement(text_column(guessed), text_column(known))
    expected = slow_agreement(guessed, known)
    np.testing.assert_allclose((found.precision, found.recall), expected)


def test_the_radius_finds_most_pairs_at_the_precision_that_is_asked_for() -> None:
    cameras = [0] * 9 + [1] * 8 + [2] * 7 + [3] * 2
    rows = camera_rows(cameras, 5)
    rows.spaces["main"][:] += 0.9 * np.random.default_rng(1).random(rows.spaces["main"].shape)
    rows.spaces["main"][:] /= np.linalg.norm(rows.spaces["main"], axis=1, keepdims=True)
    known = text_column([str(each) for each in cameras])
    by_radius = {
        each: slow_agreement(cluster_cameras(rows, each, 3).tolist(), known.tolist())
        for each in RADII
    }
    assert len(set(by_radius.values())) > 3
    for wanted in (0.3, 0.9, 1.0):
        radius, found = camera_radius(rows, known, wanted, smallest=3)
        enough = {each: of for each, (is_right, of) in by_radius.items() if is_right >= wanted}
        assert enough[radius] == pytest.approx(max(enough.values())) == pytest.approx(found.recall)
        assert radius == min(each for each, of in enough.items() if of >= found.recall - 1e-12)
    with pytest.raises(DataError, match=facts("26 pictures", "90%", "100 or more")):
        camera_radius(rows, known, smallest=100)


def test_what_does_not_fit_is_refused() -> None:
    ranking = Ranking(np.array([[0, 2]]), np.zeros((1, 2), np.float32))
    one, two, three = (np.zeros(count, np.int64) for count in (1, 2, 3))
    times = np.zeros(3, "datetime64[ms]")
    rows = random_rows(np.random.default_rng(0), 2)
    for step in (
        OtherCameras(one, two),
        TimeWindow(times[:1], times[:2], 1.0),
        BestOfTrack(two, one),
        ExpandedQueries(rows.take(one), rows),
        RerankedCandidates(rows.take(one), rows),
    ):
        with pytest.raises(DataError, match=facts("rows up to 2", "2 gallery rows")):
            step(ranking)
    with pytest.raises(DataError, match=facts("1 queries", "2 queries")):
        OtherCameras(two, three)(ranking)
    with pytest.raises(DataError, match=facts("-1.0", "0 or more")):
        TimeWindow(times[:1], times, -1.0)


class Looked(np.ndarray):
    """An array that counts how often rows of it are copied."""

    times = 0

    def __getitem__(self, key: object) -> object:
        Looked.times += 1
        return super().__getitem__(key)


class Compared:
    """The cosine distance, with the galleries that it was asked to compare with."""

    def __init__(self) -> None:
        self.galleries: list[Embeddings] = []

    def distances(self, query: Embeddings, gallery: Embeddings) -> np.ndarray:
        self.galleries.append(gallery)
        return ONLY_SPACE.distances(query, gallery)


@settings(deadline=None, max_examples=30)
@CASES
def test_penalties(q: int, k: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(-1, 2, q), random.integers(-1, 2, G)
    rows = random_rows(random, q), random_rows(random, G)
    for ranking in (draw_ranking(random, q, k), whole_gallery(random, q)):
        same = SameLabel(*labels, 0.25)(ranking).distances
        alike = SimilarLook(*rows, ONLY_SPACE, 0.5)(ranking).distances
        for query, row in enumerate(entries(ranking)):
            for place, (distance, index) in enumerate(row):
                equal = index >= 0 and labels[0][query] == labels[1][index] >= 0
                assert same[query, place] == distance + 0.25 * equal
                one, other = (each.spaces["main"] for each in rows)
                look = float(one[query] @ other[index]) if index >= 0 else 0.0
                assert alike[query, place] == pytest.approx(distance + 0.5 * look, abs=1e-6)


def test_a_whole_gallery_is_not_copied_for_each_query() -> None:
    """That would be 200 MB for each query in a gallery of 100,000 pictures."""
    random = np.random.default_rng(0)
    ranking, queries = whole_gallery(random, 9), slice(2, 7)
    block = Ranking(ranking.indices[queries], ranking.distances[queries])
    numbers, column = random.integers(0, 3, 9), random.integers(0, 3, G).view(Looked)
    times = [each.astype("datetime64[s]") for each in (numbers, np.asarray(column))]
    for step in (
        OtherCameras(numbers, column),
        SameLabel(numbers, column, 0.25),
        TimeWindow(times[0], times[1].view(Looked), 1.0),
    ):
        Looked.times = 0
        step(block, queries)
        assert Looked.times == 1
    rows, compared = random_rows(random, G), Compared()
    SimilarLook(random_rows(random, 9), rows, compared, 0.5)(block, queries)
    (gallery,) = compared.galleries
    assert gallery is rows
