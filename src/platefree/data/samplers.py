"""Which pictures form a batch, as a pure function of (seed, epoch): nothing to save, exact resume.

An epoch always has the same number of batches, so a step number says epoch and place in it.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from platefree.errors import TrainingError
from platefree.types import Indices, Text


class Sampler(Protocol):
    """Makes the batches of an epoch."""

    batches_per_epoch: int

    def epoch(self, seed: int, epoch: int) -> Indices:
        """Table rows of every batch, (batches_per_epoch, batch size)."""


class IdentitySampler:
    """P vehicles times K pictures of each (Hermans et al. 2017, section 2), over all vehicles.

    An epoch deals every picture about once: a vehicle's pictures are shuffled so that
    neighbours come from different cameras where cameras are known, and cut into groups of K; a
    short last group is filled up with other pictures of the vehicle. Batches take groups of
    distinct vehicles; a vehicle with more groups left is more likely to be taken, so that the
    last batches still find P distinct ones. Rows of one vehicle are neighbours in a batch.

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
                f"the training rows hold {len(names)} vehicles, but a batch takes "
                f"{vehicles_per_batch} distinct ones; set train.vehicles_per_batch to at most "
                f"{len(names)}"
            )
        order = np.argsort(codes, kind="stable")
        self._rows_of = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
        self._camera = np.unique(camera, return_inverse=True)[1]
        self._p, self._k = vehicles_per_batch, images_per_vehicle
        self._groups = np.array([-(-len(rows) // self._k) for rows in self._rows_of])
        self.batches_per_epoch = int(-(-self._groups.sum() // self._p))

    def epoch(self, seed: int, epoch: int) -> Indices:
        """Table rows of every batch, (batches_per_epoch, P * K)."""
        random = np.random.default_rng((1, seed, epoch))
        groups = [self._cut(rows, random) for rows in self._rows_of]
        left = self._groups.copy()
        batches = np.empty((self.batches_per_epoch, self._p, self._k), dtype=np.int64)
        for batch in batches:
            for place, vehicle in enumerate(self._pick(left, random)):
                batch[place] = groups[vehicle][left[vehicle] - 1]
                # A vehicle that is dealt out fills up a late batch with a group it had before.
                left[vehicle] = max(left[vehicle] - 1, 0)
        return batches.reshape(self.batches_per_epoch, -1)

    def _pick(self, left: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
        # Largest keys of u ** (1 / weight): a weighted draw without replacement (Efraimidis 2006).
        with np.errstate(divide="ignore"):
            keys = np.where(left > 0, np.log(random.random(len(left))) / left, -np.inf)
        keys = np.where(left > 0, keys, -1e30 * (1.0 + random.random(len(left))))
        return np.argpartition(-keys, self._p - 1)[: self._p]

    def _cut(self, rows: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
        rows = random.permutation(rows)
        turn = _occurrence(self._camera[rows])
        rows = rows[np.argsort(turn, kind="stable")]  # one picture of each camera, then the next
        short = -len(rows) % self._k
        rows = np.concatenate([rows, np.resize(rows, short)])
        return rows.reshape(-1, self._k)


class ShuffleSampler:
    """Every picture once an epoch in random order; the last batch is filled from the start.

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


def _occurrence(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many equal values come before each entry."""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(values[order]) != 0])
    lengths = np.diff(np.r_[starts, len(values)])
    counts = np.empty(len(values), dtype=np.int64)
    counts[order] = np.arange(len(values)) - np.repeat(starts, lengths)
    return counts
