"""Load a model: one that is inside the package, an exported folder, or a checkpoint.

Only a checkpoint needs torch.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platefree.inference.model_card import is_model_folder
from platefree.inference.onnx_model import OnnxModel, open_model_folder
from platefree.inference.shipped import shipped_embedder, shipped_models
from platefree.installs import training_install
from platefree.work import Device

if TYPE_CHECKING:
    from platefree.inference.model import Model


def load_model(
    path: str | Path | None = None,
    *,
    device: Device = "auto",
    overrides: Mapping[str, Any] | None = None,
) -> "Model | OnnxModel":
    """Load a model.

    Args:
        path: a folder that 'platefree export' made, the name of a model that is inside the package
            ('platefree models' lists them; ``./NAME`` is a folder of that name), a checkpoint
            folder (``runs/x/best``), or the name of a method that needs no training; by default the
            shipped model that embeds vehicles.
        device: where to run.
        overrides: dotted key -> value, for settings that can still change after training, such as
            ``{"model.view_from": "table"}`` of VANet.

    Raises:
        CheckpointError: there is no model, or it is damaged, or does not fit its card or recipe.
        RecipeError: an override is not one of these settings.
        MissingPackage: a checkpoint is given and torch is not installed, or the device is one that
            ONNX Runtime does not run on.
    """
    name = shipped_embedder() if path is None else str(path)
    if inside := shipped_models().get(name):  # whatever the current folder holds
        return open_model_folder(inside, device=device, overrides=overrides, name=name)
    if is_model_folder(name):
        return open_model_folder(Path(name), device=device, overrides=overrides, name=name)
    with training_install(f"the model {name}"):
        from platefree.inference.networks import load_network

        return load_network(name, device=device, overrides=overrides)


def can_run_without_torch(path: str | Path) -> bool:
    """Whether a path or a name is that of an exported model."""
    return is_model_folder(path) or str(path) in shipped_models()
