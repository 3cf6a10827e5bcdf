"""Load a network from a checkpoint or a name, and join several networks to an ensemble."""

import json
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from platefree.checkpoint import CARD, Checkpoint, read_checkpoint, read_whole
from platefree.errors import CheckpointError, RecipeError, TrainingError
from platefree.fingerprint import fingerprint_of_text
from platefree.inference.embedding_network import choose_device
from platefree.inference.ensemble import Ensemble, check_weights, load_ensemble, member_card
from platefree.inference.model import Model
from platefree.inference.model_names import WITHOUT_TRAINING
from platefree.methods.catalogue import (
    build_method,
    change_in_use,
    check_recipe,
    load_recipe,
    needs_training,
    resolve,
)
from platefree.methods.members import EnsembleSettings
from platefree.nets.weights import check_shapes, load_into, read_learnt, save_checkpoint
from platefree.ranking.calibration import read_calibration
from platefree.recipes.recipe import Recipe
from platefree.storage.locks import only_writer
from platefree.work import Device

_PLACES = {"boxes"}  # settings that name a file


def load_network(
    path: str | Path,
    *,
    device: Device = "auto",
    overrides: Mapping[str, Any] | None = None,
) -> Model:
    """Load a checkpoint folder (``runs/x/best``), or a method that needs no training by its name.

    An ensemble (`platefree.make_ensemble`) is a checkpoint folder too.

    Args:
        path: the folder or the name.
        device: where to run.
        overrides: dotted key -> value, for settings that can still change after training, such as
            ``{"model.view_from": "table"}`` of VANet.

    Raises:
        CheckpointError: there is no checkpoint, or it is damaged, or does not fit its recipe.
        RecipeError: an override is not one of these settings.
    """
    folder = Path(path)
    is_place = os.path.exists(folder) or os.sep in str(path)
    if str(path) in WITHOUT_TRAINING or not is_place:
        return _untrained(str(path), device, overrides or {})
    return read_whole(folder, partial(_trained, device=device, overrides=overrides or {}))


def _trained(checkpoint: Checkpoint, *, device: Device, overrides: Mapping[str, Any]) -> Model:
    folder = checkpoint.folder
    try:
        recipe = check_recipe(checkpoint.card["recipe"])
    except (RecipeError, KeyError, ValueError) as error:
        raise CheckpointError(f"checkpoint {folder} cannot be rebuilt: {error}") from error
    written, recipe = recipe, change_in_use(recipe, overrides)
    said = read_calibration(
        checkpoint.card.get("calibration"), checkpoint.fingerprint, str(folder / CARD)
    )
    fingerprint = _fingerprint_in_use(checkpoint.fingerprint, written, recipe)
    if fingerprint != checkpoint.fingerprint:
        said = None  # as it is used now, its similarities are others
    if isinstance(recipe.model, EnsembleSettings):
        ensemble = load_ensemble(checkpoint, recipe, choose_device(device))
        ensemble.calibration = said
        return ensemble
    try:
        build = partial(build_method, recipe, checkpoint.card["classes"], weights="none")
        check_shapes(build, checkpoint)
        method = build()
    except (RecipeError, TrainingError, KeyError, ValueError) as error:
        raise CheckpointError(f"checkpoint {folder} cannot be rebuilt: {error}") from error
    load_into(method, checkpoint)
    return Model(
        method,
        recipe,
        name=str(checkpoint.folder),
        fingerprint=fingerprint,
        device=choose_device(device),
        card=dict(checkpoint.card),
        learnt=read_learnt(checkpoint),
        calibration=said,
    )


def _fingerprint_in_use(fingerprint: str, written: Recipe, used: Recipe) -> str:
    """Another one where settings of use make other embeddings or distances."""
    before, now = (each.model.model_dump(exclude=_PLACES) for each in (written, used))
    changed = {key: value for key, value in now.items() if value != before[key]}
    if not changed:
        return fingerprint
    described = f"{fingerprint} {json.dumps(changed, sort_keys=True)}"
    return fingerprint_of_text(described)


def untrained_model(recipe: Recipe, *, name: str, device: Device = "auto") -> Model:
    """The model of a resolved recipe whose method learns nothing."""
    method = build_method(recipe, {})
    identity = recipe.model_dump(include={"model", "input"})
    if not recipe.input.crops:
        del identity["input"]["crops"]  # what was embedded before there were any stays of this name
    fingerprint = fingerprint_of_text(json.dumps(identity, sort_keys=True))
    return Model(
        method,
        recipe,
        name=name,
        fingerprint=fingerprint,
        device=choose_device(device),
    )


def make_ensemble(
    models: Sequence[Model | str | Path],
    out: str | Path,
    weights: Sequence[float] | None = None,
    *,
    device: Device = "auto",
) -> Ensemble:
    """Join trained models into an ensemble, and write it as one self-contained checkpoint.

    Args:
        models: loaded models or checkpoint folders; an ensemble is replaced by its members.
        out: the folder of the new checkpoint; only an existing ensemble is replaced.
        weights: the weight of each model's similarity, more than 0; by default equal.
        device: where to run it.

    Returns:
        The ensemble, as `load_network` would load it.

    Raises:
        CheckpointError: a model is missing or damaged, or ``out`` holds another checkpoint.
        DataError: a model does not embed vehicles, is given twice, or the weights do not fit.
        MismatchError: models with one space each name it differently.
        StorageError: it cannot be written; nothing is changed.
    """
    out = Path(out)
    _check_replaceable(out)
    check_weights(weights, len(models))
    loaded = [
        each if isinstance(each, Model) else load_network(each, device=device) for each in models
    ]
    ensemble = Ensemble(loaded, weights, name=str(out))
    ensemble.card = {
        "fingerprint": ensemble.fingerprint,
        "method": "ensemble",
        "step": 0,
        "recipe": ensemble.recipe.model_dump(),
        "classes": {},
        "members": [member_card(member) for member in ensemble.members],
    }
    weights_of_all = ensemble.method.state_dict()
    with only_writer(out):
        saved = save_checkpoint(out, ensemble.card, weights_of_all, learnt=ensemble.learnt)
    ensemble.card = dict(saved.card)
    return ensemble


def _untrained(name: str, device: Device, overrides: Mapping[str, Any]) -> Model:
    try:
        recipe = resolve(load_recipe(name))
    except RecipeError as error:
        raise CheckpointError(
            f"no checkpoint folder at {name}, and no method of that name works without training; "
            "give a folder such as runs/x/best, or color_stripes"
        ) from error
    if needs_training(recipe):
        raise CheckpointError(
            f"{name} is a recipe that needs training; run 'platefree train {name} --data TABLE' "
            "and give its best folder"
        )
    return untrained_model(change_in_use(recipe, overrides), name=name, device=device)


def _check_replaceable(out: Path) -> None:
    if not os.path.exists(out / CARD):
        return
    method = read_checkpoint(out).card.get("method")
    if method != "ensemble":
        raise CheckpointError(
            f"{out} holds a {method} checkpoint, which would be lost; choose another folder"
        )
