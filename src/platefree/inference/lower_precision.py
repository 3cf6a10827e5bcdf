"""The graph of a network in fewer bits: half floats, or whole numbers of 8 bits.

Half floats halve the file, and the time on a GPU. With 8 bits the file is a quarter of its size;
convolutions and matrix products are done in whole numbers, whose ranges are those of calibration
pictures (static quantisation; weights per channel, Jacob et al., CVPR 2018).
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.quant_utils import add_pre_process_metadata
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

from platefree.data.input_pictures import Pixels
from platefree.errors import DataError
from platefree.inference.onnx_network import PICTURES

_BATCH = 8
_SUMMED = ["GlobalAveragePool", "InstanceNormalization", "LayerNormalization", "Pow", "ReduceL2"]
_SUMMED += ["ReduceMean", "ReduceSum", "Softmax", "Sqrt", "Div", "Clip"]
"""Operators with sums or powers beyond the largest half float, 65504, and what follows them."""

_PRODUCTS = ["Conv", "Gemm", "MatMul"]


def half_floats(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph in half floats, with pictures and embeddings as they were."""
    halved: onnx.ModelProto = convert_float_to_float16(
        graph, keep_io_types=True, op_block_list=[*DEFAULT_OP_BLOCK_LIST, *_SUMMED]
    )
    return halved


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
