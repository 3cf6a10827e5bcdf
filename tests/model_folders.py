"""Folders of exported models, changed as damage, a clumsy hand or their author could."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx

from platefree.inference.detector_card import DetectorCard
from platefree.inference.model_card import FileCard, ModelCard

Change = Callable[[dict[str, Any]], object]
GraphChange = Callable[[onnx.ModelProto], object]


def card_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "card.json").read_text())
    return content


def edit(folder: Path, change: Change) -> None:
    card = card_of(folder)
    change(card)
    (folder / "card.json").write_text(json.dumps(card))


def sign(folder: Path, change: Change) -> None:
    """Change a card as its author could, with the seal that fits."""
    card = card_of(folder)
    change(card)
    kind = DetectorCard if card.get("task") == "detect" else ModelCard
    (folder / "card.json").write_text(kind.model_validate(card).sealed().text())


def network_of(folder: Path) -> Path:
    (path,) = folder.glob("*.onnx")
    return path


def put_network(folder: Path, change: GraphChange) -> None:
    """Change the ONNX file, and name it in the card as its author could."""
    old = network_of(folder)
    graph = onnx.load(old)
    change(graph)
    content = graph.SerializeToString()
    entry = FileCard.of("network", content)
    old.unlink()
    (folder / entry.name).write_bytes(content)
    sign(folder, lambda card: card.get("networks", [card])[0].update(file=entry.model_dump()))


def name_a_file(graph: onnx.ModelProto) -> None:
    tensor = graph.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")


ASKING_FOR_MORE: dict[str, tuple[GraphChange, tuple[str | int, ...]]] = {
    "opset": (lambda graph: setattr(graph.opset_import[0], "version", 17), ("opset", 17, 18)),
    "custom operator": (
        lambda graph: setattr(graph.graph.node[3], "domain", "my.own"),
        ("my.own",),
    ),
    "external file": (name_a_file, ("other files",)),
    "cut": (lambda graph: graph.graph.node.pop(3), ("loaded",)),
}
"""Changes of a network that no model may have -> what the refusal says."""
