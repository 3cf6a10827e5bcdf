"""Post-processing from a recipe, from Python and from the command line, to the report."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from loops import slow_k_reciprocal
from messages import facts, says

import platefree as pf
from platefree import cli
from platefree.data.dataset import DataSet, PairList
from platefree.errors import DataError, ProtocolError, RecipeError
from platefree.evaluation.evaluate import Scoring
from platefree.evaluation.examples import Examples
from platefree.evaluation.metrics import rank_metrics
from platefree.methods.catalogue import change_in_use, load_recipe
from platefree.recipes.post import Camera, Rerank, Tracks
from platefree.recipes.toml import to_toml
from platefree.reports.figures import render_markdown
from platefree.reports.saving import save_report
from platefree.work import Work


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["platefree", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


@pytest.fixture(scope="module")
def plain(drawn_table: pf.Sightings) -> pf.Report:
    return pf.evaluate("color_stripes", drawn_table)


def test_figures_of_reranking_are_those_of_the_loops(drawn_table: pf.Sightings) -> None:
    options = pf.Post(steps=["rerank"], rerank=Rerank(k1=8, k2=3))
    report = pf.evaluate("color_stripes", drawn_table, scoring=Scoring(post=options))
    model = pf.load_model("color_stripes")
    sides = [drawn_table.take(drawn_table.split == name) for name in ("query", "gallery")]
    rows = np.concatenate([model.embed(side)[0].spaces["main"] for side in sides]).astype(float)
    final = slow_k_reciprocal(2 - 2 * rows @ rows.T, len(sides[0]), 8, 3, 0.3)
    labels = [getattr(side, name) for name in ("vehicle", "camera") for side in sides]
    expected = rank_metrics(final.astype(np.float32), *labels)
    assert report.figures()["mAP"] == pytest.approx(expected.mAP, abs=1e-6)
    assert report.figures()["rank-1"] == pytest.approx(expected.cmc[0], abs=1e-6)
    steps = "k-reciprocal, k1 8, k2 3, lambda 0.3"
    assert report.settings["post-processing"] == f"rerank: {steps}"
    assert report.settings["re-ranking"] == steps


def test_every_prefix_is_what_it_gives_alone(
    drawn_table: pf.Sightings, plain: pf.Report, tmp_path: Path
) -> None:
    report = pf.evaluate(
        "color_stripes", drawn_table, scoring=Scoring(post="expand,camera,rerank", ablate_post=True)
    )
    (test,) = report.tests
    assert [prefix.steps for prefix in test.prefixes] == [
        *("none", "expand", "expand,camera", "expand,camera,rerank")
    ]
    assert test.prefixes[0].figures == plain.figures()
    assert test.prefixes[-1].figures == report.figures()
    alone = pf.evaluate("color_stripes", drawn_table, scoring=Scoring(post="camera,expand"))
    assert test.prefixes[2].figures == alone.figures()
    assert alone.tests[0].prefixes == ()
    assert all(prefix.seconds > 0 for prefix in test.prefixes)
    assert test.verification.pairs == plain.tests[0].verification.pairs
    assert test.verification.auc == plain.tests[0].verification.auc
    gained = sum(prefix.gains(before)["mAP"] for before, prefix in test.steps())
    assert gained == pytest.approx(report.figures()["mAP"] - plain.figures()["mAP"])
    page = save_report(report, tmp_path / "report.html")
    content = json.loads((tmp_path / "report.json").read_text())
    (prefixes,) = [each["prefixes"] for each in content["tests"]]
    assert prefixes[1]["gains"]["mAP"] == pytest.approx(
        prefixes[1]["figures"]["mAP"] - prefixes[0]["figures"]["mAP"]
    )
    for text in (page.read_text("utf-8"), (tmp_path / "report.md").read_text("utf-8")):
        assert "post-processing expand, camera, rerank" in text.replace("</dt><dd>", " ")
        for prefix in test.prefixes:
            assert f"{100 * prefix.figures['mAP']:.2f}" in text
        assert "+ rerank" in text


def test_a_report_without_post_processing_says_so(plain: pf.Report, tmp_path: Path) -> None:
    assert plain.settings["post-processing"] == plain.settings["re-ranking"] == "none"
    page = save_report(plain, tmp_path / "report.html").read_text("utf-8")
    assert "post-processing none · re-ranking none" in page
    assert "re-ranking none" in render_markdown(plain)


def test_examples_are_in_the_order_that_was_scored(drawn_table: pf.Sightings) -> None:
    report = pf.evaluate(
        "color_stripes",
        drawn_table,
        scoring=Scoring(post="rerank,camera"),
        examples=Examples(each=8),
    )
    for strip in report.strips:
        similarity = [hit.similarity for hit in strip.hits]
        assert similarity == sorted(similarity, reverse=True)
        marks = [hit.correct for hit in strip.hits]
        assert not {strip.query.camera} & {hit.camera for hit in strip.hits}
        if strip.first_match <= len(marks):
            assert marks.index(True) + 1 == strip.first_match


def test_nothing_left_to_show_is_no_crash(drawn_table: pf.Sightings, tmp_path: Path) -> None:
    rows = np.flatnonzero(drawn_table.camera == drawn_table.camera[0])
    columns = {name: getattr(drawn_table, name)[rows] for name in ("image", "vehicle")}
    columns |= {"track": np.arange(len(rows)).astype(str), "camera": np.full(len(rows), "")}
    columns["camera"][::2] = "gate"
    table = pf.Sightings.from_columns(drawn_table.root, columns)
    report = pf.evaluate(
        "color_stripes", table, "leave-one-out", scoring=Scoring(post="camera,tracks")
    )
    save_report(report, tmp_path / "report.html")


def test_a_query_does_not_find_its_own_track_through_itself(tmp_path: Path) -> None:
    """Of random vectors, none of which is like another."""
    count, random = 120, np.random.default_rng(0)
    rows = random.standard_normal((count, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    tracks = np.arange(count) // 2
    columns = {
        "image": [f"{row}.jpg" for row in range(count)],
        "vehicle": [f"v{row // 4}" for row in range(count)],
        "track": [f"t{track}" for track in tracks],
    }
    table = pf.Sightings.from_columns(tmp_path, columns)
    pf.save_embeddings(pf.Embeddings({"main": rows}, table, "any"), tmp_path / "stored")
    post = pf.Post(steps=["tracks"], tracks=Tracks(by="mean"))
    report = pf.evaluate(
        pf.load_stored(tmp_path / "stored"),
        protocol="leave-one-out",
        scoring=Scoring(post=post, floor=False),
        examples=Examples(each=0),
    )
    means = np.array([rows[tracks == track].mean(axis=0) for track in range(count // 2)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    similar = rows @ means.T
    similar[np.arange(count), tracks] = -2  # its own
    found = similar.argmax(axis=1) // 2 == np.arange(count) // 4
    assert report.figures()["rank-1"] == pytest.approx(found.mean())


def test_a_model_can_tell_cameras_apart(drawn_table: pf.Sightings) -> None:
    embedded: list[int] = []
    post = pf.Post(steps=["camera"], camera=Camera(model="color_stripes", radius=0.05, smallest=2))
    report = pf.evaluate(
        "color_stripes",
        drawn_table,
        scoring=Scoring(post=post),
        work=Work(progress=embedded.append),
    )
    assert sum(embedded) == 2 * int(report.data["pictures scored"])
    assert "clusters by color_stripes, radius 0.05" in report.settings["post-processing"]


def test_draws_are_post_processed_each_on_its_own(drawn_table: pf.Sightings) -> None:
    columns = {name: getattr(drawn_table, name) for name in ("image", "vehicle")}
    table = pf.Sightings.from_columns(drawn_table.root, columns)
    data = DataSet("vehicleid", table, {"test_4": np.arange(24)})
    report = pf.evaluate(
        "color_stripes", data, scoring=Scoring(post="expand,rerank", ablate_post=True)
    )
    (test,) = report.tests
    assert len(test.trials) == 10
    mean = np.mean([trial.figures()["rank-1"] for trial in test.trials])
    assert test.prefixes[-1].figures["rank-1"] == pytest.approx(mean)
    with pytest.raises(
        DataError,
        match=facts("step 'camera'", "column 'camera'", "20 queries", "post.camera.model"),
    ):
        pf.evaluate("color_stripes", data, scoring=Scoring(post="camera"))


def test_pairs_are_not_ranked(drawn_table: pf.Sightings) -> None:
    pairs = PairList(np.arange(4), np.arange(4, 8), np.array([True, False] * 2))
    data = DataSet("compcars", drawn_table, pairs={"easy": pairs, "train": pairs})
    with pytest.raises(ProtocolError, match=facts("rerank", "ranks nothing", "--post none")):
        pf.evaluate("color_stripes", data, scoring=Scoring(post="rerank"))
    assert (
        not pf.evaluate("color_stripes", data, scoring=Scoring(post="none", ablate_post=True))
        .tests[0]
        .prefixes
    )


def test_a_recipe_declares_it_and_the_model_stays_the_same(
    drawn_table: pf.Sightings, tiny_model_folder: Path, plain: pf.Report, tmp_path: Path
) -> None:
    recipe = load_recipe("color_stripes", {"post.steps": ["rerank"], "post.rerank.k1": 7})
    (tmp_path / "mine.toml").write_text(to_toml(recipe))
    assert load_recipe(tmp_path / "mine.toml").post == recipe.post
    other = pf.load_model("color_stripes")
    other.recipe = recipe
    assert "k1 7" in pf.evaluate(other, drawn_table).settings["re-ranking"]
    assert (
        pf.evaluate(other, drawn_table, scoring=Scoring(post="none")).figures() == plain.figures()
    )

    moved = tmp_path / "moved"
    shutil.copytree(tiny_model_folder, moved)
    card = json.loads((moved / "card.json").read_text())
    del card["recipe"]["post"]  # as older versions wrote it
    (moved / "card.json").write_text(json.dumps(card))
    model = pf.load_model(moved)
    assert model.recipe.post == pf.Post()
    assert model.fingerprint == pf.load_model(tiny_model_folder).fingerprint
    for key, value, message in (
        ("post.rerank.k", 1, ("'k'", "[post.rerank]", "did you mean")),
        ("post.steps", ["rerunk"], ("post.steps.0", "'rerunk'", "'rerank'")),
        ("post.steps", ["rerank", "rerank"], ("post.steps", "named twice")),
        ("post.expand.radius", 0.0, ("post.expand.radius", "0.0", "greater than 0")),
    ):
        with pytest.raises(RecipeError, match=facts(message)):
            load_recipe("color_stripes", {key: value})
    with pytest.raises(RecipeError, match=facts("'train.lr'", "color_stripes", "only [post]")):
        change_in_use(recipe, {"train.lr": 1})


def test_post_has_no_say_in_a_fingerprint(tmp_path: Path) -> None:
    from platefree.nets.weights import save_checkpoint

    marks = set()
    for steps in ([], ["expand"]):
        recipe = load_recipe("color_stripes", {"post.steps": steps})
        card = {"step": 1, "recipe": recipe.model_dump()}
        marks.add(save_checkpoint(tmp_path / str(len(steps)), card, {}).fingerprint)
    assert len(marks) == 1


def test_the_command_line_chooses_and_tells(
    drawn_folder: Path,
    plain: pf.Report,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    score = ("eval", "color_stripes", "--data", drawn_folder)
    assert run(monkeypatch, *score, "--post", "expand,rerank", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["settings"]["re-ranking"] == "k-reciprocal, k1 20, k2 6, lambda 0.3"
    assert answer["settings"]["post-processing"].startswith("expand, rerank: expand clusters")
    page = tmp_path / "report.html"
    changed = ("--ablate-post", "camera,rerank", "--set", "post.rerank.k1=5", "--report", page)
    assert run(monkeypatch, *score, *changed) == 0
    out = capsys.readouterr().out
    assert "+ rerank" in out
    assert "seconds" in out
    content = json.loads(page.with_suffix(".json").read_text())
    first = content["tests"][0]["prefixes"][0]
    assert first["post"] == "none"
    assert first["figures"] == pytest.approx(plain.figures())
    assert run(monkeypatch, *score, "--post", "none", "--ablate-post", "rerank") == 2
    for wrong, message in (
        (("--post", "tracks"), ("step 'tracks'", "column 'track'", "40 gallery pictures")),
        (("--post", "rerunk"), ("step 'rerunk'", "rerank")),
        (("--post", "rerank", "--set", "post.rerank.k3=5"), ("'k3'", "[post.rerank]")),
        (("--post", "rerank", "--set", "input.height=5"), ("'input.height'", "only [post]")),
        (("--post", "camera", "--set", "post.camera.model=absent"), ("absent", "color_stripes")),
    ):
        capsys.readouterr()
        assert run(monkeypatch, *score, *wrong) == 1
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert says(line, message)
