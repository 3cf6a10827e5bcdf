"""How right probabilities are: of pairs compared alone, by their views, and of searches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from platefree.evaluation.calibration_pairs import CountedPairs
from platefree.evaluation.reliability import Reliability, reliability
from platefree.evaluation.sure_searches import SureSearches
from platefree.ranking.calibration import ALONE, RELATIONS, Curves, Relation, Values, p_same


@dataclass(frozen=True, eq=False)
class CalibrationFigures:
    """How right probabilities are on some vehicles.

    Attributes:
        data: what they were measured on.
        pairs: those of pairs compared alone, one half of them of one vehicle.
        by_relation: the same for each relation of views that occurs.
        searches: those of searches.
    """

    data: Mapping[str, str]
    pairs: Reliability
    by_relation: Mapping[Relation, Reliability]
    searches: SureSearches

    def to_json(self) -> dict[str, Any]:
        """For ``json.dumps``; may contain NaN."""
        return {
            "data": dict(self.data),
            "pairs": self.pairs.to_json(),
            "by_relation": {name: each.to_json() for name, each in self.by_relation.items()},
            "searches": self.searches.to_json(),
        }


def figures_of(
    data: Mapping[str, str],
    counted: CountedPairs,
    curves: Sequence[Curves],
    searches: SureSearches,
) -> CalibrationFigures:
    """The figures of parts of some vehicles, each part judged by its own curves.

    Pairs of one vehicle count as much as those of two, within each relation of views too, as the
    prior of a pair compared alone has it.

    Args:
        data: facts, see `CalibrationFigures`.
        counted: the pairs.
        curves: of each part.
        searches: with the same curves.
    """
    within = [counted.of(0, counted.only(part)) for part in range(counted.parts)]
    all_same = float(sum(pairs.same.sum() for pairs in within))
    by_relation, every = dict[Relation, Reliability](), list[_Judged]()
    for number, relation in enumerate(RELATIONS):
        judged = _judged(counted, curves, number)
        if not judged[1].any() or not judged[2].any():
            continue
        sure, same, different = judged
        share = same.sum() / all_same
        every.append((sure, share * same / same.sum(), share * different / different.sum()))
        by_relation[relation] = reliability(*every[-1])
    whole = reliability(*map(np.concatenate, zip(*every, strict=True)))
    return CalibrationFigures(data, whole, by_relation, searches)


_Judged = tuple[Values, Values, Values]


def _judged(counted: CountedPairs, curves: Sequence[Curves], relation: int) -> _Judged:
    """Probabilities, and the weight of pairs of one vehicle and of two."""
    each = list[_Judged]()
    for part, own in enumerate(curves):
        pairs = dict(counted.within(part))[relation]
        sure = p_same(own, pairs.similarity, relation, ALONE)
        each.append((sure, pairs.same, pairs.different))
    sure, same, different = map(np.concatenate, zip(*each, strict=True))
    return sure, same, different
