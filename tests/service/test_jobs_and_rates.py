"""Jobs one after the other, and how often somebody may ask."""

import threading

import pytest
from messages import facts

from platefree.errors import DataError
from platefree.service.job_table import MOST, MOST_WAITING, Job, JobTable, TooManyJobs
from platefree.service.rate_limits import RateLimit


def test_jobs_are_done_one_after_the_other_and_can_be_stopped() -> None:
    table, go, order = JobTable(), threading.Event(), list[str]()

    def long(job: Job) -> dict[str, int]:
        order.append(job.kind)
        for done in range(10_000):
            job.advance(done, 10_000)
            go.wait(0.01)
        return {}

    def short(job: Job) -> dict[str, int]:
        order.append(job.kind)
        return {"made": 3}

    def wrong(job: Job) -> dict[str, int]:
        raise DataError("no such thing")

    def broken(job: Job) -> dict[str, int]:
        raise ZeroDivisionError("secret")

    first, second = table.add("long", "anna", long), table.add("never", "anna", short)
    third, fourth = table.add("short", "anna", short), table.add("wrong", "anna", wrong)
    fifth = table.add("broken", "anna", broken)
    table.cancel(second)
    while first.done < 2:
        go.wait(0.01)
    assert (first.state, second.state, third.state) == ("running", "cancelled", "waiting")
    table.cancel(first)
    table._waiting.put(None)
    table._thread.join(30)
    assert (first.state, third.state, third.result) == ("cancelled", "done", {"made": 3})
    assert (fourth.state, fourth.error) == ("failed", "no such thing")
    assert (fifth.state, "secret" in fifth.error) == ("failed", False)
    assert order == ["long", "short"]
    table.cancel(third)
    assert third.state == "done"


def test_few_wait_and_the_oldest_are_forgotten() -> None:
    table, go = JobTable(), threading.Event()
    table.add("first", "anna", lambda job: {"went": go.wait(30)})
    while table.all()[0].state == "waiting":
        go.wait(0.01)
    for _ in range(MOST_WAITING):
        table.add("other", "anna", lambda job: {})
    with pytest.raises(TooManyJobs, match=facts(MOST_WAITING)):
        table.add("other", "anna", lambda job: {})
    go.set()
    last = table.all()[-1]
    while last.state != "done":
        threading.Event().wait(0.01)
    for _ in range(2 * MOST):
        last = table.add("other", "anna", lambda job: {})
        while last.state != "done":
            threading.Event().wait(0.001)
    assert len(table.all()) == MOST
    assert table.find(last.key) is last
    table.close()


def test_a_rate_is_kept_in_the_long_run() -> None:
    now = [0.0]
    limit = RateLimit(60, lambda: now[0])
    taken = 0
    for _ in range(6_000):  # ten minutes, ten times a second
        taken += limit.take("anna") == 0
        now[0] += 0.1
    assert 600 <= taken <= 616  # a minute's quarter at once, and then one a second
    assert limit.take("berta") == 0


def test_who_is_refused_is_told_when_to_ask_again() -> None:
    now = [0.0]
    limit = RateLimit(4, lambda: now[0])
    assert limit.take("anna") == 0
    wait = limit.take("anna")
    assert wait == pytest.approx(15)
    now[0] += wait - 0.01
    assert limit.take("anna") > 0
    now[0] += 0.02
    assert limit.take("anna") == 0


def test_many_strangers_take_little_memory() -> None:
    limit = RateLimit(60)
    for number in range(25_000):
        limit.take(str(number))
    assert len(limit._buckets) <= 10_001
