"""The vehicle detector: its assignment, its losses by loops, and that it learns."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from messages import facts
from PIL import Image, ImageDraw
from torch import Tensor

import platefree as pf
from platefree.batches.loader import Boxes
from platefree.data.frame_boxes import KINDS, PLATE, read_frame_boxes
from platefree.errors import DataError, RecipeError, TrainingError
from platefree.evaluation.detection import Detections, Labelled, score_detections
from platefree.inference.frame_detection import FrameDetector
from platefree.inference.networks import load_network
from platefree.losses.quality_focal import distribution_focal, quality_focal
from platefree.methods.base import Batch
from platefree.methods.catalogue import build_method, load_recipe
from platefree.methods.vehicle_detector import (
    IN_QUESTION,
    VehicleDetector,
    for_our_kinds,
    frame_losses,
)
from platefree.nets.adaptive_assignment import NEAREST, SIDE, assign
from platefree.nets.light_detector import (
    APART_STRIDES,
    BINS,
    STRIDES,
    Raw,
    boxes_of,
    positions,
)
from platefree.nets.nanodet import COCO_KINDS, COCO_VEHICLES, NanoDet

Box = tuple[float, float, float, float]


def iou(one: Box, other: Box) -> float:
    wide = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    high = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)]
    return wide * high / (sum(areas) - wide * high)


def slow_assign(boxes: list[Box], places: list[tuple[float, float, float]]) -> list[int]:
    """Algorithm 1 of the paper, by loops."""
    owner, best = [-1] * len(places), [-1.0] * len(places)
    for number, box in enumerate(boxes):
        middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        candidates: list[int] = []
        for stride in STRIDES:
            own = [n for n, place in enumerate(places) if place[2] == stride]
            own.sort(key=lambda n: np.hypot(places[n][0] - middle[0], places[n][1] - middle[1]))
            candidates += own[:NEAREST]
        shares = []
        for n in candidates:
            x, y, stride = places[n]
            half = SIDE * stride / 2
            shares.append(iou((x - half, y - half, x + half, y + half), box))
        limit = np.mean(shares) + np.std(shares, ddof=1)
        chosen = [
            n
            for n, share in zip(candidates, shares, strict=True)
            if share >= limit and box[0] < places[n][0] < box[2] and box[1] < places[n][1] < box[3]
        ]
        away = [np.hypot(x - middle[0], y - middle[1]) for x, y, _ in places]
        for n in chosen or [int(np.argmin(away))]:  # a small box holds no centre
            x, y, stride = places[n]
            half = SIDE * stride / 2
            share = iou((x - half, y - half, x + half, y + half), box)
            if share > best[n]:
                owner[n], best[n] = number, share
    return owner


def drawn_boxes(count: int, seed: int) -> Tensor:
    """Boxes whose middles are nowhere equally far from two positions."""
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 90, (count, 2))
    size = np.exp(random.uniform(np.log(3), np.log(90), (count, 2)))
    return torch.tensor(np.concatenate([corner, corner + size], axis=1)).float()


@pytest.mark.parametrize("seed", range(4))
def test_positions_answer_for_boxes_as_by_the_algorithm(seed: int) -> None:
    places, boxes = positions(128, 160), drawn_boxes(6, seed)
    owner = assign(boxes, places)
    expected = slow_assign(
        [tuple(box) for box in boxes.double().tolist()],
        [tuple(place) for place in places.tolist()],
    )
    assert owner.tolist() == expected
    assert len(set(expected) - {-1}) >= 4


def test_without_boxes_no_position_answers() -> None:
    places = positions(64, 64)
    assert (assign(torch.zeros(0, 4), places) == -1).all()


def test_the_losses_of_a_frame_are_sums_over_its_positions() -> None:
    random = torch.Generator().manual_seed(4)
    places = positions(64, 96)
    raw = Raw(
        torch.randn(len(places), len(KINDS), generator=random),
        torch.randn(len(places), 4, BINS, generator=random),
    )
    boxes = torch.tensor(
        [[10.0, 8, 42, 30], [50, 30, 90, 60], [60, 2, 80, 14], [30, 40, 31, 60]]
    )  # the third is in question, the last one too thin
    kinds = torch.tensor([0, 2, IN_QUESTION, 1])
    losses = frame_losses(raw, places, boxes, kinds)
    owner = assign(boxes[:2], places)
    predicted = boxes_of(raw.sides, places)
    kind = box = side = weight = torch.zeros(())
    for n, (x, y, stride) in enumerate(places.tolist()):
        own, target = int(owner[n]), torch.zeros(1, len(KINDS))
        doubtful = any(b[0] <= x <= b[2] and b[1] <= y <= b[3] for b in boxes[2:].tolist())
        if own >= 0:
            share = iou(tuple(predicted[n].tolist()), tuple(boxes[own].tolist()))
            target[0, kinds[own]] = share
            sure = raw.quality[n].sigmoid().max()
            low, high = (
                torch.minimum(predicted[n], boxes[own]),
                torch.maximum(predicted[n], boxes[own]),
            )
            around = (high[2] - low[0]) * (high[3] - low[1])
            sizes = [(b[2] - b[0]) * (b[3] - b[1]) for b in (predicted[n], boxes[own])]
            union = (sizes[0] + sizes[1]) / (1 + share)
            box = box + sure * (1 - share + (around - union) / around)
            edges = [x - boxes[own][0], y - boxes[own][1], boxes[own][2] - x, boxes[own][3] - y]
            for each, distance in enumerate(edges):
                step = (distance / stride).clamp(0, BINS - 1.01)[None]
                side = side + sure * distribution_focal(raw.sides[n, each][None], step)[0]
            weight = weight + sure
        if own >= 0 or not doubtful:
            kind = kind + quality_focal(raw.quality[n][None], target).sum()
    assert int(losses["count"]) == int((owner >= 0).sum()) > 3
    for name, value in (("kind", kind), ("box", box), ("side", side), ("weight", weight)):
        torch.testing.assert_close(losses[name], value, rtol=1e-3, atol=1e-4)


def test_a_batch_without_vehicles_has_finite_losses() -> None:
    method = VehicleDetector(NanoDet(len(KINDS)))
    nothing = Boxes(torch.zeros(0, 4), torch.zeros(0).long(), torch.zeros(0).long())
    losses = method.losses(Batch(torch.randn(2, 3, 64, 64), {}, nothing))
    total = torch.stack(list(losses.values())).sum()
    total.backward()  # type: ignore[no-untyped-call]
    assert total.isfinite()
    assert all(each.grad is None or each.grad.isfinite().all() for each in method.parameters())


def test_published_classes_become_ours() -> None:
    published, fresh = NanoDet().state_dict(), NanoDet(len(KINDS)).state_dict()
    ours = for_our_kinds(published, fresh)
    NanoDet(len(KINDS)).load_state_dict(ours)
    for head in range(len(STRIDES)):
        name = f"heads.{head}.1.weight"
        for kind, row in COCO_VEHICLES.items():
            assert ours[name][KINDS.index(kind)].equal(published[name][row])
        assert ours[name][KINDS.index("plate")].equal(fresh[name][KINDS.index("plate")])
        assert ours[name][len(KINDS) :].equal(published[name][COCO_KINDS:])
    assert ours["stem.0.weight"].equal(published["stem.0.weight"])


# --- plates by heads of their own --------------------------------------------------------------


def test_plates_are_found_by_heads_of_their_own_upon_the_same_maps() -> None:
    torch.manual_seed(2)
    network = NanoDet(len(KINDS), apart=PLATE).eval()
    joint = NanoDet(len(KINDS)).eval()
    joint.load_state_dict(network.state_dict(), strict=False)
    pictures = torch.randn(2, 3, 64, 96)
    raw, without = network(pictures), joint(pictures)
    vehicles, plates = network.groups(64, 96)
    assert network.strides == (*STRIDES, *APART_STRIDES)
    count = len(positions(64, 96, network.strides))
    assert raw.quality.shape == (2, count, len(KINDS))
    assert (vehicles[1], plates[1]) == ([0, 1, 2, 3], [PLATE])
    rows = raw.quality[:, vehicles[0]]
    torch.testing.assert_close(rows[..., :PLATE], without.quality[..., :PLATE])
    torch.testing.assert_close(raw.sides[:, vehicles[0]], without.sides)
    maps = network.joined(network.features(pictures))
    own = [network.apart_heads[n](maps[n]).flatten(2).transpose(1, 2) for n in (0, 1)]
    torch.testing.assert_close(raw.quality[:, plates[0], PLATE], torch.cat(own, dim=1)[..., PLATE])
    scores = raw.quality.sigmoid()
    assert scores[:, vehicles[0], PLATE].max() < 1e-9 > scores[:, plates[0], :PLATE].max()


def test_the_losses_of_both_kinds_of_heads_are_added() -> None:
    torch.manual_seed(3)
    method = VehicleDetector(NanoDet(len(KINDS), apart=PLATE))
    pictures = torch.randn(1, 3, 64, 96)
    box = torch.tensor([[10.0, 8, 60, 50], [30, 36, 44, 42], [70, 2, 90, 14]])
    kind = torch.tensor([2, PLATE, IN_QUESTION])
    found = method.losses(Batch(pictures, {}, Boxes(box, torch.zeros(3).long(), kind)))
    raw, wanted = method.network(pictures), dict.fromkeys(("kind", "box", "side"), 0.0)
    places = positions(64, 96, method.network.strides)
    for (rows, _), own in zip(method.network.groups(64, 96), ([0, 2], [1, 2]), strict=True):
        part = frame_losses(
            Raw(raw.quality[0, rows], raw.sides[0, rows]), places[rows], box[own], kind[own]
        )
        assert part["count"] > 0
        for name, by, factor in (
            ("kind", "count", 1),
            ("box", "weight", 2),
            ("side", "weight", 0.25),
        ):
            wanted[name] += factor * float((part[name] / part[by]).detach())
    for name, value in wanted.items():
        assert float(found[name].detach()) == pytest.approx(value, rel=1e-5), name


def test_a_detector_starts_from_one_without_heads_for_plates(
    detector_folder: Path, tmp_path: Path
) -> None:
    changes = {"model.weights": str(detector_folder), "model.plates": "own"}
    method = build_method(load_recipe("vehicle_detector/city", changes), {})
    assert isinstance(method, VehicleDetector)
    trained = load_network(detector_folder).method.state_dict()
    found = method.state_dict()
    assert all(found[name].equal(tensor) for name, tensor in trained.items())
    assert {name.split(".")[1] for name in found.keys() - trained.keys()} == {"apart_heads"}
    other = load_recipe(
        "vehicle_detector/city", {**changes, "model.backbone": "tf_efficientnet_lite0"}
    )
    with pytest.raises(TrainingError, match=facts(detector_folder.name, "model.backbone")):
        build_method(other, {})


# --- training ---------------------------------------------------------------------------------

COLORS = {"car": "#e02020", "bus": "#2040e0", "plate": "#f0f040"}


def draw_frames(folder: Path, count: int) -> Path:
    """Frames of colored blocks on grey; the color is the kind."""
    random = np.random.default_rng(7)
    lines = ["frame,left,top,right,bottom,class,ignore"]
    for number in range(count):
        frame = Image.new("RGB", (96, 64), "#707070")
        pen = ImageDraw.Draw(frame)
        name = f"{number:02d}.png"
        for half in (0, 1):
            kind = list(COLORS)[int(random.integers(3))]
            left, top = 48 * half + int(random.integers(2, 18)), int(random.integers(2, 34))
            width, height = (int(each) for each in random.integers(16, 28, 2))
            box = (left, top, left + width, top + height)
            pen.rectangle((*box[:2], box[2] - 1, box[3] - 1), fill=COLORS[kind])
            lines.append(f"{name},{','.join(map(str, box))},{kind},0")
        frame.save(folder / name)
    (folder / "frame_boxes.csv").write_text("\n".join(lines) + "\n")
    names = "\n".join(f"{number:02d}.png" for number in range(count))
    (folder / "images.csv").write_text(f"image\n{names}\n")
    return folder


QUICK = {
    "input.height": 64,
    "input.width": 96,
    "augment.pad": 0,
    "augment.color": 0.0,
    "augment.balance": 0.0,
    "augment.grey": 0.0,
    "augment.degrade": 0.0,
    "train.workers": 0,
    "train.precision": "32",
    "train.vehicles_per_batch": 2,
    "train.lr": 2e-3,
    "train.samples_epochs": 0,
}


@pytest.mark.slow
def test_it_learns_colored_blocks(tmp_path: Path) -> None:
    data = draw_frames(tmp_path, 16)
    recipe = load_recipe("vehicle_detector/city", {**QUICK, "train.epochs": 70})
    run = pf.train(recipe, data / "images.csv", tmp_path / "run")
    card = json.loads((run.best / "card.json").read_text())
    assert card["recipe"]["model"]["method"] == "vehicle_detector"
    model = pf.load_model(run.best)
    method = model.method
    assert isinstance(method, VehicleDetector)
    detector = FrameDetector(method.network.eval(), {kind: n for n, kind in enumerate(KINDS)})
    labels = read_frame_boxes(data / "frame_boxes.csv")
    found, labelled, right = [], [], []
    for place, name in enumerate(labels.frame.tolist()):
        pixels = np.asarray(Image.open(data / name).convert("RGB"))
        on_frame = detector.find(pixels, 0.3)
        own = labels.of(place)
        found.append(Detections(on_frame.box, on_frame.score))
        labelled.append(Labelled(labels.box[own], labels.ignore[own]))
        kinds = [KINDS[kind] for kind in labels.kind[own]]
        sure = on_frame.kind[on_frame.score >= 0.5]
        right.append({KINDS[kind] for kind in sure} == set(kinds))
    score = score_detections(found, labelled)
    assert score.average_precision() > 0.9
    assert np.mean(right) > 0.8
    with pytest.raises(DataError, match=facts("vehicle detector")):
        model.embed(pf.read_table(data / "images.csv"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"train.sampler": "identity"}, "shuffle"),
        ({"train.validation": 0.1}, "train.validation"),
        ({"input.height": 100}, 32),
        ({"train.freeze": ["network.stem"]}, "model.weights"),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused(changes: dict[str, object], told: str | int) -> None:
    with pytest.raises(RecipeError, match=facts("vehicle_detector", told)):
        load_recipe("vehicle_detector/city", changes)


def test_frames_without_boxes_are_refused(tmp_path: Path) -> None:
    data = draw_frames(tmp_path, 2)
    (data / "frame_boxes.csv").unlink()
    recipe = load_recipe("vehicle_detector/city", {**QUICK, "train.max_steps": 1})
    with pytest.raises(DataError, match=facts("frame_boxes.csv")):
        pf.train(recipe, data / "images.csv", tmp_path / "run")


def test_a_built_method_has_our_classes() -> None:
    recipe = load_recipe("vehicle_detector/city")
    method = build_method(recipe, {})
    assert isinstance(method, VehicleDetector)
    assert method.network.kinds == len(KINDS)
