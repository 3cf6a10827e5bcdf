"""The command line end to end: what a new user types, and what goes wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from conftest import TINY, Outcome, Run
from messages import says
from PIL import Image

import platefree as pf
from platefree import cli
from platefree.errors import Interrupted

QUICK = [part for key, value in TINY.items() for part in ("--set", f"{key}={value}")]


def refused(outcome: Outcome, *wanted: str | int) -> None:
    """Exit code 1 and one line on stderr that states the facts of ``wanted``."""
    code, _, err = outcome
    lines = [line for line in err.strip().splitlines() if line.startswith("platefree: ")]
    assert code == 1, err
    assert len(lines) == 1, err
    assert says(lines[0], *wanted)
    assert "Traceback" not in err


def verbs(group: Any, name: str = "") -> Iterator[str]:  # noqa: ANN401 - of typer's own click
    """Every group and verb, as it is typed."""
    yield name
    for each in getattr(group, "commands", {}):
        yield from verbs(group.commands[each], f"{name} {each}".strip())


@pytest.mark.parametrize("verb", [*verbs(typer.main.get_command(cli.app))])
def test_every_help_fits_a_screen(run: Run, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run(*verb.split(), "--help")
    assert code == 0
    assert "Usage" in out
    lines = out.splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 80
    cut = [line for line in lines if line.endswith("...") and "Usage" not in line]
    assert cut == []


def test_models_and_outputs_are_required_or_name_their_default(
    monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for verb in verbs(typer.main.get_command(cli.app)):
        text = " ".join(run(*verb.split(), "--help")[1].split())
        for option in ("--out", "--model"):
            if f"{option} " in text:
                rest = text.partition(f"{option} ")[2].partition(" --")[0]
                assert "[required]" in rest or "[default:" in rest, f"{verb} {option}"


@pytest.mark.parametrize(
    "arguments",
    [["--nothing"], ["train"], ["eval", "color_stripes"], ["search", "a.jpg"], ["nothing"]],
)
def test_wrong_usage_exits_with_2(run: Run, arguments: list[str]) -> None:
    code, _, err = run(*arguments)
    assert code == 2
    assert "Usage" in err


def test_version(run: Run) -> None:
    assert run("--version")[:2] == (0, "platefree 0.1.0\n")


def test_doctor_is_healthy_here_and_says_what_is_missing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = run("doctor", "--json")
    assert code == 0
    answer = json.loads(out)
    assert answer["healthy"] is True
    assert {"platefree", "torch", "disk"} <= {f["subject"] for f in answer["findings"]}

    from platefree import doctor

    monkeypatch.setattr(doctor, "requires", lambda _: ["nothing-like-it>=2", "numpy>=999"])
    code, out, _ = run("doctor", "--json")
    assert code == 1
    found = {f["subject"]: f for f in json.loads(out)["findings"]}
    assert found["nothing-like-it"]["remedy"] == 'pip install "nothing-like-it>=2"'
    assert found["numpy"]["state"] == "old"


def test_recipes_are_listed_and_shown(run: Run, tmp_path: Path) -> None:
    listed = run("recipes")[1]
    assert says(listed, "Start here", "strong_baseline/small")
    groups = {group.partition(":")[0]: group for group in listed.split("\n\n")[1:]}
    for name in pf.recipe_names():
        method, _, short = name.partition("/")
        assert any(line.split()[:1] == [short] for line in groups[method].splitlines()[1:])
    assert next(iter(groups)) == "strong_baseline"
    assert set(json.loads(run("recipes", "--json")[1])) == set(pf.recipe_names())
    code, out, _ = run("recipes", "show", "strong_baseline/small", "--set", "train.lr=0.5")
    assert code == 0
    (tmp_path / "mine.toml").write_text(out)
    assert pf.load_recipe(tmp_path / "mine.toml").train.lr == 0.5


def test_check_split_train_eval_embed_search(run: Run, drawn_folder: Path, tmp_path: Path) -> None:
    code, out, _ = run("data", "check", drawn_folder, "--json")
    assert (code, json.loads(out)["images"]) == (0, 96)
    table = tmp_path / "split.csv"
    code, out, _ = run("data", "split", drawn_folder, "--out", table, "--json")
    assert (code, json.loads(out)["vehicles"]["train"]) == (0, 8)
    folder = tmp_path / "run"
    code, out, err = run(
        "train", "strong_baseline/demo", "--data", table, "--out", folder, *QUICK, "--json"
    )
    assert code == 0, err
    best = json.loads(out)["best"]
    assert best == str(folder / "best")
    assert err.strip().endswith(f"model: {best}")
    report = tmp_path / "report.html"
    code, out, err = run("eval", best, "--data", table, "--report", report, "--heat-maps", "--json")
    assert code == 0, err
    assert json.loads(out)["protocol"] == "query-gallery"
    assert report.exists()
    stored = tmp_path / "stored"
    assert run("embed", table, "--out", stored, "--model", best)[0] == 0
    query = pf.read_table(table).path(0)
    code, out, _ = run("search", query, "--gallery", stored, "--top", 3, "--json")
    answer = json.loads(out)
    assert code == 0
    assert answer["model"]["name"] == best  # remembered by the embeddings
    assert len(answer["hits"]) == 3
    sheet = tmp_path / "sheet.png"
    code, out, _ = run(
        "search", query, "--gallery", drawn_folder, "--model", best, "--sheet", sheet
    )
    assert code == 0
    assert "similarity" in out
    with Image.open(sheet) as drawn:
        assert drawn.size[0] > 100
    shutil.move(best, tmp_path / "moved")
    assert run("search", query, "--gallery", stored)[0] == 0  # it is one of those stored
    copied = shutil.copy(query, tmp_path / "copied.jpg")
    code, out, _ = run("search", copied, "--gallery", stored, "--json")
    assert code == 0  # so is a copy of it, which is left out of the hits
    assert json.loads(out)["left_out"] == [str(query)]
    stranger = tmp_path / "stranger.png"
    Image.open(query).rotate(180).save(stranger)
    refused(run("search", stranger, "--gallery", stored), "stored", best, "--model")
    best = str(tmp_path / "moved")
    assert run("search", query, "--gallery", stored, "--model", best)[0] == 0
    code, out, _ = run("compare", query, query, "--model", best, "--json")
    assert json.loads(out)["similarity"] == pytest.approx(1.0, abs=1e-4)


def test_bad_tables_are_refused_in_one_line(run: Run, drawn_folder: Path, tmp_path: Path) -> None:
    cases = {
        "semicolons.csv": ("image;vehicle\na.jpg;1\n", ("semicolons", "commas")),
        "no-image.csv": ("imag,vehicle\na.jpg,1\n", ("'image'", "mean 'imag'")),
        "twice.csv": ("image,vehicle\na.jpg,1\na.jpg,1\n", ("'a.jpg'", "line 2", "remove line 3")),
        "ragged.csv": ("image,vehicle\na.jpg\n", ("line 2", "1 cell", "expected 2")),
        "empty.csv": ("", ("is empty", "header")),
    }
    for name, (content, message) in cases.items():
        (tmp_path / name).write_text(content)
        refused(run("data", "check", tmp_path / name), name, *message)
    refused(run("data", "check", tmp_path / "absent.csv"), "absent.csv", "not exist")
    one = tmp_path / "one.csv"
    one.write_text(f"image,vehicle\n{drawn_folder}/images/v0000_c1_1.jpg,a\n")
    refused(
        run("train", "strong_baseline/demo", "--data", one, "--out", tmp_path / "x"),
        *("1 known vehicle", "at least 2", "column 'vehicle'"),
    )
    refused(
        run("eval", "color_stripes", "--data", one), "column 'vehicle'", "two vehicles", "found 1"
    )
    refused(
        run("data", "split", one, "--out", tmp_path / "s.csv"),
        "two vehicles",
        "found 1",
        "column 'vehicle'",
    )
    refused(
        run("eval", "color_stripes", "--data", drawn_folder, "--protocol", "nothing"),
        *("'nothing'", "cross-camera", "leave-one-out"),
    )
    assert not (tmp_path / "x").exists()


def test_a_table_with_a_byte_order_mark_spaces_and_accents_is_fine(
    run: Run, drawn_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "Straße 1, été"
    folder.mkdir()
    shutil.copy(drawn_folder / "images" / "v0000_c1_1.jpg", folder / "bild ä.jpg")
    (folder / "tabelle.csv").write_text("image,vehicle\nbild ä.jpg,ü\n", encoding="utf-8-sig")
    code, out, err = run("data", "check", folder / "tabelle.csv", "--json")
    assert code == 0, err
    assert json.loads(out)["vehicles"] == 1


def test_bad_recipes_and_models_are_refused_in_one_line(
    run: Run, drawn_folder: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "x"
    train = ("train", "strong_baseline/demo", "--data", drawn_folder, "--out", out, *QUICK)
    refused(run(*train, "--set", "train.lrr=1.0"), "'lrr'", "[train]", "mean 'lr'")
    refused(run(*train, "--set", "train.epochs=many"), "train.epochs", "'many'", "integer")
    refused(
        run(*train, "--set", "train.vehicles_per_batch=500"),
        "8 vehicles",
        500,
        "train.vehicles_per_batch to at most 8",
    )
    refused(run(*train, "--device", "cuda"), "CUDA", "--device cpu", "platefree doctor")
    refused(run(*train, "--set", "train.precision=fp16"), "train.precision", "fp16", "GPU", "bf16")
    assert not (tmp_path / "x").exists()
    broken = tmp_path / "broken"
    shutil.copytree(tiny_model_folder, broken)
    weights = next(broken.glob("weights-*"))
    weights.write_bytes(weights.read_bytes()[:1000])
    refused(run("eval", broken, "--data", drawn_folder), weights.name, "1000 bytes", "hash")
    refused(run("eval", tmp_path, "--data", drawn_folder), str(tmp_path), "card.json")
    code, _, err = run("eval", "color_stripes", "--data", drawn_folder, "--report", "report.pdf")
    assert code == 2
    assert says(err, "--report", "report.pdf", ".html")


def test_bad_pictures_are_refused_or_skipped(
    run: Run, drawn_folder: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    good = drawn_folder / "images" / "v0000_c1_1.jpg"
    bad = tmp_path / "pictures"
    bad.mkdir()
    shutil.copy(good, bad / "good.jpg")
    (bad / "zero.jpg").touch()
    (bad / "text.jpg").write_text("this is not a picture")
    (bad / "cut.jpg").write_bytes(good.read_bytes()[:-400])
    for name in ("zero.jpg", "text.jpg", "cut.jpg", "absent.jpg"):
        refused(run("compare", bad / name, good, "--model", tiny_model_folder), name)
    query = drawn_folder / "images" / "v0000_c2_1.jpg"
    code, out, err = run("search", query, "--gallery", bad, "--json")
    assert code == 0, err
    assert [Path(hit["image"]).name for hit in json.loads(out)["hits"]] == ["good.jpg"]
    assert len(json.loads(out)["skipped"]) == 3
    assert err.count("skipped: ") == 3
    code, out, _ = run("data", "check", bad, "--pixels", "--json")
    assert code == 1
    assert len(json.loads(out)["unreadable"]) == 3


@pytest.mark.parametrize("mode", ["full", "read-only"])
def test_a_disk_that_takes_nothing_is_one_line_and_leaves_nothing(
    run: Run, drawn_folder: Path, tmp_path: Path, mode: str
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    options = "size=64k" if mode == "full" else "size=64k,ro"
    mount = shutil.which("mount")
    if (
        not mount
        or subprocess.run(
            [mount, "-t", "tmpfs", "-o", options, "tmpfs", str(disk)],
            capture_output=True,
            check=False,
        ).returncode
    ):
        pytest.skip("mounting a small tmpfs needs root")
    message = "disk is full" if mode == "full" else "read-only"
    try:
        data, colors = ("--data", drawn_folder), ("--model", "color_stripes")
        refused(run("train", "strong_baseline/demo", *data, "--out", disk / "run", *QUICK), message)
        refused(run("eval", "color_stripes", *data, "--report", disk / "r" / "a.html"), message)
        refused(run("embed", drawn_folder, "--out", disk / "e", *colors), message)
        whole = [path for path in disk.rglob("*") if path.is_file()]
        assert [path.name for path in whole if path.suffix != ".json"] in ([], ["log.jsonl"])
        assert not list(disk.rglob(".partial-*"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.slow
def test_ctrl_c_says_how_to_resume(drawn_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    settings = [*QUICK, "--set", "train.epochs=500", "--set", "train.workers=2"]
    command = [sys.executable, "-m", "platefree", "train", "strong_baseline/demo"]
    child = subprocess.Popen(
        [*command, "--data", str(drawn_folder), "--out", str(out), *settings],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not (out / "log.jsonl").exists() and child.poll() is None:
        time.sleep(0.05)
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does: to the workers as well
    _, err = child.communicate(timeout=60)
    refused((child.returncode, "", err), "--resume")
    assert (out / "last" / "card.json").exists()


@pytest.mark.slow
def test_the_demo_runs_and_is_resumed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from platefree.experiments import demo

    load = demo.load_recipe
    monkeypatch.setattr(demo, "load_recipe", lambda name, changes: load(name, {**changes, **TINY}))
    monkeypatch.setattr(demo, "CITY", {"vehicles": 12, "cameras": 2, "images": 72, "size": 48})
    code, out, err = run("demo", "--out", tmp_path / "demo", "--json")
    assert code == 0, err
    answer = json.loads(out)
    assert set(answer["trained"]) == set(answer["floor"])
    assert Path(answer["report"]).exists()
    assert err.strip().endswith(f"report: {tmp_path / 'demo' / 'report.html'}")
    assert run("demo", "--out", tmp_path / "demo", "--json")[0] == 0


@pytest.mark.parametrize("stop", [Interrupted("use --resume"), KeyboardInterrupt()])
def test_what_is_continued_by_repeating_says_so(
    run: Run,
    drawn_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stop: BaseException,
) -> None:
    from platefree.experiments import demo, row_run

    def stopped(*arguments: object, **options: object) -> None:
        del arguments, options
        raise stop

    monkeypatch.setattr(row_run, "train", stopped)
    monkeypatch.setattr(demo, "train", stopped)
    monkeypatch.setattr(demo, "CITY", {"vehicles": 4, "cameras": 2, "images": 16, "size": 48})
    for verb in (
        ("demo", "--out", tmp_path / "demo"),
        ("ablate", "losses", "--data", drawn_folder, "--out", tmp_path / "rows"),
    ):
        outcome = run(*verb)
        refused(outcome, str(verb[-1]), "same command", "again")
        assert "--resume" not in outcome[2]


def test_a_search_tells_whether_it_was_reranked(run: Run, drawn_folder: Path) -> None:
    query = drawn_folder / "images" / "v0000_c1_1.jpg"
    search = ("search", query, "--gallery", drawn_folder, "--model", "color_stripes")
    for post, facts in (("rerank", ("100", "k-reciprocal", "k1 20")), ("none", ("not post",))):
        code, out, _ = run(*search, "--post", post, "--json")
        assert code == 0
        answer = json.loads(out)["post"]
        assert answer["steps"] == post
        assert says(answer["described"], *facts)
    assert "k-reciprocal" in " ".join(run(*search, "--post", "rerank")[1].split())
    refused(run(*search, "--post", "crop"), "'crop'", "rerank", "none", "platefree eval")
    refused(run(*search, "--post", "camera"), "'camera'", "query")
    known = ("--post", "camera,time,tracks", "--camera", "cam1", "--time", "2026-05-01T08:00Z")
    code, out, _ = run(*search, *known, "--json")
    assert code == 0
    assert all(hit["camera"] != "cam1" for hit in json.loads(out)["hits"])


def test_views_are_learnt_predicted_and_used_from_the_command_line(
    run: Run, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    side = {"cam1": "front", "cam2": "rear", "cam3": ""}
    view = np.array([side[camera] for camera in drawn_table.camera])
    pf.write_table(replace(drawn_table, view=view), tmp_path / "seen.csv")
    data, out = tmp_path / "seen.csv", tmp_path / "labelled.csv"
    code, _, err = run("train", "viewpoint/city", "-d", data, "-o", tmp_path / "view", *QUICK)
    assert code == 0, err
    best = tmp_path / "view" / "best"
    code, text, err = run("label", data, "--view", best, "--out", out, "--json")
    assert code == 0, err
    assert err.strip().endswith(str(out))
    told = json.loads(text)
    assert told["pictures"] == sum(told["views"].values()) == len(drawn_table)
    labelled = pf.read_table(out)
    agree = (labelled.view == view)[view != ""].mean()
    assert told["agreement_with_known"] == pytest.approx(agree)
    assert set(told["views"]) <= {"front", "rear"}
    code, text, _ = run("label", data, "--view", best, "--out", out, "--only-unknown")
    assert code == 0
    assert sum(int(line.split()[1]) for line in text.splitlines()) == len(drawn_table)
    np.testing.assert_array_equal(pf.read_table(out).view[view != ""], view[view != ""])
    refused(
        run("label", data, "--view", "color_stripes", "--out", out),
        "color_stripes",
        "no view",
        "platefree train viewpoint/default",
    )
    code, text, err = run("eval", best, "-d", data)
    assert code == 0, err
    assert "recall front" in text
    assert "pictures" in text
    inside = ("--set", f"model.viewpoint={best}")
    code, _, err = run(
        "train", "vanet/vehicleid", "-d", data, "-o", tmp_path / "v", *inside, *QUICK
    )
    assert code == 0, err
    model = tmp_path / "v" / "best"
    code, text, _ = run("search", drawn_table.path(0), "-g", data, "-m", model, "--json")
    assert code == 0
    assert {hit["space"] for hit in json.loads(text)["hits"]} <= {"same_view", "different_view"}
    code, text, _ = run("search", drawn_table.path(0), "-g", data, "-m", model)
    assert "compared" in text
    code, text, _ = run("eval", model, "-d", data, "--set", "model.view_from=table", "--json")
    assert code == 0
    assert json.loads(text)["settings"]["view from"] == "table"
    refused(
        run("eval", model, "-d", data, "--set", "model.backbone=resnet18"),
        "'model.backbone'",
        "vanet",
        "model.view_from",
    )
    train = ("train", "vanet/vehicleid", "-o", tmp_path / "n", *inside, *QUICK, "-d")
    refused(
        run(*train, drawn_table.root), "'view'", "48", "platefree label", "model.relations=none"
    )
