"""Losses as pure functions: tensors in, one scalar tensor (or its logits) out."""

from platefree.losses.adversary import (
    difference_hinges,
    real_fake,
    similarity_hinges,
    triplet_hinges,
)
from platefree.losses.centres import centre_loss, moved_centres
from platefree.losses.circle import circle_loss
from platefree.losses.contrastive import supervised_contrastive
from platefree.losses.identity import (
    known_cross_entropy,
    sampled_cross_entropy,
    smoothed_cross_entropy,
)
from platefree.losses.margins import arc_logits, circle_logits, cos_logits
from platefree.losses.pairs import pairwise_cosines, pairwise_distances, vehicle_pairs
from platefree.losses.proxies import proxy_anchor
from platefree.losses.sets import coupled_clusters, set_triplets
from platefree.losses.triplets import batch_hard_triplet, hardest_triplet, weighted_triplet
from platefree.losses.view_triplets import (
    cross_view_triplet,
    different_view_triplet,
    mean_view_distances,
    reverse_cross_triplet,
    same_view_triplet,
)

__all__ = [
    "arc_logits",
    "batch_hard_triplet",
    "centre_loss",
    "circle_logits",
    "circle_loss",
    "cos_logits",
    "coupled_clusters",
    "cross_view_triplet",
    "difference_hinges",
    "different_view_triplet",
    "hardest_triplet",
    "known_cross_entropy",
    "mean_view_distances",
    "moved_centres",
    "pairwise_cosines",
    "pairwise_distances",
    "proxy_anchor",
    "real_fake",
    "reverse_cross_triplet",
    "same_view_triplet",
    "sampled_cross_entropy",
    "set_triplets",
    "similarity_hinges",
    "smoothed_cross_entropy",
    "supervised_contrastive",
    "triplet_hinges",
    "vehicle_pairs",
    "weighted_triplet",
]
