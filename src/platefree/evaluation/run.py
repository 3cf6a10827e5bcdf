"""Evaluate a model on a data set: make the trials, embed what they need, score, report."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

import numpy as np

from platefree.data.dataset import DataSet
from platefree.data.table import dataset_at, read_table
from platefree.evaluation.examples import pick_strips
from platefree.evaluation.labels import PairLabels
from platefree.evaluation.metrics import RankMetrics, merge_rank_metrics
from platefree.evaluation.model_pairs import PairTrial, score_pairs
from platefree.evaluation.protocols import Trial
from platefree.evaluation.report import (
    AnyResult,
    Outcome,
    PairResult,
    Report,
    ToldResult,
    TrialResult,
)
from platefree.evaluation.score import score_trial
from platefree.evaluation.set_protocols import AnyTrial, Plan, make_plan
from platefree.evaluation.told import ToldTrial, confusion, told
from platefree.evaluation.verification import SimilarityCounts
from platefree.evaluation.view_pairs import TrialViews, ViewPairCounts
from platefree.labelling import view_names
from platefree.model import Device, Model, load_model
from platefree.types import Embeddings, Floats, Sightings, known_values


def evaluate(
    model: Model | str | Path,
    data: str | Path | Sightings | DataSet,
    protocol: str | None = None,
    *,
    tests: Sequence[str] = (),
    seed: int = 0,
    data_label: str | None = None,
    device: Device = "auto",
    heat_maps: bool = False,
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
        heat_maps: draw on each example query where its similarity to the first hit comes from.
        examples: how many best, median and worst queries the report shows of each.
        workers: loading processes; -1 decides by the machine.
        on_batch: called with the number of pictures done, for progress bars.

    Raises:
        DataError: the data cannot be read.
        ProtocolError: the data cannot support the protocol.
        CheckpointError: the model cannot be loaded.
        ImageError: a picture cannot be read.
    """
    if not isinstance(model, Model):
        model = load_model(model, device=device)
    opened = open_data(data)
    label = data_label or str(data if isinstance(data, str | Path) else opened.table.root)
    plan = make_plan(opened, protocol or own_protocol(model), tests, seed)
    return score_plan(
        model,
        plan,
        data_label=label,
        heat_maps=heat_maps,
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
    return dataset_at(data) or DataSet("table", read_table(data))


def own_protocol(model: Model) -> str | None:
    """The only protocol that suits a model that tells labels; None for models that compare."""
    return "view-labels" if model.recipe.model.learns == "view" else None


def score_plan(
    model: Model,
    plan: Plan,
    *,
    data_label: str,
    heat_maps: bool = False,
    examples: int = 4,
    workers: int = -1,
    on_batch: Callable[[int], None] | None = None,
) -> Report:
    """Embed the pictures of a plan once, and score its trials; see `evaluate`.

    Raises:
        ImageError: a picture cannot be read.
        DataError: heat maps are asked for and the method has none.
    """
    table = plan.data.table.take(plan.rows)
    embeddings, _ = model.embed(table, workers=workers, on_batch=on_batch)
    place = np.full(len(plan.data.table), -1)
    place[plan.rows] = np.arange(len(plan.rows))
    outcomes, scored = [], []
    for name, trials in groupby(plan.trials, key=lambda trial: trial.test or plan.protocol):
        claims = _claims(model.recipe.paper, plan.data.name, name)
        moved = [trial.moved(place) for trial in trials]
        outcome, searches = _score_test(name, moved, embeddings, model, claims)
        outcomes.append(outcome)
        scored += searches
    return Report(
        model=_describe_model(model),
        data=_describe_data(data_label, plan, table),
        protocol=plan.protocol,
        settings=_settings(model, plan, table),
        tests=tuple(outcomes),
        strips=pick_strips(embeddings, scored, model, each=examples, heat_maps=heat_maps),
    )


def _score_test(
    name: str,
    trials: Sequence[AnyTrial],
    embeddings: Embeddings,
    model: Model,
    claims: Mapping[str, float],
) -> tuple[Outcome, list[tuple[Trial, RankMetrics]]]:
    """The outcome of a test, and its searches for pictures, from which examples are picked."""
    counts, view_counts = SimilarityCounts(), ViewPairCounts()
    results: list[AnyResult] = []
    scored: list[tuple[Trial, RankMetrics]] = []
    for trial in trials:
        if isinstance(trial, PairTrial):
            pairs = score_pairs(embeddings, trial, model.method.distances)
            counts.add_pairs(pairs.similarity, pairs.same)
            results.append(PairResult(trial.test, len(pairs.same), pairs.threshold, pairs.accuracy))
        elif isinstance(trial, ToldTrial):
            results.append(_score_told(embeddings.take(trial.rows), trial, model))
        else:
            views = TrialViews.of(embeddings.sightings, trial)

            def count(
                block: Floats,
                labels: PairLabels,
                rows: slice,
                views: TrialViews | None = views,
            ) -> None:
                counts.add(1.0 - block, labels, rows)
                if views is not None:
                    view_counts.add(block, labels, rows, views)

            metrics = score_trial(embeddings, trial, model.method.distances, count)
            scored.append((trial, metrics))
    for _, pooled in groupby(scored, key=lambda each: each[0].name):
        results.append(_pool(list(pooled)))
    compared = all(not isinstance(trial, ToldTrial) for trial in trials)
    verification = counts.verification() if compared else None
    outcome = Outcome(name, tuple(results), verification, claims, view_counts.pairs())
    return outcome, [each for each in scored if each[0].tracks is None]


def _score_told(embeddings: Embeddings, trial: ToldTrial, model: Model) -> ToldResult:
    names = view_names(model)
    said = told(embeddings, trial.target, names)
    truth = getattr(embeddings.sightings, trial.target)
    return ToldResult(f"{trial.target} of each picture", names, confusion(truth, said, names))


def _pool(scored: Sequence[tuple[Trial, RankMetrics]]) -> TrialResult:
    """Searches of one name as one trial; of galleries that differ, the largest is told."""
    first = scored[0][0]
    return TrialResult(
        first.name,
        sum(len(trial.query) for trial, _ in scored),
        max(len(trial.searched) for trial, _ in scored),
        merge_rank_metrics([metrics for _, metrics in scored]),
        of_tracks=first.tracks is not None,
    )


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
            f"{trained_on['images']} pictures of {model.card['classes']['vehicle']} vehicles",
            "steps": f"{model.card['step']} of {model.card['total_steps']}",
            "training seed": str(model.card["seed"]),
        }
    return described


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


def _settings(model: Model, plan: Plan, scored: Sightings) -> dict[str, str]:
    size = model.recipe.input
    cameras = "ignored" if scored.knows("camera") else "cameras unknown, nothing ignored"
    chosen = model.recipe.model
    in_use = {name.replace("_", " "): str(getattr(chosen, name)) for name in chosen.free_in_use}
    seeds = sorted({trial.seed for trial in plan.trials if trial.seed is not None})
    return {
        "input": f"{size.height} x {size.width} pixels",
        "mirror": size.mirror,
        "distance": "cosine",
        **in_use,
        "re-ranking": "none",
        "same vehicle and camera": cameras,
        "seed": ", ".join(map(str, seeds)) or "none: nothing in this protocol is drawn at random",
        "scored": datetime.now(UTC).isoformat(timespec="seconds"),
        "platefree": version("platefree"),
    }
