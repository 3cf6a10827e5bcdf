"""The score of a model in training on held-out pictures."""

from platefree.batches.training_data import TrainingData
from platefree.evaluation.part_precision import part_precision
from platefree.evaluation.score import mean_average_precision
from platefree.inference.labelling import most_probable
from platefree.inference.model import Model
from platefree.inference.part_finding import find_parts
from platefree.work import DEFAULT_WORK, Work


def held_out_score(model: Model, data: TrainingData, work: Work = DEFAULT_WORK) -> float:
    """The mAP of vehicles, the mean AP of part boxes, the accuracy of any other label.

    Args:
        model: in training.
        data: the training data, with held-out rows.
        work: device, workers and progress.
    """
    if data.learns == "parts":
        assert data.validation_boxes is not None  # noqa: S101 - as `prepare` of the method gives
        found, _ = find_parts(model, data.validation, work=work)
        return part_precision(found, data.validation_boxes).mean
    embeddings, _ = model.embed(data.validation, work=work)
    if data.learns == "vehicle":
        return mean_average_precision(embeddings, model.comparison)
    predicted = most_probable(embeddings, data.learns, data.names[data.learns].tolist())
    return float((predicted == getattr(embeddings.sightings, data.learns)).mean())
