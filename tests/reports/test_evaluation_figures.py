"""One table of figures for page, terminal and Markdown, with several tests side by side."""

import io
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from platefree.cli.tables import report_table
from platefree.evaluation.metrics import RankMetrics
from platefree.evaluation.results import Outcome, Report
from platefree.evaluation.trial_results import PairResult, TrialResult
from platefree.evaluation.verification import BINS, Verification
from platefree.reports.figures import figure_table, render_markdown
from platefree.reports.page import render_page
from platefree.reports.saving import save_report


def trial(
    name: str, first_match: list[int], gallery: int = 800, *, of_tracks: bool = False
) -> TrialResult:
    first = np.array(first_match)
    score = np.where(first > 0, 1 / np.maximum(first, 1), np.nan)
    metrics = RankMetrics.from_queries(score, score, first, 50)
    return TrialResult(name, len(first), gallery, metrics, of_tracks)


def verification(seed: int) -> Verification:
    random = np.random.default_rng(seed)
    counts = [
        np.histogram(np.clip(random.normal(mean, 0.15, n), -1, 1), BINS, (-1, 1))[0]
        for mean, n in ((0.6, 500), (0.1, 20_000))
    ]
    return Verification(*counts)


SMALL = Outcome(
    "800",
    (trial("draw 1", [1, 2, 1, 7]), trial("draw 2", [1, 1, 1, 0, 9], 801)),
    verification(0),
    {"rank-1": 0.9, "rank-99": 0.99},
)
TRACKS = Outcome("tracks|<b>", (trial("t", [1, 3], of_tracks=True),), verification(1))
PAIRS = Outcome("easy", (PairResult("easy", 20_000, 0.6125, 0.833),), verification(2))
REPORT = Report(
    model={"name": "m"},
    data={"path": "/data|x", "pictures scored": "9", "vehicles": "5", "split": "all rows"},
    protocol="vehicleid",
    settings={
        "seed": "0",
        "test-time flip": "off",
        "scales": "1",
        "post-processing": "none",
        "re-ranking": "none",
    },
    tests=(SMALL, TRACKS, PAIRS),
)


def cells(report: Report) -> dict[str, dict[str, str]]:
    return {name: dict(row) for group in figure_table(report).groups for name, row in group}


def test_several_tests_stand_in_one_table() -> None:
    table = figure_table(REPORT)
    assert table.head == (
        *("test", "rank-1", "rank-5", "rank-10", "mAP", "mINP", "HIT@1", "HIT@5"),
        *("accuracy", "queries", "without match", "gallery", "pairs", "threshold"),
    )
    rows = cells(REPORT)
    assert list(rows) == [
        *("800: paper", "800: ours", "800: deviation of 2", "800: gap"),
        *("tracks|<b>", "easy"),
    ]
    mean, spread = (0.5 + 0.75) / 2, (0.75 - 0.5) / 2**0.5
    assert rows["800: ours"]["rank-1"] == f"{100 * mean:.2f}"
    assert rows["800: deviation of 2"]["rank-1"] == f"{100 * spread:.2f}"
    assert rows["800: paper"] == {"rank-1": "90.00"}
    assert rows["800: gap"] == {"rank-1": "\N{MINUS SIGN}27.50"}
    assert rows["800: ours"]["gallery"] == "800 to 801"
    assert rows["800: ours"]["queries"] == "4 to 5"
    assert rows["tracks|<b>"]["HIT@1"] == "50.00"
    assert rows["easy"] == {"accuracy": "83.30", "pairs": "20,000", "threshold": "0.6125"}


def test_one_test_shows_its_trials() -> None:
    rows = cells(replace(REPORT, tests=(SMALL,)))
    assert list(rows) == [
        *("paper", "ours, mean of trials", "deviation of 2", "gap", "draw 1", "draw 2")
    ]
    assert rows["draw 1"]["rank-1"] == "50.00"
    assert list(cells(replace(REPORT, tests=(PAIRS,)))) == ["easy"]


def test_markdown_is_the_same_table_and_text_stays_text() -> None:
    text = render_markdown(REPORT)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    table = figure_table(REPORT)
    assert lines[0] == f"| {' | '.join(table.head)} |"
    assert {line.replace("\\|", "").count("|") for line in lines} == {len(table.head) + 1}
    assert lines[2].startswith("| 800: paper | 90.00 |")
    assert lines[6].startswith("| tracks\\|&lt;b&gt; |")
    assert "path /data\\|x" in text
    assert "seed 0" in text


def test_page_and_terminal_show_every_cell(tmp_path: Path) -> None:
    page = render_page(REPORT)
    parser = HTMLParser()
    parser.feed(page)
    assert page.count('id="hatch"') == 1
    assert page.count("Thresholds over the pairs of all trials") == 2 * 3  # caption and label
    assert "the pairs of all trials of test tracks|&lt;b&gt;" in page
    file = io.StringIO()
    Console(file=file, width=60).print(report_table(REPORT), soft_wrap=True)
    figures = {"rank-1", "rank-5", "rank-10", "mAP", "mINP", "HIT@1", "HIT@5", "accuracy"}
    for row in cells(REPORT).values():
        assert all(text in page for text in row.values())
        assert all(text in file.getvalue() for name, text in row.items() if name in figures)
    assert "4 to 5 in 800 to 801" in file.getvalue()
    assert "20,000 pairs" in file.getvalue()
    save_report(REPORT, tmp_path / "report.html")
    assert (tmp_path / "report.md").read_text("utf-8") == render_markdown(REPORT)


def test_json_holds_every_test() -> None:
    content = json.loads(json.dumps(REPORT.to_json(), allow_nan=False))
    assert content["figures"]["800 rank-1"] == 0.625
    first, tracks, pairs = content["tests"]
    assert first["gaps"] == {"rank-1": 0.625 - 0.9}
    assert first["deviations"]["rank-1"] == pytest.approx(0.25 / 2**0.5)
    assert [each["name"] for each in first["trials"]] == ["draw 1", "draw 2"]
    assert tracks["deviations"] == {}
    assert pairs["trials"][0]["threshold"] == 0.6125
    assert all(len(each["verification"]["thresholds"]) == 4 for each in content["tests"])


def test_figures_of_no_query_are_undefined_and_null() -> None:
    lost = Outcome("lost", (trial("a", [0]), trial("b", [1])), verification(0), {"mAP": 0.5})
    report = replace(REPORT, tests=(lost, SMALL))
    assert cells(report)["lost: ours"]["mAP"] == cells(report)["lost: gap"]["mAP"] == "undefined"
    assert report.to_json()["tests"][0]["figures"]["mAP"] is None
    assert "has no query with a match" in render_page(report)
