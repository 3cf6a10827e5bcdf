"""Joint Bayesian and the SVM of DRDL's table 3, against the definitions and scikit-learn."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.svm import LinearSVC

from platefree.data.dataset import DataSet, PairList
from platefree.evaluation.evaluate import evaluate
from platefree.evaluation.joint_bayesian import JointBayesian
from platefree.evaluation.pair_verifiers import (
    LearntPairTrial,
    verification_by_joint_bayesian,
    verification_by_svm,
    verified,
)
from platefree.types import Embeddings, Sightings, text_column

BETWEEN = np.array([[2.0, 0.6, 0.0], [0.6, 1.0, 0.2], [0.0, 0.2, 0.3]])
WITHIN = np.array([[0.5, -0.2, 0.1], [-0.2, 0.8, 0.0], [0.1, 0.0, 1.5]])
MEAN = np.array([1.0, -2.0, 0.5])


def sampled(classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3) float32 features and (n,) classes of one to seven pictures."""
    random = np.random.default_rng(seed)
    codes = np.repeat(np.arange(classes), random.integers(1, 8, classes))
    own = random.multivariate_normal(MEAN, BETWEEN, classes)
    rows = own[codes] + random.multivariate_normal(np.zeros(3), WITHIN, len(codes))
    return rows.astype(np.float32), text_column([f"m{code}" for code in codes])


def likelihood(model: JointBayesian, rows: np.ndarray, classes: np.ndarray) -> float:
    """Of all pictures, class by class, as one large Gaussian vector."""
    total = 0.0
    for name in set(classes.tolist()):
        own = rows[classes == name] - model.mean
        size = len(own)
        covariance = np.kron(np.ones((size, size)), model.between)
        covariance += np.kron(np.eye(size), model.within)
        total += multivariate_normal.logpdf(own.ravel(), np.zeros(3 * size), covariance)
    return total


def test_scores_are_log_likelihood_ratios_of_two_gaussians() -> None:
    model = JointBayesian(MEAN, np.eye(3), BETWEEN, WITHIN)
    rows, _ = sampled(20)
    first, second = rows[:10], rows[10:20]
    whole = BETWEEN + WITHIN
    same = np.block([[whole, BETWEEN], [BETWEEN, whole]])
    other = np.block([[whole, np.zeros((3, 3))], [np.zeros((3, 3)), whole]])
    pairs = np.concatenate([first - MEAN, second - MEAN], axis=1)
    expected = multivariate_normal.logpdf(pairs, np.zeros(6), same) - multivariate_normal.logpdf(
        pairs, np.zeros(6), other
    )
    found = model.scores(first, second)
    constant = expected - found
    assert constant == pytest.approx(np.full(10, constant[0]), abs=1e-5)
    assert model.scores(second, first) == pytest.approx(found, abs=1e-9)


def test_it_finds_the_covariances_that_pictures_were_drawn_from() -> None:
    rows, classes = sampled(3000)
    model = JointBayesian.learn(rows, classes)
    assert model.mean == pytest.approx(MEAN, abs=0.1)
    assert model.between.ravel() == pytest.approx(BETWEEN.ravel(), abs=0.15)
    assert model.within.ravel() == pytest.approx(WITHIN.ravel(), abs=0.08)


def test_no_step_makes_the_pictures_less_likely() -> None:
    rows, classes = sampled(25, seed=3)
    found = [likelihood(JointBayesian.learn(rows, classes, n), rows, classes) for n in range(8)]
    assert all(later >= earlier - 1e-3 for earlier, later in itertools.pairwise(found))
    assert found[-1] > found[0] + 0.1


def test_features_with_more_numbers_than_pictures_are_no_obstacle() -> None:
    random = np.random.default_rng(0)
    rows = random.standard_normal((6, 400)).astype(np.float32)
    model = JointBayesian.learn(rows, text_column(list("aabbcc")))
    assert model.components.shape == (400, 256)
    assert model.components.T @ model.components == pytest.approx(np.eye(256), abs=1e-9)
    assert np.isfinite(model.scores(rows[:3], rows[3:])).all()


def comp_cars() -> tuple[DataSet, Embeddings]:
    """Models whose features lie in directions of their own, much disturbed in another one."""
    random = np.random.default_rng(5)
    codes = np.repeat(np.arange(40), 10)
    own = random.standard_normal((40, 8))[codes]
    rows = own + random.standard_normal((400, 8)) * np.array([4.0, 4.0, 4.0] + [0.3] * 5)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    split = np.where(codes < 30, "train", "")
    columns = {
        "image": [f"{n:03d}.jpg" for n in range(400)],
        "model": [f"m{code}" for code in codes],
        "split": split,
    }
    table = Sightings.from_columns(Path(), columns)
    first, second = random.integers(300, 400, (2, 600))
    second[::2] = 300 + (first[::2] - 300) // 10 * 10 + random.integers(0, 10, 300)
    pairs = PairList(first, second, codes[first] == codes[second])
    data = DataSet("compcars", table, pairs={"easy": pairs})
    return data, Embeddings({"main": rows.astype(np.float32)}, table, "m")


def test_what_is_learnt_on_other_models_tells_more_pairs_than_the_distance() -> None:
    data, embeddings = comp_cars()
    right = {}
    pairs = data.pairs["easy"]
    for protocol in (verification_by_svm, verification_by_joint_bayesian):
        (trial,) = protocol(data, 0)
        assert isinstance(trial, LearntPairTrial)
        assert set(trial.training.first) | set(trial.learnt) <= set(range(300))
        _, tested = verified(embeddings, trial)
        assert (np.abs(tested) < 1).all()
        order = np.argsort(-tested)
        right[trial.verifier] = pairs.same[order[: pairs.same.sum()]].mean()
    rows = embeddings.spaces["main"]
    cosine = (rows[pairs.first] * rows[pairs.second]).sum(axis=1)
    alone = pairs.same[np.argsort(-cosine)[: pairs.same.sum()]].mean()
    assert min(right.values()) > alone + 0.05


def test_the_svm_is_that_of_scikit_learn_on_absolute_differences() -> None:
    data, embeddings = comp_cars()
    (trial,) = verification_by_svm(data, 0)
    assert isinstance(trial, LearntPairTrial)
    rows = embeddings.spaces["main"]
    training, tested = (
        np.abs(rows[each.first] - rows[each.second]) for each in (trial.training, trial.pairs)
    )
    svm = LinearSVC(dual=False).fit(training, trial.training.same)
    score = svm.decision_function(tested)
    _, found = verified(embeddings, trial)
    assert found == pytest.approx([value / (1 + abs(value)) for value in score.tolist()])


@pytest.mark.parametrize("verifier", ["svm", "joint-bayesian"])
def test_they_score_the_layout_of_a_city(layouts: dict[str, DataSet], verifier: str) -> None:
    report = evaluate("color_stripes", layouts["compcars"], f"model-verification-{verifier}")
    figures = report.figures()
    assert set(figures) == {f"{kind} {verifier} accuracy" for kind in ("easy", "medium", "hard")}
    assert all(0 <= value <= 1 for value in figures.values())
