"""Claims about two rows: what is said, and which verdict the measurements allow."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from messages import facts

from platefree.errors import RecipeError
from platefree.evaluation.intervals import Interval
from platefree.evaluation.query_scores import QueryScores
from platefree.experiments.ablation import Ablation, ablation_names, load_ablation
from platefree.experiments.claims import Claim, settle

BETTER = Claim(row="new", better_than="old", figure="rank-1", margin=0.01)
BOTH = ("new", "old")
learnt = partial(settle, learning=BOTH)
AS_GOOD = Claim(row="new", as_good_as="old", figure="rank-1", margin=0.01)


@pytest.mark.parametrize(
    ("claim", "queries", "seeds", "verdict"),
    [
        (BETTER, (0.02, 0.08), (0.01, 0.09), "comes out"),
        (BETTER, (0.001, 0.004), (0.001, 0.004), "comes out"),
        (BETTER, (0.02, 0.08), (-0.01, 0.09), "undecided"),
        (BETTER, (-0.01, 0.08), (0.02, 0.09), "undecided"),
        (BETTER, (-0.08, -0.02), (-0.09, -0.01), "does not"),
        (BETTER, (-0.08, 0.009), (-0.09, 0.004), "does not"),
        (BETTER, (-0.08, 0.02), (-0.09, 0.004), "undecided"),
        (BETTER, (0.02, 0.08), None, "undecided"),
        (AS_GOOD, (-0.009, 0.08), (-0.005, 0.09), "comes out"),
        (AS_GOOD, (-0.02, 0.08), (-0.005, 0.09), "undecided"),
        (AS_GOOD, (-0.08, -0.02), (-0.09, -0.011), "does not"),
        (AS_GOOD, (-0.08, -0.02), (-0.09, -0.005), "undecided"),
    ],
)
def test_a_verdict_needs_both_intervals(
    claim: Claim,
    queries: tuple[float, float],
    seeds: tuple[float, float] | None,
    verdict: str,
) -> None:
    assert claim.verdict([Interval(*queries), seeds and Interval(*seeds)]) == verdict


def scores(hits: list[int], *, first: int = 0) -> QueryScores:
    """Queries of as many vehicles, the first match of each at this rank."""
    count, ranks = len(hits), np.array(hits)
    return QueryScores(
        np.full(count, 1 / count),
        np.arange(first, first + count),
        np.array([f"v{number}" for number in range(count)], object),
        ranks,
        1.0 / ranks,
        1.0 / ranks,
    )


def measured(seeds: list[list[int]]) -> tuple[list[dict[str, float]], list[dict[str, QueryScores]]]:
    return (
        [{"rank-1": float(np.mean(np.array(ranks) == 1))} for ranks in seeds],
        [{"": scores(ranks)} for ranks in seeds],
    )


def test_a_clear_gain_comes_out_with_the_papers_beside_it() -> None:
    random = np.random.default_rng(0)
    good, bad = (
        [random.choice([1, 3], 200, p=[p, 1 - p]).tolist() for _ in range(3)] for p in (0.8, 0.5)
    )
    new, old = measured(good), measured(bad)
    paper = {"new": {"rank-1": 0.9}, "old": {"rank-1": 0.8}}
    settled = settle(
        BETTER, {"new": new[0], "old": old[0]}, {"new": new[1], "old": old[1]}, paper, BOTH
    )
    assert settled is not None
    assert settled.verdict == "comes out"
    assert settled.paper == pytest.approx(0.1)
    means = [np.mean([each["rank-1"] for each in figures]) for figures in (new[0], old[0])]
    assert np.mean(settled.gains) == pytest.approx(means[0] - means[1])
    assert settled.by_queries is not None
    assert settled.by_queries.low < np.mean(settled.gains) < settled.by_queries.high
    assert len(settled.of_seeds) == 3
    widths = [each.high - each.low for each in settled.of_seeds if each is not None]
    assert settled.by_queries.high - settled.by_queries.low < min(widths), "three seeds say more"
    assert settled.to_json()["verdict"] == settled.cells()[-1] == "comes out"
    backwards = Claim(row="old", better_than="new", figure="rank-1")
    against = learnt(
        backwards,
        {"new": new[0], "old": old[0]},
        {"new": new[1], "old": old[1]},
        {"new": {}, "old": {}},
    )
    assert against is not None
    assert (against.verdict, against.paper) == ("does not", None)
    elsewhere = BETTER.model_copy(update={"paper": 0.05})
    other = settle(
        elsewhere, {"new": new[0], "old": old[0]}, {"new": new[1], "old": old[1]}, paper, BOTH
    )
    assert other is not None
    assert other.paper == 0.05, "of another test than the figures of the rows"


def test_what_is_not_measured_yet_or_not_in_pairs_has_no_verdict() -> None:
    new, old = measured([[1, 2, 3]]), measured([[2, 2, 1]])
    paper: dict[str, dict[str, float]] = {"new": {}, "old": {}}
    assert learnt(BETTER, {"new": new[0], "old": []}, {"new": new[1], "old": []}, paper) is None
    one = settle(
        BETTER, {"new": new[0], "old": old[0]}, {"new": new[1], "old": old[1]}, paper, BOTH
    )
    assert one is not None
    assert (one.verdict, one.by_seeds) == ("undecided", None)
    moved = [{"": scores([2, 2, 1], first=7)}]
    with pytest.raises(RecipeError, match=facts("new better than old", "rank-1", "different")):
        learnt(BETTER, {"new": new[0], "old": old[0]}, {"new": new[1], "old": moved}, paper)
    both = measured([[1, 2, 3], [1, 2, 3]])
    later = [both[1][0], {"": scores([1, 2, 3], first=1)}]
    with pytest.raises(RecipeError, match=facts("new better than old", "seeds", "different")):
        learnt(BETTER, {"new": both[0], "old": both[0]}, {"new": later, "old": later}, paper)
    elsewhere = [{"800": scores([2, 2, 1])}]
    with pytest.raises(RecipeError, match=facts("new better than old", "rank-1", "not a mean")):
        settle(
            BETTER, {"new": new[0], "old": old[0]}, {"new": new[1], "old": elsewhere}, paper, BOTH
        )


@pytest.mark.parametrize(
    ("learning", "vehicles", "verdict", "shown"),
    [
        ((), 6, "comes out", "+100.0 to +100.0"),
        (BOTH, 6, "undecided", "all tie"),
        (("new",), 6, "undecided", "all tie"),
        ((), 4, "undecided", "few vehicles"),
    ],
)
def test_seeds_that_tie_are_certain_only_of_what_learns_nothing(
    learning: tuple[str, ...], vehicles: int, verdict: str, shown: str
) -> None:
    new, old = measured([[1] * vehicles] * 2), measured([[2] * vehicles] * 2)
    figures, queries = {"new": new[0], "old": old[0]}, {"new": new[1], "old": old[1]}
    found = settle(BETTER, figures, queries, {"new": {}, "old": {}}, learning)
    assert found is not None
    assert found.verdict == found.to_json()["verdict"] == verdict
    assert shown in found.cells()


ROWS = [{"name": name, "recipe": "strong_baseline/demo"} for name in ("new", "old")]


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ({"row": "new", "figure": "mAP"}, ("better_than", "as_good_as")),
        (
            {"row": "new", "better_than": "old", "as_good_as": "old", "figure": "mAP"},
            ("better_than", "as_good_as"),
        ),
        ({"row": "new", "better_than": "odd", "figure": "mAP"}, ("'odd'", "'new', 'old'")),
        ({"row": "new", "better_than": "old", "figure": "mINP"}, ("'mINP'", "'rank-1', 'mAP'")),
    ],
)
def test_claims_about_nothing_are_refused(claim: dict[str, Any], said: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=facts(said)):
        Ablation.model_validate({"title": "t", "rows": ROWS, "claims": [claim]})


@pytest.mark.parametrize("name", ablation_names())
def test_what_a_paper_claims_follows_from_its_figures(name: str) -> None:
    """A claim that the paper's own figures contradict would be ours."""
    ablation = load_ablation(name)
    paper = {row.name: row.paper for row in ablation.rows}
    for claim in ablation.claims:
        figures = [paper[row].get(claim.figure) for row in (claim.row, claim.other)]
        if figures[0] is not None and figures[1] is not None:
            gain = figures[0] - figures[1]
            assert gain > (0 if claim.better_than else -claim.margin), claim.describe()
