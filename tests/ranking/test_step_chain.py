"""Post-processing as a chain, against loops over single pairs of pictures, in float64."""

from itertools import combinations
from math import inf
from pathlib import Path

import numpy as np
import pytest
from comparisons import By
from loops import slow_clusters, slow_k_reciprocal
from messages import facts
from numpy.typing import NDArray

from platefree.errors import DataError, RecipeError
from platefree.evaluation import score
from platefree.evaluation.embedded import Looks
from platefree.evaluation.metrics import score_block
from platefree.evaluation.pair_labels import PairLabels
from platefree.evaluation.post_chain import make_chain
from platefree.evaluation.removed import sink_removed
from platefree.evaluation.trial import Trial
from platefree.ranking.comparison import ONLY_SPACE, cosine_distance
from platefree.ranking.guessed_cameras import cluster_cameras
from platefree.recipes.post import STEPS, Camera, Expand, Penalty, Post, Rerank, Time, Tracks
from platefree.types import Embeddings, Sightings

CLOSE = 3e-6
WINDOW = 40.0
OPTIONS = Post(
    expand=Expand(radius=0.25), rerank=Rerank(k1=6, k2=3, lambda_=0.4), time=Time(seconds=WINDOW)
)
N = 48


def make_table(seed: int) -> Sightings:
    random = np.random.default_rng(seed)
    seconds = random.integers(0, 100, N).astype("datetime64[s]").astype("datetime64[ms]")
    seconds[random.random(N) < 0.1] = "NaT"
    columns = {
        "image": [f"{row}.jpg" for row in range(N)],
        "vehicle": random.choice(["1", "2", "3", "4", "5", "6"], N),
        "camera": random.choice(["", "a", "b", "c"], N, p=[0.1, 0.3, 0.3, 0.3]),
        "track": random.choice(["", "1", "2", "3"], N),
        "time": seconds,
    }
    return Sightings.from_columns(Path(), columns)


def make_embeddings(table: Sightings, names: str, seed: int) -> Embeddings:
    random = np.random.default_rng(seed)
    centres = random.standard_normal((len(names), 7, 8))
    numbers = table.vehicle.astype(int)
    spaces = {}
    for place, name in enumerate(names):
        rows = centres[place, numbers] + 0.7 * random.standard_normal((N, 8))
        spaces[name] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return Embeddings(spaces, table, "m")


def mixed(query: Embeddings, gallery: Embeddings) -> NDArray[np.float32]:
    """Two spaces: one of them for pictures whose other space disagrees in its first sign."""
    near = cosine_distance(query.spaces["a"], gallery.spaces["a"])
    far = cosine_distance(query.spaces["b"], gallery.spaces["b"])
    side = query.spaces["b"][:, :1] > 0, gallery.spaces["b"][:, :1] > 0
    return np.where(side[0] == side[1].T, near, far)


class SlowChain:
    """What a chain should give, one picture after another."""

    def __init__(self, embeddings: Embeddings, trial: Trial, steps: tuple[str, ...]) -> None:
        self.embeddings, self.trial = embeddings, trial
        self.table = embeddings.sightings
        self.query = [dict(self.row(row)) for row in trial.query]
        if "expand" in steps:
            self.expand()
        self.result = self.reranked() if "rerank" in steps else self.plain()
        for number, row in enumerate(trial.query):
            for place, other in enumerate(trial.gallery):
                if "penalty" in steps and self.same_camera(row, other):
                    self.result[number, place] += 0.1
                own = "tracks" in steps and other == row
                camera = "camera" in steps and self.same_camera(row, other)
                time = "time" in steps and self.long_after(row, other)
                if own or camera or time:
                    self.result[number, place] = inf
        if "tracks" in steps:
            self.share()

    def row(self, row: int) -> dict[str, NDArray[np.float64]]:
        return {name: rows[row].astype(np.float64) for name, rows in self.embeddings.spaces.items()}

    def distance(
        self, one: dict[str, NDArray[np.float64]], other: dict[str, NDArray[np.float64]]
    ) -> float:
        name = "main"
        if "main" not in one:
            name = "a" if (one["b"][0] > 0) == (other["b"][0] > 0) else "b"
        return float(np.clip(1 - one[name] @ other[name], 0, 2))

    def expand(self) -> None:
        before, self.moved = self.query, 0
        between = np.array([[self.distance(one, other) for other in before] for one in before])
        clusters = slow_clusters(between, OPTIONS.expand.radius, OPTIONS.expand.smallest)
        self.query = []
        for number, query in enumerate(before):
            like = [each for each in range(len(before)) if clusters[each] == clusters[number] >= 0]
            if not like:
                self.query.append(query)
                continue
            self.moved += 1
            total = {name: sum(before[each][name] for each in like) for name in query}
            unit = {name: row / np.sqrt((row**2).sum()) for name, row in total.items()}
            self.query.append(unit)

    def plain(self) -> NDArray[np.float64]:
        gallery = [self.row(row) for row in self.trial.gallery]
        return np.array([[self.distance(one, other) for other in gallery] for one in self.query])

    def reranked(self) -> NDArray[np.float64]:
        """Points are the gallery, and the queries that are no gallery picture, or no longer."""
        rows = self.trial.gallery.tolist()
        points = [self.row(row) for row in rows]
        place_of = []
        for row, query in zip(self.trial.query, self.query, strict=True):
            same = all((query[name] == value).all() for name, value in self.row(row).items())
            if row in rows and same:
                place_of.append(rows.index(row))
            else:
                place_of.append(len(points))
                points.append(query)
        distance = np.array([[self.distance(one, other) for other in points] for one in points])
        result = np.empty((len(self.query), len(rows)))
        for number, place in enumerate(place_of):
            order = [place] + [each for each in range(len(points)) if each != place]
            options = OPTIONS.rerank
            final = slow_k_reciprocal(
                distance[np.ix_(order, order)], 1, options.k1, options.k2, options.lambda_
            )[0]
            of_point = dict(zip(order[1:], final, strict=True)) | {place: 0.0}
            result[number] = [of_point[each] for each in range(len(rows))]
        return result

    def same_camera(self, row: int, other: int) -> bool:
        return bool(self.table.camera[row] == self.table.camera[other] != "")

    def long_after(self, row: int, other: int) -> bool:
        between = self.table.time[row] - self.table.time[other]
        return not np.isnat(between) and abs(between) > np.timedelta64(int(WINDOW), "s")

    def share(self) -> None:
        table = self.table
        before = self.result.copy()
        for number in range(len(before)):
            for place, row in enumerate(self.trial.gallery):
                mates = [
                    each
                    for each, other in enumerate(self.trial.gallery)
                    if each == place
                    or (
                        (table.camera[row], table.track[row])
                        == (table.camera[other], table.track[other])
                        and table.track[row] != ""
                    )
                ]
                if before[number, place] < inf:
                    self.result[number, place] = min(before[number, each] for each in mates)


# The first two change embeddings before a chain starts: see test_post_embedded.
IN_CHAIN = STEPS[2:]
CHAINS = [chain for count in range(3) for chain in combinations(IN_CHAIN, count)] + [IN_CHAIN]


@pytest.mark.parametrize("steps", CHAINS, ids=",".join)
@pytest.mark.parametrize("spaces", ["main", "ab"])
def test_a_chain_is_what_loops_over_its_steps_give(
    steps: tuple[str, ...], spaces: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = len(steps)
    table = make_table(seed)
    embeddings = make_embeddings(table, ["main"] if spaces == "main" else "ab", seed)
    comparison = ONLY_SPACE if spaces == "main" else By(mixed)
    both = Trial("each → some", np.arange(20), np.arange(10, N))  # ten are query and gallery
    monkeypatch.setattr(score, "_BLOCK_BYTES", 4 * len(both.gallery) * 7)
    chain = make_chain(OPTIONS.with_steps(steps), table, comparison)
    blocks = list(chain.blocks(embeddings, both))
    found = np.concatenate([block for _, block in blocks])
    assert [rows.start for rows, _ in blocks] == sorted(rows.start for rows, _ in blocks)
    slow = SlowChain(embeddings, both, steps)
    if "expand" in steps:
        assert 0 < slow.moved < len(both.query)
    np.testing.assert_array_equal(np.isinf(found), np.isinf(slow.result))
    np.testing.assert_allclose(found, slow.result, rtol=0, atol=CLOSE)


def test_what_looks_like_the_cameras_and_views_of_the_query_is_moved_away() -> None:
    table = make_table(4)
    embeddings = make_embeddings(table, ["main"], 4)
    by_camera, by_view = (make_embeddings(table, ["main"], seed) for seed in (14, 24))
    trial = Trial("", np.arange(9), np.arange(5, N))
    options = Penalty(camera=0.1, camera_model="a", view=0.25, view_model="b")
    post = Post(steps=["penalty"], penalty=options)
    alike = {"camera": Looks(by_camera, ONLY_SPACE), "view": Looks(by_view, ONLY_SPACE)}
    chain = make_chain(post, table, ONLY_SPACE, alike=alike)
    ((_, found),) = chain.blocks(embeddings, trial)
    rows = [each.spaces["main"].astype(np.float64) for each in (embeddings, by_camera, by_view)]
    for number, query in enumerate(trial.query):
        published, ours = [], []
        for place, other in enumerate(trial.gallery):
            vehicle, camera, view = (1 - each[query] @ each[other] for each in rows)
            published.append(vehicle - 0.1 * camera - 0.25 * view)  # VOC-ReID subtracts distances
            ours.append(found[number, place])
        np.testing.assert_allclose(np.array(ours) - 0.35, published, rtol=0, atol=CLOSE)
    poor = Post(steps=["penalty"], penalty=Penalty(view=0.1))
    with pytest.raises(DataError, match=facts("'penalty'", "'view'")):
        trial.check_post(poor, table)
    trial.check_post(post, table)


@pytest.mark.parametrize("steps", ["", "rerank", "rerank,camera"])
def test_a_track_is_as_near_as_its_best_picture_after_all_steps(steps: str) -> None:
    table = make_table(3)
    embeddings = make_embeddings(table, ["main"], 3)
    starts = np.array([0, 5, 6, 20])
    pictures = Trial("images", np.arange(10), np.arange(10, N))
    tracks = Trial("tracks", pictures.query, pictures.gallery, tracks=starts)
    chain = make_chain(OPTIONS.with_steps(steps.split(",") if steps else []), table, ONLY_SPACE)
    (_, to_pictures), (_, to_tracks) = (
        next(chain.blocks(embeddings, trial)) for trial in (pictures, tracks)
    )
    ends = [*starts[1:], len(pictures.gallery)]
    for query in range(10):
        for track, (start, end) in enumerate(zip(starts, ends, strict=True)):
            assert to_tracks[query, track] == min(to_pictures[query, start:end])


def test_neighbours_expand_a_query_but_its_own_picture_does_not() -> None:
    table = make_table(5)
    embeddings = make_embeddings(table, ["main"], 5)
    rows = embeddings.spaces["main"].astype(np.float64)
    options = Expand(by="neighbours", neighbours=3, alpha=2.0)
    everything = Trial("each → all others", np.arange(N), np.arange(N))
    chain = make_chain(Post(steps=["expand"], expand=options), table, ONLY_SPACE)
    ((_, found),) = chain.blocks(embeddings, everything)
    for query in range(N):
        others = sorted((each for each in range(N) if each != query), key=lambda each, q=query: (
            -rows[q] @ rows[each]
        ))[:3]  # fmt: skip
        total = rows[query] + sum((rows[query] @ rows[each]) ** 2 * rows[each] for each in others)
        expected = 1 - rows @ total / np.sqrt((total**2).sum())
        np.testing.assert_allclose(found[query], expected, rtol=0, atol=CLOSE)


@pytest.mark.parametrize("steps", ["tracks", "expand,tracks", "rerank,tracks"])
def test_tracks_may_be_compared_by_their_mean(steps: str) -> None:
    table = make_table(9)
    embeddings = make_embeddings(table, ["main"], 9)
    trial = Trial("", np.arange(12), np.arange(12, N))
    rows = embeddings.spaces["main"].astype(np.float64)
    averaged = rows.copy()
    for one in trial.gallery:
        mates = [
            other
            for other in trial.gallery
            if other == one
            or (
                (table.camera[one], table.track[one]) == (table.camera[other], table.track[other])
                and table.track[one] != ""
            )
        ]
        total = sum(rows[each] for each in mates)
        averaged[one] = total / np.sqrt((total**2).sum())
    assert (averaged != rows).any()
    spaces = {"main": averaged.astype(np.float32)}
    before = SlowChain(Embeddings(spaces, table, "m"), trial, tuple(steps.split(",")))
    post = OPTIONS.with_steps(steps).model_copy(update={"tracks": Tracks(by="mean")})
    chain = make_chain(post, table, ONLY_SPACE)
    ((_, found),) = chain.blocks(embeddings, trial)
    np.testing.assert_allclose(found, before.result, rtol=0, atol=CLOSE)


def test_a_second_model_tells_cameras_apart() -> None:
    table = make_table(6)
    embeddings = make_embeddings(table, ["main"], 6)
    seen = np.random.default_rng(6).integers(0, 3, N)
    by_camera = np.eye(3, dtype=np.float32)[seen]
    options = Post(steps=["camera"], camera=Camera(model="x", radius=0.1, smallest=2))
    trial = Trial("", np.arange(9), np.arange(9, N))
    guessed = cluster_cameras(Embeddings({"main": by_camera}, table, "cameras"), 0.1, 2)
    chain = make_chain(options, table, ONLY_SPACE, guessed)
    ((_, found),) = chain.blocks(embeddings, trial)
    np.testing.assert_array_equal(np.isinf(found), seen[:9, None] == seen[9:])


def test_a_removed_match_is_never_found_before_anything_else() -> None:
    random = np.random.default_rng(0)
    vehicles = random.integers(0, 4, 9), random.integers(0, 4, 30)
    distance = random.random((9, 30)).astype(np.float32)
    distance[random.random((9, 30)) < 0.5] = inf
    labels = PairLabels.encode(*vehicles)
    blocks = [(slice(0, 4), distance[:4].copy()), (slice(4, 9), distance[4:].copy())]
    for rows, block in sink_removed(blocks, labels):
        metrics = score_block(block, labels, rows)
        for number, query in enumerate(range(rows.start, rows.stop)):
            right = vehicles[1] == vehicles[0][query]
            lost = np.isinf(distance[query])
            order = sorted(range(30), key=lambda g, q=query: (  # removed, and of these the matches
                bool(lost[g]), bool(lost[g] and right[g]), distance[q, g], g
            ))  # fmt: skip
            ranks = [rank for rank, g in enumerate(order, 1) if right[g]]
            expected = np.mean([n / rank for n, rank in enumerate(ranks, 1)])
            assert metrics.average_precision[number] == pytest.approx(expected)
            assert metrics.first_match[number] == ranks[0]


def test_steps_by_name() -> None:
    post = OPTIONS.with_steps("rerank, expand")
    assert (post.steps, post.name, post.rerank) == (
        ["rerank", "expand"],
        "rerank,expand",
        OPTIONS.rerank,
    )
    assert [each.name for each in post.prefixes()] == ["none", "rerank", "rerank,expand"]
    assert post.with_steps("none").describe() == "none"
    assert post.describe() == (
        "rerank, expand: rerank k-reciprocal, k1 6, k2 3, lambda 0.4; "
        "expand clusters of queries, radius 0.25, smallest 2"
    )
    for wrong, message in (("rerunk", ("'rerunk'", "rerank")), ("", ("step ''", "rerank"))):
        with pytest.raises(RecipeError, match=facts(message)):
            post.with_steps(wrong)
    with pytest.raises(RecipeError, match=facts("step twice", "expand,expand")):
        post.with_steps("expand,expand")


@pytest.mark.parametrize(
    ("step", "column", "side"),
    [
        ("camera", "camera", "queries"),
        ("camera", "camera", "gallery pictures"),
        ("time", "time", "gallery pictures"),
        ("tracks", "track", "gallery pictures"),
    ],
)
def test_what_a_table_cannot_support_is_refused(step: str, column: str, side: str) -> None:
    table = make_table(0)
    trial = Trial("", np.arange(10), np.arange(10, N))
    columns = {name: getattr(table, name).copy() for name in ("image", "camera", "track", "time")}
    rows = trial.query if side == "queries" else trial.gallery
    columns[column][rows] = "NaT" if column == "time" else ""
    poor = Sightings.from_columns(Path(), columns)
    trial.check_post(OPTIONS.with_steps(step), table)
    trial.check_post(OPTIONS.with_steps("expand,rerank"), poor)
    with pytest.raises(DataError, match=facts(f"'{step}'", f"column '{column}'", side)):
        trial.check_post(OPTIONS.with_steps(step), poor)
    if step == "camera":
        guessed = Post(steps=["camera"], camera=Camera(model="x"))
        trial.check_post(guessed, poor)
