"""Rows of settings, trained with several seeds and scored alike."""

import itertools
import json
import re
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import TINY
from drawn import draw_vehicles
from messages import facts

from platefree.cli import main, progress
from platefree.data.dataset import DataSet
from platefree.data.merge import merge_tables
from platefree.data.split import hold_out_vehicles
from platefree.errors import Interrupted, ProtocolError, RecipeError
from platefree.evaluation.evaluate import evaluate
from platefree.experiments import row_run as module
from platefree.experiments.ablation import (
    Ablation,
    ablation_names,
    changed,
    converged,
    load_ablation,
    only,
    row_recipe,
)
from platefree.experiments.ablation_run import run_ablation
from platefree.experiments.forecast import forecast
from platefree.methods.catalogue import load_recipe
from platefree.recipes.toml import to_toml
from platefree.training.loop import train
from platefree.training.run_folder import flat
from platefree.training.step_report import StepReport
from platefree.types import Sightings

SHARED = {**TINY, "train.epochs": 1}
ROWS = [
    {"name": "both losses", "recipe": "strong_baseline/demo", "paper": {"mAP": 0.5}},
    {
        "name": "no triplet",
        "recipe": "strong_baseline/demo",
        "set": {"model.triplet_weight": 0.0, "train.epochs": 2},
    },
]


@pytest.fixture
def rows() -> Ablation:
    return Ablation.model_validate({"title": "Losses", "set": SHARED, "rows": ROWS})


def test_another_protocol_is_scored_anew_and_not_trained(
    drawn_folder: Path, tmp_path: Path
) -> None:
    row = {"name": "floor", "recipe": "color_stripes/default"}
    found = []
    for protocol in (None, "leave-one-out", "query-gallery"):
        rows = Ablation.model_validate({"title": "t", "rows": [row], "protocol": protocol})
        found.append(run_ablation(rows, drawn_folder, tmp_path, seeds=(0,)).to_json()["rows"])
        wanted = evaluate("color_stripes", drawn_folder, protocol).figures()["mAP"]
        assert found[-1]["floor"]["mean"]["mAP"] == pytest.approx(wanted)
    assert found[0] == found[2] != found[1]


def test_some_rows_come_with_the_claims_between_them() -> None:
    whole = load_ablation("vanet")
    some = only(whole, ["VANet", "baseline"])
    assert [row.name for row in some.rows] == ["baseline", "VANet"]
    assert some.claims == [c for c in whole.claims if (c.row, c.other) == ("VANet", "baseline")]
    assert len(some.claims) == 3
    with pytest.raises(RecipeError, match=r"no row named 'none'; expected one of .*'baseline'"):
        only(whole, ["none"])


@pytest.mark.parametrize("name", ablation_names())
def test_built_in_rows_have_recipes(name: str) -> None:
    ablation = load_ablation(name)
    budgets = {
        (recipe.train.epochs, recipe.train.max_steps, recipe.train.batch_size)
        for recipe in (row_recipe(ablation, row, seed=1) for row in ablation.rows)
    }
    assert len(budgets) == 1, "rows are compared on equal budgets"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("drdl", "vehicleid"),
        ("part_regularized-vehicleid", "vehicleid"),
        ("part_regularized-veri", "veri-776"),
    ],
)
def test_rows_of_a_public_set_have_the_figures_of_its_protocols(
    name: str, data: str, layouts: dict[str, DataSet]
) -> None:
    ablation = load_ablation(name)
    measured = set()
    for protocol in (ablation.protocol, *ablation.also):
        assert protocol is not None
        measured |= set(evaluate("color_stripes", layouts[data], protocol).figures())
    assert set(ablation.figures) <= measured
    for row in ablation.rows:
        assert set(row.paper) == set(ablation.figures)


def test_tests_that_the_pictures_cannot_have_are_refused_before_training(
    drawn_table: Sightings, tmp_path: Path
) -> None:
    settings = {"title": "Losses", "set": SHARED, "rows": ROWS}
    without = Ablation.model_validate({**settings, "protocol": "vehicleid"})
    claim = {"row": "both losses", "better_than": "no triplet", "figure": "3000 mAP"}
    figures = {"figures": ["3000 mAP"], "claims": [claim]}
    elsewhere = Ablation.model_validate({**settings, **figures})
    for ablation, error, said in (
        (without, ProtocolError, "VehicleID"),
        (elsewhere, RecipeError, "3000 mAP"),
    ):
        with pytest.raises(error, match=facts(said)):
            run_ablation(ablation, drawn_table, tmp_path / "out", seeds=(0,))
        with pytest.raises(error, match=facts(said)):
            forecast(ablation, drawn_table, tmp_path / "out", seeds=(0,))
    assert not list(tmp_path.rglob("last"))


PAPER = {
    "drdl": """
        0.404 0.617 0.444
        0.436 0.642 0.492
        0.490 0.735 0.546""",
    "part_regularized-vehicleid": """
        128 0.726 0.886 0.685 0.838 0.661 0.819
        256 0.784 0.923 0.750 0.883 0.742 0.864""",
    "part_regularized-veri": """
        128 0.653 0.878 0.959
        256 0.702 0.922 0.979
        512 0.743 0.943 0.987""",
}
"""Tables 4 and 6 of the DRDL paper (small), 5 and 6 of the part-regularized one."""


@pytest.mark.parametrize("name", PAPER)
def test_rows_have_the_figures_of_the_paper(name: str) -> None:
    ablation = load_ablation(name)
    lines = [list(map(float, line.split())) for line in PAPER[name].strip().splitlines()]
    for row, line in zip(ablation.rows, lines, strict=True):
        shape = row_recipe(ablation, row, seed=0).input
        size = [] if name == "drdl" else [float(shape.height)]
        assert shape.height == shape.width
        assert [*size, *(row.paper[figure] for figure in ablation.figures)] == line


def test_a_row_of_cityflow_learns_from_its_sources_and_is_scored_by_validation(
    layouts: dict[str, DataSet], tmp_path: Path
) -> None:
    published = load_ablation("vehiclenet-cityflow")
    row = published.rows[1]
    assert row.name == "CityFlow + VeRi-776"
    small = {**flat(published.set), **TINY, "train.epochs": 1}
    ablation = published.model_copy(update={"set": small, "rows": [row]})
    held = hold_out_vehicles(layouts["cityflow"].table, vehicles=2)
    others = [layouts[name].table for name in ("veri-776", "vehicleid")]
    data = merge_tables(held, *others, target="cityflow")
    table = run_ablation(ablation, DataSet("table", data), tmp_path, seeds=(0,))
    assert set(table.measured[row.name][0]) >= {"rank-1", "mAP"}
    assert table.settings["post-processing"] == "none"
    assert table.settings["protocol"] == "validation"
    (run,) = tmp_path.glob("*/seed-0")
    card = json.loads((run / "best" / "card.json").read_text())
    assert set(card["data"]["sources"]) == {"cityflow", "veri-776"}


def test_a_table_is_what_training_and_scoring_by_hand_give(
    rows: Ablation, drawn_folder: Path, tmp_path: Path
) -> None:
    table = run_ablation(rows, drawn_folder, tmp_path / "runs", seeds=(0, 3))
    by_hand: dict[str, list[float]] = {}
    for row in ROWS:
        for seed in (0, 3):
            settings: dict[str, Any] = {**SHARED, **row.get("set", {}), "train.seed": seed}  # type: ignore[dict-item]
            recipe = load_recipe(str(row["recipe"]), settings)
            best = train(recipe, drawn_folder, tmp_path / f"{row['name']}{seed}").best
            by_hand.setdefault(str(row["name"]), []).append(
                evaluate(best, drawn_folder).figures()["mAP"]
            )
    content = table.to_json()["rows"]
    for name, values in by_hand.items():
        assert [each["mAP"] for each in content[name]["seeds"]] == values
        assert content[name]["mean"]["mAP"] == pytest.approx(statistics.mean(values))
        assert content[name]["deviation"]["mAP"] == pytest.approx(statistics.stdev(values))
    head, both, none = table.cells()
    assert head == ["row", "rank-1", "mAP", "paper mAP"]
    mean, deviation = (100 * content["both losses"][k]["mAP"] for k in ("mean", "deviation"))
    assert both[2:] == [f"{mean:.1f} ± {deviation:.1f}", "50.00"]
    assert none[0] == "no triplet"
    assert none[3] == ""
    markdown = (tmp_path / "runs" / "table.md").read_text()
    assert markdown == table.to_markdown()
    assert "re-ranking" in markdown
    assert str(drawn_folder) in markdown


def test_keys_may_be_dotted_or_tables(rows: Ablation) -> None:
    nested = rows.model_copy(update={"set": {"train": {"lr": 0.5}, "input.height": 40}})
    recipe = row_recipe(nested, rows.rows[0], seed=7)
    assert (recipe.train.lr, recipe.train.seed, recipe.input.height) == (0.5, 7, 40)
    assert recipe.train.warmup_epochs != TINY["train.warmup_epochs"]


def test_what_is_done_is_not_done_again(rows: Ablation, drawn_folder: Path, tmp_path: Path) -> None:
    steps: list[StepReport] = []
    runs: list[tuple[str, int]] = []
    first = run_ablation(rows, drawn_folder, tmp_path, seeds=[0], on_step=steps.append)
    done = len(steps)
    assert done > 0
    again = run_ablation(
        rows,
        drawn_folder,
        tmp_path,
        seeds=[0],
        on_step=steps.append,
        on_run=lambda row, seed: runs.append((row, seed)),
    )
    assert len(steps) == done
    assert again.to_json() == first.to_json()
    assert runs == [("both losses", 0), ("no triplet", 0)]


def test_a_protocol_that_is_asked_for_later_needs_no_training(
    rows: Ablation, drawn_folder: Path, tmp_path: Path
) -> None:
    one = rows.model_copy(update={"rows": rows.rows[:1]})
    first = run_ablation(one, drawn_folder, tmp_path, seeds=[0])
    more = one.model_copy(
        update={"also": ["leave-one-out"], "figures": ["mAP", "leave-one-out mAP"]}
    )
    steps: list[StepReport] = []
    table = run_ablation(more, drawn_folder, tmp_path, seeds=[0], on_step=steps.append)
    assert steps == []
    (found,) = table.measured["both losses"]
    best = tmp_path / "both-losses" / "seed-0" / "best"
    other = evaluate(best, drawn_folder, "leave-one-out").figures()
    assert found["leave-one-out mAP"] == other["mAP"]
    assert found["mAP"] == first.measured["both losses"][0]["mAP"]
    head, row = table.cells()
    assert head[1:3] == ["mAP", "leave-one-out mAP"]
    assert row[2] == f"{100 * other['mAP']:.1f}"


def test_a_table_that_was_cut_short_goes_on(
    rows: Ablation, drawn_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_ablation(rows, drawn_folder, tmp_path / "whole", seeds=[0])

    def stop_before_scoring(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "score_plan", stop_before_scoring)
    with pytest.raises(Interrupted, match=facts(str(tmp_path / "cut"), "again")):
        run_ablation(rows, drawn_folder, tmp_path / "cut", seeds=[0])
    monkeypatch.undo()
    steps: list[StepReport] = []
    resumed = run_ablation(rows, drawn_folder, tmp_path / "cut", seeds=[0], on_step=steps.append)
    assert resumed.to_json()["rows"] == whole.to_json()["rows"]
    assert {step.epochs for step in steps} == {2}, "the first row was trained already"


def test_a_folder_of_other_rows_is_refused(
    rows: Ablation, drawn_folder: Path, tmp_path: Path
) -> None:
    run_ablation(rows, drawn_folder, tmp_path, seeds=[0])
    other = rows.model_copy(update={"set": {**SHARED, "train.lr": 1e-2}})
    with pytest.raises(
        RecipeError, match=facts("seed-0", "'both losses'", "other settings", "--out")
    ):
        run_ablation(other, drawn_folder, tmp_path, seeds=[0])


def test_a_row_is_the_same_whatever_is_said_of_it_and_however_pictures_are_loaded(
    rows: Ablation, drawn_folder: Path, tmp_path: Path
) -> None:
    one = rows.model_copy(update={"rows": rows.rows[:1]})
    first = run_ablation(one, drawn_folder, tmp_path, seeds=[0])
    file = tmp_path / "mine.toml"
    recipe = load_recipe("strong_baseline/demo")
    said = {"description": "in other words", "paper": {"veri-776 images mAP": 0.5}}
    file.write_text(to_toml(recipe.model_copy(update=said)))
    loading = {"train.workers": 1, "train.checkpoint_minutes": 9.0, "train.samples_epochs": 3}
    row = one.rows[0].model_copy(update={"recipe": str(file)})
    again = one.model_copy(update={"set": {**SHARED, **loading}, "rows": [row]})
    steps: list[StepReport] = []
    found = run_ablation(again, drawn_folder, tmp_path, seeds=[0], on_step=steps.append)
    assert (found.to_json()["rows"], steps) == (first.to_json()["rows"], [])
    scored = changed(again, {"post.steps": ["rerank"]})
    ended = changed(again, {"train.max_steps": 1})
    for other, key in ((scored, "post.steps"), (ended, "train.max_steps")):
        with pytest.raises(RecipeError, match=facts("other settings", key)):
            run_ablation(other, drawn_folder, tmp_path, seeds=[0])


def test_an_empty_table_clears_what_came_before_it() -> None:
    slow = {"train.rate_factors": {"backbone": 0.5}}
    empty: dict[str, Any] = {"train": {"rate_factors": {}}}
    rows = [
        {"name": "as all", "set": {}},
        {"name": "none", "set": empty},
        {"name": "anew", "set": empty, "converged": {"train.rate_factors.backbone": 0.1}},
    ]
    content = [{**row, "recipe": "strong_baseline/street"} for row in rows]
    whole = Ablation.model_validate({"title": "t", "set": slow, "rows": content})

    def found(ablation: Ablation) -> list[dict[str, float]]:
        return [row_recipe(ablation, row, seed=0).train.rate_factors for row in ablation.rows]

    assert found(whole) == [{"backbone": 0.5}, {}, {}]
    assert found(converged(whole)) == [{"backbone": 0.5}, {}, {"backbone": 0.1}]
    cleared = changed(whole.model_copy(update={"rows": whole.rows[:1]}), {"train.rate_factors": {}})
    assert found(cleared) == [{}]
    assert found(whole) == [{"backbone": 0.5}, {}, {}], "one row changes no other"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("title = ", ("rows.toml", "TOML")),
        ('title = "x"\nrows = []', ("rows.toml", "named []", "distinct")),
        (
            'title = "x"\n[[rows]]\nname = "a"\nrecipe = "strong_baseline/demo"\nsets = {}',
            ("'sets'", "[rows.0]", "mean 'set'"),
        ),
        (
            'title = "x"\n[[rows]]\nname = "a"\nrecipe = "strong_basline/demo"',
            ("strong_basline/demo", "mean 'strong_baseline/demo'"),
        ),
        ('title = "x"\n[[rows]]\nname = "a"', ("rows.0.recipe", "missing")),
        (
            'title = "x"\n[[rows]]\nname = "a"\nrecipe = "strong_baseline/demo"\n'
            '[[rows]]\nname = "A"\nrecipe = "strong_baseline/demo"',
            ("'a', 'A'", "distinct"),
        ),
        (
            'title = "x"\n[[rows]]\nname = "a"\nrecipe = "strong_baseline/demo"\n'
            'set = { "train.lrr" = 1 }',
            ("'lrr'", "[train]", "mean 'lr'"),
        ),
    ],
)
def test_bad_files_are_refused(text: str, complaint: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "rows.toml"
    file.write_text(text)
    with pytest.raises(RecipeError, match=facts(complaint)):
        load_ablation(file)


def test_a_length_that_no_row_goes_by_is_refused(tmp_path: Path) -> None:
    drdl = converged(load_ablation("drdl"))
    assert drdl == changed(drdl, {"train.lr": drdl.set["train.lr"]})
    with pytest.raises(RecipeError, match=facts("train.epochs=32", 1728, "train.steps")):
        changed(drdl, {"train.epochs": 32})
    vehiclenet = changed(load_ablation("vehiclenet"), {"train.epochs": 2})  # one row goes by steps
    found = {row_recipe(vehiclenet, row, seed=0).train.steps for row in vehiclenet.rows}
    assert found == {0, 216}
    file = tmp_path / "rows.toml"
    rows = '[[rows]]\nname = "a"\nrecipe = "strong_baseline/demo"\n'
    for text in (
        f'title = "x"\nset = {{ "train.steps" = 7 }}\n{rows}set = {{ "train.epochs" = 3 }}',
        'title = "x"\nset = { "train.epochs" = 3 }\n' + rows.replace("demo", "street"),
    ):
        file.write_text(text)
        with pytest.raises(RecipeError, match=facts("train.epochs=3", "train.steps")):
            load_ablation(file)


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=facts("'nothing'", "drdl, fda_net, losses", ".toml")):
        load_ablation("nothing")
    with pytest.raises(RecipeError, match=facts("none.toml", "not exist")):
        load_ablation(tmp_path / "none.toml")


def test_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = tmp_path / "pictures"
    draw_vehicles(pictures, vehicles=10, cameras=2, images_per_camera=2, size=32)
    settings = ", ".join(f'"{key}" = {json.dumps(value)}' for key, value in SHARED.items())
    (tmp_path / "rows.toml").write_text(
        f'title = "Mine"\nset = {{ {settings} }}\n[[rows]]\nname = "one"\n'
        'recipe = "strong_baseline/demo"\n'
    )
    arguments = ["ablate", str(tmp_path / "rows.toml"), "--data", str(pictures), "--seeds", "1"]
    monkeypatch.setattr("sys.argv", ["platefree", *arguments, "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as left:
        main()
    shown = capsys.readouterr()
    assert left.value.code == 0
    assert "Mine" in shown.out
    assert "rank-1" in shown.out
    assert shown.err.splitlines()[-1].endswith("table.md")
    monkeypatch.setattr(
        "sys.argv", ["platefree", *arguments, "--out", str(tmp_path / "out"), "--json"]
    )
    with pytest.raises(SystemExit):
        main()
    assert json.loads(capsys.readouterr().out)["rows"]["one"]["seeds"]


def test_settings_that_differ_by_row_are_not_said_of_all() -> None:
    from platefree.experiments.ablation_run import _shared

    first = {"re-ranking": "none", "test-time flip": "off", "scored": "monday"}
    both = _shared(_shared({}, first), {**first, "re-ranking": "k1 20", "scored": "tuesday"})
    assert both == {"re-ranking": "differs by row", "test-time flip": "off", "scored": "tuesday"}
    assert _shared(both, first)["re-ranking"] == "differs by row"


def test_progress_of_a_resumed_run_and_the_next_one_foretells_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = itertools.count(step=60.0)  # a minute a step
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(seconds))
    blank = StepReport(0, 9, 1, 1, "main", 0.1, {"triplet": 0.5}, {}, 8.0)
    with progress.training_progress() as on_step:
        for step in (*range(5, 10), *range(1, 10)):
            on_step(replace(blank, step=step))
    found = re.findall(r"step (\d)/9 .* ETA ([-.\d]+) min", capsys.readouterr().err)
    assert [int(step) for step, _ in found] == [*range(5, 10), *range(1, 10)]
    assert all(float(eta) == 9 - int(step) for step, eta in found)
