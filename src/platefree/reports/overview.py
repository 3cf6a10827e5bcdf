"""What a data set would be scored on, before anything is embedded."""

from dataclasses import dataclass
from itertools import groupby

from platefree.data.dataset import DataSet
from platefree.errors import ProtocolError
from platefree.evaluation.label_trials import ToldTrial
from platefree.evaluation.model_pairs import PairTrial
from platefree.evaluation.part_trial import PartTrial
from platefree.evaluation.set_protocols import AnyTrial, default_protocol, make_plan


@dataclass(frozen=True)
class Overview:
    """The tests of the protocol that a data set is usually scored by.

    Attributes:
        protocol: its name; empty where nothing is left to score.
        tests: test -> what is searched in what, for people.
        reason: why there are none; empty where there are.
    """

    protocol: str
    tests: dict[str, str]
    reason: str = ""

    @classmethod
    def of(cls, data: DataSet) -> "Overview":
        """The overview of a data set; a set that cannot be scored says why."""
        protocol = ""
        try:
            protocol = default_protocol(data)
            trials = make_plan(data, protocol).trials
        except ProtocolError as error:
            return cls(protocol, {}, str(error))
        tests = {
            name or protocol: _searched(list(each))
            for name, each in groupby(trials, key=lambda trial: trial.test)
        }
        return cls(protocol, tests)


def _searched(trials: list[AnyTrial]) -> str:
    first = trials[0]
    if isinstance(first, PairTrial):
        return f"{len(first.pairs.same):,} pairs"
    if isinstance(first, ToldTrial | PartTrial):
        return f"{len(first.rows):,} pictures"
    noun = "pictures" if first.tracks is None else "tracks"
    times = f", {len(trials)} times" if len(trials) > 1 else ""
    return f"{len(first.query):,} pictures in {len(first.searched):,} {noun}{times}"
