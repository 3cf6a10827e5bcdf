"""What is known of the views of a pair of pictures: one view, two views, or nothing."""

import numpy as np

from platefree.ranking.calibration import RELATIONS
from platefree.ranking.comparison import Comparison
from platefree.ranking.view_comparison import ViewComparison
from platefree.types import Embeddings, Indices

_ANY, _SAME, _DIFFERENT = range(len(RELATIONS))


def view_relation(query: Embeddings, gallery: Embeddings, comparison: Comparison) -> Indices:
    """(q, g) int64, the number in `RELATIONS` of each pair.

    A comparison by views (VANet) knows the view of every picture; otherwise the column ``view``
    does, and a pair with an unknown one is ``any``.
    """
    if isinstance(comparison, ViewComparison):
        views = comparison.views(query), comparison.views(gallery)
        return np.where(views[0][:, None] == views[1][None, :], _SAME, _DIFFERENT)
    first, second = query.sightings.view, gallery.sightings.view
    names = np.unique(np.concatenate([first, second]))
    numbers = np.searchsorted(names, first), np.searchsorted(names, second)
    relation = np.where(numbers[0][:, None] == numbers[1][None, :], _SAME, _DIFFERENT)
    unknown = (first == "")[:, None] | (second == "")[None, :]
    return np.where(unknown, _ANY, relation)
