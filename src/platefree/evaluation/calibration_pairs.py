"""The pairs that a calibration is fitted and measured on: which, how much each counts, how alike.

Two pictures are a pair if their vehicles are known and their cameras differ (or one is unknown):
pictures of one camera share its background, and say nothing of other cameras. A vehicle with
many pictures is not to outweigh the others: the pairs of one vehicle count 1 together, and those of
two vehicles 1 at most.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from platefree.data.listed_text import many
from platefree.errors import DataError
from platefree.evaluation.calibration_fit import BinnedPairs
from platefree.gallery.conditions import Bools
from platefree.ranking.calibration import RELATIONS, Values
from platefree.ranking.comparison import Comparison
from platefree.ranking.view_relation import view_relation
from platefree.types import Embeddings, Indices, Sightings

_log = logging.getLogger(__name__)

FEWEST = 8
"""Vehicles with a pair of pictures: with fewer, nothing is fitted or measured."""

MOST_ROWS, MOST_EACH = 8_192, 8
"""Pictures that are used at most, and of each vehicle."""

BINS = 2_000
"""Bins over the similarities that occur."""

_BLOCK = 256  # rows


def rows_to_pair(table: Sightings, seed: int, what: str) -> Indices:
    """The rows of a table that are paired, ascending: not of split ``train``, of known vehicles.

    Of more than `MOST_ROWS`, vehicles are drawn, with `MOST_EACH` of their pictures.

    Raises:
        DataError: fewer than `FEWEST` vehicles have pictures of two cameras, or all is of split
            train.
    """
    usable = (table.vehicle != "") & (table.split != "train")
    if not usable.any():
        lacks = "of split 'train'" if (table.vehicle != "").any() else "without a known vehicle"
        raise DataError(
            f"{what}: all {many(len(table), 'picture')} are {lacks}; probabilities are fitted on "
            "vehicles that are known and that the model did not learn from"
        )
    rows = np.flatnonzero(usable)
    cameras = set(table.camera[rows].tolist())
    if len(cameras) == 1 and "" not in cameras:
        raise DataError(
            f"{what} has pictures of one camera alone ({cameras.pop()}), which share its "
            "background: give pictures of two cameras or more, so that probabilities hold from one "
            "camera to another"
        )
    if cameras == {""}:
        _log.warning(
            "note: no camera of %s is known: pictures of a vehicle may be of one camera and share "
            "its background, so probabilities are likely too sure",
            what,
        )
    rows = _drawn(table, rows, np.random.default_rng(seed)) if len(rows) > MOST_ROWS else rows
    matched = int((_own_pairs(table.take(rows)) > 0).sum())
    if matched < FEWEST:
        raise DataError(
            f"{what} has {many(matched, 'vehicle')} with two pictures, of two cameras if known "
            f"(not of split 'train'), expected {FEWEST} or more, ideally hundreds"
        )
    return rows


def _drawn(table: Sightings, rows: Indices, random: np.random.Generator) -> Indices:
    rows = random.permutation(rows)
    numbers = np.unique(table.vehicle[rows], return_inverse=True)[1]
    order = np.argsort(random.permutation(numbers.max() + 1)[numbers], kind="stable")
    rows, numbers = rows[order], numbers[order]
    starts = np.flatnonzero(np.r_[True, numbers[1:] != numbers[:-1]])
    sizes = np.diff(np.r_[starts, len(rows)])
    within = np.arange(len(rows)) - np.repeat(starts, sizes)
    return np.sort(rows[within < MOST_EACH][:MOST_ROWS])


def _own_pairs(table: Sightings) -> Indices:
    """(v,) number of pairs (both ways) of each vehicle, in the order of its names."""
    vehicles = np.unique(table.vehicle, return_inverse=True)[1]
    cameras = np.unique(table.camera, return_inverse=True)[1]
    pictures = np.bincount(vehicles)
    pairs = pictures * pictures
    known = table.camera != ""
    both = vehicles[known] * (cameras.max() + 1) + cameras[known]
    at, counts = np.unique(both, return_counts=True)
    np.subtract.at(pairs, at // (cameras.max() + 1), counts * counts)
    np.subtract.at(pairs, vehicles[~known], 1)  # of a picture with itself
    return pairs.astype(np.int64)


@dataclass(frozen=True, eq=False)
class Block:
    """The pairs of some rows with all.

    Attributes:
        rows: (b,) the rows.
        similarity: (b, n) of the pairs.
        relation: (b, n) number in `RELATIONS`.
        same: (b, n) pairs of one vehicle.
        different: (b, n) pairs of two vehicles.
    """

    rows: Indices
    similarity: Values
    relation: Indices
    same: Bools
    different: Bools


def blocks(embeddings: Embeddings, comparison: Comparison) -> Iterator[Block]:
    """All pairs of embedded pictures, both ways, block by block."""
    table = embeddings.sightings
    vehicles = np.unique(table.vehicle, return_inverse=True)[1]
    cameras = np.unique(table.camera, return_inverse=True)[1]
    known = table.camera != ""
    for start in range(0, len(table), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(table)))
        part = embeddings.take(rows)
        apart = cameras[rows, None] != cameras[None, :]
        apart |= ~(known[rows, None] & known[None, :])
        apart[np.arange(len(rows)), rows] = False
        alike = vehicles[rows, None] == vehicles[None, :]
        yield Block(
            rows,
            1.0 - comparison.distances(part, embeddings).astype(np.float64),
            view_relation(part, embeddings, comparison),
            same=apart & alike,
            different=apart & ~alike,
        )


def folds_of(table: Sightings, seed: int) -> Indices:
    """(n,) the part of each row, 0 and up: whole vehicles, those with pairs spread evenly."""
    vehicles = np.unique(table.vehicle, return_inverse=True)[1]
    matched = _own_pairs(table) > 0
    count = min(5, max(2, int(matched.sum()) // 8))
    order = np.random.default_rng(seed).permutation(len(matched))
    order = np.concatenate([order[matched[order]], order[~matched[order]]])
    fold = np.empty(len(matched), np.int64)
    fold[order] = np.arange(len(matched)) % count
    return fold[vehicles]


@dataclass(frozen=True, eq=False)
class CountedPairs:
    """The weight of pairs by the parts that their vehicles are in, relation and similarity.

    Attributes:
        similarity: (BINS,) middles of the bins.
        weight: (f, f, 3, 2, BINS) by part, part, `RELATIONS`, and two vehicles or one.
    """

    similarity: Values
    weight: Values

    @property
    def parts(self) -> int:
        """Number of parts."""
        return len(self.weight)

    def only(self, part: int) -> Bools:
        """(f,) which parts are this one."""
        return np.equal(np.arange(self.parts), part)

    def of(self, relation: int, among: Bools | slice = slice(None)) -> BinnedPairs:
        """The pairs whose vehicles are both among some parts.

        Args:
            relation: number in `RELATIONS`; 0 is all pairs together, whatever their views.
            among: (f,) which parts; by default all.
        """
        inside = self.weight[among][:, among].sum(axis=(0, 1))
        both = inside[relation] if relation else inside.sum(axis=0)
        return BinnedPairs(self.similarity, same=both[1], different=both[0])

    def within(self, part: int) -> Iterator[tuple[int, BinnedPairs]]:
        """The pairs within a part by relation, its number first."""
        for relation, both in enumerate(self.weight[part, part]):
            yield relation, BinnedPairs(self.similarity, same=both[1], different=both[0])


def count_pairs(embeddings: Embeddings, comparison: Comparison, parts: Indices) -> CountedPairs:
    """Count the pairs of embedded pictures by similarity.

    Args:
        embeddings: of n pictures of known vehicles.
        comparison: how their spaces combine.
        parts: (n,) the part of each, from 0; that of its vehicle.
    """
    table, count = embeddings.sightings, int(parts.max()) + 1
    vehicles = np.unique(table.vehicle, return_inverse=True)[1]
    pictures = np.bincount(vehicles)[vehicles]
    own = 1 / np.maximum(_own_pairs(table), 1)[vehicles]
    low, high = _range(embeddings, comparison)
    width = max(high - low, 1e-9) / BINS
    weight = np.zeros(count * count * len(RELATIONS) * 2 * BINS)
    for block in blocks(embeddings, comparison):
        for kind, chosen in enumerate((block.different, block.same)):
            row, column = np.nonzero(chosen)
            first, similarity = block.rows[row], block.similarity[row, column]
            bins = np.minimum(((similarity - low) / width).astype(np.int64), BINS - 1)
            place = (parts[first] * count + parts[column]) * len(RELATIONS)
            place = ((place + block.relation[row, column]) * 2 + kind) * BINS + bins
            each = own[first] if kind else 0.5 / (pictures[first] * pictures[column])
            weight = weight + np.bincount(place, each, len(weight))
    return CountedPairs(
        low + (np.arange(float(BINS)) + 0.5) * width,
        weight.reshape(count, count, len(RELATIONS), 2, BINS),
    )


def _range(embeddings: Embeddings, comparison: Comparison) -> tuple[float, float]:
    """The least and the greatest similarity of a pair."""
    lows, highs = [0.0], [0.0]
    for block in blocks(embeddings, comparison):
        paired = block.same | block.different
        lows.append(float(block.similarity.min(where=paired, initial=1.0)))
        highs.append(float(block.similarity.max(where=paired, initial=-1e6)))
    return min(lows[1:]), max(highs[1:])
