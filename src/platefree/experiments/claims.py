"""What a paper claims of two rows of an ablation, and whether it comes out here.

Two intervals of 95 % have to agree: of the gain over the queries, with the rows paired in every
query and the seeds averaged, and of the gain over the seeds. The first asks whether other queries
would say the same, the second whether other trainings would. `platefree.evaluation.intervals` says
how they are computed.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import model_validator

from platefree.errors import RecipeError
from platefree.evaluation.intervals import Interval, Values, paired_bootstrap, welch_interval
from platefree.evaluation.query_scores import QueryScores
from platefree.recipes.ranges import Figure, Rate
from platefree.recipes.sections import Section

_log = logging.getLogger(__name__)

Verdict = Literal["comes out", "does not", "undecided"]

Figures = Sequence[Mapping[str, float]]
"""The figures of a row, by seed."""

Queries = Sequence[Mapping[str, QueryScores]]
"""The scores of the queries of a row, by seed and then by what precedes the name of a figure."""

HEAD_OF_CLAIMS = (
    "claim",
    "paper",
    "ours",
    "by seed",
    "95 % by queries",
    "95 % by seeds",
    "verdict",
)

HOW_CLAIMS_SETTLE = (
    "A claim comes out (or does not) if two intervals of 95 % agree: over the queries, paired and "
    "with whole vehicles drawn (bootstrap), and over the seeds (Welch). Gains are in points of a "
    "per cent."
)


class Claim(Section):
    """A claim about one figure of two rows; exactly one of the two relations is given.

    Attributes:
        row: the row that it is about.
        better_than: the row that it beats.
        as_good_as: the row that it does not fall behind, by more than the margin.
        figure: as in the figures of the ablation.
        margin: a gain below it counts as none, as a fraction.
        source: where the paper says so.
        paper: the paper's gain, as a fraction; by default the difference of the published figures
            of both rows, which must then be of the same test.
    """

    row: str
    better_than: str = ""
    as_good_as: str = ""
    figure: str
    margin: Rate = 0.005
    source: str = ""
    paper: Figure | None = None

    @model_validator(mode="after")
    def _has_one_relation(self) -> "Claim":
        if bool(self.better_than) == bool(self.as_good_as):
            raise ValueError(
                "a claim has better_than = ROW or as_good_as = ROW, and exactly one of them"
            )
        return self

    @property
    def other(self) -> str:
        """The row that it is compared with."""
        return self.better_than or self.as_good_as

    def describe(self) -> str:
        """The claim in words."""
        relation = "better than" if self.better_than else "as good as"
        said = f" ({self.source})" if self.source else ""
        return f"{self.row} {relation} {self.other} in {self.figure}{said}"

    def verdict(self, intervals: Sequence[Interval | None]) -> Verdict:
        """The verdict that all intervals of the gain allow.

        A row is better if its gain is above 0, and is not if it is below the margin, so small
        that it is of no use; it is as good, or is not, above or below minus the margin.

        Args:
            intervals: of the gain; None is unknown, which agrees with nothing.
        """
        enough, too_little = (0.0, self.margin) if self.better_than else (-self.margin,) * 2
        known = [each for each in intervals if each is not None]
        if len(known) < len(intervals):
            return "undecided"
        if all(each.low > enough for each in known):
            return "comes out"
        return "does not" if all(each.high < too_little for each in known) else "undecided"


@dataclass(frozen=True)
class Settled:
    """A claim and what was measured of it; gains are fractions.

    Attributes:
        claim: what was claimed.
        paper: the paper's gain; None where it gives no figures of both rows.
        gains: by seed.
        of_seeds: the interval over the queries for each seed alone; None of few vehicles.
        by_queries: the interval over the queries of the mean over the seeds; None of few vehicles.
        by_seeds: the interval over the seeds; None with one seed, or of seeds that tie though
            something was learnt.
        verdict: what both say.
    """

    claim: Claim
    paper: float | None
    gains: tuple[float, ...]
    of_seeds: tuple[Interval | None, ...]
    by_queries: Interval | None
    by_seeds: Interval | None
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """Everything, for ``json.dumps``."""
        return {
            "claim": self.claim.describe(),
            **self.claim.model_dump(),
            "paper_gain": self.paper,
            "gain": float(np.mean(self.gains)),
            "gains": list(self.gains),
            "intervals_of_seeds": [each and each.to_json() for each in self.of_seeds],
            "interval_by_queries": self.by_queries and self.by_queries.to_json(),
            "interval_by_seeds": self.by_seeds and self.by_seeds.to_json(),
            "verdict": self.verdict,
        }

    def cells(self) -> list[str]:
        """Below `HEAD_OF_CLAIMS`."""
        return [
            self.claim.describe(),
            "" if self.paper is None else f"{100 * self.paper:+.2f}",
            f"{100 * float(np.mean(self.gains)):+.1f}",
            ", ".join(f"{100 * gain:+.1f}" for gain in self.gains),
            "few vehicles" if self.by_queries is None else _ends(self.by_queries),
            self._ends_by_seeds(),
            self.verdict,
        ]

    def _ends_by_seeds(self) -> str:
        if self.by_seeds is None:
            return "one seed" if len(self.gains) == 1 else "all tie"
        return _ends(self.by_seeds)


def settle(
    claim: Claim,
    figures: Mapping[str, Figures],
    queries: Mapping[str, Queries],
    paper: Mapping[str, Mapping[str, float]],
    learning: Collection[str],
) -> Settled | None:
    """Whether a claim comes out.

    Args:
        claim: about two rows.
        figures: of every row, by seed.
        queries: of every row, by seed.
        paper: the published figures of every row.
        learning: the rows that learn; every seed of another gives the same, with certainty.

    Returns:
        None if no seed has both rows, or not yet, or if no query has a match.

    Raises:
        RecipeError: its figure is no mean over queries, or its rows or seeds found matches for
            different queries.
    """
    count = min(len(figures.get(name, ())) for name in (claim.row, claim.other))
    if not count:
        return None
    pairs = [
        _gain(claim, queries[claim.row][seed], queries[claim.other][seed]) for seed in range(count)
    ]
    if not all(np.array_equal(each.row, pairs[0][1].row) for _, each in pairs):
        raise _other_queries(claim, "its seeds")
    one, other = (
        [float(each[claim.figure]) for each in figures[name][:count]]
        for name in (claim.row, claim.other)
    )
    if not len(pairs[0][0]):
        _log.warning("the claim that %s is not settled: no query has a match", claim.describe())
        return None
    gains = [a - b for a, b in zip(one, other, strict=True)]
    by_query = [each for each, _ in pairs]
    published = _published(claim, paper)
    by_seeds = welch_interval(one, other)
    if count > 1 and not {claim.row, claim.other} & {*learning}:
        by_seeds = Interval(gains[0], gains[0])
    return judged(claim, published, gains, by_query, pairs[0][1], by_seeds)


def judged(
    claim: Claim,
    paper: float | None,
    gains: Sequence[float],
    by_query: Sequence[Values],
    searched: QueryScores,
    by_seeds: Interval | None,
) -> Settled:
    """A claim with its intervals over the queries and its verdict.

    Args:
        claim: about two rows.
        paper: the paper's gain.
        gains: by seed.
        by_query: by seed, (n,) the gain of each query.
        searched: the n queries.
        by_seeds: the interval over the seeds; None where it is unknown.
    """
    by_queries = _interval(np.mean(by_query, axis=0), searched)
    return Settled(
        claim,
        paper,
        tuple(gains),
        tuple(_interval(each, searched) for each in by_query),
        by_queries,
        by_seeds,
        claim.verdict([by_queries, by_seeds]),
    )


def _published(claim: Claim, paper: Mapping[str, Mapping[str, float]]) -> float | None:
    if claim.paper is not None:
        return claim.paper
    first, second = (paper[name].get(claim.figure) for name in (claim.row, claim.other))
    return None if first is None or second is None else first - second


def _interval(gain: Values, searched: QueryScores) -> Interval | None:
    return paired_bootstrap(gain, searched.weight, searched.vehicle)


def _gain(
    claim: Claim, one: Mapping[str, QueryScores], other: Mapping[str, QueryScores]
) -> tuple[Values, QueryScores]:
    """(n,) the gain of each query by one run over another, and the queries."""
    test, _, figure = claim.figure.rpartition(" ")
    if test not in one or test not in other:
        raise RecipeError(
            f"the claim that {claim.describe()} cannot be settled: {claim.figure!r} is not a mean "
            "over queries"
        )
    first, second = one[test], other[test]
    if not np.array_equal(first.row, second.row):
        raise _other_queries(claim, "its rows")
    return first.values(figure) - second.values(figure), first


def _other_queries(claim: Claim, which: str) -> RecipeError:
    return RecipeError(
        f"the claim that {claim.describe()} cannot be settled: {which} found matches for different "
        "queries, as with post-processing that removes pictures"
    )


def _ends(interval: Interval) -> str:
    return f"{100 * interval.low:+.1f} to {100 * interval.high:+.1f}"
