"""Query and gallery of VeRi-776 and VERI-Wild: lists, junk, the camera rule, and tracks."""

from pathlib import Path

import numpy as np
import pytest
from comparisons import By
from loops import distances, figures, match_ranks, random_embeddings, similarity
from messages import facts

from platefree.data.dataset import DataSet
from platefree.errors import ProtocolError
from platefree.evaluation import score
from platefree.evaluation.score import score_trial
from platefree.evaluation.set_protocols import make_plan
from platefree.types import Sightings


def veri(junk: bool = True, tracks: bool = True, seed: int = 0) -> DataSet:
    """A set such as VeRi-776: queries are in the gallery too, tracks number anew per camera."""
    random = np.random.default_rng(seed)
    n = 160
    columns = {
        "image": [f"image_test/{row}.jpg" for row in range(n)],
        "vehicle": random.choice(["1", "2", "3", "4", "5"], n),
        "camera": random.choice(["c1", "c2", "c3", ""], n, p=[0.3, 0.3, 0.3, 0.1]),
        "split": ["train"] * 30 + ["gallery"] * (n - 30),
    }
    if tracks:
        columns["track"] = random.choice(["1", "2", ""], n, p=[0.45, 0.45, 0.1])
    gallery = np.arange(30, n)
    query = random.choice(gallery, 25, replace=False)
    listed = tuple(random.choice(n, random.integers(0, 9), replace=False) for _ in query)
    return DataSet(
        "veri-776",
        Sightings.from_columns(Path(), columns),
        lists={"query": query, "gallery": gallery},
        ignored={"query": listed} if junk else {},
    )


def ignored_by_camera(table: Sightings, query: int, row: int) -> bool:
    same = table.vehicle[query] == table.vehicle[row]
    return bool(same and table.camera[query] == table.camera[row] != "")


@pytest.mark.parametrize("seed", range(5))
def test_junk_own_pictures_and_own_cameras_are_not_counted(seed: int) -> None:
    data = veri(seed=seed)
    table, embeddings = data.table, random_embeddings(data.table)
    images, _ = make_plan(data).trials
    queries = []
    for query, junk in zip(data.rows("query"), data.ignored["query"], strict=True):
        by_row = {row: similarity(embeddings, query, row) for row in data.rows("gallery")}
        queries.append(
            match_ranks(
                by_row,
                lambda row, q=query: table.vehicle[row] == table.vehicle[q],
                lambda row, q=query, j=junk: (
                    row != q and row not in j and not ignored_by_camera(table, q, row)
                ),
            )
        )
    expected, found = figures(queries), score_trial(embeddings, images, By(distances))
    assert found.mAP == pytest.approx(expected["mAP"])
    assert found.cmc[0] == pytest.approx(expected["rank-1"])
    assert (~found.valid).sum() == expected["without"]
    without_junk = score_trial(
        embeddings, make_plan(veri(False, seed=seed)).trials[0], By(distances)
    )
    assert without_junk.mAP != pytest.approx(found.mAP)


@pytest.mark.parametrize("seed", range(5))
def test_a_track_is_as_similar_as_its_best_picture(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = veri(junk=False, seed=seed)
    table, embeddings = data.table, random_embeddings(data.table)
    _, trial = make_plan(data).trials
    assert trial.test == "tracks"
    queries = []
    for query in data.rows("query"):
        by_track: dict[tuple[str, str, str], float] = {}
        own = None
        for row in data.rows("gallery"):
            key = str(table.vehicle[row]), str(table.camera[row]), str(table.track[row])
            if key[2]:
                best = by_track.get(key, -2.0)
                by_track[key] = max(best, similarity(embeddings, query, row))
                own = key if row == query else own
        vehicle, camera = str(table.vehicle[query]), str(table.camera[query])
        queries.append(
            match_ranks(
                by_track,
                lambda key, v=vehicle: key[0] == v,
                lambda key, v=vehicle, c=camera, o=own: (
                    key != o and not (key[0] == v and key[1] == c != "")
                ),
            )
        )
    expected = figures(queries)
    monkeypatch.setattr(score, "_BLOCK_BYTES", 4 * len(trial.gallery) * 7)
    monkeypatch.setattr(score, "_GALLERY_BYTES", 4 * 6 * 11)  # several parts of the gallery too
    found = score_trial(embeddings, trial, By(distances))
    assert found.mAP == pytest.approx(expected["mAP"])
    assert found.cmc[0] == pytest.approx(expected["rank-1"])
    assert found.cmc[4] == pytest.approx(expected["rank-5"])
    assert len(trial.searched) == len(trial.tracks) == len(by_track)


def test_blocks_of_queries_and_parts_of_the_gallery_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = veri()
    embeddings = random_embeddings(data.table)
    trial = make_plan(data).trials[0]
    whole = score_trial(embeddings, trial, By(distances))
    monkeypatch.setattr(score, "_BLOCK_BYTES", 4 * len(trial.gallery) * 4)
    monkeypatch.setattr(score, "_GALLERY_BYTES", 4 * 6 * 17)
    parts = score_trial(embeddings, trial, By(distances))
    np.testing.assert_array_equal(whole.first_match, parts.first_match)
    np.testing.assert_allclose(whole.average_precision, parts.average_precision)


def test_every_list_of_veri_wild_is_a_test_and_only_its_pictures_are_needed() -> None:
    data = veri(junk=False)
    lists = {"query_3": np.array([40, 41]), "gallery_3": np.arange(50, 70)}
    lists |= {
        "query_All": np.array([42]),
        "gallery_All": np.arange(60, 90),
        "query_x": lists["query_3"],
    }
    wild = DataSet("veri-wild-2", data.table, lists)
    plan = make_plan(wild)
    assert plan.protocol == "query-gallery"
    assert [(t.test, t.query.tolist(), t.gallery.tolist()) for t in plan.trials] == [
        ("3", [40, 41], list(range(50, 70))),
        ("All", [42], list(range(60, 90))),
    ]
    assert plan.rows.tolist() == [40, 41, 42, *range(50, 90)]
    one = make_plan(wild, tests=["All"])
    assert [trial.test for trial in one.trials] == ["All"]
    assert one.rows.tolist() == [42, *range(60, 90)]
    with pytest.raises(ProtocolError, match=facts("veri-wild-2", "test 'B'", "3, All")):
        make_plan(wild, tests=["B"])


def test_without_lists_the_splits_are_query_and_gallery() -> None:
    data = veri()
    split = np.array(["train"] * 30 + ["query"] * 25 + ["gallery"] * 105)
    columns = {name: getattr(data.table, name) for name in ("image", "vehicle", "camera", "track")}
    table = Sightings.from_columns(Path(), {**columns, "split": split})
    images, tracks = make_plan(DataSet("veri-776", table, ignored=data.ignored)).trials
    assert images.query.tolist() == tracks.query.tolist() == list(range(30, 55))
    assert images.ignored is not None
    assert images.ignored.row[images.ignored.query == 3].tolist() == list(data.ignored["query"][3])


def test_what_a_set_cannot_support_is_refused() -> None:
    with pytest.raises(
        ProtocolError, match=facts("column 'track'", "130 gallery pictures", "query-gallery")
    ):
        make_plan(veri(tracks=False), "image-to-track")
    assert [trial.test for trial in make_plan(veri(tracks=False)).trials] == ["images"]
    short = veri()
    short = DataSet(short.name, short.table, short.lists, ignored={"query": (np.array([1]),)})
    with pytest.raises(ProtocolError, match=facts("veri-776", "1 query", "'query'", "25")):
        make_plan(short)
    hidden = Sightings.from_columns(
        Path(),
        {
            "image": [f"{row}.jpg" for row in range(8)],
            "vehicle": ["a", "a", "b", "b", "", "", "", ""],
            "split": ["train"] * 4 + ["query"] * 2 + ["gallery"] * 2,
        },
    )
    with pytest.raises(ProtocolError, match=facts("'vehicle'", "two vehicles", "found 0")):
        make_plan(DataSet("cityflow", hidden))
    listed = DataSet("cityflow", hidden, {"query": np.array([4, 5]), "gallery": np.array([6, 7])})
    with pytest.raises(ProtocolError, match=facts("column 'vehicle'", "2 queries", "--hold-out")):
        make_plan(listed)
