"""How well a model in training does on what was held back, in one number."""

from platefree.batches.training_data import TrainingData
from platefree.evaluation.label_trials import told
from platefree.evaluation.part_precision import part_precision
from platefree.evaluation.score import mean_average_precision
from platefree.inference.model import Model
from platefree.inference.part_finding import find_parts


def held_back_score(model: Model, data: TrainingData, *, workers: int = -1) -> float:
    """The mAP of vehicles, the mean AP of part boxes, the accuracy of any other label.

    Args:
        model: as it is now.
        data: what it learns from; rows are held back.
        workers: loading processes; -1 decides by the machine.
    """
    if data.learns == "parts":
        assert data.validation_boxes is not None  # noqa: S101 - as `prepare` of the method gives
        found, _ = find_parts(model, data.validation, workers=workers)
        return part_precision(found, data.validation_boxes).mean
    embeddings, _ = model.embed(data.validation, workers=workers)
    if data.learns == "vehicle":
        return mean_average_precision(embeddings, model.method.distances)
    said = told(embeddings, data.learns, data.names[data.learns].tolist())
    return float((said == getattr(embeddings.sightings, data.learns)).mean())
