"""The graph of a network in fewer bits: half floats, or whole numbers of 8 bits.

Weights alone in 8 bits make the file a quarter of its size, too; they are turned back when it is
opened, so it is as quick as in 32 bits, and closer to it than with activations in 8 bits.

Half floats halve the file, and the time on a GPU. With 8 bits the file is a quarter of its size;
convolutions and matrix products are done in whole numbers, whose ranges are those of calibration
pictures (static quantisation; weights per channel, Jacob et al., CVPR 2018).
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.quant_utils import add_pre_process_metadata
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

from platefree.data.input_pictures import Pixels
from platefree.errors import DataError
from platefree.inference.model_card import Precision
from platefree.inference.onnx_network import PICTURES
from platefree.types import Floats

_BATCH = 8
_SUMMED = ["GlobalAveragePool", "InstanceNormalization", "LayerNormalization", "Pow", "ReduceL2"]
_SUMMED += ["ReduceMean", "ReduceSum", "Softmax", "Sqrt", "Div", "Clip"]
"""Operators with sums or powers beyond the largest half float, 65504, and what follows them."""

_PRODUCTS = ["Conv", "Gemm", "MatMul"]
_FEWEST = 1024  # numbers of a weight that is worth it
_STEPS = 127  # of a weight, on either side of 0


def lowered(
    graph: onnx.ModelProto,
    precision: Precision,
    batches: Sequence[NDArray[Any]],
    *,
    whole: bool = False,
) -> onnx.ModelProto:
    """The same graph in a precision below ``fp32``.

    Args:
        graph: in float32; it may be changed.
        precision: of what is returned.
        batches: as of `eight_bits`, needed for ``int8``.
        whole: as of `eight_bits`.

    Raises:
        DataError: there are no pictures for ``int8``.
    """
    if precision == "fp16":
        return half_floats(graph)
    if precision == "int8-weights":
        return eight_bit_weights(graph)
    return eight_bits(graph, batches, whole=whole)


def half_floats(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph in half floats, with pictures and embeddings as they were."""
    halved: onnx.ModelProto = convert_float_to_float16(
        graph, keep_io_types=True, op_block_list=[*DEFAULT_OP_BLOCK_LIST, *_SUMMED]
    )
    return halved


def eight_bit_weights(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph, changed: weights of products in 8 bits, each output channel with its scale.

    A weight is the nearest of 255 multiples of a 127th of the largest of its channel.
    """
    content = graph.graph
    held = {each.name: each for each in content.initializer}
    back = list[onnx.NodeProto]()
    for node in content.node:
        if node.op_type not in _PRODUCTS or (name := node.input[1]) not in held:
            continue
        weight = numpy_helper.to_array(held[name])
        if weight.size < _FEWEST:
            continue
        axis = _channels_at(node, weight.ndim)
        codes, scales = _coded(weight, axis)
        content.initializer.remove(held.pop(name))
        names = [f"{name}_codes", f"{name}_scales"]
        content.initializer.append(numpy_helper.from_array(codes, names[0]))
        content.initializer.append(numpy_helper.from_array(scales, names[1]))
        back.append(helper.make_node("DequantizeLinear", names, [name], f"{name}_back", axis=axis))
    for at, each in enumerate(back):
        content.node.insert(at, each)
    return graph


def _channels_at(node: onnx.NodeProto, axes: int) -> int:
    """Which axis of the weight of a product is that of its outputs."""
    turned = any(each.name == "transB" and each.i for each in node.attribute)
    return 0 if node.op_type == "Conv" or turned else axes - 1


def _coded(weight: Floats, axis: int) -> tuple[NDArray[np.int8], Floats]:
    """The codes of a weight, and the scale of each of its channels."""
    others = tuple(each for each in range(weight.ndim) if each != axis)
    largest = np.abs(weight).max(axis=others, keepdims=True)
    scale = np.where(largest > 0, largest, 1.0) / _STEPS
    return np.rint(weight / scale).astype(np.int8), scale.reshape(-1).astype(np.float32)


def in_batches(pictures: Pixels) -> list[Pixels]:
    """(n, 3, h, w) pictures in batches of at most 8."""
    return [pictures[at : at + _BATCH] for at in range(0, len(pictures), _BATCH)]


def eight_bits(
    graph: onnx.ModelProto, batches: Sequence[NDArray[Any]], *, whole: bool = False
) -> onnx.ModelProto:
    """The same graph with products of whole numbers of 8 bits.

    Decided: weights take 7 of the 8 bits. Processors without VNNI add two products of 8 bits in 16,
    which overflow otherwise, so that a model would have other embeddings on an older machine.

    Args:
        graph: in float32.
        batches: (b, 3, h, w) each, of what the graph takes, such as it will be used on.
        whole: whether everything that can be is in 8 bits, not the products alone, and activations
            have no sign: three times as quick for a detector (docs/detection.md). Only the last
            products and what follows them stay, so that outputs have no steps.

    Raises:
        DataError: there are no pictures.
    """
    if not batches:
        raise DataError(
            "int8 takes its ranges from pictures, and none were given: give a table of at least "
            "two such as the model will be used on (--calibrate)"
        )
    add_pre_process_metadata(graph)  # batch norms are folded already, which it would ask for
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        onnx.save(graph, before)
        quantize_static(
            before,
            after,
            _Batches(batches),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=None if whole else _PRODUCTS,
            per_channel=True,
            nodes_to_exclude=_last(graph) if whole else None,
            reduce_range=True,
            activation_type=QuantType.QUInt8 if whole else QuantType.QInt8,
        )
        found = onnx.load(after)
    found.ClearField("metadata_props")
    return found


def _last(graph: onnx.ModelProto) -> list[str]:
    """The names of the nodes that no product follows."""
    names, before_products = list[str](), set[str]()
    for node in reversed(graph.graph.node):
        if before_products.isdisjoint(node.output):
            names.append(node.name)
        if node.op_type in _PRODUCTS or not before_products.isdisjoint(node.output):
            before_products.update(node.input)
    return names


class _Batches(CalibrationDataReader):  # type: ignore[misc] # its package has no types
    """Calibration pictures in batches."""

    def __init__(self, batches: Sequence[NDArray[Any]]) -> None:
        self._batches = iter(batches)

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """The next batch, or None."""
        batch = next(self._batches, None)
        return None if batch is None else {PICTURES: batch}
