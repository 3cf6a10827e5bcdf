"""Pages of the latest sightings, beside a plain sort."""

from pathlib import Path

import numpy as np
import pytest
from messages import facts

from platefree.errors import DataError
from platefree.gallery.filters import Filter
from platefree.gallery.lance import LanceStore
from platefree.gallery.latest_pages import Place, latest_page
from platefree.gallery.store import MemoryStore, Store
from platefree.ranking.comparison import Cosine
from platefree.types import Embeddings, Sightings

COUNT = 60


def embedded(count: int, seed: int) -> Embeddings:
    """Sightings of few distinct times, a third of them unknown."""
    draw = np.random.default_rng(seed)
    seconds = draw.integers(0, 9, count) * 1_800_000
    time = np.datetime64("2026-05-01T22:00", "ms") + seconds.astype("timedelta64[ms]")
    time[draw.random(count) < 0.3] = np.datetime64("NaT")
    columns = {
        "image": [f"{seed}-{row}.jpg" for row in range(count)],
        "camera": [f"cam{each}" for each in draw.integers(0, 2, count)],
        "time": time,
    }
    rows = draw.normal(size=(count, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    contents = draw.integers(1, 255, (count, 16)).astype(np.uint8)
    table = Sightings.from_columns(Path("/nowhere"), columns)
    return Embeddings({"main": rows}, table, "model", contents)


@pytest.fixture(params=["memory", "lance"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "memory":
        return MemoryStore(embedded(COUNT, 0), Cosine())
    store = LanceStore(tmp_path / "lot", Cosine(), "model")
    store.add(embedded(COUNT, 0))
    return store


WHERE = [
    Filter(),
    Filter(cameras=["cam1"]),
    Filter(since="2026-05-01T23:00", until="2026-05-02T01:00Z"),
    Filter(since="2026-05-02T06:00", zone="+07:00", unknown_time="in"),
    Filter(between=("23:00", "01:00")),
    Filter(weekdays=["sat"], unknown_time="in", cameras=["cam0"]),
    Filter(unknown_time="only"),
]


def place(store: Store, number: int) -> Place:
    return Place(store.get(np.array([number])).sightings.time[0], number)


def pages(store: Store, where: Filter, top: int) -> list[int]:
    found: list[int] = []
    while len(page := latest_page(store, where, top, place(store, found[-1]) if found else None)):
        assert len(page) <= top
        found += page.tolist()
    return found


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("top", [1, 7, 100])
def test_all_pages_are_the_whole_list(store: Store, where: Filter, top: int) -> None:
    whole = store.latest(where).tolist()
    assert len(whole) > 3
    assert pages(store, where, top) == whole


@pytest.mark.parametrize("where", WHERE)
def test_nothing_is_shown_twice_or_passed_over_while_others_write(
    store: Store, where: Filter
) -> None:
    before = store.latest(where).tolist()
    first = latest_page(store, where, 4).tolist()
    after = place(store, first[-1])
    store.add(embedded(COUNT, 1))
    store.delete(
        Filter(not_numbers=[each for each in store.latest().tolist() if each != first[-1]])
    )
    rest: list[int] = []
    while len(page := latest_page(store, where, 5, after)):
        rest += page.tolist()
        after = place(store, rest[-1])
    assert len(set(rest)) == len(rest)
    assert not set(rest) & set(first)
    assert [each for each in rest if each in before] == before[4:]
    now = store.latest(where).tolist()
    assert rest == [each for each in now if each in rest]


@pytest.mark.parametrize("where", WHERE)
def test_a_place_that_was_made_up_shows_nothing_beyond_the_conditions(
    store: Store, where: Filter
) -> None:
    allowed = set(store.latest(where).tolist())
    for text in ("unknown.0", "0.0", "1777672800000.3", "4102444800000.0"):
        assert set(latest_page(store, where, 99, Place.parse(text)).tolist()) <= allowed


@pytest.mark.parametrize("number", [0, 7, 2**62])
def test_a_place_is_read_as_it_was_written(number: int) -> None:
    for time in ("2026-05-01T22:00:00.123", "1969-01-01", "NaT"):
        text = str(Place(np.datetime64(time, "ms"), number))
        assert str(Place.parse(text)) == text


@pytest.mark.parametrize("text", ["", "x", "1", "1.x", "1.-2", "01.2", "9" * 30 + ".1", "1.1.1"])
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(DataError, match=facts("page ends", "next")):
        Place.parse(text)
