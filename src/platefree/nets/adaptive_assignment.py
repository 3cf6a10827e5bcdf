"""Which positions of a detector answer for which box (ATSS, Zhang et al., CVPR 2020, algorithm 1).

For each box, the nearest positions of each stride are candidates. Each stands for a square of
`SIDE` strides; those whose overlap with the box is at least the mean plus the standard deviation of
the candidates', and whose centre is within the box, answer for it. A position that could answer for
several boxes takes the one that it overlaps most.

Unlike there, a box that is too small to hold a centre is answered by the nearest position, else it
would be learnt as background.
"""

import torch
from torch import Tensor
from torchvision.ops import box_iou

from platefree.nets.light_detector import STRIDES

NEAREST = 9
"""Candidates of each stride."""

SIDE = 5
"""Side of the square of a position in strides, as in NanoDet-g."""


def assign(boxes: Tensor, places: Tensor) -> Tensor:
    """The box that each position answers for.

    Args:
        boxes: (m, 4) left, top, right, bottom in pixels, each with an area.
        places: (n, 3) x, y and stride, from `platefree.nets.nanodet.positions`.

    Returns:
        (n,) int64 index of the box, -1: none.
    """
    owner = torch.full((len(places),), -1, dtype=torch.long, device=places.device)
    if not len(boxes):
        return owner
    centres, half = places[:, :2], places[:, 2:] * SIDE / 2
    overlap = box_iou(torch.cat([centres - half, centres + half], dim=1), boxes)  # (n, m)
    candidate = _nearest(boxes, places)
    among = torch.where(candidate, overlap, torch.nan)
    mean = among.nanmean(dim=0)
    count = candidate.sum(dim=0)
    variance = ((among - mean) ** 2).nansum(dim=0) / (count - 1).clamp(min=1)
    inside = torch.cat([centres[:, None] - boxes[:, :2], boxes[:, 2:] - centres[:, None]], dim=2)
    answers = candidate & (overlap >= mean + variance.sqrt()) & (inside.amin(dim=2) > 0)
    small = (~answers.any(dim=0)).nonzero()[:, 0]
    answers[_away(boxes[small], places).argmin(dim=0), small] = True
    best, chosen = torch.where(answers, overlap, -1.0).max(dim=1)
    return torch.where(best >= 0, chosen, owner)


def _nearest(boxes: Tensor, places: Tensor) -> Tensor:
    """(n, m) bool: the `NEAREST` positions of each stride to the middle of each box."""
    away = _away(boxes, places)
    candidate = torch.zeros_like(away, dtype=torch.bool)
    for stride in STRIDES:
        rows = (places[:, 2] == stride).nonzero()[:, 0]
        best = away[rows].topk(min(NEAREST, len(rows)), dim=0, largest=False).indices
        candidate[rows[best], torch.arange(len(boxes), device=rows.device)] = True
    return candidate


def _away(boxes: Tensor, places: Tensor) -> Tensor:
    """(n, m) how far each position is from the middle of each box."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    return torch.cdist(places[:, :2], middle)
