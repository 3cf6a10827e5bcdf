from pathlib import Path

import numpy as np
import pytest
from loops import slow_k_reciprocal
from messages import facts

import platefree as pf
from platefree.errors import DataError, ImageError, MismatchError, RecipeError


@pytest.fixture(scope="module")
def model() -> pf.Model:
    return pf.load_model("color_stripes")


def test_hits_are_the_nearest_pictures_by_brute_force(
    model: pf.Model, drawn_table: pf.Sightings
) -> None:
    gallery, _ = pf.open_gallery(drawn_table.root, model)
    query = drawn_table.path(5)
    hits = pf.search(model, query, gallery, top=10)
    rows = gallery.spaces["main"]
    mine = next(r for r in range(len(gallery)) if gallery.sightings.path(r) == query)
    similarity = {
        gallery.sightings.path(r): float(rows[r] @ rows[mine])
        for r in range(len(rows))
        if r != mine
    }
    best = sorted(similarity.values(), reverse=True)[:10]
    assert [hit.rank for hit in hits] == list(range(1, 11))
    np.testing.assert_allclose([hit.similarity for hit in hits], best, atol=1e-5)
    for hit in hits:
        assert similarity[hit.image] == pytest.approx(hit.similarity, abs=1e-5)


def test_hits_say_what_is_known_and_nothing_else(
    model: pf.Model, drawn_table: pf.Sightings
) -> None:
    gallery, _ = pf.open_gallery(drawn_table.root, model)
    hit = pf.search(model, drawn_table.path(0), gallery, top=1)[0]
    row = next(r for r in range(len(drawn_table)) if drawn_table.path(r) == hit.image)
    assert hit.labels["vehicle"] == drawn_table.vehicle[row]
    assert hit.labels["time"] == f"{drawn_table.time[row].astype('datetime64[s]')}Z"
    assert "track" not in hit.labels


def test_stored_embeddings_answer_the_same(
    model: pf.Model, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    gallery, _ = pf.open_gallery(drawn_table.root, model)
    pf.save_embeddings(gallery, tmp_path / "stored")
    stored, _ = pf.open_gallery(tmp_path / "stored", model)
    query = drawn_table.path(3)
    assert pf.search(model, query, stored) == pf.search(model, query, gallery)


def test_another_models_embeddings_are_refused(
    model: pf.Model, drawn_table: pf.Sightings, tiny_model_folder: Path, tmp_path: Path
) -> None:
    gallery, _ = pf.open_gallery(drawn_table.root, model)
    pf.save_embeddings(gallery, tmp_path / "stored")
    other = pf.load_model(tiny_model_folder)
    with pytest.raises(MismatchError, match=facts("stored", other.fingerprint, "platefree embed")):
        pf.open_gallery(tmp_path / "stored", other)
    with pytest.raises(
        MismatchError, match=facts(f"query by {other.fingerprint}", "platefree embed")
    ):
        pf.search(other, drawn_table.path(0), gallery)


def test_missing_things_are_named(
    model: pf.Model, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=facts("absent", "not exist")):
        pf.open_gallery(tmp_path / "absent", model)
    gallery, _ = pf.open_gallery(drawn_table.root, model)
    with pytest.raises(ImageError, match=facts("absent.jpg", "not exist")):
        pf.search(model, tmp_path / "absent.jpg", gallery)


def test_comparing_is_symmetric_and_one_for_the_same_picture(
    tiny_model_folder: Path, drawn_table: pf.Sightings
) -> None:
    model = pf.load_model(tiny_model_folder)
    a, b = drawn_table.path(0), drawn_table.path(7)
    assert pf.compare(model, a, a).similarity == pytest.approx(1.0, abs=1e-5)
    there, back = pf.compare(model, a, b), pf.compare(model, b, a)
    assert there.similarity == pytest.approx(back.similarity, abs=1e-5)
    assert there.model == model.fingerprint


def test_a_reranked_search_is_the_loops_among_its_candidates(
    model: pf.Model, drawn_table: pf.Sightings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from platefree.gallery import candidates

    monkeypatch.setattr(candidates, "CANDIDATES", 30)
    gallery, _ = model.embed(drawn_table)
    rows = gallery.spaces["main"].astype(np.float64)
    for query in (0, 17, 40):
        nearest = sorted(
            (row for row in range(len(rows)) if row != query),
            key=lambda row, q=query: (-float(rows[row] @ rows[q]), row),
        )[:30]
        points = rows[[query, *sorted(nearest)]]
        final = slow_k_reciprocal(2 - 2 * points @ points.T, 1, 20, 6, 0.3)[0]
        order = np.argsort(final, kind="stable")[:10]
        hits = pf.search(model, drawn_table.path(query), gallery, top=10, post="rerank")
        expected = np.array(sorted(nearest))[order]
        assert [hit.rank for hit in hits] == list(range(1, 11))
        assert [hit.image for hit in hits] == [drawn_table.path(int(row)) for row in expected]
        for hit, row in zip(hits, expected, strict=True):
            assert hit.similarity == pytest.approx(float(rows[row] @ rows[query]), abs=1e-5)


def test_what_is_no_post_processing_of_a_search_is_refused(
    model: pf.Model, drawn_table: pf.Sightings
) -> None:
    gallery, _ = model.embed(drawn_table)
    with pytest.raises(RecipeError, match=facts("'crop'", "rerank", "none", "platefree eval")):
        pf.search(model, drawn_table.path(0), gallery, post="crop")
    for step in ("camera", "time"):
        with pytest.raises(DataError, match=facts(f"'{step}'", "query")):
            pf.search(model, drawn_table.path(0), gallery, post=step)
