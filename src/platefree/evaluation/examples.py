"""Example queries for a report: the best, the middle and the worst by average precision."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from platefree.attention import heat_map
from platefree.evaluation.labels import split_mates
from platefree.evaluation.protocols import Trial
from platefree.evaluation.report import Picture, Strip, TrialResult
from platefree.evaluation.score import trial_labels
from platefree.model import Model
from platefree.types import Embeddings, Floats, Indices, Sightings, utc_text

SHOWN_HITS = 10


def pick_strips(
    embeddings: Embeddings,
    trials: Sequence[Trial],
    results: Sequence[TrialResult],
    model: Model,
    *,
    each: int,
    heat_maps: bool,
) -> tuple[Strip, ...]:
    """Strips of the ``each`` best, median and worst valid queries over all trials.

    Raises:
        DataError: heat maps are asked for and the method has no feature map.
    """
    precision = np.concatenate([result.metrics.average_precision for result in results])
    of_trial = np.repeat(np.arange(len(results)), [result.queries for result in results])
    first_rows = np.cumsum([0, *(result.queries for result in results)])
    strips = []
    for kind, chosen in _choose(precision, each).items():
        for place in chosen:
            number = of_trial[place]
            query = int(place - first_rows[number])
            strip = _strip(kind, embeddings, trials[number], results[number], query, model)
            strips.append(_with_heat(strip, model) if heat_maps else strip)
    return tuple(strips)


def _choose(precision: Floats, each: int) -> dict[str, Indices]:
    valid = np.flatnonzero(~np.isnan(precision))
    order = valid[np.argsort(-precision[valid], kind="stable")]
    each = min(each, len(order) // 3 or 1)
    middle = max((len(order) - each) // 2, 0)
    return {
        "best": order[:each],
        "median": order[middle : middle + each],
        "worst": order[::-1][:each],
    }


def _strip(
    kind: str,
    embeddings: Embeddings,
    trial: Trial,
    result: TrialResult,
    query: int,
    model: Model,
) -> Strip:
    table = embeddings.sightings
    row = trial.query[query : query + 1]
    distances = model.method.distances(embeddings.take(row), embeddings.take(trial.gallery))[0]
    matches, ignored = split_mates(trial_labels(embeddings, trial), query)
    order = np.argsort(distances, kind="stable")
    shown = order[~np.isin(order, ignored)][:SHOWN_HITS]
    hits = tuple(
        _picture(
            table,
            int(trial.gallery[place]),
            1.0 - float(distances[place]),
            bool(place in matches) if table.vehicle[trial.gallery[place]] != "" else None,
        )
        for place in shown
    )
    return Strip(
        kind=kind,
        trial=result.name,
        average_precision=float(result.metrics.average_precision[query]),
        first_match=int(result.metrics.first_match[query]),
        query=_picture(table, int(row[0])),
        hits=hits,
    )


def _picture(
    table: Sightings, row: int, similarity: float | None = None, correct: bool | None = None
) -> Picture:
    return Picture(
        path=table.path(row),
        vehicle=str(table.vehicle[row]),
        camera=str(table.camera[row]),
        time=utc_text(table.time[row]),
        similarity=similarity,
        correct=correct,
    )


def _with_heat(strip: Strip, model: Model) -> Strip:
    heat = heat_map(model, strip.query.path, strip.hits[0].path)
    return replace(strip, heat_map=heat)
