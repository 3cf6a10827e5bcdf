"""Are the probabilities of first hits right? Searches in which one candidate is the vehicle.

Each picture of a vehicle that has another one searches once: the candidates are one other picture
of its vehicle, drawn, and all pictures of other vehicles, as the prior of
`platefree.ranking.calibration` has it. The same search without the vehicle shows how often an
answer rightly says that nothing is likely.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from platefree.evaluation.calibration_pairs import Block, blocks
from platefree.evaluation.reliability import Reliability, reliability
from platefree.gallery.conditions import Bools
from platefree.ranking.calibration import POSSIBLE, WORDS, Curves, Values, in_words, p_same
from platefree.ranking.comparison import Comparison
from platefree.types import Embeddings


@dataclass(frozen=True, eq=False)
class SureSearches:
    """What searches said.

    Attributes:
        candidates: (q,) how many were searched.
        first: (q,) probability of the most similar candidate.
        right: (q,) whether it was the vehicle.
        highest: (q,) the highest probability of a candidate.
        absent: (q,) the same without the vehicle.
    """

    candidates: Values
    first: Values
    right: Bools
    highest: Values
    absent: Values

    def reliability(self) -> Reliability:
        """That of the first hits."""
        right = self.right.astype(np.float64)
        return reliability(self.first, right, 1 - right)

    def by_words(self) -> dict[str, tuple[int, int]]:
        """Word -> first hits that were called so, and how many of them were right."""
        said = np.array([in_words(value) for value in self.first.tolist()])
        counts = ((said == word, word) for word in WORDS)
        return {word: (int(is_so.sum()), int(self.right[is_so].sum())) for is_so, word in counts}

    def nothing_likely(self) -> tuple[float, float]:
        """Fraction of searches without the vehicle that say so, and of those with it."""
        if not len(self.first):
            return float("nan"), float("nan")
        return float((self.absent < POSSIBLE).mean()), float((self.highest < POSSIBLE).mean())

    def to_json(self) -> dict[str, Any]:
        """For ``json.dumps``; may contain NaN."""
        without, with_it = self.nothing_likely()
        return {
            "searches": len(self.first),
            "candidates": float(self.candidates.mean()) if len(self.first) else float("nan"),
            "first_is_right": float(self.right.mean()) if len(self.first) else float("nan"),
            "first_by_words": {
                word: {"hits": hits, "right": right}
                for word, (hits, right) in self.by_words().items()
            },
            "nothing_likely_without_the_vehicle": without,
            "nothing_likely_with_the_vehicle": with_it,
            "first_hits": self.reliability().to_json(),
        }


def sure_searches(
    embeddings: Embeddings, comparison: Comparison, curves: Curves, seed: int
) -> SureSearches:
    """Search by each of some embedded pictures among the others.

    Args:
        embeddings: of known vehicles.
        comparison: how their spaces combine.
        curves: that say how sure the hits are.
        seed: draws the picture that is the vehicle.
    """
    random = np.random.default_rng(seed)
    return together([_in_block(each, curves, random) for each in blocks(embeddings, comparison)])


def together(parts: list[SureSearches]) -> SureSearches:
    """All searches of several parts."""
    names = ("candidates", "first", "right", "highest", "absent")
    return SureSearches(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    )


def _in_block(block: Block, curves: Curves, random: np.random.Generator) -> SureSearches:
    asks = block.same.any(axis=1) & block.different.any(axis=1)
    drawn = random.random(block.same.shape)
    mate = np.where(block.same, drawn, -1).argmax(axis=1)
    rows = np.flatnonzero(asks)
    counts = block.different.sum(axis=1) + 1.0
    found = {name: np.zeros(len(rows)) for name in ("first", "highest", "absent")}
    right = np.zeros(len(rows), np.bool_)
    for place, row in enumerate(rows.tolist()):
        others = np.flatnonzero(block.different[row])
        among = np.append(others, mate[row])
        similarity = block.similarity[row, among]
        sure = p_same(curves, similarity, block.relation[row, among], len(among))
        right[place] = similarity[-1] > similarity[:-1].max()
        found["first"][place] = sure[-1 if right[place] else int(similarity[:-1].argmax())]
        found["highest"][place], found["absent"][place] = sure.max(), sure[:-1].max()
    return SureSearches(candidates=counts[rows], right=right, **found)
