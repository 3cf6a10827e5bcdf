"""Open what makes embeddings, from its path: a network, or embeddings that were stored."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platefree.errors import DataError, RecipeError
from platefree.gallery.stored import is_embeddings_folder, load_stored
from platefree.inference.embedder import Embedder
from platefree.installs import training_install
from platefree.work import DEFAULT_WORK, Work

if TYPE_CHECKING:
    from platefree.inference.model import Model


def open_embedder(
    model: Embedder | str | Path,
    work: Work = DEFAULT_WORK,
    overrides: Mapping[str, Any] | None = None,
) -> Embedder:
    """What is given, or what lies at the path; only a network needs torch.

    Args:
        model: an open one, a checkpoint folder, ``color_stripes``, or a folder of embeddings.
        work: says on which device a network runs.
        overrides: dotted key -> value of a network's recipe, for what may still be changed.

    Raises:
        CheckpointError: there is no such model, or it is damaged.
        DataError: the stored embeddings are damaged.
        RecipeError: a setting cannot be changed.
    """
    if not isinstance(model, str | Path):
        return model
    if is_embeddings_folder(model):
        if overrides:
            raise RecipeError(f"{model} holds stored embeddings, whose settings cannot be changed")
        return load_stored(model)
    with training_install(f"the model {model}"):
        from platefree.inference.loading import load_model

        return load_model(model, device=work.device, overrides=overrides)


def as_network(model: Embedder) -> "Model":
    """The model, for what only a network can do.

    Raises:
        DataError: it is no network but stored embeddings.
    """
    with training_install("a network"):
        from platefree.inference.model import Model

    if not isinstance(model, Model):
        raise DataError(
            f"{model.name} holds stored embeddings, and this needs the network that made them: "
            "give its folder, such as runs/x/best"
        )
    return model
