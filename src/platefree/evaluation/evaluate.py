"""Evaluate a model on a data set: make the trials, embed what they need, score, report."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from platefree.data.dataset import DataSet
from platefree.data.table import dataset_at, read_table
from platefree.errors import ProtocolError
from platefree.evaluation.embedded import embed_for, with_window
from platefree.evaluation.examples import pick_strips
from platefree.evaluation.label_trials import TOLD, ToldTrial
from platefree.evaluation.metadata import WithMetadata, count_known
from platefree.evaluation.outcomes import Scorer
from platefree.evaluation.part_report import part_trial, score_parts
from platefree.evaluation.part_trial import PROTOCOL, PartTrial
from platefree.evaluation.post_chain import check_post, make_chain
from platefree.evaluation.results import Outcome, Report
from platefree.evaluation.set_protocols import AnyTrial, Plan, make_plan
from platefree.inference.labelling import class_names
from platefree.inference.model import Device, Model, load_model
from platefree.recipes.post import NONE, Post
from platefree.types import Sightings, known_values

_log = logging.getLogger(__name__)


def evaluate(
    model: Model | str | Path,
    data: str | Path | Sightings | DataSet,
    protocol: str | None = None,
    *,
    tests: Sequence[str] = (),
    seed: int = 0,
    data_label: str | None = None,
    device: Device = "auto",
    scales: Sequence[float] | None = None,
    post: Post | str | None = None,
    ablate_post: bool = False,
    heat_maps: bool = False,
    metadata: bool = False,
    beside: Model | str | Path | None = None,
    examples: int = 4,
    workers: int = -1,
    on_batch: Callable[[int], None] | None = None,
) -> Report:
    """Score a model on a data set.

    Args:
        model: a loaded model, a checkpoint folder, or ``color_stripes``.
        data: a public data set or a table, or the path of one.
        protocol: by default the one that a public data set is scored by, or that the columns of a
            table are made for. Rows with split ``train`` are never scored.
        tests: which tests of the protocol, such as ``800`` of VehicleID; by default all.
        seed: of the protocols that draw.
        data_label: what the report calls the data; by default its path.
        device: where to run.
        scales: of the pictures, whose embeddings are averaged; by default those of the recipe.
        post: post-processing steps such as ``expand,rerank`` or ``none``, with the options of the
            model's recipe, or steps with options; by default those of the recipe.
        ablate_post: also score without post-processing, with its first step, and so on.
        heat_maps: draw on each example query where its similarity to the first hit comes from.
        beside: another model, whose class-activation map of each example query is drawn beside
            that of this one.
        metadata: also score the model told the labels of the table that ``model.side`` names; the
            report has these figures beside those without.
        examples: how many best, median and worst queries the report shows of each.
        workers: loading processes; -1 decides by the machine.
        on_batch: called with the number of pictures done, for progress bars.

    Raises:
        DataError: the data cannot be read.
        ProtocolError: the data cannot support the protocol, or the protocol no post-processing.
        RecipeError: there is no such post-processing step, a step lacks an option, the backbone
            takes no other scales, or the model was trained without metadata.
        CheckpointError: the model, or one that a step names, cannot be loaded.
        ImageError: a picture cannot be read.
    """
    if not isinstance(model, Model):
        model = load_model(model, device=device)
    if scales is not None:
        model = model.with_scales(scales)
    opened = open_data(data)
    label = data_label or str(data if isinstance(data, str | Path) else opened.table.root)
    plan = plan_for(model, opened, protocol, tests, seed)
    return score_plan(
        model,
        plan,
        data_label=label,
        post=model.recipe.post.with_steps(post) if isinstance(post, str) else post,
        ablate_post=ablate_post,
        heat_maps=heat_maps,
        metadata=metadata,
        beside=load_model(beside, device=device) if isinstance(beside, str | Path) else beside,
        examples=examples,
        workers=workers,
        on_batch=on_batch,
    )


def open_data(data: str | Path | Sightings | DataSet) -> DataSet:
    """A data set from whatever `evaluate` takes; a table is a data set without lists.

    Raises:
        DataError: it cannot be read.
    """
    if isinstance(data, DataSet):
        return data
    if isinstance(data, Sightings):
        return DataSet("table", data)
    dataset = dataset_at(data)
    if dataset is None:
        return DataSet("table", read_table(data))
    for remark in dataset.remarks:
        _log.warning("%s: %s", data, remark)
    return dataset


def plan_for(
    model: Model,
    data: DataSet,
    protocol: str | None = None,
    tests: Sequence[str] = (),
    seed: int = 0,
) -> Plan:
    """What a protocol searches in what; by default that of the data, or the only one of the model.

    Raises:
        ProtocolError: no such protocol or test, or the data or the model cannot support it.
        DataError: a part detector is to be scored, and there are no part boxes.
    """
    learns = model.recipe.model.learns
    if learns != "parts":
        usual = f"{learns}-labels" if learns in TOLD else None
        return make_plan(data, protocol or usual, tests, seed)
    if tests or protocol not in (None, PROTOCOL):
        raise ProtocolError(
            f"a part detector compares nothing; it is scored by {PROTOCOL}, which is one test"
        )
    trial = part_trial(model, data)
    return Plan(data, PROTOCOL, (trial,), trial.rows)


def score_plan(
    model: Model,
    plan: Plan,
    *,
    data_label: str,
    post: Post | None = None,
    ablate_post: bool = False,
    heat_maps: bool = False,
    metadata: bool = False,
    beside: Model | None = None,
    examples: int = 4,
    workers: int = -1,
    on_batch: Callable[[int], None] | None = None,
) -> Report:
    """Embed the pictures of a plan once, and score its trials; see `evaluate`.

    Raises:
        ImageError: a picture cannot be read.
        DataError: heat maps or class-activation maps are asked for and a method has none, or the
            pictures lack what a post-processing step needs.
        ProtocolError: post-processing is asked for, and the protocol compares pairs.
        RecipeError: metadata is asked for, and the model was trained without.
    """
    post = model.recipe.post if post is None else post
    told = _with_metadata(model, plan, post, workers, on_batch) if metadata else None
    table = plan.data.table.take(plan.rows)
    place = np.full(len(plan.data.table), -1)
    place[plan.rows] = np.arange(len(plan.rows))
    trials = [trial.moved(place) for trial in plan.trials]
    check_post(post, table, trials)
    post, window = with_window(post, plan.data.table)
    parts = [trial for trial in trials if isinstance(trial, PartTrial)]
    if parts:
        result = score_parts(model, table, parts[0], workers=workers, on_batch=on_batch)
        return Report(
            model=_describe_model(model),
            data=_describe_data(data_label, plan, table),
            protocol=plan.protocol,
            settings=_settings(model, plan, table, post),
            tests=(Outcome(plan.protocol, (result,), None),),
        )
    embedded = embed_for(model, post, table, workers=workers, on_batch=on_batch)
    cameras = embedded.cameras
    chain = make_chain(
        post,
        table,
        model.distances,
        None if cameras is None else cameras.whole,
        None if cameras is None else cameras.distances,
    )
    scorer = Scorer(
        embedded, model.method.distances, chain, _told(model, trials), ablate=ablate_post
    )
    outcomes = [
        scorer.score(name, list(same), _claims(model.recipe.paper, plan.data.name, name))
        for name, same in groupby(trials, key=lambda trial: trial.test or plan.protocol)
    ]
    return Report(
        model=_describe_model(model),
        data=_describe_data(data_label, plan, table),
        protocol=plan.protocol,
        settings=_settings(model, plan, table, post) | dict(embedded.told) | window,
        tests=tuple(outcomes),
        strips=pick_strips(
            table, scorer.searched, model, each=examples, heat_maps=heat_maps, beside=beside
        ),
        metadata=told,
    )


def _with_metadata(
    model: Model, plan: Plan, post: Post, workers: int, on_batch: Callable[[int], None] | None
) -> WithMetadata:
    """The figures of a plan by the same model, told the labels of its pictures."""
    told = model.with_metadata()
    table = plan.data.table.take(plan.rows)
    report = score_plan(
        told, plan, data_label="", post=post, examples=0, workers=workers, on_batch=on_batch
    )
    figures = tuple(test.figures() for test in report.tests)
    return WithMetadata(tuple(told.metadata), count_known(told, table), len(table), figures)


def _told(model: Model, trials: Sequence[AnyTrial]) -> tuple[str, ...]:
    """The classes of a model whose labels are compared with those of the table."""
    targets = [trial.target for trial in trials if isinstance(trial, ToldTrial)]
    return class_names(model, targets[0]) if targets else ()


def _claims(paper: Mapping[str, float], data: str, test: str) -> dict[str, float]:
    """What a recipe claims for a test: the keys are "DATA_SET TEST FIGURE".

    A claim holds for one data set only, so it never stands beside figures of another.
    """
    parts = [(*key.rpartition(" "), claim) for key, claim in paper.items()]
    return {figure: claim for of, _, figure, claim in parts if of == f"{data} {test}"}


def _describe_model(model: Model) -> dict[str, str]:
    trained_on = model.card.get("data", {})
    described = {
        "name": model.name,
        "method": model.recipe.model.method,
        "fingerprint": model.fingerprint,
        "recipe": model.recipe.name,
    }
    if trained_on:
        described |= {
            "trained on": f"{trained_on['path']} ({trained_on['fingerprint']}), "
            f"{trained_on['images']} pictures of {_vehicles(model.card)} vehicles",
            "steps": f"{model.card['step']} of {model.card['total_steps']}",
            "training seed": str(model.card["seed"]),
        }
    return described


def _vehicles(card: Mapping[str, Any]) -> int:
    """How many were trained on; the classes are those of the latest stage."""
    return int(card["data"].get("vehicles", card["classes"]["vehicle"]))


def _describe_data(label: str, plan: Plan, scored: Sightings) -> dict[str, str]:
    table = plan.data.table
    left_out = len(table) - len(scored)
    training = int((table.split == "train").sum())
    kind = f"{left_out} training rows" if left_out == training else f"{left_out} rows"
    described = {
        "path": label,
        "fingerprint": table.fingerprint(),
        "pictures scored": str(len(scored)),
        "vehicles": str(len(known_values(scored.vehicle)) or "unknown"),
        "cameras": str(len(known_values(scored.camera)) or "unknown"),
        "split": f"all but {kind}" if left_out else "all rows",
    }
    return {"data set": plan.data.name, **described} if plan.data.lists else described


def _settings(model: Model, plan: Plan, scored: Sightings, post: Post) -> dict[str, str]:
    cameras = "ignored" if scored.knows("camera") else "cameras unknown, nothing ignored"
    chosen = model.recipe.model
    in_use = {name.replace("_", " "): str(getattr(chosen, name)) for name in chosen.free_in_use}
    if model.method.side is not None:
        in_use["metadata"] = " and ".join(model.metadata) or NONE
    made = {
        "scored": datetime.now(UTC).isoformat(timespec="seconds"),
        "platefree": version("platefree"),
    }
    if plan.protocol == PROTOCOL:
        return {"input": model.told()["input"], **in_use, **made}
    seeds = sorted({trial.seed for trial in plan.trials if trial.seed is not None})
    return {
        **model.told(),
        "distance": "cosine",
        **in_use,
        "post-processing": post.told(),
        "re-ranking": str(post.rerank) if "rerank" in post.steps else NONE,
        "same vehicle and camera": cameras,
        "seed": ", ".join(map(str, seeds)) or "none: nothing in this protocol is drawn at random",
        **made,
    }
