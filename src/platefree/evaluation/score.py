"""Score embeddings on trials, block by block: never more than some rows of distances at once."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from platefree.evaluation.labels import PairLabels
from platefree.evaluation.metrics import RankMetrics, merge_rank_metrics, score_block
from platefree.evaluation.protocols import Trial, leave_one_out
from platefree.types import Embeddings, Floats, Sightings

Distances = Callable[[Embeddings, Embeddings], Floats]
"""(query, gallery) -> (q, g) float32 distances: how a method compares."""

OnBlock = Callable[[Floats, PairLabels, slice], None]
"""Gets a block of distances, the labels of the trial, and which queries the block holds."""

_BLOCK_BYTES = 128 << 20  # of distances at a time
_GALLERY_BYTES = 128 << 20  # of gallery rows that are copied at a time


def score_trial(
    embeddings: Embeddings,
    trial: Trial,
    distances: Distances,
    on_block: OnBlock | None = None,
) -> RankMetrics:
    """Rank metrics of one trial.

    Args:
        embeddings: of the whole table.
        trial: which of its rows are searched in which.
        distances: how the method compares.
        on_block: also gets every block of distances.
    """
    labels = trial_labels(embeddings.sightings, trial)
    parts: list[RankMetrics] = []
    for rows, block in distance_blocks(embeddings, trial, distances):
        parts.append(score_block(block, labels, rows))
        if on_block is not None:
            on_block(block, labels, rows)
    return merge_rank_metrics(parts)


def trial_labels(table: Sightings, trial: Trial) -> PairLabels:
    """What the queries and the gallery (its tracks) of a trial show."""
    labels = getattr(table, trial.target)
    return PairLabels.encode(
        labels[trial.query],
        labels[trial.searched],
        table.camera[trial.query],
        table.camera[trial.searched],
        self_index=trial.self_index(),
        ignored=trial.ignored_index(),
    )


def distance_blocks(
    embeddings: Embeddings, trial: Trial, distances: Distances
) -> Iterator[tuple[slice, Floats]]:
    """The distances of a trial, some queries at a time; to tracks, if those are searched."""
    gallery = _GalleryParts(embeddings, trial)
    step = max(1, _BLOCK_BYTES // (4 * max(1, len(trial.gallery))))
    for start in range(0, len(trial.query), step):
        rows = slice(start, min(start + step, len(trial.query)))
        query = embeddings.take(trial.query[rows])
        parts = [distances(query, part) for part in gallery]
        block = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        if trial.tracks is not None:
            block = np.minimum.reduceat(block, trial.tracks, axis=1)
        yield rows, block


class _GalleryParts:
    """The gallery in parts of bounded size, which are copied anew each time if several."""

    def __init__(self, embeddings: Embeddings, trial: Trial) -> None:
        row_bytes = sum(4 * space.shape[1] for space in embeddings.spaces.values())
        self._rows = trial.gallery
        self._embeddings = embeddings
        self._step = max(1, _GALLERY_BYTES // max(1, row_bytes))
        self._whole = embeddings.take(self._rows) if len(self._rows) <= self._step else None

    def __iter__(self) -> Iterator[Embeddings]:
        if self._whole is not None:
            yield self._whole
            return
        for start in range(0, len(self._rows), self._step):
            yield self._embeddings.take(self._rows[start : start + self._step])


def mean_average_precision(embeddings: Embeddings, distances: Distances) -> float:
    """Leave-one-out mAP of a table, for validation during training; 0 where nothing can match."""
    trials: Sequence[Trial] = leave_one_out(embeddings.sightings)
    return float(np.nan_to_num(score_trial(embeddings, trials[0], distances).mAP))
