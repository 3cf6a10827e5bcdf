"""Filters in three languages: the mask against plain Python, and the SQL of Lance against the mask.

What a filter asks for is written once more here, row by row, with the clock of its zone.
"""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import lance
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import facts

import platefree as pf
from platefree.errors import DataError
from platefree.gallery.filters import EVERYTHING, WEEKDAYS, stored_columns
from platefree.types import Ranking, Sightings

ODD = (
    "gate",
    "",
    "it's",
    "a' OR '1'='1",
    "'; DROP TABLE sightings; --",
    'say "x"',
    "back\\slash'",
    "100%_",
    "`type`",
    "\u202eabc",
    "北門",
    "null",
    "true",
    "a\nb",
    " gate ",
    "{0} ${x} ?",
)
"""Names that a careless translation would read as anything but names."""

ROWS = 300
LABELS = ("camera", "type", "color", "view", "track", "source")


def random_table(random: np.random.Generator, n: int) -> Sightings:
    minutes = random.integers(-20 * 24 * 60, 20 * 24 * 60, n)
    times = np.datetime64("2026-05-01", "ms") + minutes.astype("timedelta64[m]")
    times = times.astype("datetime64[ms]")
    times[random.random(n) < 0.2] = "NaT"
    columns = {name: random.choice(np.array(ODD, object), n) for name in LABELS}
    images = [f"it's {row % 7}.jpg" for row in range(n)]
    return Sightings.from_columns(Path("/pictures"), {"image": images, "time": times, **columns})


names = st.lists(st.sampled_from(ODD) | st.text(max_size=4), max_size=3)
FILTERS = st.builds(
    pf.Filter,
    **dict.fromkeys(("cameras", "types", "colors", "views", "tracks", "sources"), names),
    since=st.sampled_from(["", "2026-04-20T12:00", "2026-05-02T00:00+07:00"]),
    until=st.sampled_from(["", "2026-05-02T18:30", "2026-05-15"]),
    between=st.sampled_from([None, ("07:00", "19:30"), ("22:00", "06:00"), ("00:00", "12:00:30")]),
    weekdays=st.lists(st.sampled_from(["mon", "Tuesday", "fri", "sunday"]), max_size=2),
    zone=st.sampled_from(["", "+07:00", "-03:30", "+14:00", "Z"]),
    unknown_time=st.sampled_from(["out", "in", "only"]),
    not_files=st.lists(st.sampled_from(["/pictures/it's 0.jpg", "/other/x.jpg"]), max_size=2),
    not_numbers=st.lists(st.integers(0, 80), max_size=4),
)


def zone_of(where: pf.Filter) -> timezone:
    if where.zone in ("", "Z"):
        return UTC
    hours, minutes = where.zone[1:].split(":")
    size = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-size if where.zone[0] == "-" else size)


def meets(where: pf.Filter, table: Sightings, row: int, number: int) -> bool:
    """The conditions one after the other, in plain Python."""
    for name, column in zip(
        ("cameras", "types", "colors", "views", "tracks", "sources"), LABELS, strict=True
    ):
        values = getattr(where, name)
        if values and str(getattr(table, column)[row]) not in values:
            return False
    if str(table.path(row)) in where.not_files or number in where.not_numbers:
        return False
    moment = table.time[row].astype(datetime)
    if where.unknown_time == "only":
        return moment is None
    if not (where.since or where.until or where.between or where.weekdays):
        return True
    if moment is None:
        return where.unknown_time == "in"
    zone = zone_of(where)
    local = moment.replace(tzinfo=UTC).astimezone(zone)

    def given(text: str) -> datetime:
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.replace(tzinfo=zone)

    if where.since and local < given(where.since):
        return False
    if where.until and local >= given(where.until):
        return False
    if where.weekdays:
        days = {day for day in WEEKDAYS for text in where.weekdays if day[:3] == text[:3].lower()}
        if WEEKDAYS[local.weekday()] not in days:
            return False
    if where.between:
        start, end = (text if len(text) > 5 else f"{text}:00" for text in where.between)
        clock = local.strftime("%H:%M:%S")
        return start <= clock < end if start <= end else clock >= start or clock < end
    return True


@settings(deadline=None, max_examples=150)
@given(FILTERS, st.integers(0, 99))
def test_a_mask_is_the_loop_over_rows(where: pf.Filter, seed: int) -> None:
    table = random_table(np.random.default_rng(seed), 40)
    numbers = np.arange(40) * 2
    expected = [meets(where, table, row, 2 * row) for row in range(40)]
    assert where.mask(table, numbers).tolist() == expected


class Stored:
    """A random table, and the same rows on disk."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.table = random_table(np.random.default_rng(seed), ROWS)
        columns = stored_columns(self.table, np.arange(ROWS))
        arrays = {name: pa.array(rows) for name, rows in columns.items()}
        self._dataset = lance.write_dataset(pa.table(arrays), folder / f"{seed}.lance")

    def found_by_sql(self, where: pf.Filter) -> list[int]:
        rows = self._dataset.to_table(columns=["number"], filter=where.sql())
        return sorted(rows["number"].to_pylist())


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> list[Stored]:
    return [Stored(seed, tmp_path_factory.mktemp("rows")) for seed in range(4)]


@settings(deadline=None, max_examples=300)
@given(where=FILTERS, which=st.integers(0, 3))
def test_sql_run_by_the_engine_finds_what_the_mask_does(
    datasets: list[Stored], where: pf.Filter, which: int
) -> None:
    stored = datasets[which]
    assert stored.found_by_sql(where) == np.flatnonzero(where.mask(stored.table)).tolist()


@settings(deadline=None, max_examples=200)
@given(value=st.text(max_size=12), which=st.sampled_from(LABELS))
def test_no_value_changes_the_meaning_of_a_query(
    datasets: list[Stored], value: str, which: str
) -> None:
    """Whatever a name is, it selects the rows of exactly this name."""
    column = getattr(datasets[0].table, which).tolist()
    where = pf.Filter(**{f"{which}s": [value]})
    expected = [row for row, name in enumerate(column) if name == value]
    assert datasets[0].found_by_sql(where) == expected


def test_a_name_that_is_no_unicode_is_the_name_of_nothing(
    datasets: list[Stored],
) -> None:
    assert datasets[0].found_by_sql(pf.Filter(cameras=["\udcff"])) == []
    assert len(datasets[0].found_by_sql(pf.Filter(not_files=["/\udcff.jpg"]))) == ROWS


def test_a_hundred_thousand_cameras(
    datasets: list[Stored],
) -> None:
    table = datasets[1].table
    where = pf.Filter(cameras=[f"camera {number}" for number in range(100_000)] + ["it's"])
    expected = np.flatnonzero(table.camera == "it's").tolist()
    assert datasets[1].found_by_sql(where) == expected
    assert np.flatnonzero(where.mask(table)).tolist() == expected


def test_no_condition_is_no_text() -> None:
    assert EVERYTHING.sql() is None
    assert EVERYTHING.milvus() == ""


def test_an_expression_of_milvus() -> None:
    where = pf.Filter(cameras=['say "x"', "it's"], since="2026-05-01", not_numbers=[7])
    start = int(datetime(2026, 5, 1, tzinfo=UTC).timestamp() * 1000)
    assert where.milvus() == (
        r'camera in ["say \"x\"", "it' + "'" + r's"]'
        f" and (({start} <= time < {2**62})) and not (number in [7])"
    )


def test_what_cannot_be_understood_is_refused() -> None:
    table = random_table(np.random.default_rng(0), 3)
    for wrong, known in (
        (pf.Filter(weekdays=["moonday"]), "monday"),
        (pf.Filter(zone="Asia/Bangkok", since="2026-05-01"), "+07:00"),
        (pf.Filter(unknown_time="maybe"), "only"),  # type: ignore[arg-type]
    ):
        with pytest.raises(DataError, match=facts(known)):
            wrong.mask(table)
    with pytest.raises(DataError, match=facts("-1 to 1")):
        pf.Filter(at_least=1.5)
    with pytest.raises(DataError, match=facts("list")):
        pf.Filter(cameras="gate")


def test_the_least_similarity_is_a_condition_on_hits_and_not_on_sightings() -> None:
    ranking = Ranking(np.array([[4, 2, -1]]), np.array([[0.1, 0.6, np.inf]], np.float32))
    kept = pf.Filter(at_least=0.5).near(ranking)
    assert kept.indices.tolist() == [[4, -1, -1]]
    assert kept.distances.tolist() == [[pytest.approx(0.1), np.inf, np.inf]]
    assert EVERYTHING.near(ranking) is ranking
    with pytest.raises(DataError, match=facts("0.5")):
        pf.Filter(at_least=0.5).without_query()
