"""The part detector: it learns, is scored, and writes what it finds once."""

import inspect
import json
import logging
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Run
from messages import facts, says
from part_pictures import draw_parts

import platefree as pf
from platefree.batches.loader import Key, TrainingPictures, _collate
from platefree.batches.transforms import InputTransform, TrainingTransform
from platefree.checkpoint import read_checkpoint
from platefree.cli.parts_verb import parts
from platefree.data.part_boxes import PARTS, PartBoxes, PictureBoxes, place_boxes
from platefree.data.part_files import read_part_boxes, write_part_boxes
from platefree.errors import (
    CheckpointError,
    DataError,
    ImageError,
    Interrupted,
    ProtocolError,
    RecipeError,
    TrainingError,
)
from platefree.evaluation.part_precision import LIMITS, part_precision
from platefree.inference import part_finding
from platefree.inference.model import Model
from platefree.inference.part_finding import find_parts, parts_found, write_parts
from platefree.methods.base import Batch
from platefree.methods.catalogue import load_recipe
from platefree.methods.part_detector import THRESHOLD
from platefree.nets.weights import checkpoint_tensors
from platefree.recipes.sections import Augment, Input
from platefree.types import Sightings
from platefree.work import Work

SMALL = {
    "model.backbone": "test_resnet",
    "model.width": 32,
    "model.depth": 1,
    "input.height": 64,
    "input.width": 64,
    "augment.pad": 2,
    "augment.warp": 0.0,
    "augment.color": 0.0,
    "train.workers": 0,
    "train.precision": "32",
    "train.lr": 3e-3,
}


def detector_recipe(**changes: object) -> pf.Recipe:
    changed = {key.replace("__", "."): value for key, value in changes.items()}
    return load_recipe("part_detector/city", {**SMALL, **changed})


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sightings, PartBoxes]:
    return draw_parts(tmp_path_factory.mktemp("data"), vehicles=16)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory, drawn: tuple[Sightings, PartBoxes]) -> Path:
    """Trained for five seconds on 48 pictures."""
    recipe = detector_recipe(train__epochs=12)
    return pf.train(recipe, drawn[0], tmp_path_factory.mktemp("run")).best


# --- average precision ----------------------------------------------------------------------


def slow_precision(found: PictureBoxes, truth: PictureBoxes, part: int, limit: float) -> float:
    """By loops, with precision at each recall the best reached at it or beyond."""
    real = [n for n in range(len(truth)) if truth.part[n] == part]
    mine = [n for n in range(len(found)) if found.part[n] == part and truth.seen[found.row[n]]]
    mine.sort(key=lambda n: -found.score[n])
    taken: set[int] = set()
    points = []
    for rank, n in enumerate(mine, start=1):
        best, best_share = -1, limit
        for m in real:
            if m in taken or truth.row[m] != found.row[n]:
                continue
            a, b = found.fraction[n], truth.fraction[m]
            wide = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
            high = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
            union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - wide * high
            if wide * high / union >= best_share:
                best, best_share = m, wide * high / union
        if best >= 0:
            taken.add(best)
        points.append((len(taken) / len(real), len(taken) / rank))
    area = before = 0.0
    for place, (recall, _) in enumerate(points):
        area += (recall - before) * max(precision for _, precision in points[place:])
        before = recall
    return area


def shaken(seed: int, rows: int = 25) -> tuple[PictureBoxes, PictureBoxes]:
    """Boxes, and what a mediocre detector finds of them."""
    random = np.random.default_rng(seed)
    row = np.sort(random.integers(0, rows, 3 * rows))
    corner = random.random((len(row), 2)) * 0.6
    share = np.concatenate([corner, corner + 0.1 + 0.3 * random.random((len(row), 2))], axis=1)
    seen = random.random(rows) < 0.8
    seen[row[0]] = True
    part = random.integers(0, 3, len(row))
    kept = seen[row]
    truth = PictureBoxes(seen, row[kept], part[kept], share[kept], np.ones(kept.sum()))
    again = np.sort(random.choice(len(row), 2 * len(row)))
    moved = share[again] + random.normal(0, 0.03, (len(again), 4))
    told = np.where(random.random(len(again)) < 0.8, part[again], 0)
    found = PictureBoxes(
        np.ones(rows, np.bool_), row[again], told, moved, random.random(len(again))
    )
    return found, truth


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_what_loops_count(seed: int) -> None:
    found, truth = shaken(seed)
    precision = part_precision(found, truth)
    for part in range(len(PARTS)):
        for place, limit in enumerate(LIMITS):
            expected = slow_precision(found, truth, part, limit)
            assert precision.precision[part, place] == pytest.approx(expected)
    assert precision.mean == pytest.approx(precision.precision.mean())
    assert 0.05 < precision.mean < 0.95


def test_average_precision_at_its_ends() -> None:
    _, truth = shaken(1)
    assert part_precision(truth, truth).mean == 1.0
    nothing = truth.take(np.arange(0))
    nobody = PictureBoxes(truth.seen, nothing.row, nothing.part, nothing.fraction, nothing.score)
    assert part_precision(nobody, truth).mean == 0.0
    twice = PictureBoxes(*(np.repeat(getattr(truth, name), n, axis=0) for name, n in (
        ("seen", 1), ("row", 2), ("part", 2), ("fraction", 2), ("score", 2))))  # fmt: skip
    assert part_precision(twice, truth).mean < 1.0  # a box counts once
    assert np.isnan(part_precision(truth, nobody).mean)


# --- training -------------------------------------------------------------------------------


def test_it_learns_where_parts_are(detector: Path, drawn: tuple[Sightings, PartBoxes]) -> None:
    table, boxes = drawn
    report = pf.evaluate(detector, table)
    assert report.protocol == "part-boxes"
    figures = report.figures()
    for part in PARTS:
        assert figures[f"AP50 {part}"] > 0.8
    test = table.take(table.split != "train")
    found, skipped = find_parts(pf.load_model(detector), test)
    assert skipped == []
    precision = part_precision(found, place_boxes(boxes, test))
    assert figures["AP"] == pytest.approx(precision.mean)
    assert figures["AP window"] == pytest.approx(precision.precision[0].mean())
    assert (found.fraction >= 0).all()
    assert (found.fraction <= 1).all()


def test_its_report_has_the_precision_of_each_part(
    detector: Path, drawn: tuple[Sightings, PartBoxes], tmp_path: Path, run: Run
) -> None:
    table, _ = drawn
    page = tmp_path / "report.html"
    code, out, _ = run("eval", detector, "--data", table.root, "--report", page, "--json")
    assert code == 0
    content = json.loads(out)
    (trial,) = content["tests"][0]["trials"]
    assert trial["pictures"] == (table.split != "train").sum()
    assert set(trial["boxes_by_part"]) == set(PARTS)
    assert list(trial["precision_by_overlap"]["light"]) == [str(limit) for limit in LIMITS]
    text = page.read_text("utf-8")
    assert "AP50 brand" in text
    assert "AP50 brand" in page.with_suffix(".md").read_text("utf-8")
    assert run("eval", detector, "--data", table.root)[0] == 0
    code, _, error = run("eval", detector, "--data", table.root, "--post", "rerank")
    assert code == 1
    assert says(error, "rerank", "ranks nothing", "--post none")
    code, _, error = run("eval", detector, "--data", table.root, "--protocol", "views")
    assert code == 1
    assert says(error, "part detector", "part-boxes")


def test_it_resumes_bit_for_bit(drawn: tuple[Sightings, PartBoxes], tmp_path: Path) -> None:
    table, _ = drawn
    short = {"train__epochs": 1, "augment__warp": 0.3, "train__validation": 0.2}
    whole = pf.train(detector_recipe(**short), table, tmp_path / "whole")
    pf.train(detector_recipe(**short, train__max_steps=1), table, tmp_path / "cut")
    rest = pf.train(detector_recipe(**short), table, tmp_path / "cut", resume=True)
    weights, again = (
        checkpoint_tensors(read_checkpoint(each.last), "weights") for each in (whole, rest)
    )
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    assert whole.validation_map is not None
    assert whole.validation_map == rest.validation_map


def test_only_pictures_that_were_looked_at_are_learnt_from(
    drawn: tuple[Sightings, PartBoxes], tmp_path: Path
) -> None:
    table, boxes = drawn
    kept = np.flatnonzero(table.split == "train")[:20]
    first = np.isin(boxes.picture, kept)
    place = np.searchsorted(kept, boxes.picture[first])
    few = replace(
        boxes, image=boxes.image[kept], picture=place, part=boxes.part[first],
        box=boxes.box[first], score=boxes.score[first],
    )  # fmt: skip
    write_part_boxes(few, tmp_path / "few.csv")
    recipe = detector_recipe(model__boxes=str(tmp_path / "few.csv"), train__max_steps=1)
    run = pf.train(recipe, table, tmp_path / "run")
    card = read_checkpoint(run.best).card
    assert card["data"]["images"] == 20
    assert card["data"]["parts"]["window"]["found"] == 20
    with pytest.raises(ProtocolError, match=facts("all of the 20 pictures", "split 'train'")):
        pf.evaluate(run.best, table)
    nothing = few.at_least(2.0)
    write_part_boxes(nothing, tmp_path / "none.csv")
    recipe = detector_recipe(model__boxes=str(tmp_path / "none.csv"))
    with pytest.raises(
        TrainingError, match=facts("20 training pictures", "window or light or brand")
    ):
        pf.train(recipe, table, tmp_path / "other")


def test_recipes_that_cannot_be_are_refused(
    drawn: tuple[Sightings, PartBoxes], tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=facts("part_detector", 'train.sampler = "shuffle"')):
        detector_recipe(train__sampler="identity")
    with pytest.raises(RecipeError, match=facts("80 x 64 pixels", "multiples of 32")):
        pf.train(detector_recipe(input__height=80), drawn[0], tmp_path)
    with pytest.raises(RecipeError, match=facts("test_vit", "strides 8, 16, 32", "ResNet")):
        pf.train(detector_recipe(model__backbone="test_vit"), drawn[0], tmp_path)


def test_sheets_show_what_was_drawn_and_what_is_found(
    detector: Path, drawn: tuple[Sightings, PartBoxes], tmp_path: Path
) -> None:
    method = pf.load_model(detector).method.eval()
    table, boxes = drawn
    pictures = TrainingPictures(
        table, TrainingTransform(Input(height=64, width=64), Augment(flip=0.0, pad=0, erase=0.0)),
        place_boxes(boxes, table),
    )  # fmt: skip
    given = _collate([pictures[Key(row, 0)] for row in range(3)])
    assert given.images is not None
    images = InputTransform(pf.load_model(detector).recipe.input).normalise(given.images)
    samples = method.samples(Batch(images, {}, given.boxes))
    assert samples is not None
    assert samples.columns == ("drawn", "found")
    assert samples.pictures.shape == (3, 2, 3, 64, 64)
    plain = given.images.float() / 255
    for column in range(2):
        changed = (samples.pictures[:, column] - plain).abs().amax(1) > 0.02
        assert changed.any(dim=(1, 2)).all()  # boxes are on every picture
        assert changed.float().mean() < 0.5
    recipe = detector_recipe(train__samples_epochs=1, train__epochs=1)
    pf.train(recipe, table, tmp_path)
    assert len(list((tmp_path / "samples").glob("*.png"))) == 1


def test_the_threshold_of_the_verb_is_that_of_the_library() -> None:
    default = inspect.signature(parts).parameters["threshold"].default
    assert default == THRESHOLD


# --- use ------------------------------------------------------------------------------------


def test_a_detector_neither_searches_nor_compares(
    detector: Path, drawn: tuple[Sightings, PartBoxes], tiny_model_folder: Path
) -> None:
    table, _ = drawn
    model = pf.load_model(detector)
    with pytest.raises(DataError, match=facts("embeds nothing", "platefree parts")):
        pf.compare(model, table.path(0), table.path(1))
    with pytest.raises(
        DataError, match=facts("strong_baseline model", "no parts", "platefree train part_detector")
    ):
        find_parts(pf.load_model(tiny_model_folder), table)


def test_the_verb_writes_what_training_finds(
    detector: Path, drawn: tuple[Sightings, PartBoxes], tmp_path: Path, run: Run
) -> None:
    table, _ = draw_parts(tmp_path / "new", vehicles=6, seed=3)
    (table.root / "parts.csv").unlink()
    code, out, error = run("parts", table.root, "--model", detector, "--threshold", "0.3", "--json")
    assert code == 0, error
    content = json.loads(out)
    assert content["pictures"] == len(table)
    assert content["found"]["window"] > 0.8 * len(table)
    assert content["boxes"] == str(table.root / "parts.csv")
    boxes = read_part_boxes(table.root / "parts.csv")
    assert boxes.image.tolist() == table.image.tolist()
    assert parts_found(boxes) == content["found"]
    known, _ = find_parts(pf.load_model(detector), table)
    placed = place_boxes(boxes, table)
    for row in range(len(table)):
        share, part = known.of(row)
        sure = known.score[known.row == row] >= 0.3
        found, parts = placed.of(row)
        assert sorted(parts.tolist()) == sorted(part[sure].tolist())
        np.testing.assert_allclose(
            sorted(found.ravel()), sorted(share[sure].ravel()), atol=0.01
        )  # two digits of a pixel
    learnt = int((table.split == "train").sum())
    only = ["--split", "train", "--out", tmp_path / "b.csv"]
    code, out, _ = run("parts", table.root, "--model", detector, *only)
    assert code == 0
    assert f"of {learnt} pictures" in out
    code, _, error = run("parts", table.root, "--model", detector, "--split", "exam")
    assert code == 1
    assert says(error, "no row", "split 'exam'", "train")


def test_nothing_is_looked_at_twice(
    detector: Path,
    drawn: tuple[Sightings, PartBoxes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table, _ = drawn
    model, out = pf.load_model(detector), tmp_path / "parts.csv"
    looked = counting(monkeypatch, model)
    monkeypatch.setattr(part_finding, "_BATCH", 8)
    done: list[int] = []

    def stop(count: int) -> None:
        done.append(count)
        if len(done) == 3:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match=facts("24 of 96 pictures", "same command again")):
        write_parts(model, table, out, work=Work(progress=stop, workers=0))
    assert sum(looked) == 24
    assert not out.exists()
    (journal,) = tmp_path.glob(".parts-*.jsonl")
    whole = journal.read_bytes()
    names = [json.loads(line)["picture"] for line in whole.splitlines()]
    files = [table.path(row).read_bytes() for row in range(24)]
    assert names == [sha256(content).hexdigest()[:24] for content in files]  # as ever
    journal.write_bytes(whole[:-30])  # a kill in the middle of a line
    boxes, _ = write_parts(model, table, out, work=Work(workers=0))
    assert sum(looked) == len(table) + 1
    again, _ = write_parts(model, table, out, threshold=0.1, work=Work(workers=0))
    assert sum(looked) == len(table) + 1  # another threshold asks nothing new
    assert len(again) > len(boxes)
    copied = tmp_path / "copy.png"
    copied.write_bytes(table.path(0).read_bytes())
    more = Sightings.from_columns(tmp_path, {"image": [str(copied), str(table.path(1))]})
    few, _ = write_parts(model, more, out, work=Work(workers=0))
    assert sum(looked) == len(table) + 1
    np.testing.assert_allclose(few.box, boxes.box[boxes.picture < 2])
    model.fingerprint = "another"
    write_parts(model, more, out, work=Work(workers=0))
    assert sum(looked) == len(table) + 3


def counting(monkeypatch: pytest.MonkeyPatch, model: Model) -> list[int]:
    """Counts the pictures of every batch that the detector is shown."""
    looked: list[int] = []
    find = model.method.find  # type: ignore[operator]

    def watch(images: torch.Tensor) -> object:
        looked.append(len(images))
        return find(images)  # type: ignore[operator]

    monkeypatch.setattr(model.method, "find", watch)
    return looked


def test_pictures_that_cannot_be_read_are_left_out(
    detector: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table, _ = draw_parts(tmp_path / "data", vehicles=2)
    table.path(1).write_bytes(b"no picture")
    table.path(2).unlink()
    model = pf.load_model(detector)
    with caplog.at_level(logging.WARNING):
        boxes, skipped = write_parts(model, table, tmp_path / "parts.csv")
    assert len(skipped) == 2
    assert boxes.image.tolist() == [name for n, name in enumerate(table.image) if n not in (1, 2)]
    for row in range(len(table)):
        table.path(row).unlink(missing_ok=True)
    with pytest.raises(ImageError, match=facts("none of 12 pictures", "0-0.png")):
        write_parts(model, table, tmp_path / "parts.csv")
    with pytest.raises(DataError, match=facts("parts.json", ".csv")):
        write_parts(model, table, tmp_path / "parts.json")


def test_boxes_in_a_picture_are_refused(detector: Path, tmp_path: Path) -> None:
    """The parts of all of them would be those of the first, and elsewhere."""
    table, _ = draw_parts(tmp_path / "data", vehicles=2)
    name = table.image[0]
    lines = f"image,x0,y0,x1,y1\n{name},0,0,20,20\n{name},20,20,40,40\n{name},,,,\n"
    (tmp_path / "data" / "boxes.csv").write_text(lines)
    boxed = pf.read_table(tmp_path / "data" / "boxes.csv")
    with pytest.raises(DataError, match=facts("2 rows", "box", "whole pictures")):
        write_parts(pf.load_model(detector), boxed, tmp_path / "parts.csv")


def test_a_detector_that_finds_nothing_says_so(
    detector: Path, drawn: tuple[Sightings, PartBoxes], tmp_path: Path
) -> None:
    boxes, _ = write_parts(pf.load_model(detector), drawn[0], tmp_path / "p.csv", threshold=1.0)
    assert parts_found(boxes) == dict.fromkeys(PARTS, 0)
    assert len(read_part_boxes(tmp_path / "p.csv").image) == len(drawn[0])


def test_a_detector_is_no_viewpoint_model(
    detector: Path, drawn: tuple[Sightings, PartBoxes], tmp_path: Path
) -> None:
    recipe = load_recipe("vanet/city", {"model.viewpoint": str(detector)})
    with pytest.raises(
        CheckpointError,
        match=facts("model.viewpoint", "part_detector model", "platefree train viewpoint/default"),
    ):
        pf.train(recipe, drawn[0], tmp_path)
