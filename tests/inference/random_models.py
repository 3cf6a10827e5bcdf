"""Checkpoints of every method with random weights, made in a moment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from conftest import TINY, TINY_DRDL, TINY_FDA, TINY_VIEW
from torch import nn

import platefree as pf
from platefree.methods.catalogue import build_method, load_recipe, resolve
from platefree.nets.weights import save_checkpoint

_PARTS = {**TINY, "train.images_per_vehicle": 3, "augment.color": 0.0}
_LARGER = {"input.height": 64, "input.width": 48}
_TINY_DETECTOR = {"model.backbone": "test_resnet", "model.width": 32, "model.depth": 1}
_TINY_TRANSFORMER = {
    "model.backbone": "test_vit",
    "input.height": 160,
    "input.width": 160,
    "model.side": ["camera"],
}
RECIPES: dict[str, tuple[str, dict[str, Any]]] = {
    "strong_baseline": ("strong_baseline/demo", {**TINY, "input.scales": [1.0, 0.75]}),
    "transformer": ("strong_baseline/transreid", _TINY_TRANSFORMER),
    "multi_branch": ("multi_branch/city", {**TINY, **_LARGER}),
    "drdl": ("drdl/city", TINY_DRDL),
    "fda_net": ("fda_net/city", TINY_FDA),
    "part_regularized": ("part_regularized/city", {**_PARTS, **_LARGER}),
    "vehiclenet": ("vehiclenet/city", {"model.backbone": "test_resnet", "input.height": 32}),
    "viewpoint": ("viewpoint/city", {**TINY_VIEW, "input.width": 48}),
    "camera": ("camera/city", {**TINY_VIEW, "input.test_time_flip": "off"}),
    "part_detector": ("part_detector/city", _TINY_DETECTOR),
}
CLASSES = {"vehicle": 8, "model": 3, "view": 3, "camera": 3}
NAMES = {
    "model": ["a", "b", "c"],
    "view": ["front", "rear", "side"],
    "camera": ["cam1", "cam2", "cam3"],
}


def random_model(
    folder: Path, method: str, changes: Mapping[str, Any] | None = None, seed: int = 0
) -> Path:
    """Write a checkpoint of a method whose weights are drawn at random; return its folder.

    Batch norms have statistics of their own too, since those of a new network hide mistakes.
    """
    name, settings = RECIPES[method]
    changed = {**settings, "model.weights": "none", **(changes or {})}
    return checkpoint_of(load_recipe(name, changed), folder, seed)


def vanet(folder: Path, viewpoint: Path, **changes: object) -> Path:
    """Write a VANet model with a viewpoint model inside."""
    settings = {key: value for key, value in TINY.items() if key != "model.last_stride"}
    changed = {key.replace("__", "."): value for key, value in changes.items()}
    views = {"model.viewpoint": str(viewpoint), "model.views": NAMES["view"]}
    recipe = load_recipe("vanet/vehicleid", {**settings, **_LARGER, **views, **changed})
    return checkpoint_of(recipe, folder)


def checkpoint_of(recipe: pf.Recipe, folder: Path, seed: int = 0) -> Path:
    whole = resolve(recipe)
    torch.manual_seed(seed)
    method = build_method(whole, CLASSES)
    for part in method.modules():
        if isinstance(part, nn.BatchNorm2d | nn.BatchNorm1d):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.running_mean.normal_(0, 0.2)
            part.running_var.uniform_(0.5, 2)
    card = {"step": 0, "recipe": whole.model_dump(), "classes": CLASSES, "names": NAMES}
    card["method"] = whole.model.method
    save_checkpoint(folder, card, method.state_dict())
    return folder
