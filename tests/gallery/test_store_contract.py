"""What every store promises: one suite, run on each of them.

The oracle is a loop over the rows that the store itself gives back, and plain Python for its
conditions (`test_stores.meets`).
"""

import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from messages import facts
from milvus_server import ADDRESS
from milvus_stores import hasty_milvus, needs_milvus, new_milvus
from test_stores import FILTERS, meets, random_table

import platefree as pf
from platefree.errors import DataError, MismatchError
from platefree.gallery.filters import EVERYTHING
from platefree.gallery.lance import LanceStore
from platefree.gallery.store import PastVersion, identities_of
from platefree.ranking.comparison import ONLY_SPACE, Comparison
from platefree.ranking.homogeneous import Euclidean
from platefree.ranking.joined_spaces import WeightedMean
from platefree.ranking.view_comparison import ViewComparison, ViewRelations
from platefree.types import Embeddings, Floats

Make = Callable[[Embeddings, Comparison], pf.Store]


def memory(folder: Path, first: Embeddings, comparison: Comparison) -> pf.Store:
    return pf.MemoryStore(first, comparison)


def lance(folder: Path, first: Embeddings, comparison: Comparison) -> pf.Store:
    store = LanceStore(folder, comparison)
    store.add(first)
    return store


def milvus(folder: Path, first: Embeddings, comparison: Comparison) -> pf.Store:
    store = new_milvus(comparison)
    store.add(first)
    return store


STORES = {"memory": memory, "lance": lance, "milvus": milvus}


@pytest.fixture(params=["memory", "lance", pytest.param("milvus", marks=needs_milvus)])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    made = STORES[request.param]
    places = iter(tmp_path / str(number) for number in range(1000))
    with hasty_milvus() if made is milvus else nullcontext():
        yield lambda first, comparison: made(next(places), first, comparison)


def unit(rows: Floats) -> Floats:
    halves = rows.astype(np.float16).astype(np.float32)  # which every store can keep
    return (halves / np.linalg.norm(halves, axis=1, keepdims=True)).astype(np.float32)


def drawn(seed: int, n: int, **sizes: int) -> Embeddings:
    random = np.random.default_rng(seed)
    table = random_table(random, n)
    table = replace(table, image=np.array([f"{seed}-{row}.jpg" for row in range(n)]))
    spaces = {
        name: unit(random.standard_normal((n, size)).astype(np.float32))
        for name, size in (sizes or {"main": 8}).items()
    }
    content = random.integers(1, 255, (n, 16)).astype(np.uint8)
    return Embeddings(spaces, table, "m", content)


def whole(store: pf.Store) -> tuple[np.ndarray[Any, Any], Embeddings]:
    """All numbers in order, and what they name."""
    numbers = np.sort(store.latest())
    return numbers, store.get(numbers)


def expected(
    store: pf.Store, query: Embeddings, comparison: Comparison, where: pf.Filter, top: int
) -> list[list[int]]:
    """The loop: every distance, the conditions row by row, equal distances by number."""
    numbers, stored = whole(store)
    distances = comparison.distances(query, stored)
    met = [row for row in range(len(stored)) if meets(where, stored.sightings, row)]
    return [
        [int(numbers[row]) for row in sorted(met, key=lambda row: (of_query[row], row))][:top]
        for of_query in distances.tolist()
    ]


def found(store: pf.Store, query: Embeddings, where: pf.Filter, top: int) -> list[list[int]]:
    ranking = store.search(query, where, top)
    assert ranking.indices.shape == (len(query), top)
    assert (ranking.distances[:, 1:] >= ranking.distances[:, :-1]).all()
    assert (np.isinf(ranking.distances) == (ranking.indices < 0)).all()
    return [[number for number in row if number >= 0] for row in ranking.indices.tolist()]


def test_what_was_added_comes_back(make: Make) -> None:
    first = drawn(0, 30)
    store = make(first, ONLY_SPACE)
    numbers, back = whole(store)
    assert len(set(numbers.tolist())) == 30
    assert store.count() == 30
    for name in ("camera", "type", "color", "view", "track", "frame"):
        assert getattr(back.sightings, name).tolist() == getattr(first.sightings, name).tolist()
    np.testing.assert_array_equal(back.sightings.time, first.sightings.time)
    np.testing.assert_array_equal(back.sightings.box, first.sightings.box)
    assert [back.sightings.path(row) for row in range(30)] == [
        first.sightings.path(row) for row in range(30)
    ]
    np.testing.assert_array_equal(back.content, first.content)
    np.testing.assert_allclose(back.spaces["main"], first.spaces["main"], atol=1e-3)
    assert back.model == "m"


def test_every_column_comes_back(make: Make) -> None:
    first = drawn(0, 4)
    labels = ("vehicle", "make", "model", "model_year", "split", "source", "camera")
    odd = np.array(["it's", "", "北 \n\t", '"\\'], object)
    table = replace(
        first.sightings,
        **dict.fromkeys(labels, odd),
        frame=np.array([-1, 0, 7, 2**40]),
        box=np.array([[np.nan] * 4, [0, 0, 1, 1], [1.5, 2, 3, 4], [-5, 0, 9, 9]], np.float32),
    )
    back = whole(make(replace(first, sightings=table), ONLY_SPACE))[1].sightings
    for name in (*labels, "frame"):
        assert getattr(back, name).tolist() == getattr(table, name).tolist()
    np.testing.assert_array_equal(back.box, table.box)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> list[pf.Store]:
    """One store of each kind, after three additions."""
    stores = []
    for made in STORES.values():
        if made is milvus and ADDRESS not in os.environ:
            continue
        store = made(tmp_path_factory.mktemp("filled") / "lot", drawn(1, 60), ONLY_SPACE)
        store.add(drawn(2, 1))
        store.add(drawn(3, 40))
        stores.append(store)
    return stores


@settings(deadline=None, max_examples=40)
@given(where=FILTERS)
def test_the_nearest_that_meet_the_conditions_are_those_of_the_loop(
    filled: list[pf.Store], where: pf.Filter
) -> None:
    query = drawn(99, 3)
    for store in filled:
        wanted = expected(store, query, ONLY_SPACE, where, 300)
        for top in (1, 7, 300):
            assert found(store, query, where, top) == [row[:top] for row in wanted]
        assert store.count(where) == len(wanted[0])
        assert sorted(store.latest(where).tolist()) == sorted(wanted[0])


VIEWS = {
    kind: ViewComparison(ViewRelations(["front", "rear", "side"], kind))
    for kind in ("same-different", "pairs", "ordered-pairs")
}
OTHERS: dict[str, Comparison] = {
    **VIEWS,
    "euclidean": Euclidean("main"),
    "mean": WeightedMean((ONLY_SPACE, VIEWS["same-different"]), (0.3, 0.7)),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_comparisons_of_several_spaces_are_searched_exactly(make: Make, kind: str) -> None:
    comparison = OTHERS[kind]
    relations = getattr(comparison, "relations", VIEWS["same-different"].relations)
    sizes = {**dict.fromkeys(relations.spaces, 6), "view": 3}
    if kind == "euclidean":
        sizes = {"main": 6}
    if kind == "mean":
        sizes = {"0-main": 4} | {f"1-{name}": size for name, size in sizes.items()}
    first, query = drawn(4, 80, **sizes), drawn(5, 5, **sizes)
    if kind == "euclidean":  # whose last number is above 0
        first, query = (
            replace(each, spaces={"main": np.abs(each.spaces["main"])}) for each in (first, query)
        )
    store = make(first, comparison)
    for where in (EVERYTHING, pf.Filter(cameras=["gate", ""])):
        for top in (5, 80):
            assert found(store, query, where, top) == expected(store, query, comparison, where, top)


def test_numbers_rise_and_are_never_changed_or_given_again(make: Make) -> None:
    store = make(drawn(6, 10), ONLY_SPACE)
    first, _ = whole(store)
    second = store.add(drawn(7, 5))
    assert second.min() > first.max()
    assert (np.diff(second) > 0).all()
    before = store.get(second[1:3]).sightings.image.tolist()
    assert store.delete(pf.Filter(not_numbers=second[1:3].tolist())) == 13
    store.compact()
    assert np.sort(store.latest()).tolist() == second[1:3].tolist()
    assert store.get(second[1:3]).sightings.image.tolist() == before
    assert store.delete(EVERYTHING) == 2
    assert store.add(drawn(8, 2)).min() > second.max()


def test_sightings_are_given_in_the_order_of_their_numbers_asked_for(make: Make) -> None:
    store = make(drawn(9, 12), ONLY_SPACE)
    numbers, stored = whole(store)
    for rows in ([3, 1, 7], [5, 5, 0], []):
        asked = np.array(rows, np.int64)
        some = store.get(numbers[asked])
        assert some.sightings.image.tolist() == stored.sightings.image[asked].tolist()
        np.testing.assert_array_equal(some.spaces["main"], stored.spaces["main"][asked])
    for wrong in (-1, int(numbers.max()) + 1):
        with pytest.raises(DataError, match=facts(wrong, "deleted")):
            store.get(np.array([numbers[0], wrong]))


def test_crops_are_kept(make: Make) -> None:
    store = make(drawn(10, 2), ONLY_SPACE)
    numbers = store.add(drawn(11, 3), [b"one", b"", b"\x00three"])
    assert store.crops(numbers[::-1]) == [b"\x00three", b"", b"one"]
    assert store.crops(np.sort(store.latest())[:2]) == [b"", b""]
    store.delete(pf.Filter(not_numbers=[int(numbers[2])]))
    assert store.crops(numbers[2:]) == [b"\x00three"]


def test_what_is_stored_is_known(make: Make) -> None:
    first, other = drawn(12, 20), drawn(13, 5)
    store = make(first, ONLY_SPACE)
    assert store.holds(identities_of(first)).all()
    assert not store.holds(identities_of(other)).any()
    boxed = replace(first.sightings, box=np.tile(np.array([0, 0, 5, 5], np.float32), (20, 1)))
    assert not store.holds(identities_of(replace(first, sightings=boxed))).any()
    moved = replace(first.sightings, root=Path("/elsewhere"))
    assert store.holds(identities_of(replace(first, sightings=moved))).all()
    store.delete(EVERYTHING)
    assert not store.holds(identities_of(first)).any()


def test_the_latest_come_first(make: Make) -> None:
    store = make(drawn(14, 40), ONLY_SPACE)
    numbers, stored = whole(store)
    times = stored.sightings.time
    late = [(-times[row].astype(int), int(numbers[row])) for row in np.flatnonzero(times == times)]
    known, unknown = sorted(late), numbers[times != times].tolist()
    order = [number for _, number in known] + unknown
    assert store.latest().tolist() == order
    assert store.latest(top=7).tolist() == order[:7]


def test_sightings_are_counted_by_a_label(make: Make) -> None:
    store = make(drawn(14, 40), ONLY_SPACE)
    cameras = whole(store)[1].sightings.camera.tolist()
    assert store.tally("camera") == {name: cameras.count(name) for name in set(cameras)}


def test_a_least_similarity(make: Make) -> None:
    store = make(drawn(15, 40), ONLY_SPACE)
    query = drawn(16, 2)
    numbers, stored = whole(store)
    similar = 1 - ONLY_SPACE.distances(query, stored)
    for least in (-1.0, 0.0, 0.4, 1.0):
        wanted = [set(numbers[row >= least].tolist()) for row in similar]
        ranking = store.search(query, pf.Filter(at_least=least), 40)
        assert [{n for n in row if n >= 0} for row in ranking.indices.tolist()] == wanted
    for refused in (store.count, store.delete, store.latest):
        with pytest.raises(DataError, match=facts("0.4")):
            refused(pf.Filter(at_least=0.4))
    assert store.count() == 40


def test_a_snapshot_stays_as_it_is(make: Make) -> None:
    store = make(drawn(17, 20), ONLY_SPACE)
    query = drawn(18, 1)
    with store.snapshot() as before:
        ranking = before.search(query, top=30)
        version = before.version
        numbers = np.sort(before.latest())
        store.add(drawn(19, 10), [b"x"] * 10)
        store.delete(pf.Filter(not_numbers=numbers[3:].tolist()))
        store.compact()
        assert before.count() == 20
        again = before.search(query, top=30)
        np.testing.assert_array_equal(again.indices, ranking.indices)
        assert len(before.get(numbers)) == 20
        assert before.version == version < store.version
    assert store.count() == 17


def test_numbers_are_there_or_not(make: Make) -> None:
    store = make(drawn(25, 5), ONLY_SPACE)
    numbers, _ = whole(store)
    absent = int(numbers.max()) + 1
    asked = np.array([absent, *numbers[::-1].tolist(), -1, int(numbers[0])])
    assert store.has(asked).tolist() == [False, True, True, True, True, True, False, True]
    assert store.has(np.empty(0, np.int64)).tolist() == []
    store.delete(pf.Filter(not_numbers=[int(numbers[2])]))
    assert store.has(numbers).tolist() == [False, False, True, False, False]


def test_the_first_and_the_last_time(make: Make) -> None:
    store = make(drawn(26, 40), ONLY_SPACE)
    store.add(drawn(27, 40))
    times = [time for time in whole(store)[1].sightings.time if not np.isnat(time)]
    assert store.time_span() == (min(times), max(times))
    store.delete(pf.Filter(unknown_time="out", since="0001-01-01"))
    assert store.count() > 0
    assert all(np.isnat(time) for time in store.time_span())
    store.delete(EVERYTHING)
    assert all(np.isnat(time) for time in store.time_span())


def test_an_older_version_is_as_it_was_or_refused(make: Make) -> None:
    store = make(drawn(28, 5), ONLY_SPACE)
    version, numbers = store.version, np.sort(store.latest())
    store.add(drawn(29, 3))
    store.delete(pf.Filter(not_numbers=numbers.tolist()))
    try:
        with store.snapshot(version) as then:
            assert then.version == version
            assert np.sort(then.latest()).tolist() == numbers.tolist()
            store.compact()  # while it is read it stays
            assert then.count() == 5
    except PastVersion:
        assert not isinstance(store, LanceStore)  # the others keep none
    with store.snapshot(store.version) as now:
        assert now.count() == 5
    store.compact()
    for wrong in (version, store.version + 1):
        with pytest.raises(PastVersion, match=facts(wrong, store.version)):
            store.snapshot(wrong).__enter__()


def test_another_model_and_other_spaces_are_refused(make: Make) -> None:
    store = make(drawn(20, 5), ONLY_SPACE)
    other = drawn(21, 5)
    for wrong in (replace(other, model="another"), drawn(21, 5, main=9)):
        for refused in (store.add, store.search):
            with pytest.raises(MismatchError):
                refused(wrong)
    assert store.count() == 5


def test_nothing_is_added_and_nothing_is_there(make: Make) -> None:
    store = make(drawn(22, 3), ONLY_SPACE)
    assert store.add(drawn(23, 0)).tolist() == []
    store.delete(EVERYTHING)
    assert store.search(drawn(24, 2), top=3).indices.tolist() == [[-1] * 3] * 2
    assert (store.count(), len(store.latest())) == (0, 0)
    store.compact()
    assert store.count() == 0
