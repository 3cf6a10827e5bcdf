"""VANet's triplet losses: pairs of the same view and of different views."""

import torch
from torch import Tensor

from platefree.losses.pairs import self_pairs
from platefree.losses.triplets import hardest_triplet


def same_view_triplet(
    distances: Tensor, vehicles: Tensor, views: Tensor, margin: float = 0.5
) -> Tensor:
    """VANet's L_s (Chu et al., ICCV 2019, eq. 2): S-view positives against S-view negatives.

    Args:
        distances: (n, n) float; only those of same-view (S) pairs are used.
        vehicles: (n,) int64 identities.
        views: (n,) int64 codes; pictures of unknown view (-1) are left out.
        margin: alpha.

    Returns:
        A scalar, see `hardest_triplet`.
    """
    same, same_view, _ = _view_pairs(vehicles, views)
    return hardest_triplet(distances, same & same_view, ~same & same_view, margin)


def different_view_triplet(
    distances: Tensor, vehicles: Tensor, views: Tensor, margin: float = 0.5
) -> Tensor:
    """VANet's L_d (eq. 3): D-view positives against D-view negatives; as `same_view_triplet`."""
    same, _, different_view = _view_pairs(vehicles, views)
    return hardest_triplet(distances, same & different_view, ~same & different_view, margin)


def cross_view_triplet(
    distances: Tensor, vehicles: Tensor, views: Tensor, margin: float = 0.5
) -> Tensor:
    """VANet's L_cross (eq. 4): D-view positives against S-view negatives.

    ``distances`` is the integrated matrix of the paper's figure 3: S pairs have their
    distance in the S-view space, D pairs in the D-view space. The other arguments are as in
    `same_view_triplet`.
    """
    same, same_view, different_view = _view_pairs(vehicles, views)
    return hardest_triplet(distances, same & different_view, ~same & same_view, margin)


def reverse_cross_triplet(
    distances: Tensor, vehicles: Tensor, views: Tensor, margin: float = 0.5
) -> Tensor:
    """The reverse of `cross_view_triplet`, ours: S-view positives against D-view negatives.

    The paper leaves it out, since S-view positives "are prone to be closer" (section 3.2). That
    holds once both spaces have one scale. Early in training all D-view distances may be shorter:
    L_cross asks for that, L_s and L_d see one space each, and no published term objects.
    """
    same, same_view, different_view = _view_pairs(vehicles, views)
    return hardest_triplet(distances, same & same_view, ~same & different_view, margin)


def mean_view_distances(distances: Tensor, vehicles: Tensor, views: Tensor) -> dict[str, Tensor]:
    """The mean distance of each kind of pair in figure 1 of the paper.

    Args:
        distances: (n, n) float, the integrated matrix.
        vehicles: (n,) int64 identities.
        views: (n,) int64 codes; pictures of unknown view (-1) are left out.

    Returns:
        Four scalars by name; NaN where the batch has no such pair.
    """
    same, same_view, different_view = _view_pairs(vehicles, views)
    kinds = {
        "S-view positive distance": same & same_view,
        "D-view positive distance": same & different_view,
        "S-view negative distance": ~same & same_view,
        "D-view negative distance": ~same & different_view,
    }
    with torch.no_grad():
        return {name: distances[pairs].mean() for name, pairs in kinds.items()}


def _view_pairs(vehicles: Tensor, views: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Three (n, n) masks of pairs: of one vehicle, S-view, and D-view."""
    same = vehicles[:, None] == vehicles[None, :]
    known = (views >= 0)[:, None] & (views >= 0)[None, :] & ~self_pairs(views)
    same_view = views[:, None] == views[None, :]
    return same, known & same_view, known & ~same_view
