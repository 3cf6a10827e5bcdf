"""Are the probabilities of first hits right? Searches with the vehicle, and without it.

Each picture of a vehicle that has another one searches twice: among one other picture of its
vehicle, drawn, and all pictures of other vehicles; and among these alone. So in half of the
searches the vehicle is there, which is nearly what the prior of `platefree.ranking.calibration`
expects (of n candidates of the probability 1/n each, none is the vehicle in 37 of 100 searches).
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
    """What q searches said, each with the vehicle and without it.

    Attributes:
        candidates: (q,) how many were searched with it.
        first: (2, q) probability of the most similar candidate, with the vehicle and without.
        highest: (2, q) the highest probability of a candidate, likewise.
        right: (q,) whether the most similar was the vehicle, where it was there.
    """

    candidates: Values
    first: Values
    highest: Values
    right: Bools

    @property
    def all_right(self) -> Bools:
        """(2, q) whether the most similar candidate was the vehicle."""
        return np.stack([self.right, np.zeros_like(self.right)])

    def reliability(self) -> Reliability:
        """That of the first hits of all searches."""
        right = self.all_right.ravel().astype(np.float64)
        return reliability(self.first.ravel(), right, 1 - right)

    def by_words(self) -> dict[str, tuple[int, int]]:
        """Word -> first hits that were called so, and how many of them were right."""
        said = np.array([in_words(value) for value in self.first.ravel().tolist()])
        right = self.all_right.ravel()
        counts = ((said == word, word) for word in WORDS)
        return {word: (int(is_so.sum()), int(right[is_so].sum())) for is_so, word in counts}

    def nothing_likely(self) -> tuple[float, float]:
        """Fraction of the searches with the vehicle, and without, that say *nothing likely*."""
        if not len(self.right):
            return float("nan"), float("nan")
        with_it, without = (self.highest < POSSIBLE).mean(axis=1).tolist()
        return with_it, without

    def to_json(self) -> dict[str, Any]:
        """For ``json.dumps``; may contain NaN."""
        with_it, without = self.nothing_likely()
        some = len(self.right) > 0
        return {
            "pictures": len(self.right),
            "candidates": float(self.candidates.mean()) if some else float("nan"),
            "rank_1_with_the_vehicle": float(self.right.mean()) if some else float("nan"),
            "first_hits_by_words": {
                word: {"hits": hits, "right": right}
                for word, (hits, right) in self.by_words().items()
            },
            "nothing_likely_with_the_vehicle": with_it,
            "nothing_likely_without_the_vehicle": without,
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
    return SureSearches(
        candidates=np.concatenate([part.candidates for part in parts]),
        first=np.concatenate([part.first for part in parts], axis=1),
        highest=np.concatenate([part.highest for part in parts], axis=1),
        right=np.concatenate([part.right for part in parts]),
    )


def _in_block(block: Block, curves: Curves, random: np.random.Generator) -> SureSearches:
    drawn = random.random(block.same.shape)
    mate = np.where(block.same, drawn, -1).argmax(axis=1)
    rows = np.flatnonzero(block.same.any(axis=1) & block.different.any(axis=1))
    first, highest = np.zeros((2, 2, len(rows)))
    right = np.zeros(len(rows), np.bool_)
    candidates = block.different[rows].sum(axis=1) + 1.0
    for place, row in enumerate(rows.tolist()):
        others = np.flatnonzero(block.different[row])
        for kind, among in enumerate((np.append(others, mate[row]), others)):
            similarity = block.similarity[row, among]
            sure = p_same(curves, similarity, block.relation[row, among], len(among))
            best = int(similarity.argmax())  # of equal ones another vehicle, which stands first
            first[kind, place], highest[kind, place] = sure[best], sure.max()
            right[place] |= kind == 0 and best == len(others)
    return SureSearches(candidates, first, highest, right)
