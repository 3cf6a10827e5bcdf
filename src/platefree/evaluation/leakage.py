"""Compare what is scored with the record of what a model learnt from."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from platefree.data.learnt import (
    NOTHING,
    Learnt,
    merged_vehicle_hashes,
    name_hashes,
    picture_hashes,
    vehicle_hashes,
)
from platefree.errors import PlatefreeError
from platefree.evaluation.floor import FLOOR
from platefree.evaluation.model_pairs import PairTrial
from platefree.evaluation.overlap import Overlap
from platefree.evaluation.set_protocols import Plan
from platefree.gallery.opening import as_network
from platefree.gallery.stored import stored_model_path
from platefree.gallery.stored_embedder import StoredEmbeddings
from platefree.inference.embedder import Embedder
from platefree.inference.model_card import is_model_folder, read_learnt_file, read_model_card
from platefree.inference.onnx_model import OnnxModel
from platefree.inference.shipped import shipped_models
from platefree.installs import training_install
from platefree.recipes.post import Post
from platefree.types import Contents, Indices, Sightings


def overlap_of(model: Embedder, post: Post, plan: Plan) -> Overlap:
    """How much of what a plan scores was in the training of the models that score it.

    Args:
        model: the evaluated one.
        post: post-processing, whose steps may use other models.
        plan: the trials.
    """
    table, fingerprint = plan.data.table, plan.whole or plan.data.table.fingerprint()
    learnt = Learnt.together([learnt_by(model), *map(learnt_at, _models_of(post))])
    if learnt.unknown and fingerprint in learnt.tables:
        learnt = Learnt.together([learnt, _training_rows(table, fingerprint)])
    rows = table.take(scored_rows(plan))
    stored = model.embed(rows)[0].content if isinstance(model, StoredEmbeddings) else None
    return overlap_of_rows(learnt, rows, fingerprint, stored)


def overlap_of_rows(
    learnt: Learnt, rows: Sightings, fingerprint: str, stored: Contents | None = None
) -> Overlap:
    """How much of some rows was learnt from.

    Args:
        learnt: what was.
        rows: of a table.
        fingerprint: of the whole table.
        stored: contents of their pictures, if they are known; else the files are read.
    """
    pictures, is_read = picture_hashes(rows, stored)
    seen = is_read & np.isin(pictures, learnt.pictures)
    vehicles, named = vehicle_hashes(rows, fingerprint), rows.vehicle != ""
    known = np.isin(vehicles, learnt.vehicles)
    known |= np.isin(merged_vehicle_hashes(rows), learnt.vehicles)
    sure = np.unique(vehicles[named & (seen | known)])
    maybe = np.unique(vehicles[named & np.isin(name_hashes(rows), learnt.names)])
    return Overlap(
        vehicles=len(sure),
        of_vehicles=len(np.unique(vehicles[named])),
        pictures=int(seen.sum()),
        of_pictures=int(is_read.sum()),
        unread=int((~is_read).sum()),
        same_name=len(np.setdiff1d(maybe, sure)),
        record=learnt.state,
        unknown="; ".join(learnt.unknown),
    )


def learnt_by(model: Embedder) -> Learnt:
    """What a model learnt from; for stored embeddings the model that made them, if it is there."""
    if isinstance(model, OnnxModel):
        return model.learnt
    if not isinstance(model, StoredEmbeddings):
        return as_network(model).learnt
    path = stored_model_path(model.name)
    if path is None:
        return Learnt(unknown=(f"{model.name} does not say which model made it",))
    return learnt_at(path, model.fingerprint)


def learnt_at(path: str, fingerprint: str = "") -> Learnt:
    """What the model at a path, or inside by that name, learnt from, if it has this fingerprint."""
    if path == FLOOR:
        return NOTHING
    folder = shipped_models().get(path, Path(path))
    try:
        if is_model_folder(folder):
            card = read_model_card(folder)
            if fingerprint not in ("", card.fingerprint):
                return Learnt(unknown=(f"the model at {path} is another one now",))
            return read_learnt_file(folder, card)
        with training_install(f"the model {path}"):
            from platefree.checkpoint import read_checkpoint
            from platefree.nets.weights import read_learnt

            checkpoint = read_checkpoint(folder)
            if fingerprint not in ("", checkpoint.fingerprint):
                return Learnt(unknown=(f"the model at {path} is another one now",))
            return read_learnt(checkpoint)
    except PlatefreeError as error:
        return Learnt(unknown=(str(error),))


def scored_rows(plan: Plan) -> Indices:
    """The rows that the figures of a plan are measured on, ascending.

    Training pictures among the distractors of the protocol ``validation`` are meant to be there.
    """
    each = [
        np.union1d(trial.pairs.first, trial.pairs.second)  # not those that fit its threshold
        if isinstance(trial, PairTrial)
        else trial.rows
        for trial in plan.trials
    ]
    rows = np.unique(np.concatenate(each))
    return rows[plan.data.table.split[rows] != "train"] if plan.protocol == "validation" else rows


def _models_of(post: Post) -> Sequence[str]:
    """The models that post-processing uses to look at vehicles."""
    models = post.ensemble.models if "ensemble" in post.steps else []
    cameras = [post.camera.model] if "camera" in post.steps and post.camera.model else []
    alike = post.penalty.models.values() if "penalty" in post.steps else ()
    return [*models, *cameras, *alike]


def _training_rows(table: Sightings, fingerprint: str) -> Learnt:
    """What training on this table may have learnt from."""
    rows = table.take(table.split == "train") if table.knows("split") else table
    return Learnt.of(rows, fingerprint)
