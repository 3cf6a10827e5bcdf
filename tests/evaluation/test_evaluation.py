import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from messages import facts

import platefree as pf
from platefree.errors import CheckpointError, DataError, ImageError, ProtocolError
from platefree.evaluation import score
from platefree.evaluation.examples import Examples
from platefree.evaluation.protocols import make_trials
from platefree.reports.saving import save_report
from platefree.work import Work

NO_FLOOR = pf.Scoring(floor=False)


@pytest.fixture(scope="module")
def embedded(drawn_table: pf.Sightings) -> tuple[pf.Embeddings, pf.Model]:
    model = pf.load_model("color_stripes")
    embeddings, _ = model.embed(drawn_table.take(drawn_table.split != "train"))
    return embeddings, model


def scores_by_loops(embeddings: pf.Embeddings, protocol: str) -> dict[str, float]:
    """mAP and rank-1 from the definitions: sort everything, count."""
    table, rows = embeddings.sightings, embeddings.spaces["main"].astype(np.float64)
    trials = make_trials(table, protocol)
    sums = {"mAP": 0.0, "rank-1": 0.0}
    for trial in trials:
        precisions, firsts = [], []
        for q in trial.query:
            order = sorted(trial.gallery, key=lambda g, q=q: 1.0 - float(rows[q] @ rows[g]))
            same = [
                table.vehicle[g] == table.vehicle[q]
                for g in order
                if g != q
                and not (
                    table.vehicle[g] == table.vehicle[q] and table.camera[g] == table.camera[q]
                )
            ]
            ranks = [rank for rank, correct in enumerate(same, 1) if correct]
            if ranks:
                precisions.append(np.mean([n / rank for n, rank in enumerate(ranks, 1)]))
                firsts.append(ranks[0] == 1)
        sums["mAP"] += float(np.mean(precisions))
        sums["rank-1"] += float(np.mean(firsts))
    return {name: value / len(trials) for name, value in sums.items()}


@pytest.mark.parametrize("protocol", ["cross-camera", "query-gallery", "leave-one-out"])
def test_a_report_is_what_loops_over_the_definition_give(
    embedded: tuple[pf.Embeddings, pf.Model], drawn_table: pf.Sightings, protocol: str
) -> None:
    embeddings, model = embedded
    report = pf.evaluate(model, drawn_table, protocol)
    expected = scores_by_loops(embeddings, protocol)
    assert report.figures()["mAP"] == pytest.approx(expected["mAP"], abs=1e-6)
    assert report.figures()["rank-1"] == pytest.approx(expected["rank-1"], abs=1e-6)
    assert report.protocol == protocol


def test_blocks_of_queries_do_not_change_the_scores(
    embedded: tuple[pf.Embeddings, pf.Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    embeddings, model = embedded
    (trial,) = make_trials(embeddings.sightings, "leave-one-out")
    whole = score.score_trial(embeddings, trial, model.comparison)
    monkeypatch.setattr(score, "_BLOCK_BYTES", 4 * len(trial.gallery) * 7)
    blocks = score.score_trial(embeddings, trial, model.comparison)
    np.testing.assert_array_equal(whole.first_match, blocks.first_match)
    assert whole.mAP == pytest.approx(blocks.mAP, abs=1e-9)


def test_training_rows_are_never_scored(drawn_table: pf.Sightings) -> None:
    report = pf.evaluate("color_stripes", drawn_table, "leave-one-out")
    scored = int((drawn_table.split != "train").sum())
    assert report.data["pictures scored"] == str(scored)
    assert report.trials[0].queries == scored
    only = drawn_table.take(drawn_table.split == "train")
    with pytest.raises(
        ProtocolError, match=facts("every row", "split 'train'", "platefree data split")
    ):
        pf.evaluate("color_stripes", only)


def test_pictures_without_a_camera_are_counted_where_the_camera_rule_is_told(
    drawn_table: pf.Sightings,
) -> None:
    scored = np.flatnonzero(drawn_table.split != "train")
    for count, told in (
        (0, "ignored"),
        (5, "ignored, but for 5 pictures of unknown camera"),
        (len(scored), "cameras unknown, nothing ignored"),
    ):
        camera = drawn_table.camera.copy()
        camera[scored[:count]] = ""
        camera[drawn_table.split == "train"] = ""  # these are not scored
        table = replace(drawn_table, camera=camera)
        report = pf.evaluate("color_stripes", table, "query-gallery", scoring=NO_FLOOR)
        assert report.settings["same vehicle and camera"] == told


def test_the_pairs_of_the_roc_are_the_pairs_that_are_not_ignored(
    drawn_table: pf.Sightings,
) -> None:
    report = pf.evaluate("color_stripes", drawn_table, "query-gallery")
    query = drawn_table.take(drawn_table.split == "query")
    gallery = drawn_table.take(drawn_table.split == "gallery")
    same = different = 0
    for q in range(len(query)):
        for g in range(len(gallery)):
            if query.vehicle[q] != gallery.vehicle[g]:
                different += 1
            elif query.camera[q] != gallery.camera[g]:
                same += 1
    assert report.tests[0].verification.pairs == (same, different)


def test_strips_are_ordered_and_their_marks_are_the_labels(
    tiny_model_folder: Path, drawn_table: pf.Sightings
) -> None:
    report = pf.evaluate(
        tiny_model_folder,
        drawn_table,
        "query-gallery",
        examples=Examples(heat_maps=True, each=2),
    )
    kinds = {
        kind: [s.average_precision for s in report.strips if s.kind == kind]
        for kind in ("best", "median", "worst")
    }
    assert min(kinds["best"]) >= max(kinds["median"]) >= min(kinds["median"]) >= max(kinds["worst"])
    for strip in report.strips:
        similarity = [hit.similarity for hit in strip.hits]
        assert similarity == sorted(similarity, reverse=True)
        marks = [hit.correct for hit in strip.hits]
        assert marks == [hit.vehicle == strip.query.vehicle for hit in strip.hits]
        if strip.first_match <= len(marks):
            assert marks.index(True) + 1 == strip.first_match
        ignored = [
            h
            for h in strip.hits
            if (h.vehicle, h.camera) == (strip.query.vehicle, strip.query.camera)
        ]
        assert not ignored
        assert strip.heat_map is not None
        assert strip.heat_map.shape == (32, 32)
        assert 0.0 <= strip.heat_map.min() <= strip.heat_map.max() <= 1.0


def test_a_report_is_one_page_and_json_that_agree(
    tiny_model_folder: Path, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    report = pf.evaluate(tiny_model_folder, drawn_table)
    page = save_report(report, tmp_path / "new" / "report.html")
    content = json.loads((tmp_path / "new" / "report.json").read_text())
    assert content["figures"] == pytest.approx(report.figures())
    assert content["model"]["fingerprint"] == pf.load_model(tiny_model_folder).fingerprint
    assert content["settings"]["re-ranking"] == "none"
    html = page.read_text("utf-8")
    HTMLParser().feed(html)
    assert f"{100 * report.figures()['mAP']:.2f}" in html


def test_no_valid_query_is_null_in_json_not_a_crash(
    tmp_path: Path, drawn_table: pf.Sightings
) -> None:
    rows = np.flatnonzero(drawn_table.camera == drawn_table.camera[0])
    report = pf.evaluate("color_stripes", drawn_table.take(rows), "leave-one-out")
    assert report.trials[0].metrics.valid.sum() == 0
    save_report(report, tmp_path / "report.html")
    content = json.loads((tmp_path / "report.json").read_text())
    assert content["figures"]["mAP"] is None
    (trial,) = content["tests"][0]["trials"]
    assert trial["queries_without_match"] == trial["queries"] > 0


def test_a_heat_map_lights_up_what_the_two_pictures_share(
    tiny_model_folder: Path, drawn_table: pf.Sightings
) -> None:
    model = pf.load_model(tiny_model_folder)
    heat = pf.heat_map(model, drawn_table.path(0), drawn_table.path(1))
    assert heat.shape == (32, 32)
    assert heat.dtype == np.float32
    with pytest.raises(DataError, match=facts("ColorStripes", "feature map", "heat map")):
        pf.heat_map(pf.load_model("color_stripes"), drawn_table.path(0), drawn_table.path(1))


def test_mirror_averaging_makes_a_picture_and_its_mirror_image_one(
    tiny_model_folder: Path, drawn_table: pf.Sightings
) -> None:
    model = pf.load_model(tiny_model_folder)
    import torch

    images = torch.randint(0, 255, (3, 3, 32, 32), dtype=torch.uint8)
    np.testing.assert_allclose(
        model.embed_images(images)["main"], model.embed_images(images.flip(3))["main"], atol=1e-5
    )


def test_pictures_that_cannot_be_read_are_skipped_or_refused(
    drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    good = [str(drawn_table.path(row)) for row in range(3)]
    table = pf.Sightings.from_columns(tmp_path, {"image": [good[0], "broken.jpg", *good[1:]]})
    model = pf.load_model("color_stripes")
    embeddings, skipped = model.embed(table, unreadable="skip")
    assert embeddings.sightings.image.tolist() == good
    assert len(skipped) == 1
    assert "broken.jpg" in skipped[0]
    with pytest.raises(ImageError, match=facts("broken.jpg", "as a picture")):
        model.embed(table)
    with pytest.raises(ImageError, match=facts("none of 1 picture", "broken.jpg")):
        model.embed(table.take(np.array([1])), unreadable="skip")


def test_loading_refuses_what_is_no_model(tmp_path: Path) -> None:
    for name, message in (
        ("strong_baseline", "platefree train"),
        ("nothing_like_it", "color_stripes"),
        (str(tmp_path), "card.json"),
        (str(tmp_path / "absent"), "card.json"),
    ):
        with pytest.raises(CheckpointError, match=facts(name, message)):
            pf.load_model(name)


def test_a_loaded_model_embeds_as_before_it_was_saved(
    tiny_model_folder: Path, drawn_table: pf.Sightings
) -> None:
    first, _ = pf.load_model(tiny_model_folder).embed(drawn_table, work=Work(batch_size=5))
    second, _ = pf.load_model(tiny_model_folder).embed(
        drawn_table, work=Work(batch_size=96, workers=2)
    )
    np.testing.assert_allclose(first.spaces["main"], second.spaces["main"], atol=1e-5)
    assert first.model == second.model
