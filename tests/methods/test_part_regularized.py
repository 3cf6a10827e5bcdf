"""Part-regularized re-ID: the projection of boxes, equation 3, training and use."""

import itertools
import json
import logging
import runpy
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import REPOSITORY, TINY, Run
from messages import facts, says
from part_pictures import draw_parts
from torch.nn import functional

import platefree as pf
from platefree.batches.loader import Boxes
from platefree.batches.training_data import training_data
from platefree.checkpoint import read_checkpoint
from platefree.data.image import read_image
from platefree.data.part_boxes import PARTS, PartBoxes, place_boxes
from platefree.data.part_files import write_part_boxes
from platefree.errors import CheckpointError, DataError, NonFiniteLoss, RecipeError, TrainingError
from platefree.experiments.ablation import load_ablation, row_recipe
from platefree.inference.explain import class_activation
from platefree.methods.base import Batch
from platefree.methods.catalogue import load_recipe
from platefree.methods.part_regularized import PartRegularized
from platefree.nets.backbones import Backbone
from platefree.nets.roi import covered_cells, local_average, part_masks
from platefree.nets.weights import checkpoint_tensors
from platefree.ranking.homogeneous import Euclidean
from platefree.types import Sightings

SMALL = {**TINY, "train.images_per_vehicle": 3, "augment.color": 0.0}
SMALL |= {"input.height": 64, "input.width": 64}  # a map of 2 x 2


def part_recipe(**changes: object) -> pf.Recipe:
    changed = {key.replace("__", "."): value for key, value in changes.items()}
    return load_recipe("part_regularized/city", {**SMALL, **changed})


@pytest.fixture
def drawn(tmp_path: Path) -> tuple[Sightings, PartBoxes]:
    """48 pictures of 8 vehicles, whose boxes are in ``parts.csv`` beside them."""
    return draw_parts(tmp_path / "data")


def make(**options: object) -> PartRegularized:
    torch.manual_seed(0)
    backbone = Backbone("test_resnet", height=64, width=96)
    return PartRegularized(backbone, vehicles=5, embedding_size=12, **options)  # type: ignore[arg-type]


def batch(seed: int = 0, pictures: int = 4, boxes: int = 9) -> Batch:
    """Random boxes of one to 50 pixels, some of them partly outside, one without area."""
    random = torch.Generator().manual_seed(seed)
    images = torch.randn(pictures, 3, 64, 96, generator=random)
    corner = torch.rand(boxes, 2, generator=random) * torch.tensor([100.0, 70.0]) - 5
    size = 1 + 49 * torch.rand(boxes, 2, generator=random)
    size[0] = 0.0
    box = torch.cat([corner, corner + size], dim=1)
    picture = torch.randint(0, pictures - 1, (boxes,), generator=random)  # the last has none
    part = torch.randint(0, len(PARTS), (boxes,), generator=random)
    vehicles = torch.arange(pictures) % 5
    return Batch(images, {"vehicle": vehicles}, Boxes(box, picture, part))


# --- projection -----------------------------------------------------------------------------


def slow_cells(
    box: list[float], size: tuple[int, int], grid: tuple[int, int]
) -> list[tuple[int, int]]:
    left, top, right, bottom = box
    cells = []
    for row in range(grid[0]):
        for column in range(grid[1]):
            high = min(bottom, (row + 1) * size[0] / grid[0]) - max(top, row * size[0] / grid[0])
            wide = min(right, (column + 1) * size[1] / grid[1]) - max(
                left, column * size[1] / grid[1]
            )
            if high > 0 and wide > 0:
                cells.append((row, column))
    return cells


@pytest.mark.parametrize("grid", [(4, 6), (8, 8), (1, 1), (2, 3), (5, 7)])
def test_a_box_covers_the_cells_that_it_overlaps(grid: tuple[int, int]) -> None:
    size = (64, 96)
    boxes = batch(3, boxes=60).boxes
    assert boxes is not None
    found = covered_cells(boxes.box, size, grid)
    for cells, box in zip(found, boxes.box.tolist(), strict=True):
        assert cells.nonzero().tolist() == [list(cell) for cell in slow_cells(box, size, grid)]


@pytest.mark.parametrize(
    ("box", "cells"),
    [
        ([0, 0, 16, 16], [(0, 0)]),  # exactly one cell: to touch the next is not to overlap it
        ([16, 16, 32, 32], [(1, 1)]),
        ([15.9, 15.9, 32.1, 16], [(0, 0), (0, 1), (0, 2)]),
        ([63, 63, 64, 64], [(3, 3)]),  # the last pixel of the picture
        ([40.2, 40.3, 40.3, 40.4], [(2, 2)]),  # a tenth of a pixel
        ([15.95, 15.95, 16.05, 16.05], [(0, 0), (0, 1), (1, 0), (1, 1)]),
        ([0, 0, 64, 64], [(row, column) for row in range(4) for column in range(4)]),
        ([10, 10, 10, 20], []),  # empty
        ([20, 10, 10, 20], []),  # inside out
        ([64, 0, 80, 20], []),  # outside
        ([-9, -9, 0, 0], []),
        ([-9, -9, 1, 1], [(0, 0)]),
    ],
)
def test_boxes_at_borders_tiny_boxes_and_empty_ones(
    box: list[float], cells: list[tuple[int, int]]
) -> None:
    found = covered_cells(torch.tensor([box], dtype=torch.float32), (64, 64), (4, 4))[0]
    assert [tuple(each) for each in found.nonzero().tolist()] == cells


def test_the_boxes_of_a_part_make_one_mask_that_is_averaged_over() -> None:
    given = batch(1, pictures=5, boxes=12)
    assert given.boxes is not None
    maps = torch.randn(5, 7, 4, 6, generator=torch.Generator().manual_seed(5))
    masks = part_masks(*given.boxes, pictures=5, parts=3, size=(64, 96), grid=(4, 6))
    found = local_average(maps, masks)
    assert found.shape == (5, 3, 7)
    empty = several = 0
    for picture in range(5):
        for part in range(3):
            cells: set[tuple[int, int]] = set()
            owners = 0
            for box, owner, kind in zip(*(each.tolist() for each in given.boxes), strict=True):
                if owner == picture and kind == part:
                    cells |= set(slow_cells(box, (64, 96), (4, 6)))
                    owners += 1
            several += owners > 1 and len(cells) > 1
            empty += not cells
            mean = [0.0] * 7
            for row, column in cells:
                for channel in range(7):
                    mean[channel] += float(maps[picture, channel, row, column]) / len(cells)
            np.testing.assert_allclose(found[picture, part].numpy(), mean, atol=1e-5)
            assert masks[picture, part].sum() == len(cells)
    assert empty >= 3
    assert several >= 1


# --- equation 3 -----------------------------------------------------------------------------


def slow_losses(method: PartRegularized, given: Batch) -> dict[str, float]:
    assert given.boxes is not None
    maps = method.feature_map(given.images).detach()
    vehicles = given.labels["vehicle"].tolist()
    rows, columns = maps.shape[2:]
    reduce, identify = (method.reduce, method.classifier)
    pooled = maps.mean((2, 3))
    vectors = pooled @ reduce.weight.T + reduce.bias  # type: ignore[operator, union-attr]
    logits = vectors @ identify.weight.T + identify.bias  # type: ignore[operator, union-attr]
    n = len(vehicles)
    terms = [-logits[k].log_softmax(0)[vehicles[k]].item() / n for k in range(n)]
    losses = {"global": method.global_weight * sum(terms)}
    for number, part in enumerate(PARTS):
        if part not in method.part_weights:
            continue
        losses[part] = 0.0
        layer = method.part_classifiers[part]
        for k in range(n):
            cells: set[tuple[int, int]] = set()
            for box, owner, kind in zip(*(each.tolist() for each in given.boxes), strict=True):
                if owner == k and kind == number:
                    cells |= set(slow_cells(box, (64, 96), (rows, columns)))
            if cells:
                mean = torch.stack([maps[k, :, row, column] for row, column in cells]).mean(0)
                told = (layer.weight @ mean + layer.bias).log_softmax(0)  # type: ignore[operator]
                losses[part] -= method.part_weights[part] * told[vehicles[k]].item() / n
    return losses


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("window", [0.0, 1.0, 0.3])
def test_losses_are_those_of_equation_3(seed: int, window: float) -> None:
    weights = {"window": window, "light": 1.0, "brand": 2.0}
    method = make(part_weights=weights, global_weight=0.5)
    method.eval()  # batch statistics would differ between two passes
    losses = method.losses(batch(seed))
    expected = slow_losses(method, batch(seed))
    assert set(losses) == set(expected)
    assert ("window" in losses) == (window > 0)
    for name, value in expected.items():
        assert losses[name].item() == pytest.approx(value, abs=1e-4)


def test_switches_take_branches_away() -> None:
    none = dict.fromkeys(PARTS, 0.0)
    assert set(make(part_weights=none).losses(batch())) == {"global"}
    parts_only = make(global_weight=0.0)
    assert set(parts_only.losses(batch())) == set(PARTS)
    assert not any(name.startswith(("reduce", "classifier")) for name in parts_only.state_dict())
    assert parts_only.embed(batch().images)["main"].shape == (4, parts_only.backbone.channels)
    assert make().embed(batch().images)["main"].shape == (4, 12)
    with pytest.raises(RecipeError, match=facts("model.global_weight", "nothing is learnt")):
        part_recipe(
            model__global_weight=0.0,
            model__window_weight=0.0,
            model__light_weight=0.0,
            model__brand_weight=0.0,
        )


def test_a_part_teaches_the_cells_that_it_covers_and_no_others() -> None:
    method = make().eval()
    given = batch(2)
    assert given.boxes is not None
    maps = method.feature_map(given.images).detach().requires_grad_()
    method.feature_map = lambda images: maps  # type: ignore[method-assign]
    masks = method._masks(given, maps)
    for number, part in enumerate(PARTS):
        (gradient,) = torch.autograd.grad(method.losses(given)[part], maps)
        np.testing.assert_array_equal((gradient != 0).any(dim=1).numpy(), masks[:, number].numpy())


def test_a_batch_without_a_part_learns_nothing_from_it() -> None:
    given = batch()
    assert given.boxes is not None
    nothing = replace(given, boxes=Boxes(*(each[:0] for each in given.boxes)))
    method = make()
    losses = method.losses(nothing)
    assert [losses[part].item() for part in PARTS] == [0.0, 0.0, 0.0]
    torch.stack(list(losses.values())).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in method.parameters())


def test_the_embedding_is_the_global_vector_scaled_to_unit_length() -> None:
    method = make().eval()
    images = batch().images
    pooled = method.backbone(images).mean((2, 3))
    vector = pooled @ method.reduce.weight.T + method.reduce.bias  # type: ignore[operator, union-attr]
    expected = functional.normalize(vector)
    torch.testing.assert_close(method.embed(images)["main"], expected, atol=1e-5, rtol=1e-5)


def test_raw_vectors_are_compared_by_their_l2_distance_as_published() -> None:
    method = make(vectors="raw").eval()
    images = 3 * batch(pictures=8).images
    pooled = method.backbone(images).mean((2, 3))
    vector = pooled @ method.reduce.weight.T + method.reduce.bias  # type: ignore[operator, union-attr]
    rows = method.embed(images)["main"].detach().numpy()
    assert rows.shape == (8, 13)  # homogeneous coordinates
    table = Sightings.from_columns(Path(), {"image": [f"{row}.jpg" for row in range(8)]})
    embeddings = pf.Embeddings({"main": rows}, table, "m")
    found = method.comparison().distances(embeddings, embeddings)
    for one in range(8):
        for other in range(8):
            distance = (vector[one] - vector[other]).norm().item()
            expected = 2 * distance / (1 + distance)
            assert found[one, other] == pytest.approx(expected, abs=1e-4)


def fused_by_hand(
    method: PartRegularized, images: torch.Tensor, boxes: list[list[tuple[int, list[float]]]]
) -> torch.Tensor:
    """The vectors of each part one after the other, after the global one; cell by cell."""
    maps = method.feature_map(images)
    rows, columns = maps.shape[2:]
    fused = []
    for own, found in zip(maps, boxes, strict=True):
        vectors = []
        if method.in_use == "all":
            vectors.append(own.mean((1, 2)) @ method.reduce.weight.T + method.reduce.bias)  # type: ignore[operator, union-attr]
        for part in method.part_classifiers:
            cells = {
                cell
                for kind, fraction in found
                if PARTS[kind] == part
                for cell in slow_cells(
                    [edge * length for edge, length in zip(fraction, (96, 64) * 2, strict=True)],
                    (64, 96),
                    (rows, columns),
                )
            } or set(itertools.product(range(rows), range(columns)))
            vectors.append(torch.stack([own[:, row, column] for row, column in cells]).mean(0))
        if method.vectors == "unit":
            vectors = [vector / vector.norm() for vector in vectors]
        fused.append(torch.cat(vectors))
    return torch.stack(fused)


IN_USE = [
    {"global_weight": 0.0, "in_use": "parts"},
    {"in_use": "all"},
    {"in_use": "all", "part_weights": {"window": 1.0, "light": 0.0, "brand": 2.0}},
    {"in_use": "all", "vectors": "raw"},
]


@pytest.mark.parametrize("options", IN_USE)
def test_vectors_of_parts_are_fused_in_use(
    options: dict[str, object], drawn: tuple[Sightings, PartBoxes]
) -> None:
    table, boxes = drawn
    table = table.take(np.array([3, 4, 0, 9]))  # picture 4 shows no brand
    method = make(**options).eval()
    images = batch(1).images
    placed = place_boxes(boxes, table)
    by_row = [
        [(int(part), list(box)) for box, part in zip(*placed.of(row), strict=True)]
        for row in range(4)
    ]
    assert {part for part, _ in by_row[1]} == {0, 1}
    known = method.known(table)
    expected = fused_by_hand(method, images, by_row)
    if method.vectors == "raw":
        expected = torch.cat([expected, torch.ones(4, 1)], dim=1)
    expected = functional.normalize(expected)
    torch.testing.assert_close(method.embed(images, known)["main"], expected, atol=1e-5, rtol=1e-5)
    mirrored = [
        [(part, [1 - right, top, 1 - left, bottom]) for part, (left, top, right, bottom) in row]
        for row in by_row
    ]
    expected = fused_by_hand(method, images.flip(3), mirrored)
    found = method.embed(images.flip(3), method.flipped(known))["main"]
    torch.testing.assert_close(
        functional.normalize(found[:, : expected.shape[1]]), functional.normalize(expected)
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {"in_use": "parts", "window_weight": 0.0, "light_weight": 0.0, "brand_weight": 0.0},
            ("model.in_use", "weights of all parts"),
        ),
        ({"in_use": "all", "global_weight": 0.0}, ("model.global_weight", "model.in_use=parts")),
    ],
)
def test_what_was_not_learnt_is_not_fused(wrong: dict[str, object], said: tuple[str, ...]) -> None:
    with pytest.raises(RecipeError, match=facts(*said)):
        part_recipe(**{f"model__{name}": value for name, value in wrong.items()})


def test_parts_in_use_are_of_whole_pictures() -> None:
    crops = {"input.crops": 0.8}
    assert load_recipe("part_regularized/city", crops).input.crops == 0.8
    with pytest.raises(RecipeError, match=facts("input.crops", "model.in_use=global")):
        load_recipe("part_regularized/city", {**crops, "model.in_use": "all"})


def test_a_trained_model_may_fuse_its_parts_where_they_are_known(
    drawn: tuple[Sightings, PartBoxes], tmp_path: Path
) -> None:
    table, _ = drawn
    run = pf.train(part_recipe(train__max_steps=1), table, tmp_path / "run")
    with pytest.raises(DataError, match=facts("parts", "model.in_use")):
        make(in_use="all").embed(batch().images)
    alone = pf.load_model(run.best)
    fused = pf.load_model(run.best, overrides={"model.in_use": "all"})
    same = pf.load_model(run.best, overrides={"model.in_use": "global", "model.boxes": "parts.csv"})
    assert same.fingerprint == alone.fingerprint != fused.fingerprint
    one, other = (model.embed(table)[0].spaces["main"] for model in (alone, fused))
    assert other.shape[1] == one.shape[1] + 3 * alone.method.backbone.channels
    assert 0 < pf.evaluate(fused, table).figures()["mAP"] <= 1
    (table.root / "parts.csv").unlink()
    assert alone.embed(table)[0].spaces["main"].shape == one.shape
    with pytest.raises(DataError, match=facts("no part boxes", "platefree parts")):
        fused.embed(table)


@pytest.mark.parametrize("name", ["vehicleid", "veri"])
def test_the_published_recipes_take_raw_vectors_and_one_pass(name: str) -> None:
    recipe = load_recipe(f"part_regularized/{name}")
    assert recipe.model.model_dump()["vectors"] == "raw"
    assert recipe.input.test_time_flip == "off"


def test_a_raw_model_is_stored_and_searched_without_its_network(
    drawn: tuple[Sightings, PartBoxes], tmp_path: Path
) -> None:
    table, _ = drawn
    run = pf.train(part_recipe(model__vectors="raw", train__max_steps=1), table, tmp_path / "run")
    model = pf.load_model(run.best)
    found, _ = model.embed(table)
    pf.save_embeddings(found, tmp_path / "lot", model.comparison)
    stored = pf.load_stored(tmp_path / "lot")
    assert stored.comparison == model.comparison == Euclidean("main")
    hits = pf.search(stored, table.path(0), stored.embeddings, top=3)
    assert len(hits) == 3
    assert 0 < pf.evaluate(model, table).figures()["mAP"] <= 1


def test_class_activations_add_up_to_the_logits() -> None:
    """Both layers after the map are linear, so the map of a class averages to its logit."""
    method = make().eval()
    maps = method.feature_map(batch().images).detach().requires_grad_()
    logits = method.identify(maps)
    for vehicle in range(5):
        (gradient,) = torch.autograd.grad(logits[0, vehicle], maps, retain_graph=True)
        constant = method.identify(torch.zeros_like(maps))[0, vehicle]
        total = (gradient[0] * maps[0]).sum() + constant
        torch.testing.assert_close(total, logits[0, vehicle], atol=1e-4, rtol=1e-4)


# --- training and use -----------------------------------------------------------------------


def test_it_trains_resumes_and_needs_no_parts_afterwards(
    drawn: tuple[Sightings, PartBoxes], tmp_path: Path, run: Run
) -> None:
    table, _ = drawn
    data = table.root
    settings = [part for key, value in SMALL.items() for part in ("--set", f"{key}={value}")]
    train = ["train", "part_regularized/city", "--data", data, *settings]
    assert run(*train, "--out", tmp_path / "whole")[0] == 0
    assert run(*train, "--out", tmp_path / "cut", "--set", "train.max_steps=1")[0] == 0
    assert run(*train, "--out", tmp_path / "cut", "--resume")[0] == 0
    weights, again = (
        checkpoint_tensors(read_checkpoint(tmp_path / name / "best"), "weights")
        for name in ("whole", "cut")
    )
    assert all(torch.equal(weights[name], again[name]) for name in weights)

    card = read_checkpoint(tmp_path / "whole" / "best").card
    first = json.loads((tmp_path / "whole" / "log.jsonl").read_text().splitlines()[0])
    assert first["parts"] == card["data"]["parts"]
    counts = first["parts"]["brand"]
    assert counts["found"] + counts["mean_location"] + counts["missing"] == 24
    assert counts["mean_location"] > 0
    assert first["parts"]["window"] == {"found": 24, "mean_location": 0, "missing": 0}

    tops = {name.split(".")[0] for name in weights}
    assert tops == {"backbone", "reduce", "classifier", "part_classifiers"}  # and no detector
    (data / "parts.csv").unlink()
    code, out, _ = run("eval", tmp_path / "whole" / "best", "--data", data, "--json")
    assert code == 0
    assert json.loads(out)["figures"]["mAP"] > 0
    code, out, _ = run(
        "search", data / str(table.image[0]), "--gallery", data / "images.csv",
        "--model", tmp_path / "whole" / "best", "--json",
    )  # fmt: skip
    assert code == 0
    assert len(json.loads(out)["hits"]) > 3
    code, _, error = run(*train, "--out", tmp_path / "new")
    assert code == 1
    assert says(error, "no part boxes", "parts.csv, parts.json, labels.parquet", "model.boxes=FILE")
    assert not (tmp_path / "new").exists()
    none = [f"--set=model.{part}_weight=0.0" for part in PARTS]
    assert run(*train, *none, "--out", tmp_path / "none")[0] == 0  # the baseline needs none


@pytest.mark.slow
def test_the_global_branch_and_every_part_learn_the_vehicles(
    drawn: tuple[Sightings, PartBoxes], tmp_path: Path
) -> None:
    table, _ = drawn
    quick = {"augment__flip": 0.0, "train__lr": 2e-3, "train__workers": 0}
    pf.train(part_recipe(**quick, train__epochs=25), table, tmp_path / "run")
    losses = [
        entry["losses"]
        for entry in map(json.loads, (tmp_path / "run" / "log.jsonl").read_text().splitlines())
        if "losses" in entry
    ]
    chance = np.log(4)
    assert set(losses[-1]) == {"global", *PARTS}
    for name, value in losses[-1].items():
        assert value < 0.6 * chance, name


def test_other_boxes_are_another_run(drawn: tuple[Sightings, PartBoxes], tmp_path: Path) -> None:
    table, boxes = drawn
    pf.train(part_recipe(train__max_steps=1), table, tmp_path / "run")
    write_part_boxes(replace(boxes, box=boxes.box + 1.0), table.root / "parts.csv")
    with pytest.raises(CheckpointError, match=facts("another table", "--data", "--out")):
        pf.train(part_recipe(), table, tmp_path / "run", resume=True)


def test_boxes_change_what_is_learnt(drawn: tuple[Sightings, PartBoxes], tmp_path: Path) -> None:
    table, boxes = drawn
    one = pf.train(part_recipe(train__max_steps=2), table, tmp_path / "one").best
    write_part_boxes(replace(boxes, box=boxes.box * 0.5), tmp_path / "half.csv")
    recipe = part_recipe(train__max_steps=2, model__boxes=str(tmp_path / "half.csv"))
    other = pf.train(recipe, table, tmp_path / "other").best
    weights, others = (
        checkpoint_tensors(read_checkpoint(each), "weights") for each in (one, other)
    )
    assert not torch.equal(weights["reduce.weight"], others["reduce.weight"])


def test_a_city_trains_without_a_word_about_boxes(block_city: Path, tmp_path: Path) -> None:
    windows = {"model__light_weight": 0.0, "model__brand_weight": 0.0}  # all that blocks have
    run = pf.train(part_recipe(train__max_steps=2, **windows), block_city, tmp_path / "run")
    assert pf.load_model(run.best).method.embed(torch.zeros(1, 3, 64, 64))["main"].shape == (1, 256)


def test_parts_that_are_nowhere_are_refused_and_can_be_left_out(
    drawn: tuple[Sightings, PartBoxes], tmp_path: Path
) -> None:
    table, boxes = drawn
    write_part_boxes(boxes.at_least(2.0), tmp_path / "none.csv")  # a detector that finds nothing
    recipe = part_recipe(model__boxes=str(tmp_path / "none.csv"))
    with pytest.raises(
        TrainingError,
        match=facts(
            "24 training pictures", "box of window", "--threshold", "model.window_weight=0"
        ),
    ):
        pf.train(recipe, table, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    kept = boxes.part != PARTS.index("brand")
    columns = {name: getattr(boxes, name)[kept] for name in ("picture", "part", "box", "score")}
    write_part_boxes(replace(boxes, **columns), tmp_path / "two.csv")
    changes = {"model__boxes": str(tmp_path / "two.csv"), "train__max_steps": 1}
    with pytest.raises(
        TrainingError, match=facts("24 training pictures", "box of brand", "model.brand_weight=0")
    ):
        pf.train(part_recipe(**changes), table, tmp_path / "run")
    pf.train(part_recipe(**changes, model__brand_weight=0.0), table, tmp_path / "run")


def test_a_vehicle_that_lacks_a_part_everywhere_is_skipped_there(
    drawn: tuple[Sightings, PartBoxes], caplog: pytest.LogCaptureFixture
) -> None:
    table, boxes = drawn
    data = training_data(table, part_recipe().train)
    first = data.sightings.vehicle == data.sightings.vehicle[0]
    names = set(data.sightings.image[first].tolist())
    lights = np.array([str(boxes.image[n]) in names for n in boxes.picture]) & (boxes.part == 1)
    columns = {name: getattr(boxes, name)[~lights] for name in ("picture", "part", "box", "score")}
    write_part_boxes(replace(boxes, **columns), table.root / "parts.csv")
    with caplog.at_level(logging.INFO):
        prepared = make().prepare(data)
    assert prepared.boxes is not None
    has = prepared.boxes.has()
    assert not has[first, 1].any()
    assert has[~first, 1].all()
    assert prepared.counts["parts"]["light"]["missing"] == first.sum()
    assert f"light: found in {(~first).sum()} training pictures" in caplog.text


def test_batches_need_no_two_pictures_of_a_vehicle(
    drawn: tuple[Sightings, PartBoxes], tmp_path: Path
) -> None:
    table, _ = drawn
    rows = np.flatnonzero(table.split == "train")
    single = table.take(rows[np.unique(table.vehicle[rows], return_index=True)[1]])
    run = pf.train(
        part_recipe(train__vehicles_per_batch=1, train__max_steps=2), single, tmp_path / "run"
    )
    assert run.step == 2


def test_a_loss_that_is_not_finite_stops_the_run(
    drawn: tuple[Sightings, PartBoxes], tmp_path: Path
) -> None:
    table, _ = drawn
    usual = part_recipe(train__clip_norm=0.0, train__warmup_epochs=0.0, train__epochs=20)
    steep = usual.train.model_copy(update={"lr": 1e30})  # cannot be set
    with pytest.raises(
        NonFiniteLoss, match=facts("global nan", "window nan", "light nan", "brand nan", "train.lr")
    ):
        pf.train(usual.model_copy(update={"train": steep}), table, tmp_path / "run")
    assert not (tmp_path / "run" / "last").exists()


def test_batches_without_boxes_are_refused() -> None:
    with pytest.raises(TrainingError, match=facts("part boxes", "lack", "prepare")):
        make().losses(replace(batch(), boxes=None))


@pytest.mark.parametrize("size", [128, 256, 512])
def test_the_sizes_of_the_paper_have_its_grids(size: int) -> None:
    backbone = Backbone("test_resnet", height=size, width=size)
    assert backbone(torch.zeros(1, 3, size, size)).shape[2:] == (size // 32, size // 32)
    recipe = load_recipe("part_regularized/veri", {"input.height": size, "input.width": size})
    assert recipe.input.height == size


def test_every_row_of_the_ablation_has_its_branches() -> None:
    ablation = load_ablation("part_regularized")
    branches = []
    for row in ablation.rows:
        model = row_recipe(ablation, row, seed=0).model
        weights = {"global": model.global_weight, **model.part_weights}  # type: ignore[union-attr]
        branches.append({name for name, weight in weights.items() if weight})
    assert branches == [
        {"global", "window", "light", "brand"},
        {"global", "light", "brand"},
        {"global", "window", "light"},
        {"global", "window", "brand"},
        {"global", "window"},
        {"window", "light", "brand"},
        {"global"},
    ]
    fused = [
        row_recipe(ablation, row, seed=0).model.model_dump()["in_use"] for row in ablation.rows
    ]
    assert fused == ["global"] * 5 + ["parts", "global"]


def test_a_model_may_be_moved(drawn: tuple[Sightings, PartBoxes], tmp_path: Path) -> None:
    table, _ = drawn
    run = pf.train(part_recipe(train__max_steps=1), table, tmp_path / "run")
    shutil.move(run.best, tmp_path / "moved")
    pictures = table.take(np.arange(3))
    shutil.move(table.root / "parts.csv", tmp_path / "parts.csv")
    embeddings, _ = pf.load_model(tmp_path / "moved").embed(pictures)
    assert embeddings.spaces["main"].shape == (3, 256)
    with pytest.raises(
        DataError, match=facts("no part boxes", "platefree parts", "model.boxes=FILE")
    ):
        pf.train(part_recipe(), table, tmp_path / "again")


def test_the_example_trains_and_scores(drawn: tuple[Sightings, PartBoxes]) -> None:
    table, _ = drawn
    example = runpy.run_path(str(REPOSITORY / "examples" / "part_regularized.py"))
    small = ["--backbone", "test_resnet", "--size", "32", "--steps", "3"]
    metrics = example["main"](["--data", str(table.root), *small])
    assert metrics.valid.all()
    assert 0 < metrics.mAP <= 1


def test_class_activations_of_two_models_stand_side_by_side(
    drawn: tuple[Sightings, PartBoxes], tiny_model_folder: Path, tmp_path: Path, run: Run
) -> None:
    table, _ = drawn
    none = {f"model__{part}_weight": 0.0 for part in PARTS}
    with_parts = pf.train(part_recipe(train__max_steps=2), table, tmp_path / "parts").best
    without = pf.train(part_recipe(train__max_steps=2, **none), table, tmp_path / "none").best
    page = tmp_path / "report.html"
    code, _, error = run(
        "eval", with_parts, "--data", table.root, "--compare-with", without, "--report", page
    )
    assert code == 0, error
    text = page.read_text("utf-8")
    strips = text.count("<strong>query</strong>")
    assert strips > 2
    for model in (with_parts, without):
        assert text.count(f"<span>class activation</span><span>{model}</span>") == strips
    code, _, error = run(
        "eval", with_parts, "--data", table.root, "--compare-with", tiny_model_folder
    )
    assert code == 1
    assert says(error, "StrongBaseline", "no classifier", "class-activation map")


def test_a_class_activation_is_the_weighted_sum_of_the_map(
    drawn: tuple[Sightings, PartBoxes], tmp_path: Path
) -> None:
    """Zhou et al., equation 2, at one value a cell."""
    table, _ = drawn
    recipe = part_recipe(train__max_steps=2)
    model = pf.load_model(pf.train(recipe, table, tmp_path / "run").best)
    found = class_activation(model, table.path(0))
    image = model.transform.normalise(model.transform(read_image(table.path(0)))[None])
    method = model.method
    assert isinstance(method, PartRegularized)
    with torch.inference_mode():
        maps = method.feature_map(image)
        vehicle = method.identify(maps)[0].argmax()
        reduce, classifier = method.reduce.weight, method.classifier.weight  # type: ignore[union-attr]
        channels = (classifier[vehicle] @ reduce)[:, None, None]  # type: ignore[index]
        cam = (channels * maps[0]).sum(0).clamp(min=0)[None, None]
        cam = functional.interpolate(cam, size=(64, 64), mode="bilinear", align_corners=False)[0, 0]
    np.testing.assert_allclose(found, (cam / cam.max()).numpy(), atol=1e-4)
