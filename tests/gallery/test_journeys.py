"""Journeys: stops in order, gaps, and what cannot be true, against loops over pairs of hits."""

import json
from datetime import datetime, timedelta
from itertools import combinations, permutations
from math import hypot, inf, isnan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import facts, says

from platefree.errors import DataError
from platefree.gallery.camera_distances import (
    CameraDistances,
    PlacedCameras,
    read_camera_distances,
)
from platefree.gallery.journeys import FASTEST, NOWHERE, Journeys, Stop, journeys_of
from platefree.gallery.passes import APART, PASS, passes_of
from platefree.types import Hit

START = datetime(2026, 5, 1, 7)


def hit(seconds: float | None, camera: str = "", track: str = "", similarity: float = 0.5) -> Hit:
    labels = {"camera": camera, "track": track}
    if seconds is not None:
        labels["time"] = f"{(START + timedelta(seconds=seconds)).isoformat()}Z"
    hit.count += 1  # type: ignore[attr-defined]
    number: int = hit.count  # type: ignore[attr-defined]
    known = {name: value for name, value in labels.items() if value}
    return Hit(number, similarity, Path(f"{number}.jpg"), known, number=number)


hit.count = 0  # type: ignore[attr-defined]


def seconds_of(stop: Stop) -> tuple[float, float]:
    start = np.datetime64(START, "ms")
    return tuple(float((t - start) / np.timedelta64(1, "s")) for t in (stop.first, stop.last))  # type: ignore[return-value]


def told(found: Journeys) -> list[list[tuple[str, float, float]]]:
    return [[(stop.camera, *seconds_of(stop)) for stop in each.stops] for each in found.journeys]


def test_stops_stand_in_order_with_their_gaps() -> None:
    hits = [
        hit(700, "ramp", similarity=0.9),
        hit(10, "gate", "1"),
        hit(45, "gate", "1", similarity=0.8),
        hit(730, "ramp"),
        hit(760, "ramp"),
        hit(900, "ramp"),
        hit(None, "dock"),
    ]
    places = PlacedCameras({"gate": (0, 0), "ramp": (300, 400)})
    for order in list(permutations(hits))[::400]:
        found = journeys_of(order, places)
        assert told(found) == [[("gate", 10, 45), ("ramp", 700, 760), ("ramp", 900, 900)]]
        (journey,) = found.journeys
        assert [(leg.seconds, leg.metres) for leg in journey.legs] == [(655, 500), (140, 0)]
        assert journey.legs[0].speed == pytest.approx(500 / 655)
        assert journey.conflicts == ()
        assert found.untimed == (hits[-1],)
        assert [stop.best for stop in journey.stops] == [hits[2], hits[0], hits[5]]


def test_a_pass_is_one_stop_however_long_and_two_passes_are_two() -> None:
    hits = [
        hit(0, "gate", "1"),
        hit(500, "gate", "1"),
        hit(510, "gate", "2"),
        hit(520, "gate", "2"),
    ]
    assert told(journeys_of(hits)) == [[("gate", 0, 500), ("gate", 510, 520)]]
    again = [hit(0, "gate", "1"), hit(APART + 1, "gate", "1")]  # the next day there is another 1
    assert told(journeys_of(again)) == [[("gate", 0, 0)], [("gate", APART + 1, APART + 1)]]
    apart = [hit(0, "gate"), hit(PASS, "gate"), hit(2 * PASS + 1, "gate")]
    assert told(journeys_of(apart)) == [[("gate", 0, PASS), ("gate", 121, 121)]]


def test_unknown_cameras_are_stops_of_their_own() -> None:
    found = journeys_of([hit(0), hit(1), hit(2, "gate"), hit(3, "", "7"), hit(9, "", "7")])
    assert told(found) == [[("", 0, 0), ("", 1, 1), ("gate", 2, 2), ("", 3, 9)]]
    assert found.journeys[0].conflicts == ()  # nobody knows where they are
    assert all(leg.metres is None and leg.speed is None for leg in found.journeys[0].legs)


def test_journeys_are_hours_apart() -> None:
    hits = [hit(0, "gate"), hit(APART, "ramp"), hit(2 * APART + 1, "gate")]
    assert [len(each.stops) for each in journeys_of(hits).journeys] == [2, 1]
    assert journeys_of([]) == Journeys((), ())


def test_what_cannot_be_true() -> None:
    at_once = [hit(0, "gate", "1"), hit(30, "gate", "1"), hit(10, "ramp")]
    (journey,) = journeys_of(at_once).journeys
    ((conflict),) = journey.conflicts
    assert (conflict.first, conflict.second) == (0, 1)
    assert says(conflict.why, "gate", "ramp", "at once")
    near = PlacedCameras({"gate": (0, 0), "ramp": (30, 0)})  # a common view
    assert journeys_of(at_once, near).journeys[0].conflicts == ()
    far = PlacedCameras({"gate": (0, 0), "ramp": (9000, 0)})
    assert says(journeys_of(at_once, far).journeys[0].conflicts[0].why, "9,000 m", "at once")
    quick = [hit(0, "gate"), hit(60, "ramp")]
    (fast,) = journeys_of(quick, far).journeys[0].conflicts
    assert says(fast.why, "9,000 m", "60 s", "540 km/h")
    assert journeys_of([hit(0, "gate"), hit(200, "ramp")], far).journeys[0].conflicts == ()
    twice = [hit(0, "gate", "1"), hit(9, "gate", "1"), hit(5, "gate", "2")]
    assert says(journeys_of(twice).journeys[0].conflicts[0].why, "two passes of gate")


CAMERAS = ("", "a", "b", "c", "d")
MAP = {"a": (0.0, 0.0), "b": (0.0, 40.0), "c": (3000.0, 0.0)}


def slow_conflict(one: Stop, other: Stop, distances: CameraDistances) -> bool:
    (_, end), (start, _) = seconds_of(one), seconds_of(other)
    if "" in (one.camera, other.camera):
        return False
    if one.camera == other.camera:
        both = all("track" in stop.hits[0].labels for stop in (one, other))
        return both and start < end
    if one.camera == "d" or other.camera == "d" or distances is NOWHERE:
        return start <= end
    between = hypot(*(x - y for x, y in zip(MAP[one.camera], MAP[other.camera], strict=True)))
    return between > FASTEST * (max(start - end, 0) + 1)


@settings(deadline=None, max_examples=200)
@given(
    sightings=st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(0, 400), st.integers(0, 100_000)),
            st.sampled_from(CAMERAS),
            st.sampled_from(("", "", "1", "2")),
        ),
        max_size=25,
    ),
    placed=st.booleans(),
)
def test_journeys_are_those_of_the_loops(
    sightings: list[tuple[int | None, str, str]], placed: bool
) -> None:
    distances: CameraDistances = PlacedCameras(MAP) if placed else NOWHERE
    hits = [hit(*each) for each in sightings]
    found = journeys_of(hits, distances)
    stops = [stop for journey in found.journeys for stop in journey.stops]
    every = [each for stop in stops for each in stop.hits]
    assert sorted([*every, *found.untimed], key=lambda each: each.rank) == hits
    assert all("time" not in each.labels for each in found.untimed)
    firsts = [stop.first for stop in stops]
    assert firsts == sorted(firsts)
    for stop in stops:
        assert {each.labels.get("camera", "") for each in stop.hits} == {stop.camera}
        assert len({each.labels.get("track", "") for each in stop.hits}) == 1
    for one, other in combinations(stops, 2):  # what belongs together stands together
        labels = [stop.hits[0].labels for stop in (one, other)]
        if one.camera == other.camera and labels[0].get("track") == labels[1].get("track"):
            gap = seconds_of(other)[0] - seconds_of(one)[1]
            tracked = "track" in labels[0]
            assert gap > (APART if tracked else PASS) or not (tracked or one.camera)
    for journey in found.journeys:
        wanted = {
            (first, second)
            for first, second in combinations(range(len(journey.stops)), 2)
            if slow_conflict(journey.stops[first], journey.stops[second], distances)
        }
        assert {(each.first, each.second) for each in journey.conflicts} == wanted
        for place, leg in enumerate(journey.legs):
            one, other = journey.stops[place : place + 2]
            assert leg.seconds == seconds_of(other)[0] - seconds_of(one)[1]
    ends = [max(seconds_of(stop)[1] for stop in journey.stops) for journey in found.journeys]
    for end, journey in zip(ends, found.journeys[1:], strict=False):
        assert seconds_of(journey.stops[0])[0] - end > APART


def test_ways_between_cameras(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    names = [f"c{number}" for number in range(7)]
    table = np.full((7, 7), inf)
    np.fill_diagonal(table, 0)
    lines = ["from,to,metres", '"c1",c1,5']
    for one, other in combinations(range(6), 2):  # c6 is known, and nothing leads there
        if random.random() < 0.5:
            metres = int(random.integers(50, 900))
            table[one, other] = table[other, one] = min(metres, table[one, other])
            lines += [f"{names[other]},{names[one]},{metres}", f"{names[one]},{names[other]},9999"]
    (tmp_path / "ways.csv").write_text("\n".join([*lines, "c6,c6,0"]))
    for middle in range(7):
        table = np.minimum(table, table[:, middle, None] + table[None, middle])
    found = read_camera_distances(tmp_path / "ways.csv")
    for one in range(7):
        for other in range(7):
            metres = found.metres(names[one], names[other])
            assert (inf if metres is None else metres) == table[one, other]
    assert found.metres("c0", "elsewhere") is None is found.metres("elsewhere", "c0")


def test_places_of_cameras(tmp_path: Path, block_city: Path) -> None:
    found = read_camera_distances(block_city / "cameras.json")
    placed = json.loads((block_city / "cameras.json").read_text())
    one, other = placed[0], placed[2]
    wanted = hypot(one["map"][0] - other["map"][0], one["map"][1] - other["map"][1])
    assert found.metres(one["name"], other["name"]) == pytest.approx(wanted)
    assert found.metres(one["name"], "elsewhere") is None


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("cameras.txt", "", ("cameras.txt", "from, to, metres")),
        ("cameras.json", "{}", ("cameras.json",)),
        ("cameras.json", '[{"name": "a"}]', ("map",)),
        ("cameras.json", '[{"name": "a", "map": [1, "x"]}]', ("'x'",)),
        (
            "cameras.json",
            '[{"name": "a", "map": [1, 2]}, {"name": "a", "map": [1, 2]}]',
            ("twice",),
        ),
        ("cameras.json", '[{"name": "a", "map": [1, 1e300]}]', ("map",)),
        ("ways.csv", "from,to\na,b", ("'metres'",)),
        ("ways.csv", "from,to,metres\na,b,-5", ("line 2", "'-5'")),
        ("ways.csv", "from,to,metres\na,b,nan", ("line 2", "'nan'")),
        ("ways.csv", "from,to,metres\na,,5", ("line 2", "camera")),
        ("absent.csv", None, ("absent.csv",)),
    ],
)
def test_files_of_cameras_that_are_wrong(
    tmp_path: Path, name: str, text: str | None, wanted: tuple[str, ...]
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=facts(*wanted)):
        read_camera_distances(tmp_path / name)


def test_hits_that_were_not_compared() -> None:
    (journey,) = journeys_of([hit(5, "gate", similarity=float("nan"))]).journeys
    assert isnan(journey.stops[0].best.similarity)


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(0, 300), st.integers(0, 40_000)),
            st.sampled_from(["", "gate", "ramp"]),
            st.sampled_from(["", "", "1", "2"]),
        ),
        max_size=12,
    )
)
@settings(max_examples=60, deadline=None)
def test_passes_are_the_chains_of_hits_that_belong_together(
    drawn: list[tuple[int | None, str, str]],
) -> None:
    """Hits are linked by a loop over pairs, and passes are what the links hold together."""
    hits = [hit(*each) for each in drawn]
    together = {each.number: {each.number} for each in hits}

    def longest(one: int, other: int) -> float:
        (first, camera, track), (second, other_camera, other_track) = drawn[one], drawn[other]
        if camera != other_camera or track != other_track or not (camera or track):
            return -1
        if first is None or second is None:
            return 0 if track and first is second else -1
        gap = abs(first - second)
        return gap if gap <= (APART if track else PASS) else -1

    for one, other in combinations(range(len(hits)), 2):
        if longest(one, other) >= 0:
            joined = together[hits[one].number] | together[hits[other].number]
            for number in joined:
                together[number] = joined
    found = passes_of(hits)
    assert {frozenset(h.number for h in each) for each in found} == set(
        map(frozenset, together.values())
    )
    ranks = [min(h.rank for h in each) for each in found]
    assert ranks == sorted(ranks)
    for each in found:
        times = [h.labels.get("time", "") for h in each]
        assert times == sorted(times)
