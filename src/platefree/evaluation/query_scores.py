"""The scores of single queries, kept beside a report, so that two models can be compared in pairs.

A figure of a test is the mean over its trials, and in a trial the mean over its queries with a
match. So it is a weighted mean of scores of queries: the weight of one is 1 / (trials * queries
with a match in its trial).
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from platefree.errors import ProtocolError
from platefree.evaluation.results import Report
from platefree.evaluation.set_protocols import Plan
from platefree.evaluation.trial_results import TrialResult
from platefree.inputs.complaints import checked
from platefree.inputs.documents import read_json
from platefree.inputs.plain_files import GB, Expected
from platefree.storage.files import write_text
from platefree.types import Sightings, Text

Values = NDArray[np.float64]

_FILE = Expected("the scores of single queries", GB, ProtocolError)
_RANK = re.compile(r"(?:rank-|HIT@)(\d+)")


@dataclass(frozen=True, eq=False)
class QueryScores:
    """The queries of one test that have a match.

    Attributes:
        weight: (n,) of each in a figure; their sum is 1.
        row: (n,) of the table of the data.
        vehicle: (n,) of the query.
        first_match: (n,) rank (from 1) of the nearest match.
        average_precision: (n,).
        inverse_negative_penalty: (n,).
    """

    weight: Values
    row: NDArray[np.int64]
    vehicle: Text
    first_match: NDArray[np.int64]
    average_precision: Values
    inverse_negative_penalty: Values

    @classmethod
    def of_trials(
        cls, trials: Sequence[TrialResult], rows: NDArray[np.int64], table: Sightings
    ) -> Self:
        """The queries of a test.

        Args:
            trials: of the test.
            rows: (m,) the row of ``table`` of each row that was scored.
            table: of the data.
        """
        valid = [each.metrics.valid for each in trials]
        metrics = [each.metrics for each in trials]
        row = np.concatenate([rows[t.query[v]] for t, v in zip(trials, valid, strict=True)])
        counts = [int(each.sum()) for each in valid]
        share = [np.full(n, 1 / (len(trials) * n)) for n in counts if n]
        return cls(
            weight=np.concatenate(share) if share else np.empty(0),
            row=row,
            vehicle=table.vehicle[row],
            first_match=np.concatenate([m.first_match[m.valid] for m in metrics]),
            average_precision=np.concatenate([m.average_precision[m.valid] for m in metrics]),
            inverse_negative_penalty=np.concatenate(
                [m.inverse_negative_penalty[m.valid] for m in metrics]
            ),
        )

    def values(self, figure: str) -> Values:
        """(n,) the scores whose weighted mean is a figure, such as ``mAP``, ``mINP``, ``HIT@5``.

        Raises:
            ProtocolError: it is no mean over queries.
        """
        if figure == "mAP":
            return self.average_precision
        if figure == "mINP":
            return self.inverse_negative_penalty
        found = _RANK.fullmatch(figure)
        if found is None:
            raise ProtocolError(
                f"{figure!r} is not a mean over queries; expected mAP, mINP, rank-1, "
                "HIT@1 or the like"
            )
        return (self.first_match <= int(found[1])).astype(np.float64)


class _Queries(BaseModel):
    """The scores of one test in a file."""

    model_config = ConfigDict(extra="forbid")

    weight: list[float]
    row: list[int]
    vehicle: list[str]
    first_match: list[int]
    average_precision: list[float]
    inverse_negative_penalty: list[float]


class _Tests(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tests: dict[str, _Queries] = Field(default_factory=dict)


def save_query_scores(report: Report, plan: Plan, path: Path) -> None:
    """Write the scores of the queries of every test that ranks pictures or tracks.

    Args:
        report: of scoring the plan.
        plan: whose table the queries are rows of.
        path: of the JSON file.

    Raises:
        StorageError: it cannot be written.
    """
    tests = {}
    for test in report.tests:
        searches = [each for each in test.trials if isinstance(each, TrialResult)]
        if searches:
            tests[test.name] = _to_json(QueryScores.of_trials(searches, plan.rows, plan.data.table))
    write_text(path, json.dumps({"tests": tests}) + "\n")


def read_query_scores(path: Path) -> dict[str, QueryScores]:
    """The scores of a file by test.

    Raises:
        ProtocolError: it cannot be read, or holds something else.
    """
    content = checked(_Tests, read_json(path, _FILE), str(path), error=ProtocolError)
    return {name: _from_file(each) for name, each in content.tests.items()}


def _to_json(scores: QueryScores) -> dict[str, Any]:
    return {name: getattr(scores, name).tolist() for name in _Queries.model_fields}


def _from_file(each: _Queries) -> QueryScores:
    return QueryScores(
        np.array(each.weight, np.float64),
        np.array(each.row, np.int64),
        np.array(each.vehicle, object),
        np.array(each.first_match, np.int64),
        np.array(each.average_precision, np.float64),
        np.array(each.inverse_negative_penalty, np.float64),
    )
