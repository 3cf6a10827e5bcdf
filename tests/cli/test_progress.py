"""Progress counts to what there is to do, from the first moment."""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from conftest import TINY, Run

import platefree as pf
from platefree.cli import console, progress, searches
from platefree.training.step_report import StepReport


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Notes as on a terminal of one size, whatever the tests run in."""
    shown = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    notes = console.PlainConsole(stderr=True, width=120)
    notes.file = shown
    notes._force_terminal = True
    for module in (console, progress):
        monkeypatch.setattr(module, "notes", notes)
    return shown


def counts(shown: str) -> list[tuple[str, str]]:
    return re.findall(r"(\S+)/(\S+)\s+\d:\d\d:\d\d", shown)


def report(step: int, total: int) -> StepReport:
    return StepReport(step, total, 1, 2, "all", 0.1, {"loss": 1.0}, {}, 50.0)


def test_a_run_counts_the_steps_that_it_will_take(
    drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    seen: list[StepReport] = []
    recipe = pf.load_recipe("strong_baseline/demo", {**TINY, "train.max_steps": 3})
    run = pf.train(recipe, drawn_table, tmp_path / "run", on_step=seen.append)
    assert [(each.step, each.total) for each in seen] == [(1, 3), (2, 3), (3, 3)]
    assert run.total > 3  # of the whole schedule
    seen.clear()
    longer = pf.load_recipe("strong_baseline/demo", {**TINY, "train.max_steps": 1000})
    pf.train(longer, drawn_table, tmp_path / "run", resume=True, on_step=seen.append)
    assert {each.total for each in seen} == {run.total} == {seen[-1].step}


def test_training_never_counts_to_none(terminal: Terminal) -> None:
    with progress.training_progress() as show:
        assert "None" not in terminal.getvalue()
        for step in (1, 2):
            show(report(step, 9))
        show(report(1, 5))  # the next of several trainings
    found = counts(terminal.getvalue())
    assert found[-1] == ("1", "5")
    assert {total for _, total in found} <= {"9", "5"}
    assert "None" not in terminal.getvalue()
    assert "/?" not in terminal.getvalue()


def test_a_resumed_run_starts_where_it_was(terminal: Terminal) -> None:
    with progress.training_progress() as show:
        show(report(701, 900))
    assert {total for _, total in counts(terminal.getvalue())} == {"900"}


def test_a_gallery_is_counted_before_it_is_embedded(
    run: Run, drawn_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []
    done: list[int] = []

    @contextmanager
    def watched(what: str, total: int) -> Iterator[Callable[[int], None]]:
        assert what
        begun.append(total)
        yield done.append

    replaced: Callable[[str, int], AbstractContextManager[Callable[[int], None]]] = watched
    monkeypatch.setattr(searches, "picture_progress", replaced)
    query = drawn_folder / "images" / "v0000_c1_1.jpg"
    code, _, err = run("search", query, "--gallery", drawn_folder, "--model", "color_stripes")
    assert code == 0, err
    assert begun == [96] == [sum(done)]
