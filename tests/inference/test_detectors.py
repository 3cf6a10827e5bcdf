"""Exported detectors against the network in torch, and against loops by hand."""

import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from conftest import Run
from messages import facts, says
from model_folders import ASKING_FOR_MORE, edit, put_network, sign
from random_detector import noise_frame, random_detector
from torchvision.ops import batched_nms

import platefree as pf
from platefree.data.frame_boxes import PLATE
from platefree.errors import CheckpointError, DataError, MismatchError
from platefree.inference import shipped
from platefree.inference.box_decoding import boxes_of, kept, letterboxed, positions, shrunk
from platefree.inference.frame_detection import FrameDetector
from platefree.inference.onnx_detector import OnnxDetector

SIZES = [(70, 100), (96, 160), (33, 31), (24, 24), (100, 1300), (1300, 64)]
SIZES += [(1, 1), (10, 8000), (8000, 10)]


@pytest.fixture
def folder(exported_detector: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported_detector, tmp_path / "model"))


# --- against torch -----------------------------------------------------------------------------


def test_it_finds_what_torch_finds_on_frames_of_any_size(
    detector_folder: Path, exported_detector: Path
) -> None:
    torch_one, exported = pf.load_detector(detector_folder), pf.load_detector(exported_detector)
    assert isinstance(torch_one, FrameDetector)
    assert isinstance(exported, OnnxDetector)
    assert torch_one.fingerprint == exported.fingerprint
    frames = [noise_frame(*size, seed=n) for n, size in enumerate(SIZES)]
    for threshold in (0.3, 0.7):
        ours, theirs = (each.detect(frames, threshold) for each in (exported, torch_one))
        assert sum(map(len, (each.box for each in ours))) > 50
        for frame, found, wanted in zip(frames, ours, theirs, strict=True):
            ours_rows, their_rows = (
                np.column_stack([each.kind, each.box, each.score]) for each in (found, wanted)
            )
            assert len(ours_rows) == len(their_rows)
            apart = np.abs(ours_rows[:, None] - their_rows[None]).max(axis=2)
            assert apart.min(axis=1).max() <= 1e-3  # scores that are nearly equal may change places
            assert apart.min(axis=0).max() <= 1e-3
            assert (np.diff(found.score) <= 0).all()
            height, width, _ = frame.shape
            assert (found.box >= 0).all()
            assert (found.box <= [width, height, width, height]).all()


@pytest.mark.slow
def test_plates_of_heads_of_their_own_are_found_as_by_torch(tmp_path: Path) -> None:
    trained = random_detector(tmp_path / "trained", plates="own")
    torch_one = pf.load_detector(trained)
    exported = pf.export_detector(trained, tmp_path / "model")
    assert exported.card.strides == [8, 16, 32, 8, 16]
    (ours,), (theirs,) = (
        each.detect([noise_frame(96, 160)], 0.3) for each in (exported, torch_one)
    )
    assert sorted(ours.kind) == sorted(theirs.kind)
    assert (ours.kind == PLATE).sum() > 5 < (ours.kind != PLATE).sum()
    np.testing.assert_allclose(ours.score, theirs.score, atol=1e-4)


def test_its_threshold_is_that_of_the_card(exported_detector: Path) -> None:
    detector = pf.load_detector(exported_detector)
    frame = noise_frame(96, 128)
    (found,), (wanted,) = detector.detect([frame]), detector.detect([frame], 0.6)
    assert detector.threshold == 0.6
    assert found.score.tolist() == wanted.score.tolist()
    assert detector.detect([]) == []


# --- by hand -----------------------------------------------------------------------------------


def test_boxes_by_loops_over_positions_sides_and_bins() -> None:
    random = np.random.default_rng(0)
    places = positions(64, 96, (8, 32))
    wanted = [
        ((x + 0.5) * stride, (y + 0.5) * stride, stride)
        for stride in (8, 32)
        for y in range(64 // stride)
        for x in range(96 // stride)
    ]
    np.testing.assert_array_equal(places, wanted)
    sides = random.normal(0, 3, (len(places), 4, 11)).astype(np.float32)
    found = boxes_of(sides, places)
    for row, (x, y, stride) in enumerate(wanted):
        far = []
        for logits in sides[row].astype(float):
            weights = [math.exp(each) for each in logits]
            far.append(stride * sum(k * w for k, w in enumerate(weights)) / sum(weights))
        box = (x - far[0], y - far[1], x + far[2], y + far[3])
        np.testing.assert_allclose(found[row], box, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("plate", [None, 4])
def test_which_boxes_stay_as_by_torchvision(plate: int | None) -> None:
    random = np.random.default_rng(1)
    low = random.uniform(0, 60, (300, 2))
    boxes = np.concatenate([low, low + random.uniform(-2, 40, (300, 2))], axis=1)
    kinds = random.integers(0, 5, 300)
    scores = random.permutation(300).astype(np.float32) / 300
    found = kept(boxes, kinds, scores, plate=plate)
    area = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    groups = torch.from_numpy((kinds == plate).astype(np.int64)[area])
    of_boxes, of_scores = (torch.from_numpy(e[area].astype(np.float64)) for e in (boxes, scores))
    rows = batched_nms(of_boxes, of_scores, groups, 0.5)
    np.testing.assert_array_equal(found.box, boxes[area][rows])
    np.testing.assert_array_equal(found.kind, kinds[area][rows])
    assert len(found.box) < area.sum() < 300


def test_frames_are_padded_below_and_at_the_right_and_shrunk_when_they_are_large() -> None:
    frame = noise_frame(50, 90)
    taken = letterboxed(frame, longest=90, multiple=32, mean=(1.5, 2.5, 3.5))
    assert taken.levels.shape == (1, 3, 64, 96)
    assert taken.scale == (1, 1)
    for y in range(64):
        for x in range(96):
            inside = y < 50 and x < 90
            wanted = frame[y, x] if inside else [1.5, 2.5, 3.5]
            assert taken.levels[0, :, y, x].tolist() == list(map(float, wanted))
    small = letterboxed(frame, longest=60, multiple=32, mean=(0, 0, 0))
    assert small.levels.shape == (1, 3, 64, 64)
    assert small.scale == (60 / 90, 33 / 50)
    assert shrunk(np.zeros((1, 5000, 3), np.uint8), 960).shape == (1, 960, 3)


# --- the folder --------------------------------------------------------------------------------


def test_the_card_and_the_page_describe_it(exported_detector: Path) -> None:
    card = json.loads((exported_detector / "card.json").read_text())
    assert (card["task"], card["learns"], card["threshold"]) == ("detect", "frames", 0.6)
    assert card["classes"] == ["car", "motorcycle", "truck", "bus", "plate"]
    assert (card["multiple"], card["strides"], card["bins"]) == (32, [8, 16, 32], 11)
    assert card["mean"] == pytest.approx([123.675, 116.28, 103.53])
    assert set(card["parity"]) == {"scores", "boxes"}
    assert all(0 <= each["worst"] <= 1e-3 for each in card["parity"].values())
    page = (exported_detector / "README.md").read_text()
    assert says(page, "motorcycle", 0.6, "8, 16, 32", "logistic", "Where it fails")
    (network,) = exported_detector.glob("*.onnx")
    graph = onnx.load(network)
    assert {node.domain for node in graph.graph.node} == {""}
    assert not any(node.metadata_props or node.doc_string for node in graph.graph.node)
    for file in exported_detector.iterdir():
        assert b"/tmp/" not in file.read_bytes()


def test_paths_of_this_machine_are_not_in_the_record_of_training() -> None:
    from platefree.data.learnt import Learnt
    from platefree.inference.exported_card import learnt_without_places

    told = learnt_without_places(
        Learnt(unknown=("its start weights /home/me/a/nanodet.json have no record",))
    )
    assert told["unknown"] == ["its start weights nanodet.json have no record"]


@pytest.mark.parametrize(
    "change",
    [
        lambda card: card.update(threshold=0.1),
        lambda card: card.update(classes=card["classes"][::-1]),
        lambda card: card.update(longest=640),
        lambda card: card.update(mean=[0.0, 0.0, 0.0]),
        lambda card: card.update(bins=12),
        lambda card: card.update(seal=""),
    ],
)
def test_an_edited_card_is_refused(
    change: Callable[[dict[str, Any]], object], folder: Path
) -> None:
    edit(folder, change)
    with pytest.raises(CheckpointError, match=facts("card.json", "changed", "seal")):
        pf.load_detector(folder)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda card: card.update(bins=12), ("not what its card says", 12)),
        (lambda card: card.update(classes=["car"]), ("not what its card says", 1)),
        (lambda card: card.update(strides=[8, 16]), ("made", "expected")),
    ],
)
def test_a_card_that_lies_about_its_network(
    change: Callable[[dict[str, Any]], object], told: tuple[str | int, ...], folder: Path
) -> None:
    sign(folder, change)
    with pytest.raises(CheckpointError, match=facts(*told)):
        pf.load_detector(folder).detect([noise_frame(64, 64)])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda card: card.update(classes=["car", "tram"]), "tram"),
        (lambda card: card.update(classes=["car", "car"]), "twice"),
        (lambda card: card.update(strides=[7]), "7"),
        (lambda card: card.update(version=2), "version"),
        (lambda card: card.update(threshold="high"), "threshold"),
    ],
)
def test_a_card_that_cannot_be_meant(
    change: Callable[[dict[str, Any]], object], told: str, folder: Path
) -> None:
    edit(folder, change)
    with pytest.raises(CheckpointError, match=re.escape(told)):
        pf.load_detector(folder)


def test_a_damaged_network_and_one_with_weights_that_are_no_numbers(folder: Path) -> None:
    (network,) = folder.glob("*.onnx")
    content = network.read_bytes()
    network.write_bytes(content[:-1])
    with pytest.raises(CheckpointError, match=facts(network.name, "hash")):
        pf.load_detector(folder)

    def spoil(graph: onnx.ModelProto) -> None:
        tensor = next(each for each in graph.graph.initializer if len(each.dims) == 4)
        spoilt = np.full_like(onnx.numpy_helper.to_array(tensor), np.nan)
        tensor.CopyFrom(onnx.numpy_helper.from_array(spoilt, tensor.name))

    network.write_bytes(content)
    put_network(folder, spoil)
    with pytest.raises(CheckpointError, match=facts("damaged", "NaN")):
        pf.load_detector(folder).detect([noise_frame(64, 64)])


@pytest.mark.parametrize("pattern", ["*.onnx", "*.bin", "card.json"])
def test_a_missing_file(pattern: str, folder: Path) -> None:
    (path,) = folder.glob(pattern)
    path.unlink()
    with pytest.raises(CheckpointError, match=facts(path.name)):
        pf.load_detector(folder)


def test_files_that_were_swapped(folder: Path) -> None:
    (network,), (learnt,) = folder.glob("*.onnx"), folder.glob("*.bin")
    one, other = network.read_bytes(), learnt.read_bytes()
    network.write_bytes(other)
    learnt.write_bytes(one)
    with pytest.raises(CheckpointError, match=facts(network.name, "hash")):
        pf.load_detector(folder)


@pytest.mark.parametrize(("change", "told"), ASKING_FOR_MORE.values(), ids=ASKING_FOR_MORE)
def test_a_network_that_asks_for_more(
    change: Callable[[onnx.ModelProto], object], told: tuple[str | int, ...], folder: Path
) -> None:
    put_network(folder, change)
    with pytest.raises(CheckpointError, match=facts(*told)):
        pf.load_detector(folder)


# --- the wrong kind of model -------------------------------------------------------------------


def test_embedding_verbs_refuse_a_detector_in_one_line(
    exported_detector: Path, detector_folder: Path, drawn_folder: Path, run: Run, tmp_path: Path
) -> None:
    picture = pf.read_table(drawn_folder).path(0)
    for model in (exported_detector, detector_folder):
        for words in (
            ("embed", drawn_folder, "--model", model, "--out", tmp_path / "x"),
            ("compare", picture, picture, "--model", model),
            ("search", picture, "--gallery", drawn_folder, "--model", model),
            ("eval", model, "--data", drawn_folder),
        ):
            code, _, err = run(*words)
            assert code == 1, words
            assert says(err, "embeds nothing"), (words, err)
            assert "Traceback" not in err
    with pytest.raises(DataError, match=facts("vehicle_detector", "export_detector")):
        pf.export_model(detector_folder, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_model_that_embeds_is_no_detector(
    tiny_model_folder: Path, exported_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match=facts("embeds pictures", "vehicle_detector")):
        pf.load_detector(exported_folder)
    with pytest.raises(DataError, match=facts("strong_baseline", "vehicle_detector")):
        pf.load_detector(tiny_model_folder)
    with pytest.raises(DataError, match=facts("strong_baseline", "vehicle_detector")):
        pf.export_detector(tiny_model_folder, tmp_path / "x")


def test_the_detector_inside(
    folder: Path, exported_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    place = tmp_path / "inside"
    place.mkdir()
    monkeypatch.setattr(shipped, "MODELS", place)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=facts("no detector", "vehicle_detector")):
        pf.load_detector()
    shutil.copytree(folder, place / "a-detector")
    with pytest.raises(CheckpointError, match=facts("no model is inside")):
        pf.load_model()
    shutil.copytree(exported_folder, place / "b-embedder")
    assert (pf.load_detector().name, pf.load_model().name) == ("a-detector", "b-embedder")
    assert pf.load_detector("a-detector").threshold == 0.6
    with pytest.raises(CheckpointError, match=facts("detector", "embeds nothing")):
        pf.load_model("a-detector")
    code, out, _ = run("models")
    assert code == 0
    assert says(out, "a-detector", "motorcycle", 0.6, "b-embedder", "main (96)")
    assert json.loads(run("models", "--json")[1])["a-detector"]["task"] == "detect"


# --- export ------------------------------------------------------------------------------------


def test_an_export_that_is_refused_leaves_nothing(
    detector_folder: Path, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    with pytest.raises(MismatchError, match=facts("scores", "nothing was written", "--tolerance")):
        pf.export_detector(detector_folder, tmp_path / "x", tolerance=0)
    with pytest.raises(DataError, match=facts("int8", "--calibrate")):
        pf.export_detector(detector_folder, tmp_path / "x", precision="int8")
    none = drawn_table.take(np.zeros(0, np.int64))
    with pytest.raises(DataError, match=facts("no rows", "export")):
        pf.export_detector(detector_folder, tmp_path / "x", frames=none)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_half_floats_and_eight_bits_by_the_command_line(
    detector_folder: Path, exported_detector: Path, tmp_path: Path, run: Run
) -> None:
    from PIL import Image

    for number in range(10):
        Image.fromarray(noise_frame(96, 160, seed=number)).save(tmp_path / f"{number}.png")
    size = sum(each.stat().st_size for each in exported_detector.glob("*.onnx"))
    for precision, part in (("fp16", 2), ("int8", 4)):
        out = tmp_path / f"model-{precision}"
        code, told, err = run(
            *("export", detector_folder, "--out", out, "--precision", precision, "--json"),
            *("--calibrate", tmp_path, "--threshold", 0.25, "--tolerance", 1),
            *("--limit", "It knows no trams."),
        )
        assert code == 0, err
        card = json.loads(told)
        assert (card["precision"], card["threshold"]) == (precision, 0.25)
        assert says(card["compared"], "2 of 10 frames")
        assert says((out / "README.md").read_text(), "no trams")
        assert size / part < card["bytes"] < 1.1 * size / part
        detector = pf.load_detector(out)
        assert detector.fingerprint != pf.load_detector(exported_detector).fingerprint
        assert len(detector.detect([noise_frame(96, 160)])[0].box)
        assert isinstance(detector, OnnxDetector)
        levels = noise_frame(96, 160).transpose(2, 0, 1)[None].astype(np.float32)
        quality, _ = detector.raw(levels)
        assert len(np.unique(quality)) > 256  # outputs of 8 bits would have no more
    for option in (("--score", tmp_path),):
        code, _, err = run("export", detector_folder, "--out", tmp_path / "x", *option)
        assert (code, says(err, "--score")) == (2, True)
