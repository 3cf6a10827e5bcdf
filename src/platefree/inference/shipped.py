"""The models that are inside the package: ``models/NAME/``, each a model folder."""

from pathlib import Path

from platefree.errors import CheckpointError
from platefree.inference.model_card import card_content, is_model_folder

MODELS = Path(__file__).parents[1] / "models"
"""Where they are."""

NONE_INSIDE = (
    "no model is inside this version of platefree yet: give a checkpoint folder such as "
    "runs/x/best, an exported model, or color_stripes, which compares colors alone"
)

NO_DETECTOR_INSIDE = (
    "no detector is inside this version of platefree yet: give a checkpoint folder of "
    "vehicle_detector such as runs/vehicles/best, or a folder that was exported from it"
)


def shipped_models() -> dict[str, Path]:
    """The folders of the models that are inside, by name, sorted."""
    folders = sorted(MODELS.iterdir()) if MODELS.is_dir() else []
    return {folder.name: folder for folder in folders if is_model_folder(folder)}


def embedder_inside() -> str | None:
    """The name of the model that embeds vehicles; of several the first, None without one."""
    return _first("vehicle")


def shipped_embedder() -> str:
    """As `embedder_inside`.

    Raises:
        CheckpointError: none is inside.
    """
    if (name := embedder_inside()) is None:
        raise CheckpointError(NONE_INSIDE)
    return name


def detector_inside() -> str | None:
    """The name of the detector of vehicles; of several the first, None without one."""
    return _first("frames")


def shipped_detector() -> str:
    """As `detector_inside`.

    Raises:
        CheckpointError: none is inside.
    """
    if (name := detector_inside()) is None:
        raise CheckpointError(NO_DETECTOR_INSIDE)
    return name


def _first(learns: str) -> str | None:
    """The first model inside that has learnt something."""
    names = (
        name
        for name, folder in shipped_models().items()
        if card_content(folder).get("learns") == learns
    )
    return next(names, None)
