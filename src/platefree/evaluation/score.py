"""Score embeddings on trials, block by block: never more than some rows of distances at once."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from platefree.evaluation.labels import PairLabels
from platefree.evaluation.metrics import RankMetrics, merge_rank_metrics, score_block
from platefree.evaluation.protocols import Trial, leave_one_out
from platefree.types import Embeddings, Floats

Distances = Callable[[Embeddings, Embeddings], Floats]
"""(query, gallery) -> (q, g) float32 distances: how a method compares."""

OnBlock = Callable[[Floats, PairLabels, slice], None]
"""Gets a block of distances, the labels of the trial, and which queries the block holds."""

_BLOCK_BYTES = 128 << 20  # of distances at a time


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
    labels = trial_labels(embeddings, trial)
    parts: list[RankMetrics] = []
    for rows, block in distance_blocks(embeddings, trial, distances):
        parts.append(score_block(block, labels, rows))
        if on_block is not None:
            on_block(block, labels, rows)
    return merge_rank_metrics(parts)


def trial_labels(embeddings: Embeddings, trial: Trial) -> PairLabels:
    """Vehicles, cameras and own pictures of a trial."""
    table = embeddings.sightings
    return PairLabels.encode(
        table.vehicle[trial.query],
        table.vehicle[trial.gallery],
        table.camera[trial.query],
        table.camera[trial.gallery],
        self_index=trial.self_index(),
    )


def distance_blocks(
    embeddings: Embeddings, trial: Trial, distances: Distances
) -> Iterator[tuple[slice, Floats]]:
    """The distances of a trial, some queries at a time."""
    gallery = embeddings.take(trial.gallery)
    step = max(1, _BLOCK_BYTES // (4 * len(trial.gallery)))
    for start in range(0, len(trial.query), step):
        rows = slice(start, min(start + step, len(trial.query)))
        yield rows, distances(embeddings.take(trial.query[rows]), gallery)


def mean_average_precision(embeddings: Embeddings, distances: Distances) -> float:
    """Leave-one-out mAP of a table, for validation during training; 0 where nothing can match."""
    trials: Sequence[Trial] = leave_one_out(embeddings.sightings)
    return float(np.nan_to_num(score_trial(embeddings, trials[0], distances).mAP))
