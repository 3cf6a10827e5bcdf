"""The floor: every trained model is compared with comparing colors alone."""

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY, Run
from messages import says
from rich.console import Console

import platefree as pf
from platefree.cli.tables import report_table
from platefree.data.dataset import DataSet
from platefree.evaluation.floor import Floor
from platefree.evaluation.overlap import Overlap
from platefree.evaluation.verdict import verdict
from platefree.reports.figures import COLORS_ALONE, figure_table, render_markdown
from platefree.reports.page import render_page

LEARNT = Overlap(0, 9, 0, 90)


@pytest.mark.parametrize("protocol", ["cross-camera", "query-gallery", "leave-one-out"])
@pytest.mark.parametrize("post", [None, "rerank"])
def test_the_floor_is_what_scoring_color_stripes_gives(
    tiny_model_folder: Path, drawn_table: pf.Sightings, protocol: str, post: str | None
) -> None:
    report = pf.evaluate(tiny_model_folder, drawn_table, protocol, scoring=pf.Scoring(post=post))
    alone = pf.evaluate("color_stripes", drawn_table, protocol)
    assert report.floor is not None
    assert [dict(each) for each in report.floor.figures] == [alone.figures()]
    assert report.figures() != alone.figures()
    assert alone.floor is None


def test_several_tests_have_a_floor_each(
    tiny_model_folder: Path, drawn_table: pf.Sightings
) -> None:
    scored = np.flatnonzero(drawn_table.split != "train")
    lists = {"test_8": scored, "test_4": scored[: len(scored) // 2]}
    data = DataSet("vehicleid", drawn_table, lists)
    report = pf.evaluate(tiny_model_folder, data, seed=3)
    alone = pf.evaluate("color_stripes", data, seed=3)
    assert report.floor is not None
    assert [*report.floor.figures] == [test.figures() for test in alone.tests]
    rows = {name: cells for group in figure_table(report).groups for name, cells in group}
    for test in alone.tests:
        shown = rows[f"{test.name}: {COLORS_ALONE}"]["rank-1"]
        assert shown == f"{100 * test.figures()['rank-1']:.2f}"


def test_the_row_and_the_outcome_are_in_every_form(
    tiny_model_folder: Path, drawn_table: pf.Sightings
) -> None:
    report = pf.evaluate(tiny_model_folder, drawn_table)
    assert report.floor is not None
    shown = f"{100 * report.floor.figures[0]['mAP']:.2f}"
    file = io.StringIO()
    Console(file=file, width=120).print(report_table(report))
    for text in (render_page(report), render_markdown(report), file.getvalue()):
        assert says(text, COLORS_ALONE, shown)
    for text in (render_page(report), render_markdown(report)):
        assert report.verdict in text
    content = json.loads(json.dumps(report.to_json()))
    assert content["verdict"] == report.verdict
    assert content["floor"]["tests"] == [dict(report.floor.figures[0])]


def test_there_is_none_where_nothing_is_to_be_beaten(
    tiny_model_folder: Path, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    assert pf.evaluate("color_stripes", drawn_table).floor is None
    unasked = pf.evaluate(tiny_model_folder, drawn_table, scoring=pf.Scoring(floor=False))
    assert unasked.floor is not None
    assert unasked.floor.figures == ()
    side = {"cam1": "front", "cam2": "rear", "cam3": "side"}
    seen = replace(drawn_table, view=np.array([side[name] for name in drawn_table.camera]))
    recipe = pf.load_recipe("viewpoint/city", {**TINY, "train.max_steps": 1})
    views = pf.evaluate(pf.train(recipe, seen, tmp_path / "view").best, seen)
    assert views.floor is None
    assert says(views.verdict, "accuracy")


def test_stored_embeddings_are_compared_while_their_pictures_are_there(
    tiny_model_folder: Path, drawn_folder: Path, tmp_path: Path
) -> None:
    pictures = Path(shutil.copytree(drawn_folder, tmp_path / "pictures"))
    table = pf.read_table(pictures)
    for name, floor in (("color_stripes", None), (str(tiny_model_folder), True)):
        model = pf.load_model(name)
        embeddings, _ = model.embed(table)
        stored = pf.save_embeddings(embeddings, tmp_path / "stored", model.comparison)
        found = pf.evaluate(str(stored)).floor
        assert (found and bool(found.figures)) == floor
    shutil.rmtree(pictures / "images")
    report = pf.evaluate(str(stored))
    assert report.floor is not None
    assert report.floor.figures == ()
    assert says(report.verdict, "does not exist")
    assert report.overlap is not None
    assert report.overlap.of_pictures == 48  # their contents are stored


@pytest.mark.parametrize(
    ("ours", "floor", "facts"),
    [
        ((0.342, 0.3), (0.222, 0.2), ("34.2", "12.0 points above", "22.2")),
        ((0.222, 0.2), (0.222, 0.2), ("22.2", "no better", "do not use")),
        ((0.1, 0.3), (0.222, 0.2), ("10.0", "no better", "do not use")),
        ((0.3, 0.1), (0.222, 0.2), ("30.0", "mAP", "10.0 against 20.0", "do not use")),
        ((0.2222, 0.3), (0.222, 0.2), ("22.2", "no better", "do not use")),
    ],
)
def test_the_outcome_against_the_floor(
    ours: tuple[float, float], floor: tuple[float, float], facts: tuple[str, ...]
) -> None:
    for first in ("rank-1", "HIT@1"):
        names = (first, "mAP")
        figures, colors = (dict(zip(names, each, strict=True)) for each in (ours, floor))
        text = verdict([figures], Floor((colors,)), LEARNT)
        assert says(text, first, *facts)
        assert "\n" not in text
        leaked = replace(LEARNT, vehicles=3, pictures=7)
        text = verdict([figures], Floor((colors,)), leaked)
        assert says(text, "not comparable", "3 of 9", "7 of 90")
        assert "above" not in text


def test_the_outcome_of_several_tests_is_about_their_means() -> None:
    tests = [{"rank-1": 0.5, "mAP": 0.4}, {"rank-1": 0.7, "mAP": 0.6}, {"HIT@1": 0.9, "mAP": 0.6}]
    floors = [{"rank-1": 0.1, "mAP": 0.1}, {"rank-1": 0.3, "mAP": 0.1}, {"HIT@1": 0.9, "mAP": 0.1}]
    text = verdict(tests, Floor(tuple(floors)), LEARNT)
    assert says(text, "60.0 %", "2 tests", "40.0 points above", "20.0 %")


def test_a_test_without_a_match_leaves_the_others_their_mean() -> None:
    nothing = {"rank-1": float("nan"), "mAP": float("nan")}
    names = ("top1_s", "top1_d", "top1_s*", "top1_d*")
    tests = [{"rank-1": 0.5, "mAP": 0.4}, nothing, {"rank-1": 0.7, "mAP": 0.6}, nothing]
    floor = [{"rank-1": 0.1, "mAP": 0.1}, nothing, {"rank-1": 0.3, "mAP": 0.1}, nothing]
    text = verdict(tests, Floor(tuple(floor)), LEARNT, names)
    assert says(text, "60.0 %", "mean of 2 tests", "no query has a match in top1_d, top1_d*")
    assert says(text, "40.0 points above", "20.0 %")
    assert says(verdict(tests[:2], None, None), "50.0 %", "no query has a match in 1 other test")
    assert "70.0 %" in verdict(tests[1:], None, None, names[1:])
    assert says(verdict([nothing] * 2, None, None, names[:2]), "nothing was measured")


def test_the_outcome_says_what_is_not_known() -> None:
    figures = {"rank-1": 0.5, "mAP": 0.4}
    missing = replace(LEARNT, record="missing", unknown="there is no record")
    assert says(verdict([figures], Floor(({"rank-1": 0.1, "mAP": 0.1},)), missing), "not all")
    named = replace(LEARNT, same_name=4)
    assert says(verdict([figures], None, named), "4 scored vehicles", "may have been in training")
    assert says(verdict([figures], Floor(reason="the disk is gone"), LEARNT), "the disk is gone")
    assert says(verdict([{"rank-1": float("nan")}], None, LEARNT), "nothing was measured")
    assert verdict([{"accuracy": 0.25}], None, None) == "accuracy 25.0 %"


def test_the_command_line_can_leave_it_out(
    run: Run, tiny_model_folder: Path, drawn_folder: Path
) -> None:
    code, out, _ = run("eval", tiny_model_folder, "--data", drawn_folder)
    assert code == 0
    assert COLORS_ALONE in out
    code, out, _ = run("eval", tiny_model_folder, "--data", drawn_folder, "--no-floor")
    assert code == 0
    assert COLORS_ALONE not in out
    assert says(out, "not asked for")
