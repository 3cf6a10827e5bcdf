"""The score of a model in training on held-out pictures, and whether there can be one."""

from platefree.batches.training_data import TrainingData
from platefree.data.listed_text import many
from platefree.errors import TrainingError
from platefree.evaluation.part_precision import part_precision
from platefree.evaluation.score import mean_average_precision
from platefree.inference.labelling import most_probable
from platefree.inference.model import Model
from platefree.inference.part_finding import find_parts
from platefree.types import Sightings
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


def check_held_out(data: TrainingData, fraction: float) -> None:
    """Refuse held-out pictures that cannot be scored.

    Args:
        data: the training data.
        fraction: ``train.validation``; 0 holds none out.

    Raises:
        TrainingError: they are too few, or have nothing to be found: no other picture of their
            vehicles, no box of a part.
    """
    if not fraction:
        return
    held = data.validation
    found = f"train.validation {fraction:g} holds out {many(len(held), 'picture')}"
    if data.learns == "vehicle":
        found += f" of {many(len(set(held.vehicle.tolist())), 'vehicle')}"
        if _can_be_searched(held):
            return
        found += ", expected 2 vehicles or more, one of them seen twice, by two cameras if known"
    elif data.learns == "parts" and len(held):
        if data.validation_boxes is not None and len(data.validation_boxes):
            return
        found += " on which no part has a box"
    elif len(held):
        return
    raise TrainingError(f"{found}: hold out more, or set train.validation=0.0")


def _can_be_searched(table: Sightings) -> bool:
    """Whether a picture of one of several vehicles has a match, as in a leave-one-out search."""
    cameras: dict[str, list[str]] = {}
    for vehicle, camera in zip(table.vehicle.tolist(), table.camera.tolist(), strict=True):
        cameras.setdefault(vehicle, []).append(camera)
    matched = [each for each in cameras.values() if len({*each}) > 1 or each.count("") > 1]
    return len(cameras) > 1 and bool(matched)
