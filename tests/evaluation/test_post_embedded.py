"""The steps that change embeddings, tight crops and more models, against single pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import TINY, Run
from loops import slow_k_reciprocal
from messages import facts, says
from numpy.typing import NDArray
from PIL import Image

import platefree as pf
from platefree.errors import DataError, RecipeError
from platefree.evaluation.embedded import looks_at_each
from platefree.evaluation.evaluate import Scoring
from platefree.evaluation.metrics import rank_metrics
from platefree.inference.model import Model
from platefree.methods.catalogue import load_recipe
from platefree.ranking.interval import covering_interval
from platefree.recipes.post import Crop, More, Rerank, Time
from platefree.work import Work

Rows = NDArray[np.float64]
WEIGHTS = [2.0, 1.0, 3.0]


@pytest.fixture(scope="module")
def table(drawn_table: pf.Sightings, tmp_path_factory: pytest.TempPathFactory) -> pf.Sightings:
    """The drawn pictures as PNG, with room for files beside them."""
    folder = tmp_path_factory.mktemp("pictures")
    names = []
    for row in range(len(drawn_table)):
        names.append(f"{row:03d}.png")
        Image.open(drawn_table.path(row)).save(folder / names[-1])
    known = ("vehicle", "camera", "time", "split")
    columns = {name: getattr(drawn_table, name) for name in known}
    return pf.Sightings.from_columns(folder, {"image": names, **columns})


@pytest.fixture(scope="module")
def boxes(table: pf.Sightings) -> dict[str, tuple[int, int, int, int]]:
    """Boxes of two pictures in three, beside the table."""
    random = np.random.default_rng(0)
    found = {}
    lines = ["image,left,top,right,bottom"]
    for row, name in enumerate(table.image.tolist()):
        box = (*random.integers(0, 12, 2).tolist(), *random.integers(30, 48, 2).tolist())
        if row % 3:
            found[name] = box
            lines.append(f"{name},{','.join(map(str, box))}")
            lines.append(f"{name},20,20,22,22")  # a smaller one
        else:
            lines.append(f"{name},,,,")
    (table.root / "boxes.csv").write_text("\n".join(lines) + "\n")
    return found


@pytest.fixture(scope="module")
def folders(
    tiny_model_folder: Path, drawn_table: pf.Sightings, tmp_path_factory: pytest.TempPathFactory
) -> list[str]:
    changes = {"input.height": 40, "input.width": 48, "train.max_steps": 2}
    recipe = load_recipe("strong_baseline/demo", {**TINY, **changes})
    other = pf.train(recipe, drawn_table, tmp_path_factory.mktemp("other")).best
    return [str(tiny_model_folder), str(other), "color_stripes"]


def slow_rows(model: Model, table: pf.Sightings, boxes: Mapping[str, tuple[int, ...]]) -> Rows:
    """Each picture on its own, and with its crop where it has one."""
    rows = []
    size = (model.recipe.input.width, model.recipe.input.height)
    for name in table.image.tolist():
        picture = Image.open(table.root / name).convert("RGB")
        views = [picture, *([picture.crop(boxes[name])] if name in boxes else [])]
        total = np.zeros(0)
        for view in views:
            pixels = np.asarray(view.resize(size, Image.Resampling.BILINEAR)).copy()
            image = torch.from_numpy(pixels).permute(2, 0, 1)[None]
            row = model.embed_images(image)["main"][0].astype(np.float64)
            total = row if view is picture else total + row
        rows.append(total / np.sqrt((total**2).sum()))
    return np.array(rows)


def slow_figures(similarity: Rows, table: pf.Sightings, *, rerank: bool) -> tuple[float, float]:
    query, gallery = (np.flatnonzero(table.split == name) for name in ("query", "gallery"))
    order = np.concatenate([query, gallery])
    distance = 1 - similarity[np.ix_(order, order)]
    found = distance[: len(query), len(query) :]
    if rerank:
        found = slow_k_reciprocal(distance, len(query), 8, 3, 0.3)
    labels = [
        getattr(table, name)[rows] for name in ("vehicle", "camera") for rows in (query, gallery)
    ]
    metrics = rank_metrics(found.astype(np.float32), *labels)
    return metrics.mAP, float(metrics.cmc[0])


@pytest.mark.parametrize("steps", ["crop,ensemble,rerank", "ensemble,crop"])
def test_every_prefix_is_that_of_the_loops(
    steps: str,
    table: pf.Sightings,
    boxes: dict[str, tuple[int, int, int, int]],
    folders: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    embedded: list[tuple[str, bool, int]] = []
    embed_rows = Model.embed_rows

    def counting(self: Model, sightings: pf.Sightings, *options: Any) -> object:  # noqa: ANN401
        embedded.append((self.name, options[0] is not None, len(sightings)))
        return embed_rows(self, sightings, *options)

    monkeypatch.setattr(Model, "embed_rows", counting)
    post = pf.Post(
        steps=steps.split(","),
        ensemble=More(models=folders[1:], weights=WEIGHTS),
        rerank=Rerank(k1=8, k2=3),
    )
    looked: list[int] = []
    report = pf.evaluate(
        folders[0],
        table,
        scoring=Scoring(post=post, ablate_post=True, floor=False),
        work=Work(progress=looked.append),
    )
    monkeypatch.undo()
    scored = np.isin(table.split, ["query", "gallery"])
    cropped = sum(name in boxes for name in table.image[scored].tolist())
    assert sorted(embedded) == sorted(
        (name, *look) for name in folders for look in ((False, int(scored.sum())), (True, cropped))
    )
    assert sum(looked) == looks_at_each(post) * scored.sum() == 6 * scored.sum()

    models = [pf.load_model(folder) for folder in folders]
    similarity = {}
    for tight in (False, True):
        rows = [slow_rows(model, table, boxes if tight else {}) for model in models]
        each = [one @ one.T for one in rows]
        mean = sum(weight * one for weight, one in zip(WEIGHTS, each, strict=True)) / 6
        similarity[tight, False], similarity[tight, True] = each[0], mean
    (test,) = report.tests
    assert len(test.prefixes) == len(post.steps) + 1
    for prefix in test.prefixes:
        done = prefix.steps.split(",")
        expected = slow_figures(
            similarity["crop" in done, "ensemble" in done], table, rerank="rerank" in done
        )
        found = prefix.figures["mAP"], prefix.figures["rank-1"]
        assert found == pytest.approx(expected, abs=1e-6), prefix.steps
    settings = report.settings
    where = f"boxes from {table.root / 'boxes.csv'}"
    assert settings["tight crops"].startswith(f"vehicles on {cropped} of {scored.sum()} pictures")
    assert where in settings["tight crops"]
    assert "weights 2:1:3" in settings["post-processing"]


def test_the_margin_widens_the_crop(
    table: pf.Sightings, boxes: dict[str, tuple[int, int, int, int]], folders: list[str]
) -> None:
    wider = {}
    for name, (left, top, right, bottom) in boxes.items():
        wide, high = 0.25 * (right - left), 0.25 * (bottom - top)
        edges = (left - wide, top - high, right + wide, bottom + high)
        wider[name] = (
            *(int(max(0, np.floor(edge))) for edge in edges[:2]),
            *(int(min(48, np.ceil(edge))) for edge in edges[2:]),
        )
    post = pf.Post(steps=["crop"], crop=Crop(margin=0.25))
    found = pf.evaluate(folders[0], table, scoring=Scoring(post=post)).figures()
    rows = slow_rows(pf.load_model(folders[0]), table, wider)
    expected = slow_figures(rows @ rows.T, table, rerank=False)
    assert (found["mAP"], found["rank-1"]) == pytest.approx(expected, abs=1e-6)


def test_the_window_that_training_rows_show() -> None:
    random = np.random.default_rng(1)
    n = 60
    vehicle = random.choice(["", "a", "b", "c", "d"], n)
    camera = random.choice(["", "1", "2", "3"], n)
    time = random.integers(0, 10**6, n).astype("datetime64[ms]")
    time[random.random(n) < 0.2] = "NaT"
    between = sorted(
        abs(int((time[i] - time[j]).astype(int)))
        for i in range(n)
        for j in range(i)
        if vehicle[i] == vehicle[j] != ""
        and "" not in (camera[i], camera[j])
        and camera[i] != camera[j]
        and not np.isnat(time[i])
        and not np.isnat(time[j])
    )
    for share in (0.01, 0.5, 0.9, 1.0):
        seconds, count = covering_interval(vehicle, camera, time, share)
        assert count == len(between)
        shortest = next(
            each for each in between if sum(b <= each for b in between) >= share * count
        )
        assert seconds == pytest.approx(shortest / 1000)
    for wrong in (0.0, 1.1):
        with pytest.raises(DataError, match=facts("fraction is", "at most 1")):
            covering_interval(vehicle, camera, time, wrong)


def test_a_window_from_training_rows_is_reported_and_used(
    drawn_folder: Path, drawn_table: pf.Sightings, run: Run
) -> None:
    post = pf.Post(steps=["time"], time=Time(by="training", fraction=0.5))
    report = pf.evaluate("color_stripes", drawn_table, scoring=Scoring(post=post))
    train = drawn_table.take(drawn_table.split == "train")
    seconds, count = covering_interval(train.vehicle, train.camera, train.time, 0.5)
    assert (
        f"{seconds:g} s, which covers 50 % of {count:,} interv"
        in report.settings["temporal window"]
    )
    assert f"within {seconds:g} s" in report.settings["post-processing"]
    fixed = pf.Post(steps=["time"], time=Time(seconds=seconds))
    assert (
        pf.evaluate("color_stripes", drawn_table, scoring=Scoring(post=fixed)).figures()
        == report.figures()
    )
    untimed = drawn_table.time.copy()
    untimed[drawn_table.split == "train"] = "NaT"
    names = ("image", "vehicle", "camera", "split")
    columns = {name: getattr(drawn_table, name) for name in names} | {"time": untimed}
    poor = pf.Sightings.from_columns(drawn_table.root, columns)
    with pytest.raises(
        DataError, match=facts("none of 48 rows", "post.time.by=seconds", "post.time.seconds")
    ):
        pf.evaluate("color_stripes", poor, scoring=Scoring(post=post))
    with pytest.raises(DataError, match=facts("split 'train'", "post.time.by=seconds")):
        pf.evaluate(
            "color_stripes",
            poor.take(poor.split != "train"),
            scoring=Scoring(post=fixed_by_training()),
        )
    score = ("eval", "color_stripes", "--data", drawn_folder, "--post", "time")
    code, text, _ = run(*score, "--set", "post.time.by=training", "--json")
    assert code == 0
    assert "99 % of" in text


def fixed_by_training() -> pf.Post:
    return pf.Post(steps=["time"], time=Time(by="training"))


def test_what_these_steps_lack_is_reported(
    drawn_table: pf.Sightings, folders: list[str], run: Run, drawn_folder: Path
) -> None:
    def score(post: pf.Post) -> None:
        pf.evaluate(folders[0], drawn_table, scoring=Scoring(post=post))

    with pytest.raises(
        DataError,
        match=facts("boxes.csv", "post.crop.boxes=FILE", "post.crop.model=torchvision:NAME"),
    ):
        score(pf.Post(steps=["crop"]))
    with pytest.raises(
        RecipeError, match=facts("'ensemble'", "post.ensemble.models", "platefree ensemble")
    ):
        score(pf.Post(steps=["ensemble"]))
    with pytest.raises(DataError, match=facts("given twice", "weights")):
        score(pf.Post(steps=["ensemble"], ensemble=More(models=[folders[0]])))
    with pytest.raises(
        RecipeError, match=facts("post.ensemble.weights", "2 numbers", "expected 3")
    ):
        load_recipe(
            "color_stripes",
            {"post.ensemble.models": ["a", "b"], "post.ensemble.weights": [1.0, 2.0]},
        )
    with pytest.raises(
        RecipeError,
        match=facts("post.crop.model", "torchvision:x", "post.crop.boxes y", "one of them"),
    ):
        load_recipe("color_stripes", {"post.crop.model": "torchvision:x", "post.crop.boxes": "y"})
    picture = drawn_table.path(0)
    code, _, err = run("search", picture, "--gallery", drawn_folder, "--post", "crop")
    assert code == 1
    assert says(err, "'crop'", "rerank", "none", "platefree eval", "platefree ensemble")
