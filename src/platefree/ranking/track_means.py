"""Embeddings of tracks: every picture of a track gets the mean of them all.

The teams of the AI City challenges compare a query with tracks instead of pictures (Luo et al., An
Empirical Study of Vehicle Re-Identification on the AI City Challenge, CVPR Workshops 2021), since
the mean of several looks is steadier than any of them.
"""

from dataclasses import replace

import numpy as np

from platefree.ranking.comparison import l2_normalised
from platefree.ranking.view_comparison import without_views
from platefree.types import Embeddings, Indices


def with_track_means(embeddings: Embeddings, tracks: Indices) -> Embeddings:
    """The embeddings, each replaced by the L2-normalised mean of its track.

    In every space but that of predicted views, which stay.

    Args:
        embeddings: of n pictures.
        tracks: (n,) int64 number of each picture's track, from
            `platefree.ranking.steps.track_numbers`.
    """
    count = int(tracks.max(initial=-1)) + 1
    spaces = dict(embeddings.spaces)
    for name, rows in without_views(spaces).items():
        total = np.zeros((count, rows.shape[1]))
        np.add.at(total, tracks, rows)
        spaces[name] = l2_normalised(total[tracks], otherwise=rows)
    return replace(embeddings, spaces=spaces)
