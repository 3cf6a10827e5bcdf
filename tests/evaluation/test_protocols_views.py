"""VANet's viewpoint protocol against loops."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from comparisons import By
from loops import distances, figures, match_ranks, random_embeddings, similarity
from messages import facts

from platefree.data.dataset import DataSet, PairList
from platefree.errors import ProtocolError
from platefree.evaluation.metrics import merge_rank_metrics
from platefree.evaluation.post_chain import make_chain
from platefree.evaluation.score import score_blocks, score_trial, trial_labels
from platefree.evaluation.set_protocols import make_plan
from platefree.evaluation.trial import Trial
from platefree.ranking.comparison import ONLY_SPACE
from platefree.recipes.post import Expand, Penalty, Post, Time, Tracks
from platefree.types import Embeddings, Sightings


def seen(n: int, views: Sequence[str], seed: int) -> dict[str, object]:
    random = np.random.default_rng(seed)
    return {
        "image": [f"{row:04d}.jpg" for row in range(n)],
        "vehicle": random.choice([f"v{number}" for number in range(n // 5)], n),
        "view": random.choice(list(views), n),
    }


def by_loops(
    embeddings: Embeddings, trial: Trial, kind: str, junk: Callable[[int, int], bool]
) -> list[list[int]]:
    """The ranks of every query of known view, for one of s, d, s*, d*."""
    table = embeddings.sightings
    vehicle, view = table.vehicle, table.view

    def fits(query: int, row: int) -> bool:
        known = view[row] != ""
        return bool(known and (view[row] == view[query]) == (kind[0] == "s"))

    queries = []
    for query in trial.query:
        if view[query] == "":
            continue
        by_row = {}
        for row in trial.gallery:
            mate = vehicle[row] == vehicle[query]
            if (kind.endswith("*") or mate) and not fits(query, row):
                continue
            if not junk(query, row):
                by_row[row] = similarity(embeddings, query, row)
        queries.append(
            match_ranks(by_row, lambda row, q=query: vehicle[row] == vehicle[q], lambda _: True)
        )
    return queries


def compare(data: DataSet, junk: Callable[[int, int], bool]) -> None:
    embeddings = random_embeddings(data.table)
    usual = {(each.test, each.name): each for each in make_plan(data).trials}
    plan = make_plan(data, "views")
    assert {each.test.split()[-1][5:] for each in plan.trials} == {"s", "d", "s*", "d*"}
    for test, name in dict.fromkeys((each.test, each.name) for each in plan.trials):
        kind = test.split()[-1].removeprefix("top1_")
        of_test = [each for each in plan.trials if (each.test, each.name) == (test, name)]
        found = merge_rank_metrics(
            [score_trial(embeddings, each, By(distances)) for each in of_test]
        )
        whole = usual[(test.rpartition(" ")[0], name)]
        expected = figures(by_loops(embeddings, whole, kind, junk))
        assert found.cmc[0] == pytest.approx(expected["rank-1"])
        assert found.mAP == pytest.approx(expected["mAP"])
        assert (~found.valid).sum() == expected["without"]


@pytest.mark.parametrize("views", [["front", "rear"], ["front", "rear", "side", ""]])
def test_views_of_vehicle_id(views: list[str]) -> None:
    table = Sightings.from_columns(Path(), seen(150, views, 0))
    data = DataSet("vehicleid", table, {"test_30": np.arange(150), "test_9": np.arange(40)})
    compare(data, lambda query, row: False)


def test_views_where_a_query_has_many_matches_a_camera_and_junk() -> None:
    columns = seen(160, ["front", "rear", "side", ""], 1)
    random = np.random.default_rng(2)
    columns |= {"camera": random.choice(["1", "2", "3"], 160)}
    table = Sightings.from_columns(Path(), columns)
    query = random.choice(160, 50, replace=False)
    listed = tuple(random.choice(160, 5, replace=False) for _ in query)
    data = DataSet(
        "veri-776", table, {"query": query, "gallery": np.arange(160)}, {}, {"query": listed}
    )
    junk_of = dict(zip(query.tolist(), listed, strict=True))

    def junk(one: int, row: int) -> bool:
        same = table.vehicle[one] == table.vehicle[row] and table.camera[one] == table.camera[row]
        return bool(one == row or same or row in junk_of[int(one)])

    compare(data, junk)


def test_a_gallery_of_one_view_has_no_other_view_to_search() -> None:
    columns = seen(60, ["front"], 0)
    data = DataSet("table", Sightings.from_columns(Path(), columns))
    for trial in make_plan(data, "views").trials:
        found = score_trial(random_embeddings(data.table), trial, By(distances))
        assert found.valid.any() == (trial.test in ("top1_s", "top1_s*"))
        assert len(found.valid) == 60


def test_sets_without_views_or_searches_are_refused() -> None:
    table = Sightings.from_columns(Path(), {**seen(20, ["front"], 0), "view": [""] * 20})
    with pytest.raises(ProtocolError, match=facts("column 'view'", "20 queries")):
        make_plan(DataSet("table", table), "views")
    pairs = PairList(np.array([0, 1]), np.array([2, 3]), np.array([True, False]))
    data = DataSet("compcars", table, pairs={"easy": pairs, "train": pairs})
    with pytest.raises(ProtocolError, match=facts("compcars", "pairs", "queries and a gallery")):
        make_plan(data, "views")


STEPS: dict[str, Post] = {
    "rerank": Post(steps=["rerank"]),
    "expand": Post(steps=["expand"]),
    "clusters": Post(steps=["expand"], expand=Expand(by="clusters", radius=0.4)),
    "others": Post(steps=["expand"], expand=Expand(by="others", radius=0.4)),
    "neighbours": Post(steps=["expand"], expand=Expand(by="neighbours")),
    "camera": Post(steps=["camera"]),
    "time": Post(steps=["time"], time=Time(seconds=60)),
    "best of tracks": Post(steps=["tracks"]),
    "means of tracks": Post(steps=["tracks"], tracks=Tracks(by="mean")),
    "penalty": Post(steps=["penalty"], penalty=Penalty(camera=0.1, view=0.1)),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_view_without_gallery_pictures_leaves_its_queries_without_a_match(name: str) -> None:
    """All pictures are of one view, so no gallery of other views has any."""
    labels = {
        "vehicle": ["a", "b", "a", "b", "b"],
        "camera": ["1", "1", "2", "2", "3"],
        "split": ["query", "query", "gallery", "gallery", "gallery"],
        "track": ["t", "u", "v", "w", "w"],
        "time": np.datetime64("2026-01-01", "ms") + np.arange(5),
        "view": ["front"] * 5,
    }
    images = [f"{row}.jpg" for row in range(5)]
    table = Sightings.from_columns(Path(), {"image": images, **labels})
    embeddings = random_embeddings(table)
    trials = make_plan(DataSet("table", table), "views").trials
    chain = make_chain(STEPS[name], table, ONLY_SPACE)
    valid = {}
    for trial in trials:
        assert isinstance(trial, Trial)
        trial.check_post(STEPS[name], table)
        blocks = chain.blocks(embeddings, trial)
        valid[trial.test] = score_blocks(blocks, trial_labels(table, trial)).valid.tolist()
    assert valid == {
        "top1_s": [True] * 2,
        "top1_d": [False] * 2,
        "top1_s*": [True] * 2,
        "top1_d*": [False] * 2,
    }
