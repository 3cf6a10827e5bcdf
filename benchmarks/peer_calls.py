"""Calls of platefree and each peer on the same arrays.

A peer is imported only in the process that measures it, and only the needed module: some packages
import much that has nothing to do with scoring, or do not import on current Python. Of a peer's
ways to do a task the cheapest is used. Parts that its function lacks (the sort, the pairs to
ignore) are done here in the way of its own code.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module, util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from peer_tasks import LABELS, Inputs, Kind
from reranking import K1, K2, LAMBDA, product_alone

MAX_RANK = 50
_READ = 1 << 18  # distances at a time

Array = NDArray[Any]

Scores = tuple[float, float]
"""mAP and rank-1."""

Score = Callable[[Array, Array, Array, Array, Array], Scores]
"""From (q, g) distances, and vehicles and cameras: (q,), (g,), (q,) and (g,)."""

Rerank = Callable[[Array, Array], Array]
"""From (q, d) and (g, d) L2-normalised rows to (q, g) distances."""


class UnavailableError(Exception):
    """A peer cannot be measured here, with the reason."""


@dataclass(frozen=True)
class Functions:
    """The functions of a package; the third is made of the first two if it has no better way."""

    score: Score | None = None
    rerank: Rerank | None = None
    rerank_and_score: Callable[[Inputs], Scores] | None = None

    def answer(self, kind: Kind, inputs: Inputs) -> Scores | Array:
        """Do a task.

        Raises:
            UnavailableError: it lacks a function for it.
        """
        if kind == "rerank and score" and self.rerank_and_score:
            return self.rerank_and_score(inputs)
        if kind != "score":
            if self.rerank is None:
                raise UnavailableError("has no k-reciprocal re-ranking")
            distance = self.rerank(inputs["query"], inputs["gallery"])
            if kind == "rerank":
                return distance
            inputs = {**inputs, "distance": distance[None]}
        if self.score is None:
            raise UnavailableError("has no scores")
        labels = [inputs[name] for name in LABELS]
        found = [self.score(*each) for each in zip(inputs["distance"], *labels, strict=True)]
        return _mean(found)


def platefree(_: Path | None) -> Functions:
    """This package."""
    import platefree.evaluation.metrics as metrics
    from platefree.evaluation.pair_labels import PairLabels
    from platefree.ranking.reciprocal import k_reciprocal, k_reciprocal_blocks

    def scores(found: metrics.RankMetrics) -> Scores:
        return found.mAP, float(found.cmc[0])

    def score(
        distance: Array,
        query_vehicles: Array,
        gallery_vehicles: Array,
        query_cameras: Array,
        gallery_cameras: Array,
    ) -> Scores:
        sides = query_vehicles, gallery_vehicles, query_cameras, gallery_cameras
        return scores(metrics.rank_metrics(distance, *sides, MAX_RANK))

    def in_blocks(inputs: Inputs) -> Scores:
        labels = PairLabels.encode(*(inputs[name][0] for name in LABELS))
        blocks = k_reciprocal_blocks(inputs["query"], inputs["gallery"], K1, K2, LAMBDA)
        parts = [metrics.score_block(block, labels, rows, MAX_RANK) for rows, block in blocks]
        return scores(metrics.merge_rank_metrics(parts))

    return Functions(
        score, lambda query, gallery: k_reciprocal(query, gallery, K1, K2, LAMBDA), in_blocks
    )


def limit(_: Path | None) -> Functions:
    """The least work of any exact way: every distance read once, every pair of rows compared."""

    def read(distance: Array, *_: Array) -> Scores:
        values = distance.reshape(-1)
        for start in range(0, len(values), _READ):
            values[start : start + _READ].max()
        return np.nan, np.nan

    def multiply(query: Array, gallery: Array) -> Array:
        product_alone(query, gallery)
        return np.empty(0)

    def multiply_only(inputs: Inputs) -> Scores:
        multiply(inputs["query"], inputs["gallery"])
        return np.nan, np.nan

    return Functions(read, multiply, multiply_only)


def fast_reid(built: Path | None) -> Functions:
    """The Cython code and the re-ranking of fast-reid; see `peer_build`."""
    if built is None:
        raise UnavailableError("no checkout: give --fast-reid FOLDER")
    sys.path.insert(0, str(built / "rank_cylib"))
    evaluate = import_module("rank_cy").evaluate_cy

    def score(distance: Array, *labels: Array) -> Scores:
        cmc, precision, _ = evaluate(distance, *labels, MAX_RANK)
        return float(np.mean(precision)), float(cmc[0])

    return Functions(score, _rerank_by(_module_at(built / "rerank.py")))


def torchreid(_: Path | None) -> Functions:
    """The scores (in Python: the package holds no Cython code) and the re-ranking of torchreid."""
    spec = util.find_spec("torchreid")
    if spec is None or not spec.submodule_search_locations:
        raise UnavailableError("not installed: pip install torchreid")
    top = Path(spec.submodule_search_locations[0])
    folder = top / "reid" if (top / "reid").is_dir() else top  # nested on PyPI, not in its source
    evaluate = _module_at(folder / "metrics" / "rank.py").evaluate_rank

    def score(distance: Array, *labels: Array) -> Scores:
        cmc, mean_average_precision = evaluate(distance, *labels, max_rank=MAX_RANK)
        return float(mean_average_precision), float(cmc[0])

    return Functions(score, _rerank_by(_module_at(folder / "utils" / "rerank.py")))


def open_metric_learning(_: Path | None) -> Functions:
    """The scores of OML, from lists of retrieved rows; its users' search is done here."""
    metrics = _import("oml.functional.metrics", "open-metric-learning")
    import torch

    batch: int = import_module("oml.const").BS_KNN

    def score(distance: Array, *labels: Array) -> Scores:
        retrieved: list[torch.Tensor] = []
        matches: list[torch.Tensor] = []
        for start in range(0, len(distance), batch):  # as `batched_knn_qg`, without its product
            rows = slice(start, start + batch)
            found = torch.from_numpy(distance[rows]).clone()
            match, ignored = (torch.from_numpy(each) for each in _pairs(rows, *labels))
            found[ignored] = torch.inf
            nearest = torch.topk(found, k=found.shape[1], largest=False, sorted=True)
            for values, ids in zip(nearest.values, nearest.indices, strict=True):
                retrieved.append(ids[~values.isinf()])
            matches.extend(row.nonzero().view(-1) for row in match)
        everything = distance.shape[1]
        figures = metrics.calc_retrieval_metrics(
            retrieved, matches, cmc_top_k=(1,), precision_top_k=(), map_top_k=(everything,),
            reduce=False, verbose=False,
        )  # fmt: skip
        valid = torch.tensor([len(each) > 0 for each in matches])
        columns = figures["map"][everything], figures["cmc"][1]
        mean_average_precision, rank_1 = (float(each[valid].mean()) for each in columns)
        return mean_average_precision, rank_1

    return Functions(score)


def pytorch_metric_learning(_: Path | None) -> Functions:
    """The scores of pytorch-metric-learning, with a search that looks the distances up."""
    name = "pytorch_metric_learning.utils.accuracy_calculator"
    module = _import(name, "pytorch-metric-learning")
    import torch

    def nearest(query: torch.Tensor, k: int, *_: object) -> tuple[torch.Tensor, torch.Tensor]:
        found = torch.topk(query, k, largest=False, dim=1)
        return found.values, found.indices

    calculator = module.AccuracyCalculator(
        include=("precision_at_1", "mean_average_precision"),
        knn_func=nearest,
        kmeans_func=len,  # never called; the default asks for faiss
        device=torch.device("cpu"),
    )

    def score(distance: Array, *labels: Array) -> Scores:
        query, gallery = torch.from_numpy(labels[0]), torch.from_numpy(labels[1])
        rows = torch.from_numpy(distance)  # each query's rows, for the search above
        found = calculator.get_accuracy(rows, query, gallery[:, None], gallery)
        return found["mean_average_precision"], found["precision_at_1"]

    return Functions(score)


def torchmetrics(_: Path | None) -> Functions:
    """The scores of torchmetrics, query by query: its classes would hold every pair thrice."""
    retrieval = _import("torchmetrics.functional.retrieval", "torchmetrics")
    import torch

    def score(distance: Array, *labels: Array) -> Scores:
        found = []
        for query, row in enumerate(distance):
            (match,), (ignored,) = _pairs(slice(query, query + 1), *labels)
            if not match.any():
                continue
            # a match of similarity 0 or less is no match to it, so all are made positive
            similarity = torch.from_numpy(np.float32(3) - row[~ignored])
            target = torch.from_numpy(match[~ignored])
            precision = retrieval.retrieval_average_precision(similarity, target)
            hit = retrieval.retrieval_hit_rate(similarity, target, top_k=1)
            found.append((float(precision), float(hit)))
        return _mean(found)

    return Functions(score)


def _pairs(
    rows: slice,
    query_vehicles: Array,
    gallery_vehicles: Array,
    query_cameras: Array,
    gallery_cameras: Array,
) -> tuple[Array, Array]:
    """Which gallery rows match some queries, and which are ignored, both (len(rows), g)."""
    match = query_vehicles[rows, None] == gallery_vehicles
    ignored = match & (query_cameras[rows, None] == gallery_cameras)
    return match & ~ignored, ignored


def _rerank_by(module: ModuleType) -> Rerank:
    """The published code, as peers hold it: it squares the three matrices of distances it takes."""

    def between(rows: Array, others: Array) -> Array:
        distance: Array = rows @ others.T
        np.multiply(distance, -2, out=distance)
        np.add(distance, 2, out=distance)
        np.maximum(distance, 0, out=distance)
        np.sqrt(distance, out=distance)
        return distance

    def rerank(query: Array, gallery: Array) -> Array:
        matrices = between(query, gallery), between(query, query), between(gallery, gallery)
        found: Array = module.re_ranking(*matrices, K1, K2, LAMBDA)
        return found

    return rerank


def _mean(found: list[Scores]) -> Scores:
    mean_average_precision, rank_1 = np.mean(found, axis=0).tolist()
    return mean_average_precision, rank_1


def _import(name: str, package: str) -> ModuleType:
    if util.find_spec(name.partition(".")[0]) is None:
        raise UnavailableError(f"not installed: pip install {package}")
    try:
        return import_module(name)
    except ImportError as error:
        raise UnavailableError(f"does not import: {error}") from error


def _module_at(path: Path) -> ModuleType:
    """One file as a module, without the package around it."""
    spec = util.spec_from_file_location(f"peer_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise UnavailableError(f"has no {path}")
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
