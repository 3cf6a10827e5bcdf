"""The graph of a network in fewer bits: half floats, or whole numbers of 8 bits.

Half floats halve the file, and the time on a GPU. With 8 bits the file is a quarter of its size;
convolutions and matrix products are done in whole numbers, whose ranges are those of calibration
pictures (static quantisation; weights per channel, Jacob et al., CVPR 2018).
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
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


def eight_bits(graph: onnx.ModelProto, pictures: Pixels) -> onnx.ModelProto:
    """The same graph with products of whole numbers of 8 bits.

    Decided: weights take 7 of the 8 bits. Processors without VNNI add two products of 8 bits in 16,
    which overflow otherwise, so that a model would have other embeddings on an older machine.

    Args:
        graph: in float32.
        pictures: (n, 3, h, w) uint8, such as it will be used on.

    Raises:
        DataError: there are no pictures.
    """
    if not len(pictures):
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
            _Batches(pictures),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=_PRODUCTS,
            per_channel=True,
            reduce_range=True,
        )
        found = onnx.load(after)
    found.ClearField("metadata_props")
    return found


class _Batches(CalibrationDataReader):  # type: ignore[misc] # its package has no types
    """Calibration pictures in batches."""

    def __init__(self, pictures: Pixels) -> None:
        self._batches: Iterator[Pixels] = iter(
            np.array_split(pictures, -(-len(pictures) // _BATCH))
        )

    def get_next(self) -> dict[str, Pixels] | None:
        """The next batch, or None."""
        batch = next(self._batches, None)
        return None if batch is None else {PICTURES: batch}
