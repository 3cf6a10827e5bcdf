"""Same vehicle model or not: published lists of pairs, such as CompCars (DRDL, section 5.1).

A pair is accepted if its similarity is at least a threshold; the figure is the fraction of pairs
that are classified correctly. The threshold is the best one on training pairs; test pairs play no
part in it. Decided: if a set has no training pairs, equal numbers of pairs of the same and of
different models are drawn (the published lists are balanced too), from the list
``verification_train`` if there is one (in CompCars, models that are not tested), else from the
training pictures; of equally good thresholds the lowest is used, half way between two
similarities.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from platefree.data.dataset import DataSet, PairList
from platefree.data.listed_text import many
from platefree.errors import ProtocolError
from platefree.evaluation.trial import Scorer, refuse_steps
from platefree.evaluation.trial_results import PairResult
from platefree.ranking.comparison import Comparison
from platefree.recipes.post import Post
from platefree.types import Embeddings, Indices, Sightings

TRAINING_PAIRS = 10_000
"""Number of pairs drawn of each kind, if the set has none."""

_TRAINING = "train"  # the name of published training pairs
_TRAINING_PICTURES = "verification_train"
_PAIRS_AT_ONCE = 256  # their whole matrix of distances is computed


@dataclass(frozen=True, eq=False)
class PairTrial:
    """Classify pairs by a threshold.

    Attributes:
        test: name of the list.
        pairs: the pairs to score.
        training: the pairs that the threshold is fitted on.
        seed: of the drawn training pairs; None if they are published.
    """

    test: str
    pairs: PairList
    training: PairList
    seed: int | None = None

    @property
    def rows(self) -> Indices:
        """Every row of the table that is used."""
        lists = self.pairs, self.training
        return np.unique(np.concatenate([(each.first, each.second) for each in lists], axis=1))

    def moved(self, place: Indices) -> Self:
        """The same trial on another table; (n,) ``place`` is each row's new row there."""
        pairs, training = (
            PairList(place[each.first], place[each.second], each.same)
            for each in (self.pairs, self.training)
        )
        return replace(self, pairs=pairs, training=training)

    @property
    def task(self) -> str:
        """The number of pairs, as text."""
        return many(len(self.pairs.same), "pair")

    def check_post(self, post: Post, table: Sightings) -> None:
        """Refuse every step, since nothing is ranked."""
        del table
        refuse_steps(post)

    def score(self, scorer: Scorer) -> PairResult:
        """Fit the threshold on the training pairs, and apply it to the pairs of the test."""
        found = score_pairs(scorer.embeddings, self, scorer.comparison)
        scorer.count_pairs(found.similarity, found.same)
        return PairResult(self.test, len(found.same), found.threshold, found.accuracy)


@dataclass(frozen=True, eq=False)
class PairScores:
    """The pairs of a list classified by a threshold.

    Attributes:
        similarity: (p,) 1 - distance.
        same: (p,) what the list says.
        threshold: pairs that are at least as similar are accepted.
        accuracy: fraction of the pairs that are classified correctly.
    """

    similarity: NDArray[np.float64]
    same: NDArray[np.bool_]
    threshold: float
    accuracy: float


def model_verification(data: DataSet, seed: int) -> list[PairTrial]:
    """Every published list of pairs.

    Raises:
        ProtocolError: there is none, or there are no training pairs and none can be drawn.
    """
    names = [name for name in data.pairs if name != _TRAINING]
    if not names:
        raise ProtocolError(
            f"model-verification needs published lists of pairs, such as those of CompCars, and "
            f"{data.name} has none; use leave-one-out or query-gallery"
        )
    if _TRAINING in data.pairs:
        return [PairTrial(name, data.pairs[name], data.pairs[_TRAINING]) for name in names]
    training = draw_pairs(data, seed)
    return [PairTrial(name, data.pairs[name], training, seed) for name in names]


def draw_pairs(data: DataSet, seed: int, count: int = TRAINING_PAIRS) -> PairList:
    """``count`` pairs of the same model and as many of different ones, from untested pictures.

    The first picture of a pair is drawn from all (of models with two pictures or more), the second
    from those of its model, or of other models. The order of the rows does not matter.

    Raises:
        ProtocolError: fewer than two models are known, or none has two pictures.
    """
    table, rows = data.table, training_rows(data)
    rows = rows[np.lexsort((table.image[rows], table.model[rows]))]
    _, starts, codes, counts = np.unique(
        table.model[rows], return_index=True, return_inverse=True, return_counts=True
    )
    if len(counts) < 2 or counts.max() < 2:
        raise ProtocolError(
            f"the threshold is fitted on training pairs, and {data.name} has "
            f"{many(len(counts), 'known model')} in {many(len(rows), 'training picture')}; "
            "expected two models or more, one of them with two pictures or more"
        )
    random = np.random.default_rng(seed)
    first = random.choice(np.flatnonzero(counts[codes] > 1), count)
    start, size = starts[codes[first]], counts[codes[first]]
    step = 1 + random.integers(0, size - 1)  # to another picture of the same model
    mate = start + (first - start + step) % size
    anchor = random.integers(0, len(rows), count)
    start, size = starts[codes[anchor]], counts[codes[anchor]]
    stranger = (start + size + random.integers(0, len(rows) - size)) % len(rows)
    return PairList(
        rows[np.concatenate((first, anchor))],
        rows[np.concatenate((mate, stranger))],
        np.arange(2 * count) < count,
    )


def training_rows(data: DataSet) -> Indices:
    """The rows of known model that are not tested, from ``verification_train`` if it is there."""
    listed = data.lists.get(_TRAINING_PICTURES)
    rows = np.flatnonzero(data.table.split == "train") if listed is None else listed
    known: Indices = rows[data.table.model[rows] != ""]
    return known


def score_pairs(embeddings: Embeddings, trial: PairTrial, comparison: Comparison) -> PairScores:
    """Fit the threshold on the training pairs, and apply it to the pairs of the test."""
    fitted = fit_threshold(
        pair_similarity(embeddings, trial.training, comparison), trial.training.same
    )
    similarity = pair_similarity(embeddings, trial.pairs, comparison)
    right = (similarity >= fitted) == trial.pairs.same
    return PairScores(similarity, trial.pairs.same, fitted, float(right.mean()))


def pair_similarity(
    embeddings: Embeddings, pairs: PairList, comparison: Comparison
) -> NDArray[np.float64]:
    """(p,) similarity of each pair; float64, so that a threshold between two of them is exact."""
    similarity = np.empty(len(pairs.first))
    for start in range(0, len(similarity), _PAIRS_AT_ONCE):
        part = slice(start, start + _PAIRS_AT_ONCE)
        sides = (embeddings.take(side[part]) for side in (pairs.first, pairs.second))
        similarity[part] = 1 - np.diagonal(comparison.distances(*sides))
    return similarity


def fit_threshold(similarity: NDArray[np.float64], same: NDArray[np.bool_]) -> float:
    """The threshold that classifies most pairs correctly.

    Args:
        similarity: (p,) float64.
        same: (p,) bool.
    """
    values, codes = np.unique(similarity, return_inverse=True)
    accepted = np.bincount(codes[same], minlength=len(values))
    wrong = np.bincount(codes[~same], minlength=len(values))
    # right[i]: accepting from values[i] up; the last accepts nothing
    right = np.append(np.cumsum(accepted[::-1])[::-1], 0) + np.append(0, np.cumsum(wrong))
    best = int(np.argmax(right))
    if best == 0:
        return float(values[0])
    if best == len(values):
        return float(np.nextafter(values[-1], np.inf))
    return float((values[best - 1] + values[best]) / 2)
