"""Cameras guessed from the look of the pictures, for camera verification.

Zheng et al., VehicleNet, TMM 2020, section IV-C: embeddings of a camera classifier are clustered,
and gallery rows of the query's cluster are removed. Decided: the clusters are those of DBSCAN, and
a picture in no cluster has an unknown camera. The paper gives no radius: `camera_radius` finds one
where cameras are known. Cameras known from the table need no clusters.
"""

from dataclasses import dataclass

import numpy as np

from platefree.errors import DataError
from platefree.ranking.clusters import cluster_pictures
from platefree.ranking.comparison import ONLY_SPACE, Comparison
from platefree.types import Embeddings, Indices, Text, text_column

RADII = tuple(step / 50 for step in range(1, 51))
"""The radii that `camera_radius` tries: 0.02, 0.04 ... 1."""


def cluster_cameras(
    embeddings: Embeddings,
    radius: float,
    smallest: int = 5,
    comparison: Comparison = ONLY_SPACE,
) -> Text:
    """Guessed cameras of pictures, from embeddings of a classifier of cameras.

    Args:
        embeddings: L2-normalised, of queries and gallery together.
        radius: distance within which rows are neighbours.
        smallest: neighbours, itself included, from which a row makes a cluster.
        comparison: how spaces combine; by default the cosine distance in the only space.

    Returns:
        (n,) labels, each the number of a cluster; ``""`` is unknown.

    Raises:
        DataError: an argument is out of range, or spaces are several and no comparison is given.
    """
    clusters = cluster_pictures([embeddings], comparison, radius, smallest)
    return text_column(["" if cluster < 0 else str(cluster) for cluster in clusters.tolist()])


@dataclass(frozen=True)
class Agreement:
    """How guessed cameras agree with known ones, over all pairs of pictures.

    Attributes:
        precision: fraction of the pairs of one guessed camera that are of one known camera; NaN
            where no pair is of one guessed camera.
        recall: fraction of the pairs of one known camera that are of one guessed camera; NaN
            where no pair is of one known camera.
    """

    precision: float
    recall: float

    def __str__(self) -> str:
        return (
            f"of the pairs of one guessed camera {self.precision:.0%} are of one camera, of those "
            f"of one camera {self.recall:.0%} are of one guessed camera"
        )


def agreement(guessed: Text, known: Text) -> Agreement:
    """How guessed cameras agree with known ones.

    Args:
        guessed: (n,) labels; ``""`` is unknown, and of one camera with no other picture.
        known: (n,) labels; pictures where it is ``""`` are left out.
    """
    rows = known != ""
    guesses, cameras = (np.unique(column[rows], return_inverse=True) for column in (guessed, known))
    placed = guesses[0][guesses[1]] != ""
    both = guesses[1] * max(len(cameras[0]), 1) + cameras[1]
    right = _pairs(both[placed])
    claimed, there = _pairs(guesses[1][placed]), _pairs(cameras[1])
    return Agreement(right / claimed if claimed else np.nan, right / there if there else np.nan)


def _pairs(groups: Indices) -> int:
    """The number of pairs within groups."""
    sizes = np.unique(groups, return_counts=True)[1].astype(np.int64)
    return int((sizes * (sizes - 1) // 2).sum())


def camera_radius(
    embeddings: Embeddings,
    cameras: Text,
    precision: float = 0.9,
    smallest: int = 5,
    comparison: Comparison = ONLY_SPACE,
) -> tuple[float, Agreement]:
    """The radius that finds most pairs of one camera, and is seldom wrong.

    A wrong pair removes a picture that may be a match, a missing pair keeps one that is none: so a
    precision is asked for, and recall is what is left to gain.

    Args:
        embeddings: L2-normalised, of n pictures.
        cameras: (n,) known cameras.
        precision: which the clusters must reach, in (0, 1].
        smallest: as of `cluster_cameras`.
        comparison: how spaces combine.

    Returns:
        One of `RADII`, of equals the smallest, and how its clusters agree with the cameras.

    Raises:
        DataError: no radius reaches the precision.
    """
    tried = [
        (radius, agreement(cluster_cameras(embeddings, radius, smallest, comparison), cameras))
        for radius in RADII
    ]
    right = [each for each in tried if each[1].precision >= precision and each[1].recall > 0]
    if not right:
        raise DataError(
            f"at no radius are {precision:.0%} of the pairs within clusters of {smallest} or more "
            f"of one camera, in {len(cameras)} pictures"
        )
    return max(right, key=lambda each: each[1].recall)
