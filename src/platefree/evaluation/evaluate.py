"""Evaluate a model on a data set: make the trials, score them, and report the results."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

import numpy as np

from platefree.data.dataset import DataSet
from platefree.data.listed_text import many
from platefree.data.readable import leave_out_unreadable
from platefree.data.table import dataset_at, read_table
from platefree.errors import DataError, PlatefreeError, ProtocolError
from platefree.evaluation.examples import DEFAULT_EXAMPLES, Examples, pick_strips
from platefree.evaluation.floor import FLOOR, Floor
from platefree.evaluation.from_training import with_found
from platefree.evaluation.label_trials import PREDICTED
from platefree.evaluation.leakage import overlap_of
from platefree.evaluation.metadata import WithMetadata
from platefree.evaluation.model_history import history_of
from platefree.evaluation.part_trial import PROTOCOL, part_trial
from platefree.evaluation.results import Report
from platefree.evaluation.scorer import TestScorer
from platefree.evaluation.set_protocols import Plan, make_plan
from platefree.evaluation.trial import Trial
from platefree.evaluation.verdict import Figures
from platefree.gallery.opening import as_network, open_embedder
from platefree.gallery.stored_embedder import StoredEmbeddings
from platefree.inference.embedder import Embedder, Unreadable
from platefree.recipes.post import NONE, Post
from platefree.types import Sightings, known_values
from platefree.work import DEFAULT_WORK, Work

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scoring:
    """Settings of scoring that may differ from the model's recipe.

    Attributes:
        post: post-processing steps such as ``expand,rerank`` or ``none``, with the options of the
            model's recipe, or steps with options; by default those of the recipe.
        ablate_post: also score without post-processing, with the first step, with the first two,
            and so on.
        scales: the picture scales to average embeddings over; by default those of the recipe.
        crops: average them with those of five crops of this fraction, too; 0 for none; by default
            those of the recipe.
        metadata: also score the model conditioned on the labels that ``model.side`` names; the
            report compares both.
        floor: also score ``color_stripes`` in the same searches, as what a model has to beat.
        unreadable: ``skip`` decodes every picture to be scored first, leaves out those that cannot
            be read, and counts them in the report.
    """

    post: Post | str | None = None
    ablate_post: bool = False
    scales: tuple[float, ...] | None = None
    crops: float | None = None
    metadata: bool = False
    floor: bool = True
    unreadable: Unreadable = "refuse"

    def post_of(self, model: Embedder) -> Post:
        """The post-processing steps."""
        if isinstance(self.post, str):
            return model.post.with_steps(self.post)
        return model.post if self.post is None else self.post


DEFAULT_SCORING = Scoring()
"""As the model's recipe says."""


def evaluate(
    model: Embedder | str | Path,
    data: str | Path | Sightings | DataSet | None = None,
    protocol: str | None = None,
    *,
    tests: Sequence[str] = (),
    seed: int = 0,
    scoring: Scoring = DEFAULT_SCORING,
    examples: Examples = DEFAULT_EXAMPLES,
    work: Work = DEFAULT_WORK,
) -> Report:
    """Score a model on a data set.

    Args:
        model: a loaded model, a checkpoint folder, ``color_stripes``, or stored embeddings (their
            folder), for which no network is needed.
        data: a public data set or a table, or the path of one; by default the pictures of stored
            embeddings.
        protocol: by default the official one of a public data set, or the one that fits the
            columns of a table. Rows with split ``train`` are never scored.
        tests: which tests of the protocol, such as ``800`` of VehicleID; by default all.
        seed: of the protocols that draw.
        scoring: post-processing, scales and metadata.
        examples: which queries the report shows, and how.
        work: device, workers and progress.

    Raises:
        DataError: the data cannot be read, or the model has no embeddings of them.
        ProtocolError: the data cannot support the protocol, or the protocol takes no
            post-processing.
        RecipeError: there is no such post-processing step, a step lacks an option, the backbone
            takes no other scales, or the model was trained without metadata.
        CheckpointError: the model, or one that a step names, cannot be loaded.
        ImageError: a picture cannot be read.
    """
    opened = open_embedder(model, work)
    if data is None:
        data = stored_table(opened)
    dataset = open_data(data)
    label = str(data if isinstance(data, str | Path) else dataset.table.root)
    plan = plan_for(opened, dataset, protocol, tests, seed)
    if scoring.unreadable == "skip":
        plan = readable_plan(opened, plan, tests, seed, work)
    return score_plan(opened, plan, data_label=label, scoring=scoring, examples=examples, work=work)


def stored_table(model: Embedder) -> Sightings:
    """The pictures of stored embeddings.

    Raises:
        DataError: the model is a network, which has no pictures.
    """
    if isinstance(model, StoredEmbeddings):
        return model.embeddings.sightings
    raise DataError(f"{model.name} has no pictures of its own: say which to score it on (--data)")


def open_data(data: str | Path | Sightings | DataSet) -> DataSet:
    """The data set for the argument ``data`` of `evaluate`; a table has no lists.

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
    model: Embedder,
    data: DataSet,
    protocol: str | None = None,
    tests: Sequence[str] = (),
    seed: int = 0,
) -> Plan:
    """The queries and galleries of a protocol; by default that of the data or of the model.

    Raises:
        ProtocolError: no such protocol or test, or the data or the model cannot support it.
        DataError: a part detector is to be scored, and there are no part boxes.
    """
    if model.learns != "parts":
        return make_plan(data, protocol or usual_protocol(model.learns), tests, seed)
    if tests or protocol not in (None, PROTOCOL):
        raise ProtocolError(
            f"a part detector is scored by the protocol {PROTOCOL} alone, which is one test: leave "
            "protocol and tests out"
        )
    trial = part_trial(data, getattr(as_network(model).recipe.model, "boxes", ""))
    return Plan(data, PROTOCOL, (trial,), trial.rows)


def usual_protocol(learns: str) -> str | None:
    """The protocol of models that predict a label or parts; None of others, which the data has.

    Args:
        learns: the label column, or ``parts``.
    """
    if learns == "parts":
        return PROTOCOL
    return f"{learns}-labels" if learns in PREDICTED else None


def readable_plan(model: Embedder, plan: Plan, tests: Sequence[str], seed: int, work: Work) -> Plan:
    """The plan of the same protocol without the pictures that cannot be read.

    Stored embeddings read no pictures, so nothing is left out for them. Protocols that draw at
    random draw from the pictures that are left.

    Args:
        model: what is evaluated.
        plan: from `plan_for`.
        tests: as of `plan_for`.
        seed: as of `plan_for`.
        work: progress over the pictures of the plan.

    Raises:
        ProtocolError: what is left cannot support the protocol.
    """
    if isinstance(model, StoredEmbeddings):
        return plan
    asked = np.isin(np.arange(len(plan.data.table)), plan.rows)
    readable = leave_out_unreadable(plan.data.table, asked, work.progress)
    if not readable.reasons:
        return plan
    again = plan_for(model, plan.data.take(readable.kept), plan.protocol, tests, seed)
    whole = plan.data.table.fingerprint()
    return replace(again, left_out=readable.reasons, whole=whole)


def score_plan(
    model: Embedder,
    plan: Plan,
    *,
    data_label: str,
    scoring: Scoring = DEFAULT_SCORING,
    examples: Examples = DEFAULT_EXAMPLES,
    work: Work = DEFAULT_WORK,
) -> Report:
    """Score the trials of a plan; see `evaluate`.

    Args:
        model: what is evaluated.
        plan: from `plan_for`.
        data_label: what the report calls the data.
        scoring: see `evaluate`.
        examples: see `evaluate`.
        work: see `evaluate`.

    Raises:
        ImageError: a picture cannot be read.
        DataError: heat maps or class-activation maps are asked for and the method has none, or
            the pictures lack labels that a post-processing step needs.
        ProtocolError: post-processing is asked for, and the protocol compares pairs.
        RecipeError: metadata is asked for, and the model was trained without.
    """
    if scoring.scales is not None or scoring.crops is not None:
        model = as_network(model).with_looks(scales=scoring.scales, crops=scoring.crops)
    post = scoring.post_of(model)
    given = _with_metadata(model, plan, post, work) if scoring.metadata else None
    report = _measure(model, plan, data_label, scoring, examples, work)
    report = replace(
        report,
        metadata=given,
        floor=_floor(model, plan, work, asked=scoring.floor),
        overlap=overlap_of(model, post, plan),
        history=history_of(model),
    )
    if report.warning:
        _log.warning("%s: %s", model.name, report.warning)
    return report


def has_floor(model: Embedder, plan: Plan) -> bool:
    """Whether a model is to be compared with comparing colors alone: does it rank vehicles?"""
    ranks = any(isinstance(trial, Trial) for trial in plan.trials)
    return model.learns == "vehicle" and ranks and model.describe()["method"] != FLOOR


def _measure(
    model: Embedder,
    plan: Plan,
    data_label: str,
    scoring: Scoring,
    examples: Examples,
    work: Work,
) -> Report:
    """The figures of one model."""
    post = scoring.post_of(model)
    table = plan.data.table.take(plan.rows)
    place = np.full(len(plan.data.table), -1)
    place[plan.rows] = np.arange(len(plan.rows))
    trials = [trial.moved(place) for trial in plan.trials]
    for trial in trials:
        trial.check_post(post, table)
    post, from_training = with_found(post, plan.data.table, plan.rows, work)
    scorer = TestScorer(model, table, post, work)
    outcomes = [
        scorer.outcome(
            name,
            list(same),
            partial(_claims, model.claims, f"{plan.data.name} {name}"),
            ablate=scoring.ablate_post,
        )
        for name, same in groupby(trials, key=lambda trial: trial.test or plan.protocol)
    ]
    return Report(
        model=model.describe(),
        data=_describe_data(data_label, plan, table),
        protocol=plan.protocol,
        settings=_settings(model, plan, table, post) | scorer.found() | from_training,
        tests=tuple(outcomes),
        strips=pick_strips(table, scorer.searched, model, examples),
    )


def _figures_of(model: Embedder, plan: Plan, post: Post, work: Work) -> tuple[Figures, ...]:
    """The figures of each test of a plan."""
    report = _measure(model, plan, "", Scoring(post=post), Examples(each=0), work)
    return tuple(test.figures() for test in report.tests)


def _floor(model: Embedder, plan: Plan, work: Work, *, asked: bool) -> Floor | None:
    """The figures of comparing colors alone, without post-processing, or why there are none."""
    if not has_floor(model, plan):
        return None
    if not asked:
        return Floor(reason="not asked for")
    try:
        colors = open_embedder(FLOOR, work)
        if colors.fingerprint == model.fingerprint:
            return None
        return Floor(_figures_of(colors, plan, Post(), work))
    except PlatefreeError as error:  # no network is installed, or stored pictures are not there
        return Floor(reason=str(error))


def _with_metadata(model: Embedder, plan: Plan, post: Post, work: Work) -> WithMetadata:
    """The figures of a plan by the same model, conditioned on the labels of its pictures."""
    given = as_network(model).with_metadata()
    table = plan.data.table.take(plan.rows)
    figures = _figures_of(given, plan, post, work)
    return WithMetadata(tuple(given.metadata), given.count_known(table), len(table), figures)


def _claims(paper: Mapping[str, float], test: str, steps: Sequence[str]) -> dict[str, float]:
    """The paper's figures for "DATA_SET TEST", from the keys of a recipe.

    A figure is for one data set and one post-processing only, and is never compared with figures
    of others: "DATA_SET TEST FIGURE" is without any, "... after crop,rerank" after these steps.
    """
    found = {}
    for key, claim in paper.items():
        named, _, after = key.partition(" after ")
        of, _, figure = named.rpartition(" ")
        if of == test and set(after.split(",")) - {""} == set(steps):
            found[figure] = claim
    return found


def _describe_data(label: str, plan: Plan, scored: Sightings) -> dict[str, str]:
    table = plan.data.table
    left_out = len(table) - len(scored)
    training = int((table.split == "train").sum())
    kind = many(left_out, "training row" if left_out == training else "row")
    described = {
        "path": label,
        "fingerprint": table.fingerprint(),
        "pictures scored": str(len(scored)),
        "vehicles": str(len(known_values(scored.vehicle)) or "unknown"),
        "cameras": str(len(known_values(scored.camera)) or "unknown"),
        "split": f"all but {kind}" if left_out else "all rows",
    }
    if plan.data.views:
        described["views"] = plan.data.views
    if plan.left_out:
        described["left out"] = (
            f"{many(len(plan.left_out), 'picture')} that cannot be read, such as {plan.left_out[0]}"
        )
    return {"data set": plan.data.name, **described} if plan.data.lists else described


def _settings(model: Embedder, plan: Plan, scored: Sightings, post: Post) -> dict[str, str]:
    made = {
        "scored": datetime.now(UTC).isoformat(timespec="seconds"),
        "platefree": version("platefree"),
    }
    if plan.protocol == PROTOCOL:
        return {**model.describe_use(), **made}
    seeds = sorted({trial.seed for trial in plan.trials if trial.seed is not None})
    return {
        **model.describe_use(),
        "distance": "cosine",
        "post-processing": post.describe(),
        "re-ranking": str(post.rerank) if "rerank" in post.steps else NONE,
        "same vehicle and camera": _camera_rule(scored),
        "seed": ", ".join(map(str, seeds)) or "none: nothing in this protocol is drawn at random",
        **made,
    }


def _camera_rule(scored: Sightings) -> str:
    """What is done about matches of the query's own camera, as text."""
    if not scored.knows("camera"):
        return "cameras unknown, nothing ignored"
    unknown = int((scored.camera == "").sum())
    return (
        f"ignored, but for {many(unknown, 'picture')} of unknown camera" if unknown else "ignored"
    )
