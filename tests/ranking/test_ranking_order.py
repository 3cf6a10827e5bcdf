"""What moves entries of a ranking (cameras, times, tracks) against loops over the entries."""

from datetime import timedelta
from math import inf
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import facts
from numpy.typing import NDArray

from platefree.errors import DataError
from platefree.ranking.by_track import pool_tracks, rank_by_tracks, rank_tracks, track_numbers
from platefree.ranking.camera import cluster_cameras, verify_cameras
from platefree.ranking.interval import verify_times
from platefree.ranking.penalty import penalise
from platefree.types import Embeddings, Ranking, Sightings

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


CASES = given(
    st.integers(0, 5), st.integers(1, 12), st.sampled_from([0, 0.125, 1, inf]), st.integers(0, 999)
)


@settings(deadline=None, max_examples=60)
@CASES
def test_cameras_and_times(q: int, k: int, penalty: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    ranking = draw_ranking(random, q, k)
    cameras = [random.choice(["", "a", "b"], count) for count in (q, G)]
    seconds = [random.integers(0, 100, count).astype("datetime64[s]") for count in (q, G)]
    times = [each.astype("datetime64[ms]") for each in seconds]
    times[0][random.random(q) < 0.2] = "NaT"
    times[1][random.random(G) < 0.2] = "NaT"

    def moved(query: int, distance: float, index: int, apart: bool) -> tuple[float, int]:
        if not apart or index < 0:
            return distance, index
        return distance + penalty, -1 if penalty == inf else index

    def same_camera(query: int, index: int) -> bool:
        return cameras[0][query] == cameras[1][index] != ""

    def too_long(query: int, index: int) -> bool:
        between = times[1][index] - times[0][query]
        return not np.isnat(between) and abs(between) > np.timedelta64(30, "s")

    for found, bad in (
        (verify_cameras(ranking, *cameras, penalty), same_camera),
        (verify_times(ranking, *times, timedelta(seconds=30), penalty), too_long),
        (verify_times(ranking, *times, np.timedelta64(30_000, "ms"), penalty), too_long),
    ):
        expected = [
            [moved(query, d, i, bad(query, i)) for d, i in row]
            for query, row in enumerate(entries(ranking))
        ]
        assert_equal(found, slow_ranking(expected, k))


@settings(deadline=None, max_examples=60)
@CASES
def test_rankings_of_tracks(q: int, k: int, penalty: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    ranking, tracks = draw_ranking(random, q, k), random.integers(0, 4, G)
    best = []
    for row in entries(ranking):
        nearest: dict[int, float] = {}
        for distance, index in row:
            if index >= 0:
                track = int(tracks[index])
                nearest[track] = min(distance, nearest.get(track, inf))
        best.append(nearest)
    expected = [[(distance, track) for track, distance in row.items()] for row in best]
    assert_equal(rank_tracks(ranking, tracks), slow_ranking(expected, k))
    together = [
        [(nearest[int(tracks[index])], index) for _, index in row if index >= 0]
        for row, nearest in zip(entries(ranking), best, strict=True)
    ]
    assert_equal(rank_by_tracks(ranking, tracks), slow_ranking(together, k))


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
def test_pooled_tracks(n: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    table = make_sightings(random, n)
    rows = random.standard_normal((n, 5)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    members: dict[tuple[str, ...], list[int]] = {}
    for row in range(n):
        key = (table.source[row], table.camera[row], table.track[row])
        members.setdefault(key if table.track[row] else (str(row),), []).append(row)
    numbers = track_numbers(table)
    assert [np.flatnonzero(numbers == each).tolist() for each in range(len(members))] == [
        *members.values()
    ]
    pooled = pool_tracks(Embeddings({"main": rows}, table, "3f2a"))
    assert (len(pooled), pooled.model) == (len(members), "3f2a")
    for number, track in enumerate(members.values()):
        total = rows[track].astype(np.float64).sum(axis=0)
        expected = total / np.sqrt((total**2).sum())
        np.testing.assert_allclose(pooled.spaces["main"][number], expected, atol=1e-6)
        vehicles = {str(table.vehicle[row]) for row in track}
        assert pooled.sightings.vehicle[number] == (vehicles.pop() if len(vehicles) == 1 else "")
        assert pooled.sightings.image[number] == table.image[track[0]]
        known = [table.time[row] for row in track if not np.isnat(table.time[row])]
        time = pooled.sightings.time[number]
        assert np.isnat(time) if not known else time == min(known)


def test_a_track_that_cancels_out_is_its_first_picture() -> None:
    rows = np.array([[1, 0], [-1, 0]], np.float32)
    table = Sightings.from_columns(Path(), {"image": ["a", "b"], "track": ["1", "1"]})
    pooled = pool_tracks(Embeddings({"main": rows}, table, "3f2a"))
    np.testing.assert_array_equal(pooled.spaces["main"], rows[:1])


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


def test_what_does_not_fit_is_refused() -> None:
    ranking = Ranking(np.array([[0, 2]]), np.zeros((1, 2), np.float32))
    text: NDArray[np.str_] = np.array(["a", "b", "c"])
    times = np.zeros(3, "datetime64[ms]")
    with pytest.raises(DataError, match=facts("bool (1, 3)", "bool (1, 2)")):
        penalise(ranking, np.zeros((1, 3), bool))
    with pytest.raises(DataError, match=facts("penalty is -1")):
        penalise(ranking, np.zeros((1, 2), bool), -1)
    with pytest.raises(DataError, match=facts("rows up to 2", "2")):
        verify_cameras(ranking, text[:1], text[:2])
    with pytest.raises(DataError, match=facts("(2,) of queries")):
        verify_cameras(ranking, text[:2], text)
    with pytest.raises(DataError, match=facts("window is -1 day")):
        verify_times(ranking, times[:1], times, timedelta(days=-1))
    with pytest.raises(DataError, match=facts("rows up to 2", "2")):
        rank_tracks(ranking, np.zeros(2, np.int64))
