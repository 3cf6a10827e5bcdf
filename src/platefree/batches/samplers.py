"""Samplers of batches, as pure functions of (seed, epoch): no state to save, exact resume.

All epochs have the same number of batches, so a step number gives the epoch and the batch in it.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from platefree.data.listed_text import many
from platefree.errors import TrainingError
from platefree.types import Indices, Text


class Sampler(Protocol):
    """Makes the batches of an epoch."""

    batches_per_epoch: int

    def epoch(self, seed: int, epoch: int) -> Indices:
        """Table rows of every batch, (batches_per_epoch, batch size)."""


class IdentitySampler:
    """P vehicles times K pictures of each (Hermans et al. 2017, section 2), over all vehicles.

    An epoch uses every picture about once: a vehicle's pictures are shuffled so that consecutive
    ones come from different cameras where cameras are known, and split into groups of K; a short
    last group is filled up with other pictures of the vehicle. A batch takes groups of distinct
    vehicles; vehicles with more groups left are more likely, so that the last batches still have
    P distinct ones. Rows of one vehicle are consecutive in a batch.

    Args:
        vehicle: (n,) identity of each row.
        camera: (n,) camera of each row, ``""`` unknown.
        vehicles_per_batch: P.
        images_per_vehicle: K.

    Raises:
        TrainingError: there are fewer than P vehicles.
    """

    def __init__(
        self, vehicle: Text, camera: Text, *, vehicles_per_batch: int, images_per_vehicle: int
    ) -> None:
        names, codes = np.unique(vehicle, return_inverse=True)
        if len(names) < vehicles_per_batch:
            raise TrainingError(
                f"the training rows hold {many(len(names), 'vehicle')}, but a batch takes "
                f"{vehicles_per_batch} distinct ones; set train.vehicles_per_batch to at most "
                f"{len(names)}"
            )
        self._rows_of = _rows_by_code(codes)
        self._camera = np.unique(camera, return_inverse=True)[1]
        self._p, self._k = vehicles_per_batch, images_per_vehicle
        self._groups = np.array([-(-len(rows) // self._k) for rows in self._rows_of])
        self.batches_per_epoch = int(-(-self._groups.sum() // self._p))

    def epoch(self, seed: int, epoch: int) -> Indices:
        """Table rows of every batch, (batches_per_epoch, P * K)."""
        random = np.random.default_rng((1, seed, epoch))
        groups = [_cut(rows, self._camera, self._k, random) for rows in self._rows_of]
        left = self._groups.copy()
        batches = np.empty((self.batches_per_epoch, self._p, self._k), dtype=np.int64)
        for batch in batches:
            for place, vehicle in enumerate(self._pick(left, random)):
                batch[place] = groups[vehicle][left[vehicle] - 1]
                # A vehicle without groups left repeats an earlier group in a late batch.
                left[vehicle] = max(left[vehicle] - 1, 0)
        return batches.reshape(self.batches_per_epoch, -1)

    def _pick(self, left: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
        # Largest keys of u ** (1 / weight): a weighted draw without replacement (Efraimidis 2006).
        with np.errstate(divide="ignore"):
            keys = np.where(left > 0, np.log(random.random(len(left))) / left, -np.inf)
        keys = np.where(left > 0, keys, -1e30 * (1.0 + random.random(len(left))))
        return np.argpartition(-keys, self._p - 1)[: self._p]


class ShuffleSampler:
    """Every picture once per epoch in random order; the last batch is filled up from the start.

    Args:
        rows: number of training rows.
        batch_size: rows of a batch.
    """

    def __init__(self, rows: int, batch_size: int) -> None:
        self._rows, self._batch_size = rows, batch_size
        self.batches_per_epoch = -(-rows // batch_size)

    def epoch(self, seed: int, epoch: int) -> Indices:
        """Table rows of every batch, (batches_per_epoch, batch_size)."""
        order = np.random.default_rng((1, seed, epoch)).permutation(self._rows)
        filled = np.resize(order, self.batches_per_epoch * self._batch_size)
        return filled.reshape(self.batches_per_epoch, self._batch_size).astype(np.int64)


class BalancedSampler:
    """Every row is drawn at random: first the vehicle, then one of its pictures.

    The balanced sampling that VehicleNet compares with shuffling (section V-C and table VIII):
    pictures of vehicles with few pictures are drawn more often. An epoch draws as many pictures as
    there are rows.

    Args:
        vehicle: (n,) identity of each row.
        batch_size: rows of a batch.
    """

    def __init__(self, vehicle: Text, batch_size: int) -> None:
        codes = np.unique(vehicle, return_inverse=True)[1]
        self._order = np.argsort(codes, kind="stable")
        self._count = np.bincount(codes)
        self._start = np.cumsum(self._count) - self._count
        self._batch_size = batch_size
        self.batches_per_epoch = -(-len(vehicle) // batch_size)

    def epoch(self, seed: int, epoch: int) -> Indices:
        """Table rows of every batch, (batches_per_epoch, batch_size)."""
        random = np.random.default_rng((1, seed, epoch))
        size = (self.batches_per_epoch, self._batch_size)
        drawn = random.integers(len(self._count), size=size)
        rows: Indices = self._order[self._start[drawn] + random.integers(self._count[drawn])]
        return rows


class SetSampler:
    """Pairs of sets (DRDL, section 3.2): pictures of one vehicle, and pictures of others.

    An epoch uses every picture about once as a positive: a vehicle's pictures are split into sets
    as in `IdentitySampler`, and the sets are shuffled; the last batch is filled up from the start.
    Decided, where the paper is silent: a set of a vehicle with too few pictures repeats them, with
    new augmentation; a vehicle with one picture is only used as a negative; negatives are drawn
    uniformly, without repeats in a set.

    A batch is a sequence of pairs of sets, the positives of a pair before its negatives.

    Args:
        vehicle: (n,) identity of each row.
        camera: (n,) camera of each row, ``""`` unknown.
        model: (n,) vehicle model of each row, ``""`` unknown.
        sets_per_batch: pairs of sets in a batch.
        positives: pictures of the one vehicle.
        negatives: pictures of other vehicles.
        prefer: ``any`` draws the negatives from all other vehicles; ``same_model`` first from
            those of the positives' model, then from all.

    Raises:
        TrainingError: no vehicle has two pictures, there are too few pictures of other vehicles
            for a set of negatives, or ``same_model`` is asked for and no model is known.
    """

    def __init__(
        self,
        vehicle: Text,
        camera: Text,
        model: Text,
        *,
        sets_per_batch: int,
        positives: int,
        negatives: int,
        prefer: str = "any",
    ) -> None:
        self._vehicle = np.unique(vehicle, return_inverse=True)[1]
        self._camera = np.unique(camera, return_inverse=True)[1]
        rows_of = _rows_by_code(self._vehicle)
        self._shown = [rows for rows in rows_of if len(rows) > 1]
        fewest = len(vehicle) - max(map(len, rows_of))
        if not self._shown:
            raise TrainingError(
                f"each of the {len(rows_of)} training vehicles has one picture, but a positive set "
                "is made of pictures of one vehicle; add pictures"
            )
        if fewest < negatives:
            raise TrainingError(
                f"besides the vehicle with the most pictures there are {fewest} pictures of "
                f"others, but a negative set takes {negatives}; set train.negatives_per_set to at "
                f"most {fewest}, or add vehicles"
            )
        self._relatives = _relatives(model) if prefer == "same_model" else None
        self._sets, self._positives, self._negatives = sets_per_batch, positives, negatives
        count = sum(-(-len(rows) // positives) for rows in self._shown)
        self.batches_per_epoch = -(-count // sets_per_batch)

    def epoch(self, seed: int, epoch: int) -> Indices:
        """Table rows of every batch, (batches_per_epoch, sets * (positives + negatives))."""
        random = np.random.default_rng((1, seed, epoch))
        sets = np.concatenate(
            [_cut(rows, self._camera, self._positives, random) for rows in self._shown]
        )
        order = np.resize(random.permutation(len(sets)), self.batches_per_epoch * self._sets)
        positives = sets[order]
        negatives = np.stack([self._others(int(rows[0]), random) for rows in positives])
        pairs = np.concatenate([positives, negatives], axis=1)
        return pairs.reshape(self.batches_per_epoch, -1)

    def _others(self, row: int, random: np.random.Generator) -> NDArray[np.int64]:
        """The negatives of the vehicle of ``row``."""
        vehicle, count = self._vehicle[row], self._negatives
        near = np.empty(0, dtype=np.int64)
        if self._relatives is not None:
            rows = self._relatives[row]
            rows = rows[self._vehicle[rows] != vehicle]
            near = random.permutation(rows)[:count]
        chosen = set(near.tolist())
        while len(chosen) < count:  # few repeats: nearly every picture is of another vehicle
            drawn = int(random.integers(len(self._vehicle)))
            if self._vehicle[drawn] != vehicle:
                chosen.add(drawn)
        return random.permutation(np.array(sorted(chosen), dtype=np.int64))


def _relatives(model: Text) -> list[NDArray[np.int64]]:
    """The rows of the same model for each row; none if it is unknown."""
    if not (model != "").any():
        raise TrainingError(
            "train.negatives = same_model, but the training rows have no known vehicle model; fill "
            "in the column 'model', or set train.negatives=any"
        )
    codes = np.unique(model, return_inverse=True)[1]
    rows_of = _rows_by_code(codes)
    nothing = np.empty(0, dtype=np.int64)
    return [
        rows_of[code] if name else nothing
        for code, name in zip(codes.tolist(), model.tolist(), strict=True)
    ]


def _rows_by_code(codes: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The rows of each code, from 0."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)


def _cut(
    rows: NDArray[np.int64],
    camera: NDArray[np.int64],
    size: int,
    random: np.random.Generator,
) -> NDArray[np.int64]:
    """A vehicle's rows in groups of ``size`` with varied cameras, the last group filled up."""
    rows = random.permutation(rows)
    turn = _occurrence(camera[rows])
    rows = rows[np.argsort(turn, kind="stable")]  # one picture of each camera, then the next
    short = -len(rows) % size
    return np.concatenate([rows, np.resize(rows, short)]).reshape(-1, size)


def _occurrence(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of equal values before each entry."""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(values[order]) != 0])
    lengths = np.diff(np.r_[starts, len(values)])
    counts = np.empty(len(values), dtype=np.int64)
    counts[order] = np.arange(len(values)) - np.repeat(starts, lengths)
    return counts
