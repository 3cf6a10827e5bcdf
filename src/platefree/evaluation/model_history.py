"""How the training of an evaluated model went, where the log of its run lies beside it."""

from pathlib import Path

from platefree.gallery.opening import as_network
from platefree.gallery.stored_embedder import StoredEmbeddings
from platefree.inference.embedder import Embedder
from platefree.inference.onnx_model import OnnxModel
from platefree.runs.training_history import TrainingHistory, history_beside


def history_of(model: Embedder) -> TrainingHistory | None:
    """The training history of a model, or why it is not known; None if it was never trained.

    Args:
        model: the evaluated one.
    """
    if isinstance(model, StoredEmbeddings):
        return TrainingHistory(
            reason=f"{model.name} holds stored embeddings; score the model that made them"
        )
    if isinstance(model, OnnxModel):
        return TrainingHistory(
            reason=f"{model.name} is an exported model; score its checkpoint for the curves of its "
            "run"
        )
    network = as_network(model)
    if network.recipe.model.method == "ensemble":
        return TrainingHistory(
            reason=f"{model.name} is an ensemble; score a member of it for the curves of its run"
        )
    if not network.card.get("data"):
        return None
    return history_beside(Path(network.name), network.card)
