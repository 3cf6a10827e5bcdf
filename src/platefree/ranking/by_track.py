"""Tracks instead of pictures: one mean row a track, and rankings by a track's best picture.

The image-to-track distance of VeRi-776 is the smallest over the pictures of a track (Liu et al.,
ECCV 2016, and He et al., Part-regularized Near-duplicate Vehicle Re-identification, CVPR 2019).
"""

import numpy as np
from numpy.typing import NDArray

from platefree.ranking.order import in_order
from platefree.ranking.penalty import check_labels
from platefree.ranking.unit import unit_rows
from platefree.types import LABELS, Embeddings, Floats, Indices, Ranking, Sightings, Text

Bools = NDArray[np.bool_]


def track_numbers(sightings: Sightings) -> Indices:
    """Number of the track of each row, (n,) int64, by first appearance.

    A track is what one source, one camera and one track label have in common; a row whose track is
    unknown is a track of its own.
    """
    alone = np.where(sightings.track == "", np.arange(len(sightings)).astype(np.str_), "")
    keys = np.stack([sightings.source, sightings.camera, sightings.track, alone], axis=1)
    _, first, numbers = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    by_appearance: Indices = np.argsort(np.argsort(first))[numbers.reshape(-1)]
    return by_appearance


def pool_tracks(embeddings: Embeddings) -> Embeddings:
    """The mean row of each track, of length 1, in the order of `track_numbers`.

    A track's sighting has the picture of its first row and its earliest known time; a label on
    which its rows differ is unknown.
    """
    numbers = track_numbers(embeddings.sightings)
    _, first = np.unique(numbers, return_index=True)
    spaces = {}
    for name, rows in embeddings.spaces.items():
        sums = np.zeros((len(first), rows.shape[1]))
        np.add.at(sums, numbers, rows)
        spaces[name] = unit_rows(sums, otherwise=rows[first])
    return Embeddings(spaces, _pool_labels(embeddings.sightings, numbers), embeddings.model)


def rank_tracks(ranking: Ranking, tracks: Indices) -> Ranking:
    """The tracks of each query's candidates, each at the distance of its best picture.

    Args:
        ranking: of pictures; what it does not hold is not looked at.
        tracks: (g,) int64, track of each gallery row, from `track_numbers`.

    Returns:
        As many entries, of which the indices are tracks, equal distances by track; -1 where fewer
        tracks qualify.

    Raises:
        DataError: the tracks do not fit the ranking.
    """
    owners, best, repeated = _best_pictures(ranking, tracks)
    return in_order(np.where(repeated, -1, owners), best)


def rank_by_tracks(ranking: Ranking, tracks: Indices) -> Ranking:
    """The same pictures with each track together: all at the distance of the track's best.

    Args:
        ranking: of pictures.
        tracks: (g,) int64, track of each gallery row, from `track_numbers`.

    Raises:
        DataError: the tracks do not fit the ranking.
    """
    _, best, _ = _best_pictures(ranking, tracks)
    return in_order(ranking.indices, best)


def share_best(block: Floats, tracks: Indices) -> None:
    """Put every picture of a track at the distance of the best of them, in place.

    Args:
        block: (q, g) distances, changed; what is at distance inf was removed, and stays.
        tracks: (g,) int64, track of each gallery row, from `track_numbers`.
    """
    order = np.argsort(tracks, kind="stable")
    starts = np.flatnonzero(np.diff(tracks[order], prepend=-1))
    for row in block:
        best = np.minimum.reduceat(row[order], starts)
        row[:] = np.where(np.isinf(row), np.inf, best[tracks])


def _best_pictures(ranking: Ranking, tracks: Indices) -> tuple[Indices, Floats, Bools]:
    """Of each entry: its track, its track's smallest distance, whether its track stood before."""
    check_labels(ranking, np.arange(len(ranking)), tracks)
    owners = np.append(tracks, -1)[ranking.indices]
    best, repeated = np.empty_like(ranking.distances), np.ones(owners.shape, np.bool_)
    for query, row in enumerate(owners):
        _, first, places = np.unique(row, return_index=True, return_inverse=True)
        best[query] = ranking.distances[query, first[places]]
        repeated[query, first] = False
    return owners, best, repeated


def _pool_labels(sightings: Sightings, numbers: Indices) -> Sightings:
    by_track = np.argsort(numbers, kind="stable")
    _, starts = np.unique(numbers[by_track], return_index=True)
    columns = {name: _agreed(getattr(sightings, name)[by_track], starts) for name in LABELS}
    return Sightings(
        root=sightings.root,
        image=sightings.image[by_track[starts]],
        time=np.fmin.reduceat(sightings.time[by_track], starts) if len(starts) else sightings.time,
        frame=sightings.frame[by_track[starts]],
        box=sightings.box[by_track[starts]],
        **columns,
    )


def _agreed(labels: Text, starts: Indices) -> Text:
    """The label of each run of rows; ``""`` where it is not the same in all of them."""
    if not len(starts):
        return labels
    same_as_before = np.append(False, labels[1:] == labels[:-1])
    same_as_before[starts] = True
    return np.where(np.logical_and.reduceat(same_as_before, starts), labels[starts], "")
