"""Verification of vehicle models learnt on features: two rows of DRDL's table 3.

Yang, Luo, Loy and Tang (CVPR 2015) train a classifier of models (GoogLeNet) on Part-I of CompCars,
take its features, and learn on Part-II whether two pictures show one model: by joint Bayesian, or
by an SVM. DRDL quotes their figures. Decided: Part-II is the list ``verification_train``; the SVM
is linear, on the absolute differences of the two features, so that the order of a pair does not
matter, and learns from the pairs that thresholds are fitted on; a score s counts as the similarity
s / (1 + |s|), which keeps the order.
"""

from dataclasses import dataclass, field, replace
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from platefree.data.dataset import DataSet
from platefree.evaluation.joint_bayesian import JointBayesian
from platefree.evaluation.model_pairs import (
    PairTrial,
    fit_threshold,
    model_verification,
    training_rows,
)
from platefree.evaluation.trial import Scorer
from platefree.evaluation.trial_results import PairResult
from platefree.ranking.comparison import ONLY_SPACE
from platefree.types import Embeddings, Floats, Indices

Doubles = NDArray[np.float64]
Verifier = Literal["svm", "joint-bayesian"]


@dataclass(frozen=True, eq=False)
class LearntPairTrial(PairTrial):
    """Classify pairs by what was learnt from features of other pictures.

    Attributes:
        verifier: ``svm`` or ``joint-bayesian``.
        learnt: the rows of known model that joint Bayesian learns from.
    """

    verifier: Verifier = "svm"
    learnt: Indices = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def rows(self) -> Indices:
        """Every row of the table that is used."""
        return np.union1d(super().rows, self.learnt)

    def moved(self, place: Indices) -> Self:
        """The same trial on another table; (n,) ``place`` is each row's new row there."""
        return replace(super().moved(place), learnt=place[self.learnt])

    def score(self, scorer: Scorer) -> PairResult:
        """Learn, fit the threshold on the training pairs, and apply it to those of the test."""
        training, tested = verified(scorer.embeddings, self)
        threshold = fit_threshold(training, self.training.same)
        scorer.count_pairs(tested, self.pairs.same)
        right = (tested >= threshold) == self.pairs.same
        return PairResult(self.test, len(right), threshold, float(right.mean()))


def verification_by_svm(data: DataSet, seed: int) -> list[PairTrial]:
    """Every published list of pairs, by a linear SVM on differences of features.

    Raises:
        ProtocolError: as `model_verification`.
    """
    return _learnt(data, seed, "svm")


def verification_by_joint_bayesian(data: DataSet, seed: int) -> list[PairTrial]:
    """Every published list of pairs, by joint Bayesian.

    Raises:
        ProtocolError: as `model_verification`; or the models of training pictures are unknown.
    """
    return _learnt(data, seed, "joint-bayesian")


def _learnt(data: DataSet, seed: int, verifier: Verifier) -> list[PairTrial]:
    learnt = training_rows(data) if verifier == "joint-bayesian" else np.empty(0, np.int64)
    return [
        LearntPairTrial(
            f"{each.test} {verifier}", each.pairs, each.training, each.seed, verifier, learnt
        )
        for each in model_verification(data, seed)
    ]


def verified(embeddings: Embeddings, trial: LearntPairTrial) -> tuple[Doubles, Doubles]:
    """The similarities of the training pairs and of the tested pairs, in (-1, 1).

    Raises:
        DataError: the embeddings have several spaces.
    """
    rows = ONLY_SPACE.rows(embeddings)
    lists = [(rows[each.first], rows[each.second]) for each in (trial.training, trial.pairs)]
    if trial.verifier == "svm":
        training, tested = _scored_by_svm(lists, trial.training.same)
    else:
        classes = embeddings.sightings.model[trial.learnt]
        model = JointBayesian.learn(rows[trial.learnt], classes)
        training, tested = (model.scores(*each) for each in lists)
    return training / (1 + np.abs(training)), tested / (1 + np.abs(tested))


def _scored_by_svm(
    lists: list[tuple[Floats, Floats]], same: NDArray[np.bool_]
) -> tuple[Doubles, Doubles]:
    from sklearn.svm import LinearSVC

    training, tested = (np.abs(one - other) for one, other in lists)
    svm = LinearSVC(dual=False).fit(training, same)
    return svm.decision_function(training), svm.decision_function(tested)
