"""Example queries for a report: the best, median and worst by average precision."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from platefree.evaluation.first_hits import FirstHits
from platefree.evaluation.metrics import RankMetrics
from platefree.evaluation.pair_labels import split_mates
from platefree.evaluation.results import Picture, Strip
from platefree.evaluation.score import trial_labels
from platefree.evaluation.trial import Trial
from platefree.gallery.opening import as_network, open_embedder
from platefree.inference.embedder import Embedder
from platefree.types import Floats, Indices, Sightings, utc_text

SHOWN_HITS = 10


@dataclass(frozen=True, eq=False)
class Searched:
    """A scored search, and the first hits of its queries."""

    trial: Trial
    metrics: RankMetrics
    first_hits: FirstHits


@dataclass(frozen=True)
class Examples:
    """Which queries a report shows, and how.

    Attributes:
        each: how many of the best, of the median and of the worst.
        heat_maps: draw on each picture where its similarity to the first hit comes from.
        compare_with: another model, or its path; the class-activation maps of both models are
            drawn for each query.
    """

    each: int = 4
    heat_maps: bool = False
    compare_with: Embedder | str | Path | None = None


DEFAULT_EXAMPLES = Examples()
"""The default examples of a report."""


def pick_strips(
    table: Sightings, scored: Sequence[Searched], model: Embedder, examples: Examples
) -> tuple[Strip, ...]:
    """Strips of the best, median and worst valid queries over all trials.

    Raises:
        DataError: heat maps are asked for and the method has no feature map, or class-activation
            maps and it has no classifier.
    """
    if not scored:
        return ()
    other = None
    if examples.compare_with is not None:
        other = open_embedder(examples.compare_with)
    precision = np.concatenate([one.metrics.average_precision for one in scored])
    ends = np.cumsum([len(one.trial.query) for one in scored])
    strips = []
    for kind, chosen in _choose(precision, examples.each).items():
        for place in chosen:
            number = int(np.searchsorted(ends, place, side="right"))
            one = scored[number]
            query = int(place - ends[number] + len(one.trial.query))
            strip = _strip(kind, table, one, query)
            strip = _with_heat(strip, model) if examples.heat_maps and strip.hits else strip
            strips.append(strip if other is None else _with_activations(strip, (model, other)))
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


def _strip(kind: str, table: Sightings, one: Searched, query: int) -> Strip:
    trial = one.trial
    alone = trial.part(np.arange(len(trial.query)) == query)
    matches, _ = split_mates(trial_labels(table, alone), 0)
    known = getattr(table, trial.target)[trial.gallery] != ""
    hits = tuple(
        _picture(
            table,
            int(trial.gallery[place]),
            1.0 - float(distance),
            bool(place in matches) if known[place] else None,
        )
        for place, distance in zip(
            one.first_hits.places[query], one.first_hits.distances[query], strict=True
        )
        if place >= 0
    )
    return Strip(
        kind=kind,
        trial=f"{trial.test} {trial.name}".strip(),
        average_precision=float(one.metrics.average_precision[query]),
        first_match=int(one.metrics.first_match[query]),
        query=_picture(table, int(alone.query[0])),
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
        frame=int(table.frame[row]),
        box=table.box_of(row),
    )


def _with_heat(strip: Strip, model: Embedder) -> Strip:
    from platefree.inference.explain import heat_map

    heat = heat_map(as_network(model), strip.query.table, strip.hits[0].table)
    return replace(strip, heat_map=heat)


def _with_activations(strip: Strip, models: Sequence[Embedder]) -> Strip:
    from platefree.inference.explain import class_activation

    maps = tuple(
        (model.name, class_activation(as_network(model), strip.query.table)) for model in models
    )
    return replace(strip, activations=maps)
