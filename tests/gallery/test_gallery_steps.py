"""Steps on the nearest sightings of a store, against loops over all of its rows in float64.

The store holds fewer sightings than are candidates, so the loops see the same rows, unless a test
is about that.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loops import slow_k_reciprocal
from messages import says
from numpy.typing import NDArray
from test_store_contract import STORES, VIEWS, Make, drawn, whole
from test_stores import meets

import platefree as pf
from platefree.errors import DataError
from platefree.evaluation.post_chain import make_chain
from platefree.evaluation.trial import Trial
from platefree.gallery import candidates
from platefree.gallery.feedback import NO_WEIGHT, YES_WEIGHT, Feedback
from platefree.gallery.search import answer
from platefree.gallery.stored_query import StoredQuery
from platefree.ranking.comparison import ONLY_SPACE, Comparison
from platefree.ranking.homogeneous import Euclidean
from platefree.ranking.joined_spaces import WeightedMean
from platefree.recipes.post import Expand, Post, Rerank, Time
from platefree.types import Embeddings, Sightings

OPTIONS = Post(
    expand=Expand(by="neighbours", neighbours=4, alpha=2.0),
    rerank=Rerank(k1=6, k2=3, lambda_=0.4),
    time=Time(seconds=12 * 3600.0),
)
TWO_SPACES = VIEWS["same-different"]
SIZES = {"main": {"main": 8}, "views": {"same_view": 6, "different_view": 6, "view": 3}}
COMPARISONS: dict[str, Comparison] = {"main": ONLY_SPACE, "views": TWO_SPACES}


@pytest.fixture(params=["memory", "lance"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    made = STORES[request.param]
    return lambda first, comparison: made(tmp_path / "store", first, comparison)


def searched(
    store: pf.Store,
    query: Embeddings,
    comparison: Comparison,
    **options: Any,  # noqa: ANN401
) -> list[tuple[int, float]]:
    """Number and similarity of each hit."""
    model = StoredQuery(query, comparison, "query")
    hits = answer(model, query.sightings, store, **options).hits
    return [(hit.number if hit.number is not None else -1, hit.similarity) for hit in hits]


Rows = dict[str, NDArray[np.float64]]


class Slow:
    """What a search should give, one picture after another."""

    def __init__(self, store: pf.Store, comparison: Comparison, where: pf.Filter) -> None:
        numbers, stored = whole(store)
        met = np.array([row for row in range(len(stored)) if meets(where, stored.sightings, row)])
        self.numbers, self.gallery = numbers[met].tolist(), stored.take(met)
        self.table, self.comparison = self.gallery.sightings, comparison

    def row(self, embeddings: Embeddings, row: int) -> Rows:
        return {name: rows[row].astype(np.float64) for name, rows in embeddings.spaces.items()}

    def distance(self, one: Rows, other: Rows) -> float:
        name = "main"
        if "view" in one:
            same = one["view"].argmax() == other["view"].argmax()
            name = "same_view" if same else "different_view"
        return float(np.clip(1 - one[name] @ other[name], 0, 2))

    def hits(self, query: Embeddings, steps: str) -> list[int]:
        of_query, table = query.sightings, self.table
        rows = [self.row(self.gallery, row) for row in range(len(table))]
        asked = self.row(query, 0)
        nearest = sorted(range(len(rows)), key=lambda row: (self.distance(asked, rows[row]), row))
        if "expand" in steps:
            moved = {}
            for name, one in asked.items():
                total = one.copy()
                for row in nearest[:4]:
                    total += max(float(one @ rows[row][name]), 0) ** 2 * rows[row][name]
                moved[name] = total / np.sqrt((total**2).sum())
            asked = moved
        final = [self.distance(asked, row) for row in rows]
        if "rerank" in steps:
            points = [asked, *rows]
            between = np.array([[self.distance(one, other) for other in points] for one in points])
            if "view" not in asked:  # the squared Euclidean distance of the paper
                between = 2 * between
            final = slow_k_reciprocal(between, 1, 6, 3, 0.4)[0].tolist()
        order = sorted(range(len(rows)), key=lambda row: (final[row], row))
        if "camera" in steps:
            order = [row for row in order if not self.is_own_camera(of_query, row)]
        if "time" in steps:
            order = [row for row in order if not self.is_long_after(of_query, row)]
        if "tracks" in steps:
            order = [
                row
                for place, row in enumerate(order)
                if not any(self.is_same_pass(row, other) for other in order[:place])
            ]
        return [self.numbers[row] for row in order]

    def is_own_camera(self, query: Sightings, row: int) -> bool:
        return bool(self.table.camera[row] == query.camera[0] != "")

    def is_long_after(self, query: Sightings, row: int) -> bool:
        between = self.table.time[row] - query.time[0]
        return not np.isnat(between) and abs(between) > np.timedelta64(12, "h")

    def is_same_pass(self, row: int, other: int) -> bool:
        named = (self.table.source, self.table.camera, self.table.track)
        return self.table.track[row] != "" and all(each[row] == each[other] for each in named)


STEPS = ("expand", "camera", "time", "rerank", "tracks")
CHAINS = [",".join(chain) for count in (0, 1, 2, 5) for chain in combinations(STEPS, count)]
NARROW = pf.Filter(cameras=["gate", ""], until="2026-05-03")


def known(query: Embeddings) -> Embeddings:
    """The query by a known camera at a known time."""
    time = np.array(["2026-05-02T10:00"] * len(query), "datetime64[ms]")
    camera = np.array(["gate"] * len(query))
    return replace(query, sightings=replace(query.sightings, camera=camera, time=time))


@pytest.mark.parametrize("spaces", SIZES)
@pytest.mark.parametrize("steps", CHAINS)
def test_steps_are_those_of_the_loops(make: Make, steps: str, spaces: str) -> None:
    comparison = COMPARISONS[spaces]
    store = make(drawn(1, 70, **SIZES[spaces]), comparison)
    query = known(drawn(2, 1, **SIZES[spaces]))
    post = OPTIONS.with_steps(steps or "none")
    for where in (pf.Filter(), NARROW):
        wanted = Slow(store, comparison, where).hits(query, steps)
        assert 1 < len(wanted) <= 70
        for top in (4, 70):
            hits = searched(store, query, comparison, post=post, where=where, top=top)
            assert [number for number, _ in hits] == wanted[:top]


@pytest.mark.parametrize("spaces", SIZES)
@pytest.mark.parametrize("steps", ["expand,camera,time,rerank,tracks", "time,tracks", "expand"])
def test_a_search_is_what_an_evaluation_of_the_same_rows_ranks(
    make: Make, steps: str, spaces: str
) -> None:
    comparison = COMPARISONS[spaces]
    store = make(drawn(3, 60, **SIZES[spaces]), comparison)
    numbers, stored = whole(store)
    query = known(drawn(4, 3, **SIZES[spaces]))
    columns = {
        name: np.concatenate([getattr(each.sightings, name) for each in (query, stored)])
        for name in ("image", "camera", "track", "source", "time")
    }
    table = Sightings.from_columns(Path("/"), columns)
    both = Embeddings(
        {name: np.concatenate([query.spaces[name], stored.spaces[name]]) for name in SIZES[spaces]},
        table,
        "m",
    )
    chain = make_chain(OPTIONS.with_steps(steps), table, comparison)
    for row in range(3):  # queries that are scored together are points of one re-ranking
        ((_, (distances,)),) = chain.blocks(both, Trial("", np.array([row]), np.arange(3, 63)))
        order = np.lexsort((np.arange(60), distances))
        left = [place for place in order.tolist() if np.isfinite(distances[place])]
        one = query.take(np.array([row]))
        post = OPTIONS.with_steps(steps)
        hits = searched(store, one, comparison, post=post, top=60)
        passes = [(stored.sightings.camera[p], stored.sightings.track[p]) for p in range(60)]
        place_of = {int(number): place for place, number in enumerate(numbers.tolist())}
        found = [place_of[number] for number, _ in hits]
        if "tracks" not in steps:
            assert found == left
        else:  # an evaluation ranks all pictures of a pass at the distance of the nearest
            every = [place if passes[place][1] == "" else passes[place] for place in left]
            shown = [place if passes[place][1] == "" else passes[place] for place in found]
            assert shown == list(dict.fromkeys(every))


@pytest.mark.parametrize("steps", ["camera", "time", "tracks", "rerank,camera"])
def test_steps_that_remove_look_further(
    make: Make, steps: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the rules allow is found behind hundreds of nearer pictures that they do not."""
    monkeypatch.setattr(candidates, "CANDIDATES", 10)
    monkeypatch.setattr(candidates, "MOST_CANDIDATES", 60)
    first = drawn(5, 70)
    query = known(drawn(6, 1))
    near = np.argsort(-(first.spaces["main"] @ query.spaces["main"][0]))
    camera, track, time = (getattr(first.sightings, n).copy() for n in ("camera", "track", "time"))
    camera[:], track[:] = "ramp", ""
    camera[near[:48]], track[near[:48]] = "gate", "7"
    time[:] = query.sightings.time[0]
    time[near[:48]] = np.datetime64("2020-01-01", "ms")
    table = replace(first.sightings, camera=camera, track=track, time=time)
    store = make(replace(first, sightings=table), ONLY_SPACE)
    numbers, _ = whole(store)
    model = StoredQuery(query, ONLY_SPACE, "query")
    post = OPTIONS.with_steps(steps)
    found = answer(model, query.sightings, store, post=post, top=8)
    assert len(found.hits) == 8
    assert found.candidates == 60  # 10, 40, and no more than there may be
    wanted = set(numbers[near[48:60]].tolist())
    if steps == "tracks":
        assert found.hits[0].number == numbers[near[0]]
        wanted.add(int(numbers[near[0]]))
    assert {hit.number for hit in found.hits} <= wanted
    assert found.cautions == []
    few = answer(model, query.sightings, store, post=post, top=20)
    assert 0 < len(few.hits) < 20
    assert says(few.cautions[0], len(few.hits), 60, "--where")


def test_of_several_pictures_one_stands_for_a_pass(make: Make) -> None:
    """The pass is found by both query pictures, by different pictures of it."""
    first, query = drawn(7, 50), drawn(8, 2)
    track = np.array([str(row % 5) for row in range(50)])
    camera = np.array(["gate"] * 50)
    table = replace(first.sightings, track=track, camera=camera)
    store = make(replace(first, sightings=table), ONLY_SPACE)
    numbers, stored = whole(store)
    similar = (stored.spaces["main"] @ query.spaces["main"].T).max(axis=1)
    best = [max(range(of, 50, 5), key=lambda row: similar[row]) for of in range(5)]
    wanted = sorted(best, key=lambda row: -similar[row])
    hits = searched(store, query, ONLY_SPACE, post="tracks", top=50)
    assert [number for number, _ in hits] == numbers[wanted].tolist()


KINDS: dict[str, tuple[Comparison, dict[str, int]]] = {
    "main": (ONLY_SPACE, SIZES["main"]),
    "views": (TWO_SPACES, SIZES["views"]),
    "euclidean": (Euclidean("main"), {"main": 6}),
    "mean": (
        WeightedMean((ONLY_SPACE, TWO_SPACES), (0.3, 0.7)),
        {"0-main": 4, "1-same_view": 6, "1-different_view": 6, "1-view": 3},
    ),
}
SAYS: dict[str, Callable[[list[int]], Feedback]] = {
    "yes and no": lambda numbers: Feedback(yes=numbers[3:5], no=numbers[:2]),
    "yes": lambda numbers: Feedback(yes=numbers[7:8]),
    "no": lambda numbers: Feedback(no=numbers[:3]),
}


@pytest.mark.parametrize("said", SAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_feedback_is_the_published_formula(make: Make, kind: str, said: str) -> None:
    comparison, sizes = KINDS[kind]
    first, query = drawn(9, 60, **sizes), drawn(10, 1, **sizes)
    if kind == "euclidean":  # whose last number is above 0
        first, query = (
            replace(each, spaces={"main": np.abs(each.spaces["main"])}) for each in (first, query)
        )
    store = make(first, comparison)
    before = searched(store, query, comparison, top=60)
    feedback = SAYS[said]([number for number, _ in before])
    numbers, stored = whole(store)
    place = {int(number): row for row, number in enumerate(numbers.tolist())}
    moved = {}
    for name, rows in query.spaces.items():
        total = rows[0].astype(np.float64)
        for marked, weight in ((feedback.yes, YES_WEIGHT), (feedback.no, -NO_WEIGHT)):
            if kind != "euclidean" or weight > 0:
                for number in marked:
                    total = total + weight * stored.spaces[name][place[number]] / len(marked)
        unit = (total / np.sqrt((total**2).sum())).astype(np.float32)
        moved[name] = rows if name.endswith("view") and "_" not in name else unit[None]
    distances = comparison.distances(replace(query, spaces=moved), stored)[0]
    order = sorted(range(60), key=lambda row: (distances[row], row))
    wanted = [int(numbers[row]) for row in order if int(numbers[row]) not in feedback.no]
    after = searched(store, query, comparison, top=60, feedback=feedback)
    assert [number for number, _ in after] == wanted
    assert len(after) == 60 - len(feedback.no)
    similarity = dict(before)  # to what was asked for, whatever was said of the hits
    for number, similar in after:
        assert similar == pytest.approx(similarity[number], abs=1e-5)
    least = sorted(similarity.values())[30]
    some = searched(
        store, query, comparison, top=60, feedback=feedback, where=pf.Filter(at_least=least)
    )
    assert [number for number, _ in some] == [n for n in wanted if similarity[n] >= least - 1e-6]


def test_a_least_similarity_with_feedback_looks_further(make: Make) -> None:
    store, query = make(drawn(9, 300), ONLY_SPACE), drawn(10, 1)
    before = searched(store, query, ONLY_SPACE, top=300)
    feedback = Feedback(yes=[before[150][0]], no=[before[0][0]])
    least = before[12][1] - 1e-6
    where = pf.Filter(at_least=least)
    found = searched(store, query, ONLY_SPACE, top=12, feedback=feedback, where=where)
    assert {number for number, _ in found} == {number for number, _ in before[1:13]}


def test_feedback_with_steps_and_several_pictures(make: Make) -> None:
    store = make(drawn(11, 60), ONLY_SPACE)
    query = drawn(12, 2)
    before = [number for number, _ in searched(store, query, ONLY_SPACE, top=60)]
    feedback = Feedback(yes=before[5:6], no=before[:2])
    for post in ("none", "expand,rerank", "tracks"):
        after = searched(store, query, ONLY_SPACE, top=60, feedback=feedback, post=post)
        assert not {number for number, _ in after} & set(feedback.no)
    assert searched(store, query, ONLY_SPACE, top=1, feedback=feedback)[0][0] == before[5]


def test_feedback_that_makes_no_sense(make: Make) -> None:
    store = make(drawn(13, 5), ONLY_SPACE)
    with pytest.raises(DataError, match="7"):
        Feedback(yes=[3, 7], no=[7])
    for wrong in (Feedback(yes=[99]), Feedback(no=[99])):
        with pytest.raises(DataError, match="99"):
            searched(store, drawn(14, 1), ONLY_SPACE, feedback=wrong)
