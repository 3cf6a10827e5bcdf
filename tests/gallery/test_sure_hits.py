"""How sure hits are, compared with Bayes' rule on their similarities."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from calibrations import made_calibration
from conftest import Run
from messages import says

import platefree as pf
from platefree.gallery import search as retrieval
from platefree.gallery.conclusion import conclusion, nothing_likely, shown
from platefree.inference.calibrated import note_calibration
from platefree.inference.embedder import Embedder
from platefree.ranking.calibration import Curve

SURE = 8.0


@pytest.fixture
def calibrated(tiny_model_folder: Path, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(tiny_model_folder, tmp_path / "best"))
    note_calibration(folder, made_calibration(pf.load_model(folder).fingerprint, SURE))
    return folder


@pytest.fixture
def model(calibrated: Path) -> Embedder:
    return pf.load_model(calibrated)


@pytest.fixture
def gallery(model: Embedder, drawn_table: pf.Sightings) -> pf.Embeddings:
    return model.embed(drawn_table)[0]


def by_hand(similarity: float, candidates: int, sure: float = SURE) -> float:
    before = 0.5 if candidates == 1 else 1 / candidates
    ratio = math.exp(sure * similarity)
    return ratio * before / (ratio * before + 1 - before)


def test_hits_say_how_sure_they_are(
    model: Embedder, gallery: pf.Embeddings, drawn_table: pf.Sightings
) -> None:
    where = pf.Filter(cameras=["cam2"])
    for asked, condition, candidates in (
        ([0], pf.Filter(), 95),
        ([0], where, 32),  # none of the query's
        ([0, 7], where, 2 * int((drawn_table.camera == "cam2").sum())),
    ):
        query = drawn_table.take(np.array(asked))
        own = sum(bool(drawn_table.camera[row] == "cam2") for row in asked)
        wanted = candidates - (len(asked) * own if condition is where else 0)
        found = retrieval.answer(model, query, gallery, where=condition, top=9)
        assert found.compared == wanted
        for hit in found.hits:
            assert hit.p_same == pytest.approx(by_hand(hit.similarity, wanted), abs=1e-6)
            words = (0.9, "very likely"), (0.1, "possible"), (0.0, "unlikely")
            assert hit.in_words == next(word for least, word in words if hit.p_same >= least)


def test_reranked_hits_keep_the_probability_of_their_similarity(
    model: Embedder, gallery: pf.Embeddings, drawn_table: pf.Sightings
) -> None:
    query = drawn_table.path(0)
    plain = {hit.image: hit for hit in pf.search(model, query, gallery, top=95)}
    reranked = pf.search(model, query, gallery, top=95, post="rerank")
    assert [hit.image for hit in reranked] != list(plain)
    for hit in reranked:
        assert hit.p_same == pytest.approx(plain[hit.image].p_same, abs=1e-6)
        assert hit.similarity == pytest.approx(plain[hit.image].similarity, abs=1e-6)


def test_views_of_a_table_choose_the_curve(model: Embedder, drawn_table: pf.Sightings) -> None:
    assert model.calibration is not None
    two = Curve(
        kind="logistic",
        similarity=[-1.0, 1.0],
        log_ratio=[0.0, 0.0],
        vehicles=9.0,
        vehicle_pairs=36.0,
    )
    curves = {**model.calibration.curves, "different_view": two}
    both = model.calibration.model_copy(update={"curves": curves})
    model.calibration = both  # type: ignore[misc]
    camera = {"cam1": "front", "cam2": "rear", "cam3": ""}
    seen = replace(drawn_table, view=np.array([camera[name] for name in drawn_table.camera]))
    rows, _ = model.embed(seen)
    for hit in pf.search(model, seen.take(np.array([0])), rows, top=95):
        by_view = {"cam2": 1 / 95}.get(hit.labels["camera"], by_hand(hit.similarity, 95))
        assert hit.p_same == pytest.approx(by_view, abs=1e-6)


def test_without_a_calibration_nothing_is_said(
    tiny_model_folder: Path, drawn_table: pf.Sightings
) -> None:
    model = pf.load_model(tiny_model_folder)
    rows, _ = model.embed(drawn_table)
    found = retrieval.answer(model, drawn_table.path(0), rows)
    assert {(hit.p_same, hit.in_words) for hit in found.hits} == {(None, "")}
    assert not found.nothing_likely
    assert conclusion(found.hits) == ""
    compared = pf.compare(model, drawn_table.path(0), drawn_table.path(1))
    assert (compared.p_same, compared.in_words) == (None, "")


def test_an_answer_may_be_nothing_likely(tmp_path: Path) -> None:
    def hits(*values: float) -> list[pf.Hit]:
        from platefree.ranking.calibration import in_words

        return [
            pf.Hit(rank, 0.5, tmp_path, p_same=value, in_words=in_words(value))
            for rank, value in enumerate(values, start=1)
        ]

    assert nothing_likely(hits(0.05, 0.099))
    assert says(conclusion(hits(0.05, 0.099)), "nothing likely", 0.099)
    assert not nothing_likely(hits(0.05, 0.1))
    said = conclusion(hits(0.95, 0.93, 0.5, 0.01))
    assert says(said, "2 very likely", "1 possible", "1 unlikely")
    assert not nothing_likely([])
    assert conclusion([]) == ""


def test_two_pictures_alone_begin_at_one_half(
    run: Run, calibrated: Path, model: Embedder, drawn_table: pf.Sightings
) -> None:
    a, b = drawn_table.path(0), drawn_table.path(7)
    found = pf.compare(model, a, b)
    assert found.p_same == pytest.approx(by_hand(found.similarity, 1), abs=1e-6)
    code, out, err = run("compare", a, b, "--model", calibrated)
    assert code == 0, err
    assert says(out, f"p_same {shown(found.p_same)}", found.in_words)
    told = json.loads(run("compare", a, b, "--model", calibrated, "--json")[1])
    assert told["p_same"] == pytest.approx(found.p_same)
    assert (told["in_words"], told["prior"]) == (found.in_words, 0.5)


def test_the_command_line_says_so_on_its_last_line(
    run: Run, calibrated: Path, drawn_folder: Path, drawn_table: pf.Sightings
) -> None:
    words = ("search", drawn_table.path(0), "--gallery", drawn_folder, "--workers", 0)
    asked = (*words, "--model", calibrated)
    code, out, err = run(*asked)
    assert code == 0, err
    told = json.loads(run(*asked, "--json")[1])
    counts = dict.fromkeys(("very likely", "possible", "unlikely"), 0)
    for hit in told["hits"]:
        counts[hit["in_words"]] += 1
        assert hit["p_same"] == pytest.approx(by_hand(hit["similarity"], 95), abs=1e-6)
        assert hit["prior"] == 1 / 95
    expected = [f"{count} {word}" for word, count in counts.items() if count]
    last = out.strip().splitlines()[-1]
    assert says(last, *expected)
    assert told["nothing_likely"] is False
    assert says(err, "p_same", 95, 0.9, 0.1)
    assert not says(err, "no probability")

    note_calibration(calibrated, made_calibration(pf.load_model(calibrated).fingerprint, 0.1))
    code, out, err = run(*asked, "--post", "rerank")
    assert says(out.strip().splitlines()[-1], "nothing likely")
    assert says(err, "before post-processing")
    assert json.loads(run(*asked, "--json")[1])["nothing_likely"] is True

    plain = run(*words, "--model", "color_stripes", "--json")[1]
    assert "p_same" not in plain


def test_a_stored_sighting_is_asked_for_without_loading_the_model(
    run: Run, calibrated: Path, drawn_folder: Path, tmp_path: Path
) -> None:
    lot = tmp_path / "lot"
    assert run("gallery", "create", lot, "--model", calibrated)[0] == 0
    assert run("gallery", "add", lot, drawn_folder, "--workers", 0)[0] == 0
    number = pf.Gallery.open(lot).search(top=1).hits[0].number
    for opened in (pf.Gallery.open(lot), pf.Gallery.open(lot, pf.load_model(calibrated))):
        answer = opened.search(number, top=5)
        assert answer.compared == 95
        for hit in answer.hits:
            assert hit.p_same == pytest.approx(by_hand(hit.similarity, 95), abs=1e-4)
    listed = pf.Gallery.open(lot).search(top=3)
    assert [hit.p_same for hit in listed.hits] == [None] * 3
    assert not listed.nothing_likely
    stored = tmp_path / "stored"
    assert run("embed", drawn_folder, "--model", calibrated, "--out", stored)[0] == 0
    assert pf.load_stored(stored).calibration == pf.load_model(calibrated).calibration
    shutil.rmtree(calibrated)
    assert pf.load_stored(stored).calibration is None
    assert {hit.p_same for hit in pf.Gallery.open(lot).search(number).hits} == {None}
