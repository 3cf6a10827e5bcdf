"""Distillation of the relations between pictures from a larger model.

Park et al., CVPR 2019, "Relational Knowledge Distillation". Only distances and angles between the
pictures of a batch are compared, so teacher and student may have embeddings of different sizes and
may have learnt from different vehicles.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from platefree.losses import pairwise_distances

SHORTEST = 1e-2
"""Sides of triangles shorter than this count less, since the direction between two almost equal
embeddings is meaningless and has unbounded gradients."""


@dataclass(frozen=True)
class TeacherTargets:
    """The targets of a batch, by a teacher.

    Attributes:
        embeddings: (b, d) L2-normalised embeddings of the teacher.
        distance_weight: of `relational_distances` in the sum of losses; 0: not used.
        angle_weight: of `relational_angles`.
    """

    embeddings: Tensor
    distance_weight: float = 1.0
    angle_weight: float = 2.0


def relational_distances(student: Tensor, teacher: Tensor) -> Tensor:
    """Distance-wise loss (equations 4 to 6): each model's distances divided by their mean.

    Args:
        student: (n, d) float.
        teacher: (n, e) float, of the same pictures; a constant.

    Returns:
        The mean Huber loss (of 1) over the pairs of two pictures; zero (with a gradient of zero) if
        there are none.
    """
    with torch.autocast(student.device.type, enabled=False):
        ours, theirs = _relative_distances(student.float()), _relative_distances(teacher.float())
    pairs = ~torch.eye(len(student), dtype=torch.bool, device=student.device)
    return _mean_huber(ours[pairs], theirs[pairs])


def relational_angles(student: Tensor, teacher: Tensor) -> Tensor:
    """Angle-wise loss (equations 7 to 9): cosines of the angles in all triangles of pictures.

    It needs memory for n x n x (n + d + e) numbers.

    Args:
        student: (n, d) float, of lengths about 1, see `SHORTEST`.
        teacher: (n, e) float, of the same pictures; a constant.

    Returns:
        The mean Huber loss (of 1) over the triples of three pictures; zero (with a gradient of
        zero) if there are none.
    """
    with torch.autocast(student.device.type, enabled=False):
        ours, theirs = _cosines(student.float()), _cosines(teacher.float())
    other = ~torch.eye(len(student), dtype=torch.bool, device=student.device)
    triples = other[:, :, None] & other[:, None, :] & other[None, :, :]  # (vertex, end, end)
    return _mean_huber(ours[triples], theirs[triples])


def relational_losses(
    student: Tensor, teacher: Tensor, targets: TeacherTargets
) -> dict[str, Tensor]:
    """Both losses by name, times their weights in the targets.

    Args:
        student: (n, d) float.
        teacher: (n, e) the embeddings of the targets of all processes.
        targets: with the weights.
    """
    named: dict[str, Tensor] = {}
    if targets.distance_weight:
        distances = relational_distances(student, teacher)
        named["teacher_distance"] = targets.distance_weight * distances
    if targets.angle_weight:
        named["teacher_angle"] = targets.angle_weight * relational_angles(student, teacher)
    return named


def _relative_distances(rows: Tensor) -> Tensor:
    """(n, n) distances divided by the mean distance of two pictures."""
    distances = pairwise_distances(rows, rows)
    count = len(rows) * (len(rows) - 1)
    apart = distances - distances.diagonal().diag()
    return distances / (apart.sum() / max(count, 1)).clamp(min=1e-6)


def _cosines(rows: Tensor) -> Tensor:
    """(n, n, n) cosine of the angle at the first picture between the other two."""
    sides = rows[None, :, :] - rows[:, None, :]  # (vertex, end, d)
    towards = functional.normalize(sides, dim=2, eps=SHORTEST)
    return towards @ towards.transpose(1, 2)


def _mean_huber(ours: Tensor, theirs: Tensor) -> Tensor:
    total = functional.smooth_l1_loss(ours, theirs.detach(), reduction="sum")
    return total / max(ours.numel(), 1)
