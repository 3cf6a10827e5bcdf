"""A store and its filters against loops over rows; stored embeddings in place of a network."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import facts, says

import platefree as pf
from platefree.errors import DataError, ImageError, MismatchError, RecipeError
from platefree.gallery.filters import EVERYTHING
from platefree.ranking.comparison import ONLY_SPACE, Cosine
from platefree.types import Embeddings, Sightings

START = datetime(2026, 5, 1)


def random_table(random: np.random.Generator, n: int) -> Sightings:
    minutes = random.integers(0, 3 * 24 * 60, n)
    times = np.array([np.datetime64(START + timedelta(minutes=int(m)), "ms") for m in minutes])
    times = times.astype("datetime64[ms]")
    times[random.random(n) < 0.2] = "NaT"
    columns = {
        "image": [f"{row}.jpg" for row in range(n)],
        "camera": random.choice(["", "gate", "ramp"], n),
        "type": random.choice(["", "van", "bus"], n),
        "color": random.choice(["", "red"], n),
        "view": random.choice(["", "front", "rear"], n),
        "track": random.choice(["", "1", "2"], n),
        "time": times,
    }
    return Sightings.from_columns(Path("/pictures"), columns)


def random_embeddings(seed: int, n: int) -> Embeddings:
    random = np.random.default_rng(seed)
    rows = random.standard_normal((n, 5)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Embeddings({"main": rows}, random_table(random, n), "m")


def meets(where: pf.Filter, table: Sightings, row: int) -> bool:
    """The conditions one after the other, in plain Python."""
    wanted = (
        (where.cameras, table.camera),
        (where.types, table.type),
        (where.colors, table.color),
        (where.views, table.view),
        (where.tracks, table.track),
    )
    if any(values and str(column[row]) not in values for values, column in wanted):
        return False
    moment = table.time[row].astype(datetime)
    if (where.since or where.until or where.between) and moment is None:
        return False
    if where.since and moment < datetime.fromisoformat(where.since):
        return False
    if where.until and moment >= datetime.fromisoformat(where.until):
        return False
    if where.between:
        start, end = where.between
        of_day = moment.strftime("%H:%M")
        inside = start <= of_day < end if start <= end else of_day >= start or of_day < end
        if not inside:
            return False
    return table.path(row) not in where.not_files


FILTERS = st.builds(
    pf.Filter,
    cameras=st.lists(st.sampled_from(["gate", "ramp", "dock"]), max_size=2),
    types=st.lists(st.sampled_from(["van", "bus"]), max_size=1),
    colors=st.lists(st.just("red"), max_size=1),
    views=st.lists(st.sampled_from(["front", "rear"]), max_size=1),
    tracks=st.lists(st.sampled_from(["1", "2"]), max_size=1),
    since=st.sampled_from(["", "2026-05-01T12:00", "2026-05-02"]),
    until=st.sampled_from(["", "2026-05-02T18:30", "2026-05-03"]),
    between=st.sampled_from([None, ("07:00", "19:30"), ("22:00", "06:00")]),
    not_files=st.lists(
        st.sampled_from([Path("/pictures/0.jpg"), Path("/other/1.jpg")]), max_size=2
    ),
)


@settings(deadline=None, max_examples=60)
@given(FILTERS, st.integers(0, 99))
def test_filtered_rows_are_those_of_the_loop(where: pf.Filter, seed: int) -> None:
    table = random_table(np.random.default_rng(seed), 40)
    expected = [meets(where, table, row) for row in range(40)]
    assert where.mask(table).tolist() == expected


def test_a_moment_in_another_zone() -> None:
    table = Sightings.from_columns(
        Path(), {"image": ["a", "b"], "time": ["2026-05-01T00:30", "2026-05-01T01:30"]}
    )
    where = pf.Filter(since="2026-05-01T08:00+07:00")
    assert where.mask(table).tolist() == [False, True]
    for wrong in (pf.Filter(since="yesterday"), pf.Filter(between=("7 am", "8:00"))):
        with pytest.raises(DataError, match=facts("expected for instance")):
            wrong.mask(table)


@settings(deadline=None, max_examples=30)
@given(FILTERS, st.integers(0, 99), st.integers(1, 50))
def test_a_store_searches_what_meets_the_conditions(where: pf.Filter, seed: int, top: int) -> None:
    query, gallery = random_embeddings(seed, 3), random_embeddings(seed + 1000, 40)
    store = pf.MemoryStore(gallery, ONLY_SPACE)
    found = store.search(query, where, top)
    rows = [row for row in range(40) if meets(where, gallery.sightings, row)]
    assert store.count(where) == len(rows)
    distance = Cosine().distances(query, gallery)
    for number, row in enumerate(distance):
        expected = sorted(rows, key=lambda each, row=row: (row[each], each))[:top]
        assert [index for index in found.indices[number] if index >= 0] == expected
    np.testing.assert_array_equal(
        store.get(np.array(rows, np.int64)).spaces["main"], gallery.spaces["main"][rows]
    )


def test_a_store_grows_and_forgets() -> None:
    first, second = random_embeddings(0, 10), random_embeddings(1, 6)
    store = pf.MemoryStore(first, ONLY_SPACE)
    store.add(second)
    assert store.count() == 16
    whole = store.get(np.arange(16))
    np.testing.assert_array_equal(whole.spaces["main"][10:], second.spaces["main"])
    assert whole.sightings.image[10:].tolist() == second.sightings.image.tolist()
    at_gate = pf.Filter(cameras=["gate"])
    there = int((whole.sightings.camera == "gate").sum())
    assert store.delete(at_gate) == there > 0
    assert (store.count(), store.count(at_gate)) == (16 - there, 0)
    with pytest.raises(MismatchError):
        store.add(replace(second, model="another"))
    moved = replace(second, sightings=replace(second.sightings, root=Path("/elsewhere")))
    with pytest.raises(DataError, match=facts("/elsewhere", "/pictures")):
        store.add(moved)
    assert store.delete(EVERYTHING) == 16 - there
    assert store.count() == 0


@pytest.fixture(scope="module")
def stored(drawn_table: Sightings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = pf.load_model("color_stripes")
    embeddings, _ = model.embed(drawn_table)
    folder = tmp_path_factory.mktemp("stored") / "drawn"
    return pf.save_embeddings(embeddings, folder, model.comparison)


def test_stored_embeddings_search_and_score_as_their_model(
    stored: Path, drawn_table: Sightings
) -> None:
    model, instead = pf.load_model("color_stripes"), pf.load_stored(stored)
    gallery = instead.embeddings
    for post in ("none", "rerank", "expand,tracks"):
        one, other = (
            pf.search(each, drawn_table.path(3), gallery, top=7, post=post)
            for each in (model, instead)
        )
        assert [hit.image for hit in one] == [hit.image for hit in other]
        assert [hit.similarity for hit in one] == pytest.approx([h.similarity for h in other])
    scoring = pf.Scoring(post="expand,rerank")
    by_model, by_rows = (
        pf.evaluate(each, drawn_table, "query-gallery", scoring=scoring) for each in (model, stored)
    )
    assert by_rows.figures() == by_model.figures()
    assert by_rows.model["method"] == "stored embeddings"
    assert pf.evaluate(stored).figures() == pf.evaluate(model, drawn_table).figures()
    assert "stored embeddings" in pf.save_report(by_rows, stored.parent / "r.html").read_text()


def test_a_search_where_conditions_hold(stored: Path, drawn_table: Sightings) -> None:
    instead = pf.load_stored(stored)
    where = pf.Filter(cameras=["cam2"])
    hits = pf.search(instead, drawn_table.path(0), instead.embeddings, top=50, where=where)
    expected = {drawn_table.path(int(row)) for row in np.flatnonzero(drawn_table.camera == "cam2")}
    assert {hit.image for hit in hits} == expected
    store = pf.MemoryStore(instead.embeddings, instead.comparison)
    assert pf.search(instead, drawn_table.path(0), store, top=50, where=where) == hits


def test_a_query_of_known_camera_and_time(stored: Path, drawn_table: Sightings) -> None:
    instead = pf.load_stored(stored)
    moment = np.datetime_as_string(drawn_table.time[0], unit="s")
    query = pf.query_picture(drawn_table.path(0), camera="cam1", time=f"{moment}Z")
    hits = pf.search(instead, query, instead.embeddings, top=96, post="camera,time")
    window = np.timedelta64(600, "s")
    for hit in hits:
        assert hit.labels["camera"] != "cam1"
        seen = np.datetime64(hit.labels["time"].removesuffix("Z"))
        assert abs(seen - drawn_table.time[0]) <= window


def test_what_stored_embeddings_cannot_do_is_refused(
    stored: Path, drawn_table: Sightings, tmp_path: Path, run: Run
) -> None:
    instead = pf.load_stored(stored)
    stranger = Sightings.from_columns(tmp_path, {"image": ["stranger.jpg"]})
    with pytest.raises(ImageError, match=facts("stranger.jpg", "96", "platefree embed", "--model")):
        instead.embed(stranger)
    some, missing = instead.embed(
        Sightings.from_columns(Path(), {"image": ["gone.jpg", str(drawn_table.path(5).resolve())]}),
        unreadable="skip",
    )
    assert (len(some), len(missing)) == (1, 1)
    with pytest.raises(DataError, match=facts("no view", "give the model")):
        pf.label_views(instead, drawn_table)
    for scoring in (pf.Scoring(metadata=True), pf.Scoring(scales=(0.5,))):
        with pytest.raises(DataError, match=facts("stored embeddings", "network")):
            pf.evaluate(stored, drawn_table, scoring=scoring)
    with pytest.raises(DataError, match=facts("stored embeddings", "network")):
        pf.evaluate(stored, drawn_table, examples=pf.Examples(heat_maps=True))
    with pytest.raises(DataError, match=facts("color_stripes", "--data")):
        pf.evaluate("color_stripes")
    code, _, err = run("eval", stored, "--set", "post.rerank.k1=9")
    assert (code, says(err, "stored embeddings", "cannot be changed")) == (1, True)
    with pytest.raises(RecipeError):
        pf.search(instead, drawn_table.path(0), instead.embeddings, post="ensemble")
