"""Branches of two kinds that learn from different losses (MBR).

Almeida, Silva and Batista, "Strength in Diversity: Multi-Branch Representation Learning for Vehicle
Re-Identification", ITSC 2023. Shared layers -> branches of convolution and of attention -> average
pooling = the vector of the triplet loss -> batch norm = the input of a classifier of vehicles; the
L2-normalised vectors of all branches, concatenated, are the embedding. With the losses split among
the branches, cross-entropy and triplet loss alternate from branch to branch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from platefree.data.listed_text import many
from platefree.losses import batch_hard_triplet, smoothed_cross_entropy
from platefree.methods.backbone import StridedSettings
from platefree.methods.base import Batch, Method
from platefree.nets.heads import Average
from platefree.nets.late_branches import LateBranches
from platefree.recipes.ranges import Margin, PositiveWeight, RateBelowOne
from platefree.recipes.recipe import Recipe


class MultiBranchSettings(StridedSettings):
    """Branches of convolution and of attention with divided losses (Almeida et al., 2023)."""

    method: Literal["multi_branch"]
    backbone: str = "resnet50_ibn_a"  # a ResNet
    last_stride: Literal[1, 2] = 1
    convolution_branches: Annotated[int, Field(ge=0, le=16)] = 2
    attention_branches: Annotated[int, Field(ge=0, le=16)] = 2  # after the convolution branches
    heads: Annotated[int, Field(ge=1, le=1_024)] = 4  # of the attention
    losses: Literal["split", "both"] = "split"  # split: cross-entropy, triplet, cross-entropy, ...
    label_smoothing: RateBelowOne = 0.1
    triplet: Literal["soft", "margin"] = "margin"
    margin: Margin = 0.1  # with triplet = "margin"
    identity_weight: PositiveWeight = 0.6  # of each convolution branch
    triplet_weight: PositiveWeight = 1.0
    attention_identity_weight: PositiveWeight = 0.4  # of each attention branch
    attention_triplet_weight: PositiveWeight = 0.4

    @model_validator(mode="after")
    def _there_are_branches(self) -> "MultiBranchSettings":
        count = self.convolution_branches + self.attention_branches
        least = 2 if self.losses == "split" else 1
        if count < least:
            raise ValueError(
                f'model.losses = "{self.losses}" needs at least '
                f"{many(least, 'branch', 'branches')}, found {count}: "
                "raise model.convolution_branches or model.attention_branches"
            )
        return self

    def takes_one_size(self) -> str:
        """Also attention, whose position encoding has a fixed size."""
        return "an attention branch" if self.attention_branches else super().takes_one_size()


def build(
    settings: MultiBranchSettings, recipe: Recipe, classes: Mapping[str, int], weights: str | None
) -> "MultiBranch":
    """The method of a recipe, see `platefree.methods.catalogue.build_method`."""
    backbone = LateBranches(
        settings.backbone,
        convolution=settings.convolution_branches,
        attention=settings.attention_branches,
        height=recipe.input.height,
        width=recipe.input.width,
        last_stride=settings.last_stride,
        heads=settings.heads,
        weights=weights or settings.weights,
    )
    return MultiBranch(
        backbone,
        _branch_losses(settings),
        vehicles=classes["vehicle"],
        label_smoothing=settings.label_smoothing,
        margin=settings.margin if settings.triplet == "margin" else None,
    )


def _branch_losses(settings: MultiBranchSettings) -> "list[BranchLosses]":
    """The losses of each branch; with ``split`` they alternate."""
    both = [BranchLosses(settings.identity_weight, settings.triplet_weight)]
    both *= settings.convolution_branches
    attention = (settings.attention_identity_weight, settings.attention_triplet_weight)
    both += [BranchLosses(*attention)] * settings.attention_branches
    if settings.losses == "both":
        return both
    return [
        BranchLosses(0.0, each.triplet) if number % 2 else BranchLosses(each.identity, 0.0)
        for number, each in enumerate(both)
    ]


@dataclass(frozen=True)
class BranchLosses:
    """The weights of one branch's losses; a loss of weight 0 is left out."""

    identity: float
    triplet: float


class MultiBranch(Method):
    """One space, ``main``: the L2-normalised vectors of all branches, concatenated.

    Args:
        backbone: with its branches.
        branches: the losses of each branch.
        vehicles: number of training identities.
        label_smoothing: of the identity cross-entropy.
        margin: of the triplet loss; None is the soft margin.
    """

    teachable = True

    def __init__(
        self,
        backbone: LateBranches,
        branches: Sequence[BranchLosses],
        *,
        vehicles: int,
        label_smoothing: float = 0.1,
        margin: float | None = 0.1,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.pool = Average()
        self.branch_losses = tuple(branches)
        self.norms = nn.ModuleList(_norm(backbone.channels, each) for each in branches)
        self.classifiers = nn.ModuleList(
            _classifier(backbone.channels, vehicles) if each.identity else nn.Identity()
            for each in branches
        )
        self.label_smoothing = label_smoothing
        self.margin = margin

    def feature_map(self, images: Tensor) -> Tensor:
        """The map that all branches start from."""
        maps: Tensor = self.backbone.shared(images)
        return maps

    def embed_map(self, maps: Tensor) -> dict[str, Tensor]:
        """(b, branches * channels): each branch pooled and L2-normalised, then the whole."""
        forked = zip(self.norms, self.backbone.branch(maps), strict=True)
        return {"main": _joined([norm(self.pool(each)) for norm, each in forked])}

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Smoothed cross-entropy and batch-hard triplet loss, each summed over its branches.

        Teacher losses, if any, are of the whole embedding.
        """
        vehicles = batch.labels["vehicle"]
        all_vehicles = batch.gather(vehicles)
        found: dict[str, list[Tensor]] = {"identity": [], "triplet": []}
        embedded: list[Tensor] = []
        forked = zip(self.branch_losses, self.backbone(batch.images), self.norms, strict=True)
        for branch, (weights, maps, norm) in enumerate(forked):
            pooled = self.pool(maps)
            normed = norm(pooled)  # also for a branch that learns only its statistics
            embedded.append(normed)
            if weights.identity:
                logits = self.classifiers[branch](normed)
                loss = smoothed_cross_entropy(logits, vehicles, self.label_smoothing)
                found["identity"].append(weights.identity * loss)
            if weights.triplet:
                loss = batch_hard_triplet(batch.gather(pooled), all_vehicles, self.margin)
                found["triplet"].append(weights.triplet * loss)
        summed = {name: torch.stack(losses).sum() for name, losses in found.items() if losses}
        return summed | self.teacher_losses(batch.gather(_joined(embedded)), batch)


def _joined(branches: Sequence[Tensor]) -> Tensor:
    """The L2-normalised vectors of all branches, concatenated and L2-normalised."""
    rows = [functional.normalize(each.float()) for each in branches]
    return functional.normalize(torch.cat(rows, dim=1))


def _norm(channels: int, losses: BranchLosses) -> nn.BatchNorm1d:
    """A batch norm whose shift is fixed, and whose scale is too if no loss follows it."""
    if not losses.identity:
        return nn.BatchNorm1d(channels, affine=False)
    norm = nn.BatchNorm1d(channels)
    norm.bias.requires_grad_(False)
    return norm


def _classifier(channels: int, vehicles: int) -> nn.Linear:
    classifier = nn.Linear(channels, vehicles, bias=False)
    nn.init.normal_(classifier.weight, std=0.001)
    return classifier
