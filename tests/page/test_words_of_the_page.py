"""Words and addresses of the page mean what the command line and the library say they mean."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from desk import Desk, a_browser, a_desk
from live import TOKEN, live

from platefree.errors import DataError
from platefree.gallery.conclusion import shown
from platefree.gallery.filter_words import KEYS, filter_of
from platefree.service.request_models import Conditions
from platefree.service.rules import Rules

if TYPE_CHECKING:
    pass

UNDERSTOOD = (
    "camera:gate,ramp type:truck",
    'camera:"north gate",unknown color:white color:red view:rear',
    'camera:\'north gate\',"O\'Hara" type:"a \\"b\\""',
    "since:2026-05-01T07:00+07:00 until:2026-05-02",
    "between:22:00-06:00 weekday:fri,sat zone:+07:00",
    "time:unknown",
    "time:any track:a-1 source:film.mp4",
    "not:12 not:13 similarity:0.25",
    "similarity:-0.5",
    'camera:"gate\\, north",ramp color:dark\\ red',
)
REFUSED = (
    "constructor:x",
    'camera:"north',
    "gate",
    "camera:",
    "colour:red",
    "between:7-9",
    "time:late",
    "time:constructor",
    "similarity:much",
    "zone:7",
    "camera:gate,",
    "since:2026-05-01 since:2026-05-02",
    "between:07:00-09:00 between:10:00-11:00",
    "between:07:00Z-09:00Z",
    "similarity:0.5 similarity:0.6",
)


@pytest.fixture(scope="module")
def desk(drawn_lot: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    rules = Rules(token=TOKEN)
    with (
        a_browser() as browser,
        live(drawn_lot, rules, tmp_path_factory.mktemp("state")) as served,
        a_desk(browser, served, timezone_id="Asia/Ho_Chi_Minh") as found,  # not UTC
    ):
        yield found


def called(desk: Desk, module: str, name: str, *arguments: object) -> Any:  # noqa: ANN401
    """What a function of a module of the page returns."""
    script = """async ([module, name, given]) =>
        JSON.parse(JSON.stringify((await import(`/page/${module}.js`))[name](...given)))"""
    return desk.page.evaluate(script, [module, name, list(arguments)])


def test_conditions_mean_what_they_mean_on_the_command_line(desk: Desk) -> None:
    for text in UNDERSTOOD:
        found = called(desk, "conditions", "parsed", text)
        assert found["fault"] == ""
        assert Conditions(**found["where"]).filter() == lists(text)
        again = called(
            desk,
            "conditions",
            "parsed",
            " ".join(called(desk, "conditions", "words", found["where"], None)),
        )
        assert again["where"] == found["where"]
    for text in REFUSED:
        assert called(desk, "conditions", "parsed", text)["fault"]
        with pytest.raises(DataError):
            filter_of(text).conditions()
    assert set(
        desk.page.evaluate("async () => Object.keys((await import('/page/conditions.js')).KEYS)")
    ) == {*KEYS, "p"}


def lists(text: str) -> Any:  # noqa: ANN401
    """The filter of the command line, as a request makes it."""
    found = filter_of(text)
    values = {name: getattr(found, name) for name in Conditions.model_fields}
    plain = {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items()
    }
    return Conditions(**plain).filter()


def test_every_name_can_be_a_condition(desk: Desk) -> None:
    names = [
        'a "b"',
        "O'Hara",
        "gate, left",
        "c:\\x",
        "<b>&amp;",
        " ",
        "ü:ö",
        "Ωλ 中",
        "p=1&q#2",
        "",
    ]
    where = {"cameras": names, "types": names[::-1]}
    said = " ".join(called(desk, "conditions", "words", where, None))
    assert called(desk, "conditions", "parsed", said) == {
        "where": where,
        "least": None,
        "fault": "",
    }
    found = filter_of(said)
    assert (found.cameras, found.types) == (names, names[::-1])
    nothing = desk.page.evaluate("async () => (await import('/page/question.js')).NOTHING")
    text = called(desk, "question", "written", {**nothing, "where": where})
    assert called(desk, "question", "read", text)["where"] == where


def test_an_address_says_the_whole_question(desk: Desk) -> None:
    nothing = desk.page.evaluate("async () => (await import('/page/question.js')).NOTHING")
    questions = (
        nothing,
        {
            **nothing,
            "like": 7,
            "where": {"cameras": ["gate & co", ""], "since": "2026-05-01"},
            "top": 80,
        },
        {
            **nothing,
            "pictures": [
                {"upload": "0a" * 16, "frame_of": None, "box": [1, 2.5, 30, 40]},
                {"upload": None, "frame_of": 9, "box": [0, 0, 8, 8]},
            ],
            "least": 0.5,
            "post": "rerank,tracks",
            "yes": [3, 1],
            "no": [2],
            "view": "map",
            "sort": "newest",
            "open": 0,
        },
    )
    for question in questions:
        text = called(desk, "question", "written", question)
        assert called(desk, "question", "read", f"#{text}") == question
    assert called(desk, "question", "written", nothing) == ""
    for nonsense in (
        "#like=x&top=-3&view=none&picture=../..&open=1e9",
        "#cards",
        "#where=%",
        "#&&=",
    ):
        assert called(desk, "question", "read", nonsense) == nothing


def test_numbers_and_times_in_words(desk: Desk) -> None:
    for value in (0.0, 0.0004, 0.001, 0.5, 0.9994, 0.9996, 1.0):
        assert called(desk, "words", "probability", value) == shown(value)
    moment = datetime(2026, 5, 1, 23, 30, 5, tzinfo=UTC)
    for zone, hours in (("", 0), ("+07:00", 7), ("-03:30", -3.5)):
        local = moment.astimezone(timezone(timedelta(hours=hours)))
        said = called(desk, "words", "moment", "2026-05-01T23:30:05Z", zone)
        assert said == local.strftime("%Y-%m-%d %H:%M:%S")
    for seconds in (0, 59, 60, 3599, 3600, 86_399, 90_000, 1e6):
        said = called(desk, "words", "duration", seconds)
        units = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
        parts = said.split()
        total = sum(
            int(many) * units[unit] for many, unit in zip(parts[::2], parts[1::2], strict=True)
        )
        assert total <= seconds
        assert seconds - total < max(units[parts[-1]], 1) or len(parts) == 2


def test_a_box_stays_within_its_picture(desk: Desk) -> None:
    size = {"width": 100, "height": 60}
    for box in ([-20, -5, 10, 30], [90, 50, 130, 90], [0, 0, 300, 300], [40, 40, 41, 41]):
        left, top, right, bottom = called(desk, "boxes", "clipped", box, size)
        assert 0 <= left < right <= 100
        assert 0 <= top < bottom <= 60
        assert min(right - left, bottom - top) >= 8
    assert called(desk, "boxes", "moved", [1, 2, 3, 4], "ArrowLeft", 1) == [0, 2, 2, 4]
    assert called(desk, "boxes", "moved", [1, 2, 3, 4], "x", 1) is None


def test_boxes_that_overlap_show_one_vehicle(desk: Desk) -> None:
    nothing = desk.page.evaluate("async () => (await import('/page/question.js')).NOTHING")

    def question(upload: str, box: list[int] | None) -> dict[str, Any]:
        return {**nothing, "pictures": [{"upload": upload, "frame_of": None, "box": box}]}

    here = question("0a", [10, 10, 50, 50])
    for box in ([12, 8, 54, 48], [0, 0, 90, 90], [20, 20, 30, 30], None):
        assert called(desk, "question", "isSameVehicle", here, question("0a", box))
    assert not called(desk, "question", "isSameVehicle", here, question("0a", [45, 10, 90, 50]))
    assert not called(desk, "question", "isSameVehicle", here, question("0b", [10, 10, 50, 50]))
    assert not called(desk, "question", "isSameVehicle", here, nothing)


def test_named_moments_of_a_timeline_are_few_and_even(desk: Desk) -> None:
    for long in (5e3, 6e4, 3.6e6, 8.64e7, 6e8, 3e10, 3e12, 1e14):
        found = called(desk, "time_scale", "ticks", [1e12, 1e12 + long], 6, 420)
        times = [each["time"] for each in found]
        assert 1 <= len(times) <= 7
        steps = {round(later - sooner) for sooner, later in itertools.pairwise(times)}
        assert len(steps) <= 1
        assert all(1e12 <= time <= 1e12 + long for time in times)


def test_a_moment_without_a_zone_is_on_the_clock_of_the_filter(desk: Desk) -> None:
    fields = {
        ("2026-05-01T07:12:30", "+07:00"): "2026-05-01T07:12",
        ("2026-05-01", ""): "2026-05-01T00:00",
        ("2026-05-01T07:12Z", "+07:00"): "2026-05-01T14:12",
        ("2026-05-01T07:12+02:00", ""): "2026-05-01T05:12",
        ("never", ""): "",
    }
    for (text, zone), shown_as in fields.items():
        assert called(desk, "words", "fieldMoment", text, zone) == shown_as
