"""Distances by same and different view, against loops over pairs; confusion against sklearn."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from comparisons import By
from loops import distances, random_embeddings
from messages import facts
from sklearn.metrics import confusion_matrix

import platefree as pf
from platefree.data.dataset import DataSet
from platefree.errors import ProtocolError
from platefree.evaluation.label_trials import confusion
from platefree.evaluation.pair_labels import IgnoredPairs
from platefree.evaluation.score import score_trial
from platefree.evaluation.set_protocols import make_plan
from platefree.evaluation.trial import Trial
from platefree.evaluation.view_pairs import BINS, KINDS, TrialViews, ViewPairCounts, ViewPairs
from platefree.inference.labelling import most_probable
from platefree.reports.saving import save_report
from platefree.types import Embeddings, Sightings


def seen_table(n: int) -> Sightings:
    random = np.random.default_rng(0)
    return Sightings.from_columns(
        Path(),
        {
            "image": [f"{row}.jpg" for row in range(n)],
            "vehicle": random.choice(["", *(f"v{number}" for number in range(n // 6))], n),
            "camera": random.choice(["", "1", "2", "3"], n),
            "view": random.choice(["front", "rear", "side", ""], n),
        },
    )


def test_every_pair_is_counted_by_what_it_shows_and_from_where() -> None:
    table = seen_table(120)
    embeddings = random_embeddings(table)
    query, gallery = np.arange(0, 60), np.arange(20, 120)
    random = np.random.default_rng(1)
    ignored = IgnoredPairs(random.integers(0, 60, 40), random.integers(20, 120, 40))
    trial = Trial("all", query, gallery, ignored=ignored)
    views = TrialViews.of(table, trial.query, trial.gallery)
    assert views is not None
    counts = ViewPairCounts()
    assert counts.pairs() is None
    score_trial(
        embeddings,
        trial,
        By(distances),
        lambda block, labels, rows: counts.add(block, labels, rows, views),
    )
    expected = np.zeros((4, BINS), np.int64)
    whole = distances(embeddings.take(query), embeddings.take(gallery))
    junk = set(zip(ignored.query.tolist(), ignored.row.tolist(), strict=True))
    for q, one in enumerate(query.tolist()):
        for g, other in enumerate(gallery.tolist()):
            unknown = "" in (*table.vehicle[[one, other]], *table.view[[one, other]])
            same = table.vehicle[one] == table.vehicle[other]
            camera = table.camera[one] == table.camera[other] != ""
            if unknown or one == other or (same and camera) or (q, other) in junk:
                continue
            kind = 2 * (not same) + (table.view[one] != table.view[other])
            expected[kind, int(whole[q, g] * BINS / 2)] += 1
    found = counts.pairs()
    assert found is not None
    assert expected.sum(axis=1).min() > 10
    np.testing.assert_array_equal(found.counts, expected)


def test_the_overlap_is_the_common_area_of_two_histograms() -> None:
    counts = np.zeros((4, BINS), np.int64)
    counts[1, 50:60] = 10  # D-view positive
    counts[2, 55:75] = 3  # S-view negative
    pairs = ViewPairs(counts)
    assert pairs.overlap == pytest.approx(5 * 3 / 60)
    assert pairs.means["D-view positive"] == pytest.approx(0.55)
    assert np.isnan(pairs.means["S-view positive"])
    assert np.isnan(ViewPairs(np.zeros((4, BINS), np.int64)).overlap)


def test_views_are_not_compared_where_they_are_unknown_or_tracks_are_searched(
    drawn_table: pf.Sightings,
) -> None:
    table = seen_table(30)
    rows = np.arange(30)
    assert TrialViews.of(replace(table, view=np.full(30, "front")), rows, rows) is None
    view = np.where(np.arange(len(drawn_table)) % 2, "front", "rear")
    track = drawn_table.vehicle + drawn_table.camera
    seen = replace(drawn_table, view=view, track=track)
    pictures, tracks = (
        pf.evaluate("color_stripes", seen, protocol).tests[0]
        for protocol in ("query-gallery", "image-to-track")
    )
    assert pictures.view_pairs is not None
    assert tracks.view_pairs is None


def test_a_report_shows_the_distances_by_view_of_any_method(
    drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    view = np.where(np.arange(len(drawn_table)) % 2, "front", "rear")
    report = pf.evaluate("color_stripes", replace(drawn_table, view=view))
    page = save_report(report, tmp_path / "report.html").read_text("utf-8")
    assert "Distances by same and different view" in page
    assert all(kind in page for kind in KINDS)
    (test,) = json.loads((tmp_path / "report.json").read_text())["tests"]
    counted = sum(sum(pairs) for pairs in test["view_pairs"]["pairs"].values())
    assert counted == sum(test["verification"]["pairs"].values())
    unknown = pf.evaluate("color_stripes", drawn_table)
    assert unknown.tests[0].view_pairs is None
    assert "different view" not in save_report(unknown, tmp_path / "unknown.html").read_text(
        "utf-8"
    )


def test_confusion_is_that_of_sklearn() -> None:
    random = np.random.default_rng(0)
    names = ["front", "rear", "side"]
    truth, said = random.choice([*names, ""], 200), random.choice(names, 200)
    known = truth != ""
    expected = confusion_matrix(truth[known], said[known], labels=names)
    np.testing.assert_array_equal(confusion(truth, said, names), expected)
    with pytest.raises(ProtocolError, match=facts("side", "front, rear")):
        confusion(truth, said, names[:2])


def test_the_most_probable_label_is_predicted() -> None:
    rows = np.array([[0.28, 0.96], [0.8, 0.6]], np.float32)
    table = Sightings.from_columns(Path(), {"image": ["a", "b"]})
    found = most_probable(Embeddings({"view": rows}, table, "m"), "view", ["front", "rear"])
    assert found.tolist() == ["rear", "front"]


def test_training_pictures_and_unknown_views_are_not_asked_for() -> None:
    table = seen_table(40)
    split = np.where(np.arange(40) < 10, "train", "gallery")
    (trial,) = make_plan(DataSet("table", replace(table, split=split)), "view-labels").trials
    np.testing.assert_array_equal(
        trial.rows, [row for row in range(10, 40) if table.view[row] != ""]
    )
    with pytest.raises(ProtocolError, match=facts("view-labels", "column 'view'", "40 pictures")):
        make_plan(DataSet("table", replace(table, view=np.full(40, ""))), "view-labels")
