"""Intervals of differences, against double loops, simulations and scipy."""

import numpy as np
import pytest
from scipy import stats

from platefree.evaluation.intervals import FEWEST_GROUPS, Interval, paired_bootstrap, welch_interval


def slow_bootstrap(
    gain: list[float], weight: list[float], group: list[str], draws: int, seed: int
) -> Interval:
    """Vehicle by vehicle and query by query."""
    vehicles = sorted(set(group))
    random = np.random.default_rng(seed)
    means = []
    for _ in range(draws):
        counts = random.multinomial(len(vehicles), [1 / len(vehicles)] * len(vehicles))
        total = whole = 0.0
        for vehicle, times in zip(vehicles, counts.tolist(), strict=True):
            for _ in range(times):
                for one, its_weight, of in zip(gain, weight, group, strict=True):
                    total += its_weight * one * (of == vehicle)
                    whole += its_weight * (of == vehicle)
        means.append(total / whole)
    return Interval(float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975)))


def test_a_bootstrap_is_its_double_loop() -> None:
    random = np.random.default_rng(1)
    group = np.array([f"v{number}" for number in random.integers(6, size=17)], object)
    gain, weight = random.normal(size=17), random.random(17) + 0.1
    fast = paired_bootstrap(gain, weight, group, draws=200, seed=3)
    assert fast is not None
    slow = slow_bootstrap(gain.tolist(), weight.tolist(), group.tolist(), 200, 3)
    assert (fast.low, fast.high) == pytest.approx((slow.low, slow.high))


@pytest.mark.parametrize("queries", [1, 4])
def test_without_a_difference_one_interval_in_twenty_is_wrong(queries: int) -> None:
    """Also where the queries of a vehicle are alike, and one by one would look four times as many.

    Of 600 experiments 30 are expected, and in 999 of 1000 cases between 14 and 48; percentiles of
    60 vehicles add a little to them.
    """
    random = np.random.default_rng(queries)
    vehicle = np.repeat(np.arange(60), queries)
    wrong = 0
    for experiment in range(600):
        shared = np.repeat(random.normal(size=60), queries)
        gain = shared + 0.1 * random.normal(size=len(shared))
        weight = np.full(len(gain), 1 / len(gain))
        found = paired_bootstrap(gain, weight, vehicle, draws=400, seed=experiment)
        assert found is not None
        wrong += not found.low <= 0 <= found.high
    assert 14 <= wrong <= 54


def test_the_interval_of_equal_weights_is_that_of_a_mean() -> None:
    gain = np.random.default_rng(0).normal(0.3, 1.0, 2000)
    found = paired_bootstrap(gain, np.full(2000, 1 / 2000), np.arange(2000))
    assert found is not None
    half = 1.96 * gain.std() / np.sqrt(2000)
    assert found.low == pytest.approx(gain.mean() - half, abs=half / 20)
    assert found.high == pytest.approx(gain.mean() + half, abs=half / 20)


def test_the_interval_over_seeds_is_that_of_the_t_test_of_welch() -> None:
    one, other = [0.71, 0.74, 0.69, 0.72], [0.62, 0.68, 0.64]
    expected = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    found = welch_interval(one, other)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("vehicles", [1, 2, 4, 5, 9])
def test_few_vehicles_say_nothing_of_others(vehicles: int) -> None:
    vehicle = np.repeat(np.arange(vehicles), 20)
    gain = np.random.default_rng(0).normal(0.3, 0.1, len(vehicle))
    found = paired_bootstrap(gain, np.full(len(gain), 1 / len(gain)), vehicle, draws=200)
    assert (found is None) == (vehicles < FEWEST_GROUPS == 5)


def test_one_seed_has_no_spread_nor_do_seeds_that_tie_and_one_side_may_tie() -> None:
    assert welch_interval([0.7], [0.6, 0.61]) is None
    for seeds in (2, 3, 7):
        assert welch_interval([0.1] * seeds, [0.7] * seeds) is None
    one, other = [0.71, 0.74, 0.69], [0.2, 0.2, 0.2]
    expected = stats.ttest_1samp(one, 0.2).confidence_interval(0.95)
    found = welch_interval(one, other)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((expected.low - 0.2, expected.high - 0.2))
