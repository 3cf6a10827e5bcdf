"""Pairs between two sets of vectors: distances, cosines, and which show one vehicle."""

import torch
from torch import Tensor
from torch.nn import functional

_SHORTEST = 1e-3


def pairwise_distances(rows: Tensor, columns: Tensor) -> Tensor:
    """Euclidean distances between two sets of vectors.

    Args:
        rows: (n, d).
        columns: (m, d).

    Returns:
        (n, m), with a finite gradient also for equal vectors.
    """
    squared = rows.square().sum(1, keepdim=True) + columns.square().sum(1) - 2.0 * rows @ columns.T
    return squared.clamp(min=1e-12).sqrt()


def pairwise_cosines(rows: Tensor, columns: Tensor) -> Tensor:
    """Cosine similarities between two sets of vectors, in float32 even under autocast.

    Lengths below 0.001 are replaced by 0.001. With torch's default limit of 1e-12 a single vector
    of zeros would have a gradient of 1e12 and more.

    Args:
        rows: (n, d).
        columns: (m, d).

    Returns:
        (n, m) in [-1, 1] up to rounding.
    """
    with torch.autocast(rows.device.type, enabled=False):
        unit_rows = functional.normalize(rows.float(), eps=_SHORTEST)
        return unit_rows @ functional.normalize(columns.float(), eps=_SHORTEST).T


def vehicle_pairs(vehicles: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Which pairs show one vehicle, and which show two vehicles.

    Args:
        vehicles: (n,) int64 identities of the rows.
        others: (m,) int64 identities of the columns, of which the first n are the rows
            themselves; -1 is an empty place.

    Returns:
        (n, m) bool each: one vehicle, except a row with itself; two vehicles.
    """
    same = vehicles[:, None] == others[None, :]
    itself = torch.zeros_like(same)
    itself.fill_diagonal_(True)
    return same & ~itself, ~same & (others >= 0)


def self_pairs(labels: Tensor) -> Tensor:
    """(n, n) bool, true on the diagonal."""
    return torch.eye(len(labels), dtype=torch.bool, device=labels.device)
