"""Open an embedder from its path: a network, or stored embeddings."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platefree.errors import DataError, RecipeError
from platefree.gallery.stored import is_embeddings_folder
from platefree.gallery.stored_embedder import load_stored
from platefree.inference.embedder import Embedder
from platefree.inference.loading import load_model
from platefree.inference.model_names import is_model_name
from platefree.inference.onnx_model import OnnxModel
from platefree.installs import training_install
from platefree.work import DEFAULT_WORK, Work

if TYPE_CHECKING:
    from platefree.inference.model import Model


def open_embedder(
    model: Embedder | str | Path,
    work: Work = DEFAULT_WORK,
    overrides: Mapping[str, Any] | None = None,
    *,
    root: str | Path | None = None,
) -> Embedder:
    """The embedder at a path, or the one given; only a checkpoint needs torch.

    Args:
        model: an open embedder, a checkpoint folder, an exported model, ``color_stripes``, or a
            folder of embeddings.
        work: the device a network runs on.
        overrides: dotted key -> value, for settings of a network's recipe that can still change.
        root: where the pictures of stored embeddings are now, see `load_stored`.

    Raises:
        CheckpointError: there is no such model, or it is damaged.
        DataError: the stored embeddings are damaged, none of their pictures is under ``root``, or
            a ``root`` is given with a network.
        RecipeError: a setting cannot be changed.
    """
    if not isinstance(model, str | Path):
        return model
    if is_embeddings_folder(model) and not is_model_name(model):
        if overrides:
            raise RecipeError(f"{model} holds stored embeddings, whose settings cannot be changed")
        return load_stored(model, root=root)
    if root is not None:
        raise DataError(
            f"{model} holds no stored embeddings, which alone can be given another root; read a "
            "table from the folder that its paths start from"
        )
    return load_model(model, device=work.device, overrides=overrides)


def as_network(model: Embedder) -> "Model":
    """The model, if it is a network in torch.

    Raises:
        DataError: it is stored embeddings or an exported model, not a network in torch.
    """
    if isinstance(model, OnnxModel):
        raise DataError(
            f"{model.name} is an exported model, and this needs the checkpoint that it was made "
            "from: give its folder, such as runs/x/best"
        )
    with training_install("a network"):
        from platefree.inference.model import Model

    if not isinstance(model, Model):
        raise DataError(
            f"{model.name} holds stored embeddings, and this needs the network that made them: "
            "give its folder, such as runs/x/best"
        )
    return model
