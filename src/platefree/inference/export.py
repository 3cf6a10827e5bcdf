"""Make a model folder of a trained model: ONNX, a card and a page, which run without torch."""

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from platefree.data.input_pictures import Pixels
from platefree.errors import DataError
from platefree.inference.card_page import card_page
from platefree.inference.embedding_graph import spaces_of, to_bytes, to_onnx
from platefree.inference.embedding_network import Network
from platefree.inference.ensemble import Ensemble
from platefree.inference.exported_card import make_card
from platefree.inference.model import Model
from platefree.inference.model_card import (
    FileCard,
    NetworkCard,
    Precision,
    learnt_bytes,
)
from platefree.inference.model_folder import check_replaceable, write_model_folder
from platefree.inference.networks import load_network
from platefree.inference.onnx_model import OnnxModel, open_model_folder
from platefree.inference.onnx_network import OnnxNetwork
from platefree.inference.parity import (
    TOLERANCE,
    Trials,
    check_parity,
    differences,
    trial_pictures,
)
from platefree.types import Floats, Sightings

NOT_STATED = "not stated: ask whoever trained it"
"""The licence of a model of which nobody said any."""


def export_model(
    model: Model | str | Path,
    out: str | Path,
    *,
    precision: Precision = "fp32",
    pictures: Sightings | None = None,
    licence: str = NOT_STATED,
    tolerance: float | None = None,
) -> OnnxModel:
    """Export a model to a folder that runs on ONNX Runtime, after comparing it with torch.

    Args:
        model: any that embeds pictures, also an ensemble; a loaded one or a checkpoint folder.
        out: the new folder; only an exported model is replaced.
        precision: ``fp32``, ``fp16`` (half the size, quicker on a GPU), ``int8`` (a quarter), or
            ``int8-weights`` (a quarter, computed in fp32).
        pictures: such as it will be used on. The ranges of int8 are taken from four fifths of 320
            of them, and the parity is measured on the others; without any, on drawn patterns.
        licence: under which the weights may be used.
        tolerance: the largest distance of a row from that of torch; by default `TOLERANCE`.

    Returns:
        The exported model, whose ``card`` has the parity of each space.

    Raises:
        CheckpointError: the model cannot be loaded.
        DataError: it has no network, embeds nothing, has to know more than pictures, or cannot be
            expressed in ONNX; int8 is asked for without pictures, or their table has no rows.
        ImageError: one of the pictures cannot be read.
        MismatchError: it is too far from torch.
        StorageError: it cannot be written; nothing is changed.
    """
    out = Path(out)
    check_replaceable(out)
    loaded = model if isinstance(model, Model) else load_network(model, device="cpu")
    _check_exportable(loaded)
    limit = TOLERANCE[precision] if tolerance is None else tolerance
    members: Sequence[Model] = loaded.members if isinstance(loaded, Ensemble) else [loaded]
    contents, cards = list[bytes](), list[NetworkCard]()
    for member in members:
        trials = trial_pictures(pictures, member.transform.width, member.transform.height)
        content, network = _exported(member, precision, trials, limit)
        contents.append(content)
        cards.append(network)
    learnt = learnt_bytes(loaded.learnt)
    card = make_card(
        loaded,
        cards,
        precision=precision,
        licence=licence,
        learnt_file=FileCard.of("learnt", learnt),
        compared=trials.described,
    )
    write_model_folder(out, card, [*contents, learnt], card_page(card))
    return open_model_folder(out, device="cpu")


def _exported(
    model: Model, precision: Precision, trials: Trials, tolerance: float
) -> tuple[bytes, NetworkCard]:
    """One network as an ONNX file with its card, compared with torch."""
    network = _on_cpu(model)
    spaces = spaces_of(network)
    graph = to_onnx(network, list(spaces))
    if precision != "fp32":
        from platefree.inference.lower_precision import in_batches, lowered

        graph = lowered(graph, precision, in_batches(trials.calibrating))
    content = to_bytes(graph)
    card = NetworkCard(
        name=model.recipe.name,
        method=model.recipe.model.method,
        fingerprint=model.fingerprint,
        file=FileCard.of("network", content),
        height=network.transform.height,
        width=network.transform.width,
        spaces=spaces,
        comparison=model.comparison.to_json(),
    )
    runs = OnnxNetwork(content, card, device="cpu", what=f"{model.name}, {precision},")
    parity = differences(runs.embed_images(trials.compared), _in_torch(network, trials.compared))
    check_parity(parity, tolerance, f"{model.name}, {precision},")
    return content, card.model_copy(update={"parity": parity})


def _in_torch(network: Network, pictures: Pixels) -> dict[str, Floats]:
    parts = [
        network.embed_images(torch.from_numpy(pictures[at : at + 8]))
        for at in range(0, len(pictures), 8)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _on_cpu(model: Model) -> Network:
    method = model.method if model.device.type == "cpu" else copy.deepcopy(model.method).cpu()
    return Network(method, model.recipe, device=torch.device("cpu"))


def _check_exportable(model: Model) -> None:
    method = model.recipe.model.method
    if model.recipe.model.learns_nothing:
        raise DataError(
            f"{model.name} has no network ({method}), so there is nothing to export; give a "
            "trained model such as runs/x/best"
        )
    if model.learns == "frames":
        raise DataError(
            f"{model.name} is a {method} model, which finds vehicles and embeds nothing: export it "
            "with export_detector ('platefree export')"
        )
    if model.learns == "parts":
        raise DataError(
            f"{model.name} is a {method} model, which finds parts and embeds nothing; only models "
            "that embed pictures can be exported"
        )
    if model.metadata:
        raise DataError(
            f"{model.name} is conditioned on metadata of the pictures, and an exported model takes "
            "pictures alone; give the model without metadata"
        )
