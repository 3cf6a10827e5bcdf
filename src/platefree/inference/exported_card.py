"""The card of an exported model, made from the model and its networks."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from platefree.data.learnt import Learnt
from platefree.data.listed_text import many
from platefree.fingerprint import fingerprint_of_text
from platefree.inference.ensemble import Ensemble
from platefree.inference.model import Model
from platefree.inference.model_card import FileCard, ModelCard, NetworkCard, Precision


def make_card(
    model: Model,
    networks: Sequence[NetworkCard],
    *,
    precision: Precision,
    licence: str,
    learnt_file: FileCard,
    compared: str,
) -> ModelCard:
    """The sealed card of an exported model.

    Args:
        model: in torch.
        networks: of the members, or the one network.
        precision: of the weights.
        licence: under which they may be used.
        learnt_file: the hashes of what it learnt from.
        compared: the pictures that the parity was measured on.
    """
    settings = model.recipe.model
    labels = [*settings.also_predicts(), *getattr(settings, "reads", ())]
    labels += [settings.learns] if settings.learns != "vehicle" else []
    predicts = {each: list(model.class_names(each)) for each in labels}
    fingerprint = exported_fingerprint(model, [each.file for each in networks], precision)
    return ModelCard(
        fingerprint=fingerprint,
        method=settings.method,
        precision=precision,
        networks=list(networks),
        fractions=list(model.fractions) if isinstance(model, Ensemble) else [1.0],
        learns=settings.learns,
        predicts=predicts,
        post=model.post.model_dump(),
        paper=dict(model.claims),
        about=_about(model),
        use={key: each for key, each in model.describe_use().items() if key != "members"},
        recipe=without_places(model.recipe.model_dump()),
        learnt=learnt_without_places(model.learnt),
        learnt_file=learnt_file,
        licence=licence,
        compared=compared,
        limits=_limits(model),
        calibration=_calibration(model, fingerprint, precision),
    ).sealed()


def exported_fingerprint(model: Model, files: Sequence[FileCard], precision: Precision) -> str:
    """That of the checkpoint, whose embeddings are the same; rounded weights have their own."""
    if precision == "fp32":
        return model.fingerprint
    described = " ".join([model.fingerprint, precision, *(each.sha256 for each in files)])
    return fingerprint_of_text(described)


def _calibration(model: Model, fingerprint: str, precision: Precision) -> dict[str, Any] | None:
    """That of the checkpoint; eight bits change similarities, so they are calibrated anew."""
    if model.calibration is None or precision.startswith("int8"):
        return None
    return model.calibration.of_model(fingerprint).model_dump()


def _about(model: Model) -> dict[str, str]:
    """As `Model.describe`, with the names of folders in place of their paths."""
    described = model.describe()
    kept = ("recipe", "steps", "training seed")
    about = {key: each for key, each in described.items() if key in kept}
    if isinstance(model, Ensemble):
        about["members"] = "; ".join(
            f"{member.recipe.name} ({member.fingerprint}) {fraction:.3f}"
            for member, fraction in zip(model.members, model.fractions, strict=True)
        )
    if "trained on" in described:
        path = str(model.card["data"]["path"])
        about["trained on"] = described["trained on"].replace(path, Path(path).name, 1)
    return about


def without_places(content: Any) -> Any:  # noqa: ANN401
    """Plain content with the names of files and folders in place of their absolute paths."""
    if isinstance(content, Mapping):
        return {key: without_places(each) for key, each in content.items()}
    if isinstance(content, list):
        return [without_places(each) for each in content]
    is_place = isinstance(content, str) and os.path.isabs(content)
    return Path(content).name if is_place else content


def learnt_without_places(learnt: Learnt) -> dict[str, Any]:
    """As `Learnt.to_json`, with the names of files and folders in place of their absolute paths."""
    record = learnt.to_json()
    record["unknown"] = [re.sub(r"(?<!\S)/\S*/(?=\S)", "", each) for each in record["unknown"]]
    return record


def _limits(model: Model) -> list[str]:
    tables = model.learnt.tables
    return [
        "It takes pictures that show one vehicle, cut to it; nothing was measured on others.",
        f"It learnt from {many(len(tables), 'table')} of pictures. On other cameras, countries, "
        "seasons and kinds of vehicles than there it is worse, and how much worse is unknown until "
        "it is measured there ('platefree eval').",
        "Two vehicles of one model and color may be more alike than two pictures of one vehicle: a "
        "similarity is no probability, and no proof that two vehicles are one.",
    ]
