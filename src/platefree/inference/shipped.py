"""The models that are inside the package: ``models/NAME/``, each a model folder."""

from pathlib import Path

from platefree.errors import CheckpointError
from platefree.inference.model_card import is_model_folder, read_model_card

MODELS = Path(__file__).parents[1] / "models"
"""Where they are."""

NONE_INSIDE = (
    "no model is inside this version of platefree yet: give a checkpoint folder such as "
    "runs/x/best, an exported model, or color_stripes, which compares colors alone"
)


def shipped_models() -> dict[str, Path]:
    """The folders of the models that are inside, by name, sorted."""
    folders = sorted(MODELS.iterdir()) if MODELS.is_dir() else []
    return {folder.name: folder for folder in folders if is_model_folder(folder)}


def embedder_inside() -> str | None:
    """The name of the model that embeds vehicles; of several the first, None without one."""
    embedders = (
        name
        for name, folder in shipped_models().items()
        if read_model_card(folder).learns == "vehicle"
    )
    return next(embedders, None)


def shipped_embedder() -> str:
    """As `embedder_inside`.

    Raises:
        CheckpointError: none is inside.
    """
    if (name := embedder_inside()) is None:
        raise CheckpointError(NONE_INSIDE)
    return name
