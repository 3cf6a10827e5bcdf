"""Evaluate a model on a table: embed once, make the trials, score them, pick examples, report."""

from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from platefree.data.table import read_table
from platefree.errors import ProtocolError
from platefree.evaluation.examples import pick_strips
from platefree.evaluation.labels import PairLabels
from platefree.evaluation.protocols import Trial, default_protocol, make_trials
from platefree.evaluation.report import Report, TrialResult
from platefree.evaluation.score import OnBlock, score_trial
from platefree.evaluation.verification import SimilarityCounts
from platefree.model import Device, Model, load_model
from platefree.types import Embeddings, Floats, Sightings, known_values


def evaluate(
    model: Model | str | Path,
    data: str | Path | Sightings,
    protocol: str | None = None,
    *,
    data_label: str | None = None,
    device: Device = "auto",
    heat_maps: bool = False,
    examples: int = 4,
    workers: int = -1,
    on_batch: Callable[[int], None] | None = None,
) -> Report:
    """Score a model on a table.

    Args:
        model: a loaded model, a checkpoint folder, or ``color_stripes``.
        data: a table, or the path of one.
        protocol: ``cross-camera``, ``query-gallery`` or ``leave-one-out``; by default the one
            that the table's columns are made for. Rows with split ``train`` are never scored.
        data_label: what the report calls the data; by default its path.
        device: where to run.
        heat_maps: draw on each example query where its similarity to the first hit comes from.
        examples: how many best, median and worst queries the report shows of each.
        workers: loading processes; -1 decides by the machine.
        on_batch: called with the number of pictures done, for progress bars.

    Raises:
        ProtocolError: the table cannot support the protocol.
        CheckpointError: the model cannot be loaded.
        ImageError: a picture cannot be read.
    """
    if not isinstance(model, Model):
        model = load_model(model, device=device)
    table = data if isinstance(data, Sightings) else read_table(data)
    label = data_label or str(table.root if isinstance(data, Sightings) else data)
    scored = table.take(table.split != "train")
    if not len(scored):
        raise ProtocolError(
            f"every row of {label} has split 'train', and rows that were trained on are not "
            "scored; 'platefree data split' holds vehicles back"
        )
    chosen = protocol or default_protocol(scored)
    trials = make_trials(scored, chosen)
    embeddings, _ = model.embed(scored, workers=workers, on_batch=on_batch)

    counts = SimilarityCounts()

    def count(block: Floats, labels: PairLabels, rows: slice) -> None:
        counts.add(1.0 - block, labels, rows)

    results = [_result(trial, embeddings, model, count) for trial in trials]
    return Report(
        model=_describe_model(model),
        data=_describe_data(label, table, scored),
        protocol=chosen,
        settings=_settings(model, scored),
        trials=tuple(results),
        verification=counts.verification(),
        strips=pick_strips(embeddings, trials, results, model, each=examples, heat_maps=heat_maps),
        paper=model.recipe.paper,
    )


def _result(trial: Trial, embeddings: Embeddings, model: Model, on_block: OnBlock) -> TrialResult:
    metrics = score_trial(embeddings, trial, model.method.distances, on_block)
    return TrialResult(trial.name, len(trial.query), len(trial.gallery), metrics)


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
            f"{trained_on['images']} pictures of {model.card['vehicles']} vehicles",
            "steps": f"{model.card['step']} of {model.card['total_steps']}",
            "training seed": str(model.card["seed"]),
        }
    return described


def _describe_data(label: str, table: Sightings, scored: Sightings) -> dict[str, str]:
    left_out = len(table) - len(scored)
    return {
        "path": label,
        "fingerprint": table.fingerprint(),
        "pictures scored": str(len(scored)),
        "vehicles": str(len(known_values(scored.vehicle))),
        "cameras": str(len(known_values(scored.camera)) or "unknown"),
        "split": f"all but {left_out} training rows" if left_out else "all rows",
    }


def _settings(model: Model, scored: Sightings) -> dict[str, str]:
    size = model.recipe.input
    cameras = "ignored" if scored.knows("camera") else "cameras unknown, nothing ignored"
    return {
        "input": f"{size.height} x {size.width} pixels",
        "mirror": size.mirror,
        "distance": "cosine",
        "re-ranking": "none",
        "same vehicle and camera": cameras,
        "seed": "none: nothing in this protocol is drawn at random",
        "scored": datetime.now(UTC).isoformat(timespec="seconds"),
        "platefree": version("platefree"),
    }
