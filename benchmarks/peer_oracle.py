"""Differences of platefree from the definitions, computed plainly in float64."""

from typing import Any

import numpy as np
import rank_metrics
import reranking
from numpy.typing import NDArray
from rank_metrics import VERI, Size

from platefree.evaluation import metrics
from platefree.ranking.reciprocal import k_reciprocal

_POINTS = Size(queries=500, gallery=3500, vehicles=60, cameras=20, usual_queries=500)


def apart_from_oracle(seed: int) -> dict[str, float]:
    """The largest difference of any query or any pair, by what was compared."""
    problem = rank_metrics.make_problem(VERI, rank_metrics.NOISE["trained"], seed)
    found = metrics.rank_metrics(
        problem.distance,
        problem.query_vehicles,
        problem.gallery_vehicles,
        problem.query_cameras,
        problem.gallery_cameras,
    )
    expected = np.array([_one_query(problem, query) for query in range(len(problem.distance))])
    columns = found.average_precision, found.inverse_negative_penalty, found.first_match
    apart = [
        float(np.nanmax(abs(ours - theirs)))
        for ours, theirs in zip(columns, expected.T, strict=True)
        if np.array_equal(np.isnan(theirs), ~found.valid)
    ]
    names = ("average precision", "inverse negative penalty", "rank of the first match")
    return {**dict(zip(names, apart, strict=True)), "k-reciprocal distance": _reranked(seed)}


def _one_query(problem: rank_metrics.Problem, query: int) -> tuple[float, float, float]:
    """AP, INP and the rank of the first match: sort the row, drop what is ignored, count."""
    order = np.argsort(problem.distance[query].astype(np.float64), kind="stable")
    match = problem.gallery_vehicles[order] == problem.query_vehicles[query]
    ignored = match & (problem.gallery_cameras[order] == problem.query_cameras[query])
    ranks = np.flatnonzero(match[~ignored]) + 1
    if not len(ranks):
        return np.nan, np.nan, np.nan
    precision: NDArray[Any] = np.arange(1, len(ranks) + 1) / ranks
    return float(precision.mean()), len(ranks) / float(ranks[-1]), float(ranks[0])


def _reranked(seed: int) -> float:
    problem = reranking.make_problem(_POINTS, seed)
    rows = [side.astype(np.float64) for side in (problem.query, problem.gallery)]
    expected = reranking.usual(reranking.Problem(rows[0], rows[1], problem.labels))
    found = k_reciprocal(
        problem.query, problem.gallery, reranking.K1, reranking.K2, reranking.LAMBDA
    )
    return float(abs(found - expected).max())
