"""A network with its whole transform as one graph, for export: bytes in, embeddings out.

It computes what `Network.embed_images` computes: normalises the pictures, embeds every look at
them, as they are and mirrored, and averages (VehicleNet, section V). Looks of one size go through
the network in one batch, so that the graph holds the network once for each scale.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from platefree.errors import DataError
from platefree.inference.embedding_network import Network
from platefree.inference.looks import looks_at
from platefree.inference.onnx_content import OPSET
from platefree.inference.onnx_network import PICTURES, output_of


class EmbeddingGraph(nn.Module):
    """The graph of a network.

    Args:
        network: in evaluation mode, on the CPU, which takes pictures alone.
        spaces: in the order of the outputs.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: Network, spaces: Sequence[str]) -> None:
        super().__init__()
        self.method = network.method
        self.transform = network.transform
        self.spaces = tuple(spaces)
        self.settings = network.recipe.input
        self.register_buffer("mean", network.transform.mean, persistent=False)
        self.register_buffer("std", network.transform.std, persistent=False)

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """(b, d) float32 rows of length 1 for each space, of (b, 3, h, w) uint8 pictures."""
        normalised = (pictures.float() / 255.0 - self.mean) / self.std
        looks = looks_at(normalised, self.settings)
        if self.settings.test_time_flip == "average":
            looks = [each for look in looks for each in (look, look.flip(3))]
        if len(looks) == 1:
            rows = self.method.embed(looks[0], {})
            return tuple(rows[name] for name in self.spaces)
        sizes = dict.fromkeys(look.shape[2:] for look in looks)
        each = [self._sums([look for look in looks if look.shape[2:] == size]) for size in sizes]
        sums = [torch.stack([part[name] for part in each]).sum(0) for name in self.spaces]
        return tuple(functional.normalize(rows) for rows in sums)

    def _sums(self, looks: list[Tensor]) -> dict[str, Tensor]:
        """The sums of the rows of looks of one size."""
        rows = self.method.embed(torch.cat(looks), {})
        return {name: of.reshape(len(looks), -1, of.shape[1]).sum(0) for name, of in rows.items()}


def spaces_of(network: Network) -> dict[str, int]:
    """The spaces of a network and their dimensions, by embedding a black picture.

    Raises:
        DataError: it embeds nothing, or has to know more than the pictures.
    """
    shape = (1, 3, network.transform.height, network.transform.width)
    found = network.embed_images(torch.zeros(shape, dtype=torch.uint8))
    return {name: rows.shape[1] for name, rows in found.items()}


def to_onnx(network: Network, spaces: Sequence[str]) -> onnx.ModelProto:
    """The graph of a network as ONNX, for any number of pictures, with all weights inside.

    Args:
        network: on the CPU.
        spaces: of `spaces_of`.

    Raises:
        DataError: a part of the network cannot be said in ONNX.
    """
    graph = EmbeddingGraph(network, spaces).eval()
    size = (2, 3, network.transform.height, network.transform.width)
    pictures = torch.from_numpy(np.zeros(size, np.uint8))
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # of the exporter, about itself
            program = torch.onnx.export(
                graph,
                (pictures,),
                input_names=[PICTURES],
                output_names=[output_of(name) for name in spaces],
                dynamic_shapes=({0: torch.export.Dim(PICTURES)},),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # the exporter wraps whatever it meets
        raise DataError(
            f"{network.recipe.model.method} cannot be exported to ONNX: {cause(error)}"
        ) from error
    assert program is not None  # noqa: S101 - it is without a file
    return bare(program.model_proto)


def to_bytes(graph: onnx.ModelProto) -> bytes:
    """The content of an ONNX file, the same for equal graphs."""
    content: bytes = graph.SerializeToString(deterministic=True)
    return content


def bare(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Without what the exporter tells of the machine and the source it ran on."""
    for part in (graph, graph.graph, *graph.graph.node, *graph.graph.initializer):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    for value in (*graph.graph.value_info, *graph.graph.input, *graph.graph.output):
        value.ClearField("doc_string")
        value.ClearField("metadata_props")
    return graph


def cause(error: BaseException) -> str:
    """What an error that was wrapped is really about, in a line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split())[:200] or type(error).__name__
