"""The verb ``submit``: what the challenge's server is handed, and what happens on the way there."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from messages import facts, says
from small_sets import CITYFLOW, VRIC, label_file, write_files

import platefree as pf
from platefree.data.dataset import DataSet
from platefree.errors import DataError, Interrupted, RecipeError, StorageError
from platefree.evaluation import challenge
from platefree.evaluation.embedded import embed_for, looks_at_each
from platefree.evaluation.post_chain import make_chain
from platefree.evaluation.trial import Trial
from platefree.gallery.search import check_search_post
from platefree.inference.model import Model
from platefree.recipes.post import Crop, Expand, More, Rerank, Time, Tracks
from platefree.work import DEFAULT_WORK, Work


@pytest.fixture
def cityflow(layouts: dict[str, DataSet]) -> DataSet:
    return layouts["cityflow"]


def number(dataset: DataSet, row: int) -> int:
    return int(Path(str(dataset.table.image[row])).stem)


def test_the_nearest_pictures_of_every_query_from_the_command_line(
    run: Run, cityflow: DataSet, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "track2.txt"
    code, text, err = run(
        "submit", "color_stripes", "--data", cityflow.table.root.parent, "--out", out
    )
    assert code == 0, err
    query, gallery = cityflow.rows("query").tolist(), cityflow.rows("gallery").tolist()
    assert (
        text
        == f"{len(query)} queries, the nearest {len(gallery)} of {len(gallery)} pictures for each\n"
    )
    assert err.strip().splitlines()[-1] == f"submission: {out}"
    assert sorted(path.name for path in out.parent.iterdir()) == ["track2.txt"]
    lines = [list(map(int, line.split())) for line in out.read_text().splitlines()]
    rows = {number(cityflow, row): row for row in gallery}
    embedded, _ = pf.load_model("color_stripes", device="cpu").embed(cityflow.table)
    space = embedded.spaces["main"].astype(np.float64)
    assert len(lines) == len(query)
    for asked, line in zip(
        sorted(query, key=lambda row: number(cityflow, row)), lines, strict=True
    ):
        assert sorted(line) == sorted(rows)  # each picture once
        distances = [1 - space[asked] @ space[rows[each]] for each in line]
        assert all(one <= other + 1e-6 for one, other in pairwise(distances))
    code, text, _ = run(
        "submit", "color_stripes", "--data", cityflow.table.root, "--out", out, "--json"
    )
    content = json.loads(text)
    assert (code, content["submission"], content["queries"]) == (0, str(out), len(query))
    assert [list(map(int, line.split())) for line in out.read_text().splitlines()] == lines


def test_a_run_that_is_stopped_goes_on(
    run: Run, cityflow: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pf.submit("color_stripes", cityflow, tmp_path / "whole.txt")
    monkeypatch.setattr(challenge, "_PART", 8)
    embed, embedded = Model.embed, list[int]()

    def counted(model: Model, sightings: pf.Sightings, **options: object) -> object:
        if len(embedded) == 3:
            raise KeyboardInterrupt
        embedded.append(len(sightings))
        return embed(model, sightings, **options)

    monkeypatch.setattr(Model, "embed", counted)
    out = tmp_path / "track2.txt"
    words = ("submit", "color_stripes", "--data", cityflow.table.root, "--out", out)
    total = len(cityflow.rows("query")) + len(cityflow.rows("gallery"))
    code, _, err = run(*words)
    assert code == 1
    assert says(err, f"24 of {total} pictures", "same command again")
    assert not out.exists()
    embedded.clear()
    with pytest.raises(Interrupted):
        pf.submit("color_stripes", cityflow, out)
    assert len(list((tmp_path / "track2.txt.parts").glob("*/*"))) == 6
    monkeypatch.setattr(Model, "embed", embed)
    done: list[int] = []
    pf.submit("color_stripes", cityflow, out, work=Work(progress=done.append))
    assert sum(done) == total
    assert out.read_text() == (tmp_path / "whole.txt").read_text()
    assert not (tmp_path / "track2.txt.parts").exists()


def test_what_another_model_or_another_table_left_is_not_taken_over(
    cityflow: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = pf.load_model("color_stripes", device="cpu")
    table = cityflow.table.take(cityflow.rows("gallery"))
    model.fingerprint = "another"
    kept = challenge._embed_in_parts(model, table, tmp_path, DEFAULT_WORK)
    place = tmp_path / "another-whole" / "0000000"
    assert challenge._kept(place, model, table) is not None
    assert challenge._kept(place, model, table.take(np.arange(3))) is None
    model.fingerprint = "this"
    assert challenge._kept(place, model, table) is None
    again = challenge._embed_in_parts(model, table, tmp_path, DEFAULT_WORK)
    assert again.model == "this"
    np.testing.assert_array_equal(again.spaces["main"], kept.spaces["main"])


def test_what_cannot_be_handed_in_is_refused_before_anything_is_embedded(
    run: Run, cityflow: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Model, "embed", lambda *_, **__: pytest.fail("embedded"))
    with pytest.raises(StorageError, match=facts("is a folder", "track2.txt")):
        pf.submit("color_stripes", cityflow, tmp_path)
    write_files(tmp_path / "vric", VRIC)
    code, _, err = run("submit", "color_stripes", "--data", tmp_path / "vric")
    assert (code, says(err, "not cityflow", "train_label.xml", "vric_probe.txt")) == (1, True)
    code, _, err = run("submit", "no_such_model", "--data", cityflow.table.root)
    assert (code, says(err, "no checkpoint folder", "no_such_model")) == (1, True)
    bare = {"train_label.xml": CITYFLOW["train_label.xml"]}
    code, _, err = run("submit", "color_stripes", "--data", write_files(tmp_path / "bare", bare))
    assert (code, says(err, "cityflow", "list 'query'", "has: train")) == (1, True)
    for name, message in (
        ("a1.jpg", ("'a1'", "a number")),
        (None, ("'gallery'", "cityflow", "no picture")),
    ):
        items = [] if name is None else [{"imageName": name}]
        files = {**CITYFLOW, "name_test.txt": "" if name is None else f"{name}\n"}
        dataset = pf.read_dataset(
            write_files(tmp_path / message[-1], {**files, "test_label.xml": label_file(items)})
        )
        with pytest.raises(DataError, match=facts(message)):
            pf.submit("color_stripes", dataset, tmp_path / "out.txt")
    assert run("submit", "--help")[1].count("\n") <= 50


# --- post-processing --------------------------------------------------------------------------


def annotated(dataset: DataSet) -> pf.Sightings:
    """The test with columns that the challenge does not publish: cameras, times and tracks."""
    table = dataset.table
    columns = {name: getattr(table, name) for name in ("image", "split")}
    rows = np.arange(len(table))
    columns["camera"] = [f"c{row % 4}" for row in rows]
    columns["track"] = [f"t{row // 3}" for row in rows]
    columns["time"] = (rows * 7 % 50 * 1000).astype("datetime64[ms]")
    return pf.Sightings.from_columns(table.root, columns)


@pytest.mark.parametrize(
    "steps", ["expand,camera,rerank", "crop,ensemble,expand,camera,time,rerank,tracks"]
)
def test_the_answer_is_that_of_the_chain_of_an_evaluation(
    run: Run, cityflow: DataSet, tiny_model_folder: Path, tmp_path: Path, steps: str
) -> None:
    table = annotated(cityflow)
    pf.write_table(table, tmp_path / "test.csv")
    boxes = [f"{image},2,3,30,32" for image in pf.read_table(tmp_path / "test.csv").image]
    (tmp_path / "boxes.csv").write_text("\n".join(["image,left,top,right,bottom", *boxes]))
    post = pf.Post(
        steps=steps.split(","),
        crop=Crop(boxes=str(tmp_path / "boxes.csv")),
        ensemble=More(models=[str(tiny_model_folder)]),
        expand=Expand(radius=0.1),
        time=Time(seconds=20),
        rerank=Rerank(k1=5, k2=2),
        tracks=Tracks(by="mean"),
    )
    looked: list[int] = []
    out = pf.submit(
        "color_stripes",
        tmp_path / "test.csv",
        tmp_path / "track2.txt",
        post=post,
        work=Work(progress=looked.append),
    )
    lines = [list(map(int, line.split())) for line in out.read_text().splitlines()]
    query, gallery = (np.flatnonzero(table.split == name) for name in ("query", "gallery"))
    asked = table.take(np.concatenate([query, gallery]))
    moved = pf.read_table(tmp_path / "test.csv").take(np.concatenate([query, gallery]))
    assert sum(looked) == looks_at_each(post) * len(asked)
    model = pf.load_model("color_stripes", device="cpu")
    embedded = embed_for(model, post, moved, DEFAULT_WORK)
    embeddings, comparison = embedded.under(post.steps)
    trial = Trial("", np.arange(len(query)), np.arange(len(query), len(asked)))
    blocks = make_chain(post, moved, comparison).blocks(embeddings, trial)
    distances = np.concatenate([block for _, block in blocks])
    numbers = [int(Path(str(image)).stem) for image in asked.image[len(query) :]]
    by_number = np.argsort([int(Path(str(image)).stem) for image in asked.image[: len(query)]])
    plain = pf.submit("color_stripes", tmp_path / "test.csv", tmp_path / "plain.txt", post="none")
    assert plain.read_text() != out.read_text()
    for row, line in zip(by_number.tolist(), lines, strict=True):
        place = {number: at for at, number in enumerate(numbers)}
        order = [place[number] for number in line]
        assert sorted(order) == list(range(len(gallery)))
        for one, other in pairwise(order):
            assert distances[row, one] <= distances[row, other]
            if distances[row, other] == np.inf == distances[row, one]:
                assert one < other


def test_steps_are_given_on_the_command_line_or_by_the_recipe(
    run: Run, cityflow: DataSet, tmp_path: Path
) -> None:
    pf.write_table(annotated(cityflow), tmp_path / "test.csv")
    words = ("submit", "color_stripes", "--data", tmp_path / "test.csv", "--out", tmp_path / "a")
    code, text, err = run(*words, "--post", "camera,rerank", "--set", "post.rerank.k1=4", "--json")
    assert code == 0, err
    post = json.loads(text)["post"]
    assert post["steps"] == "camera,rerank"
    assert "k1 4" in post["described"]
    code, by_recipe, err = run(*words, "--set", "post.steps=['camera']")
    assert (code, says(by_recipe, "post-processed", "known cameras")) == (0, True), err
    code, _, err = run(*words[:2], "--data", cityflow.table.root, "--post", "time")
    assert (code, says(err, "'time'", "unknown for all")) == (1, True)


def test_a_search_compares_no_means_of_tracks() -> None:
    with pytest.raises(RecipeError, match=facts("post.tracks.by=mean", "post.tracks.by=best")):
        check_search_post(pf.Post(steps=["tracks"], tracks=Tracks(by="mean")))
