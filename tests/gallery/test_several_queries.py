"""Several pictures of one vehicle as a query, and what speaks against the hits."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from messages import facts, says
from PIL import Image

import platefree as pf
from platefree.errors import DataError, ImageError
from platefree.gallery.search import answer


@pytest.fixture(scope="module")
def model() -> pf.Model:
    return pf.load_model("color_stripes")


@pytest.fixture(scope="module")
def gallery(model: pf.Model, drawn_table: pf.Sightings) -> pf.Embeddings:
    return model.embed(drawn_table)[0]


@pytest.mark.parametrize("queries", [[3], [3, 40], [90, 3, 17, 40]])
@pytest.mark.parametrize("top", [1, 12, 200])
def test_the_nearest_query_picture_decides(
    model: pf.Model, gallery: pf.Embeddings, queries: list[int], top: int
) -> None:
    table, rows = gallery.sightings, gallery.spaces["main"].astype(np.float64)
    hits = pf.search(model, [table.path(row) for row in queries], gallery, top=top)
    expected = []
    for row in range(len(table)):
        if row not in queries:
            nearest = max(queries, key=lambda query, row=row: float(rows[query] @ rows[row]))
            expected.append((-float(rows[nearest] @ rows[row]), row, nearest))
    expected = sorted(expected)[:top]
    assert [hit.rank for hit in hits] == list(range(1, len(expected) + 1))
    for hit, (negative, _, nearest) in zip(hits, expected, strict=True):
        assert hit.similarity == pytest.approx(-negative, abs=1e-5)
        assert hit.query == (table.path(nearest) if len(queries) > 1 else None)
    assert len({hit.image for hit in hits}) == len(hits)


def test_the_order_of_the_query_pictures_never_matters(
    model: pf.Model, gallery: pf.Embeddings
) -> None:
    paths = [gallery.sightings.path(row) for row in (3, 40, 17)]
    for post in ("none", "rerank", "expand,tracks"):
        forth = pf.search(model, paths, gallery, post=post)
        assert forth == pf.search(model, paths[::-1], gallery, post=post)
        twice = pf.search(model, [paths[0], paths[0]], gallery, post=post)
        once = pf.search(model, paths[0], gallery, post=post)
        assert [hit.image for hit in twice] == [hit.image for hit in once]


def test_conditions_and_labels_count_for_each(model: pf.Model, gallery: pf.Embeddings) -> None:
    table = gallery.sightings
    queries = table.take(np.array([0, 50]))
    hits = pf.search(model, queries, gallery, post="camera", where=pf.Filter(colors=["red"]))
    for hit in hits:
        own = queries.camera[[queries.path(row) == hit.query for row in range(2)]]
        assert hit.labels["camera"] != own[0]
        assert hit.labels["color"] == "red"


def test_each_query_picture_must_be_readable(
    model: pf.Model, gallery: pf.Embeddings, tmp_path: Path
) -> None:
    good = gallery.sightings.path(0)
    (tmp_path / "bad.jpg").write_text("no picture")
    with pytest.raises(ImageError, match=facts("bad.jpg")):
        pf.search(model, [good, tmp_path / "bad.jpg"], gallery)
    with pytest.raises(DataError, match=facts("0 query pictures")):
        pf.search(model, [], gallery)


def test_a_small_gallery_and_a_whole_street_are_pointed_out(
    model: pf.Model, gallery: pf.Embeddings, tmp_path: Path
) -> None:
    query = gallery.sightings.path(0)
    assert answer(model, query, gallery).cautions == []
    (caution,) = answer(model, query, gallery.take(np.array([7]))).cautions
    assert says(caution, "1 picture")
    street = tmp_path / "street.png"
    Image.new("RGB", (640, 360), "grey").save(
        street
    )  # the gallery's pictures have 48 pixels a side
    (caution,) = answer(model, street, gallery).cautions
    assert says(caution, "street.png", "640 x 360")
    cautions = answer(model, [query, street], gallery).cautions
    assert [says(each, "street.png") for each in cautions] == [True]


def test_the_command_says_how_it_searched(run: Run, drawn_folder: Path, tmp_path: Path) -> None:
    images = sorted((drawn_folder / "images").iterdir())
    colors = ("--gallery", drawn_folder, "--model", "color_stripes")
    search = ("search", images[0], images[9], *colors)
    code, out, err = run(*search, "--json")
    assert code == 0, err
    content = json.loads(out)
    assert content["queries"] == [str(images[0]), str(images[9])]
    assert says(content["combined"], "nearest")
    assert {hit["query"] for hit in content["hits"]} <= set(content["queries"])
    assert all(hit["exists"] for hit in content["hits"])
    assert content["left_out"] == sorted(content["queries"])
    code, out, err = run(*search, "--top", 2)
    assert says(" ".join(out.split()), "nearest of the query pictures", images[9].name)
    assert says(err.strip().splitlines()[-1], "colors", "color_stripes", "platefree models")
    assert says(err, "probability")


def test_hits_without_a_file_are_marked(run: Run, drawn_folder: Path, tmp_path: Path) -> None:
    lot = tmp_path / "lot"
    shutil.copytree(drawn_folder / "images", lot)
    stored, query = tmp_path / "stored", tmp_path / "query.jpg"
    shutil.copy(min(lot.iterdir()), query)
    assert run("embed", lot, "--out", stored)[0] == 0
    (tmp_path / "moved").mkdir()
    lot.rename(tmp_path / "moved" / "lot")
    code, out, err = run("search", query, "--gallery", stored, "--top", 3)
    assert code == 0, err
    assert out.count("no such file") == 3
    assert says(err, "3 hits without a file", "--root", "left out")
    code, out, err = run(
        "search", query, "-g", stored, "--root", tmp_path / "moved" / "lot", "--json"
    )
    assert code == 0, err
    assert all(hit["exists"] for hit in json.loads(out)["hits"])
    code, out, err = run("eval", stored, "--root", tmp_path, "--json")
    assert code == 1
    assert says(err, str(tmp_path), "stored")


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (("--sheet", "{folder}/hits.pdf"), ("--sheet", "hits.pdf")),
        (("--sheet", "{folder}/file/hits.jpg"), ("hits.jpg",)),
        (("--sheet", "{folder}"), ("--sheet",)),
    ],
)
def test_outputs_are_checked_before_the_gallery_is_embedded(
    run: Run,
    drawn_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    wanted: tuple[str, ...],
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(pf.Model, "embed", lambda *_, **__: pytest.fail("too late"))
    query = min((drawn_folder / "images").iterdir())
    given = [option.format(folder=tmp_path) for option in options]
    code, _, err = run("search", query, "--gallery", drawn_folder, *given)
    assert code in (1, 2)
    assert says(err, *wanted)


def test_queries_are_read_before_the_gallery_is_embedded(
    run: Run, drawn_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from platefree.gallery import search

    monkeypatch.setattr(search, "read_table", lambda *_: pytest.fail("too late"))
    good = min((drawn_folder / "images").iterdir())
    (tmp_path / "bad.jpg").write_bytes(good.read_bytes()[:300])
    code, _, err = run("search", good, tmp_path / "bad.jpg", "--gallery", drawn_folder)
    assert code == 1
    assert says(err, "bad.jpg")
    for verb in (
        ("embed", drawn_folder, "--out", good),
        ("embed", drawn_folder, "--out", drawn_folder),
        ("label", drawn_folder, "--view", "nowhere", "--out", tmp_path / "bad.jpg" / "t.csv"),
        ("label", drawn_folder, "--view", "nowhere", "--out", tmp_path / "t.txt"),
    ):
        monkeypatch.setattr("platefree.data.table.read_table", lambda *_: pytest.fail("too late"))
        code, _, err = run(*verb)
        assert code in (1, 2), verb
        assert says(err, str(verb[-1].name)) or says(err, "images")


def test_a_video_as_query_is_called_one(run: Run, drawn_folder: Path, tmp_path: Path) -> None:
    video = tmp_path / "gate.mp4"
    video.write_bytes(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(64))
    code, _, err = run("search", video, "--gallery", drawn_folder)
    assert code == 1
    assert says(err, "gate.mp4", "film", "second", "gate.mp4@12.5")


def test_two_boxes_on_one_picture_are_told_apart(model: pf.Model, drawn_folder: Path) -> None:
    gallery, _ = pf.open_gallery(drawn_folder, model)
    image = min((drawn_folder / "images").iterdir())
    with Image.open(image) as picture:
        width, height = picture.size
    left, right = (0, 0, width / 2, height), (width / 2, 0, width, height)
    whole = {"image": [str(image)] * 2, "box": [left, right]}
    both = pf.Sightings.from_columns(drawn_folder, whole)
    alone = [
        {
            hit.image: hit.similarity
            for hit in answer(model, both.take(np.array([row])), gallery, top=200).hits
        }
        for row in range(2)
    ]
    hits = answer(model, both, gallery, top=200).hits
    assert {hit.query_number for hit in hits} == {0, 1}
    for hit in hits:
        assert hit.query_number == int(alone[1][hit.image] > alone[0][hit.image])
