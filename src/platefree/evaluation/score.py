"""Score embeddings on trials, in blocks of queries, so that distances fit in memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from platefree.evaluation.metrics import RankMetrics, merge_rank_metrics, score_block
from platefree.evaluation.pair_labels import PairLabels
from platefree.evaluation.protocols import leave_one_out
from platefree.evaluation.trial import Trial
from platefree.ranking.comparison import Comparison
from platefree.types import Embeddings, Floats, Indices, Sightings

OnBlock = Callable[[Floats, PairLabels, slice], None]
"""Called with a block of distances, the labels of the trial, and the queries of the block."""

_BLOCK_BYTES = 128 << 20  # of distances at a time; there may be one copy of a block
_GALLERY_BYTES = 64 << 20  # of gallery rows that are copied at a time


def score_trial(
    embeddings: Embeddings,
    trial: Trial,
    comparison: Comparison,
    on_block: OnBlock | None = None,
) -> RankMetrics:
    """Rank metrics of one trial.

    Args:
        embeddings: of the whole table.
        trial: the queries and the gallery.
        comparison: how the spaces combine.
        on_block: also called with every block of distances.
    """
    labels = trial_labels(embeddings.sightings, trial)
    watchers = [] if on_block is None else [on_block]
    return score_blocks(distance_blocks(embeddings, trial, comparison), labels, watchers)


def score_blocks(
    blocks: Iterable[tuple[slice, Floats]], labels: PairLabels, watchers: Sequence[OnBlock] = ()
) -> RankMetrics:
    """Rank metrics of distances given some queries at a time."""
    parts: list[RankMetrics] = []
    for rows, block in blocks:
        parts.append(score_block(block, labels, rows))
        for watch in watchers:
            watch(block, labels, rows)
    return merge_rank_metrics(parts)


def trial_labels(table: Sightings, trial: Trial) -> PairLabels:
    """The labels of the queries and the gallery (or its tracks) of a trial."""
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
    embeddings: Embeddings, trial: Trial, comparison: Comparison
) -> Iterator[tuple[slice, Floats]]:
    """The distances of a trial, some queries at a time; to tracks, if the gallery is tracks."""
    for rows, block in picture_blocks(embeddings, trial, comparison):
        yield rows, to_tracks(block, trial)


def picture_blocks(
    embeddings: Embeddings, trial: Trial, comparison: Comparison, moved: Embeddings | None = None
) -> Iterator[tuple[slice, Floats]]:
    """The distances to gallery pictures, some queries at a time.

    Args:
        embeddings: of the whole table.
        trial: the queries and the gallery.
        comparison: how the spaces combine.
        moved: (q,) embeddings to use instead of the queries' own.
    """
    gallery = _GalleryParts(embeddings, trial.gallery)
    step = max(1, _BLOCK_BYTES // (4 * max(1, len(trial.gallery))))
    for start in range(0, len(trial.query), step):
        rows = slice(start, min(start + step, len(trial.query)))
        if moved is None:
            query = embeddings.take(trial.query[rows])
        else:
            query = moved.take(np.arange(rows.start, rows.stop))
        yield rows, gallery.distances(query, comparison)


def to_tracks(block: Floats, trial: Trial) -> Floats:
    """Distances to pictures turned into distances to tracks, if the gallery is tracks."""
    if trial.tracks is None:
        return block
    best: Floats = np.minimum.reduceat(block, trial.tracks, axis=1)
    return best


class _GalleryParts:
    """The gallery in parts of bounded size; several parts are copied again for each block."""

    def __init__(self, embeddings: Embeddings, rows: Indices) -> None:
        row_bytes = sum(4 * space.shape[1] for space in embeddings.spaces.values())
        self._embeddings = embeddings
        self._rows = rows
        self._step = max(1, _GALLERY_BYTES // max(1, row_bytes))
        self._whole = embeddings.take(rows) if len(rows) <= self._step else None

    def distances(self, query: Embeddings, comparison: Comparison) -> Floats:
        """(len(query), g) distances to the whole gallery."""
        if self._whole is not None:
            return comparison.distances(query, self._whole)
        block = np.empty((len(query), len(self._rows)), np.float32)
        for start in range(0, len(self._rows), self._step):
            part = slice(start, start + self._step)
            block[:, part] = comparison.distances(query, self._embeddings.take(self._rows[part]))
        return block


def mean_average_precision(embeddings: Embeddings, comparison: Comparison) -> float:
    """Leave-one-out mAP of a table, for validation during training; 0 if nothing can match."""
    trials: Sequence[Trial] = leave_one_out(embeddings.sightings)
    return float(np.nan_to_num(score_trial(embeddings, trials[0], comparison).mAP))
