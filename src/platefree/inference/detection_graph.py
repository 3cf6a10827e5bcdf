"""The graph of a detector with its normalisation, for export: levels in, logits out."""

import warnings

import onnx
import torch
from torch import Tensor, nn

from platefree.errors import DataError
from platefree.inference.embedding_graph import bare, cause
from platefree.inference.frame_detection import DEVIATION, MEAN
from platefree.inference.onnx_content import OPSET
from platefree.inference.onnx_detector import QUALITY, SIDES
from platefree.inference.onnx_network import PICTURES
from platefree.nets.light_detector import STRIDES, LightDetector

_MOST = 256  # strides of the coarsest map: 8192 pixels


class DetectionGraph(nn.Module):
    """The graph of a network.

    Args:
        network: in evaluation mode, on the CPU.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, network: LightDetector) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", 255 * torch.tensor(MEAN)[:, None, None])
        self.register_buffer("deviation", 255 * torch.tensor(DEVIATION)[:, None, None])

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of quality and sides of (b, 3, h, w) float32 RGB levels of 0 to 255."""
        raw = self.network((pictures - self.mean) / self.deviation)
        return raw.quality, raw.sides


def detection_onnx(network: LightDetector, what: str) -> onnx.ModelProto:
    """The graph of a detector as ONNX, for any number of frames of any size, weights inside.

    Args:
        network: on the CPU.
        what: its name in messages.

    Raises:
        DataError: a part of the network cannot be said in ONNX.
    """
    coarsest = STRIDES[-1]
    sides = (torch.export.Dim(name, min=1, max=_MOST) for name in ("rows", "columns"))
    height, width = (coarsest * each for each in sides)
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # of the exporter, about itself
            program = torch.onnx.export(
                DetectionGraph(network).eval(),
                (torch.zeros(2, 3, 3 * coarsest, 4 * coarsest),),
                input_names=[PICTURES],
                output_names=[QUALITY, SIDES],
                dynamic_shapes=({0: torch.export.Dim("frames"), 2: height, 3: width},),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # the exporter wraps whatever it meets
        raise DataError(f"{what} cannot be exported to ONNX: {cause(error)}") from error
    assert program is not None  # noqa: S101 - it is without a file
    return bare(program.model_proto)
