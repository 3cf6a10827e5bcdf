"""The tests that a data set would be scored on, before anything is embedded."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from platefree.data.dataset import DataSet
from platefree.errors import ProtocolError
from platefree.evaluation.set_protocols import default_protocol, make_plan
from platefree.evaluation.trial import AnyTrial


@dataclass(frozen=True)
class Overview:
    """The tests of a data set's default protocol.

    Attributes:
        protocol: its name; empty if there is nothing to score.
        tests: test -> a text with its number of queries and gallery pictures.
        reason: why there are no tests; empty if there are.
    """

    protocol: str
    tests: dict[str, str]
    reason: str = ""

    @classmethod
    def of(cls, data: DataSet) -> "Overview":
        """The overview of a data set, with a reason if it cannot be scored."""
        protocol = ""
        try:
            protocol = default_protocol(data)
            trials = make_plan(data, protocol).trials
        except ProtocolError as error:
            return cls(protocol, {}, str(error))
        tests = {
            name or protocol: _task(list(each))
            for name, each in groupby(trials, key=lambda trial: trial.test)
        }
        return cls(protocol, tests)


def _task(trials: Sequence[AnyTrial]) -> str:
    times = f", {len(trials)} times" if len(trials) > 1 else ""
    return f"{trials[0].task}{times}"
