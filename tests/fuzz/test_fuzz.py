"""Damaged files of every format are read, or refused in one line: no traceback, hang or bomb."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from corpus import Outcomes, Reader, run_corpus, run_found, table


def faults(outcomes: dict[str, Outcomes]) -> list[str]:
    return [f"{name}: {fault}" for name, each in outcomes.items() for fault in each.faults]


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    """One for all, since the other tests take the other cores."""
    with Reader() as started:
        yield started


@pytest.mark.slow
def test_damaged_files_are_read_or_refused_in_one_line(
    request: pytest.FixtureRequest, reader: Reader, tmp_path: Path
) -> None:
    """With ``--fuzz 10`` ten times as many."""
    outcomes = run_corpus(request.config.getoption("--fuzz"), tmp_path, [reader])
    lines = list(table(outcomes))
    print("\n".join(lines))  # noqa: T201 - seen with -s
    assert faults(outcomes) == []
    for name, each in outcomes.items():
        assert each.counts["read"], f"nothing was read of {name}, so that damage is too heavy"
        assert each.counts["refused"], f"nothing was refused of {name}, so that damage is too light"


@pytest.mark.slow
def test_files_on_which_something_failed_once(reader: Reader, tmp_path: Path) -> None:
    outcomes = run_found(tmp_path, reader)
    assert len(outcomes) >= 15
    assert faults(outcomes) == []
    assert all(each.counts.total() == 1 for each in outcomes.values())
