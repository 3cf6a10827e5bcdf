"""DRDL, Deep Relative Distance Learning (Liu, Tian, Wang, Pang and Huang, CVPR 2016).

Each of its two ideas can be switched off, so that every row of its tables 4 and 6 can be trained:
the coupled clusters loss (section 3.2, `platefree.losses.coupled_clusters`) in place of triplets,
and the mixed difference network (section 3.3, figure 6) in place of a single branch::

                            +- fc7_1 -+- softmax over vehicle models
                            |         |
    picture - backbone - fc6 --+         +- fc8: the embedding - coupled clusters
                            |         |
                            +- fc7_2 -+- coupled clusters

The paper's backbone is VGG_CNN_M_1024, whose whole last map is the input of fc6; maps of newer
backbones may be averaged first. Decided, where the paper is silent: ReLU and dropout follow fc6,
fc7_1 and fc7_2 on the way to the next layer, as in the published network, but a metric loss takes
the vector before them, L2-normalised (section 3.1), since a ReLU would exclude most of the unit
sphere. The margin alpha, which the paper does not give, is 1. Five unrelated pictures have a
squared distance of 0.8 from their centre, which they contribute to, and other pictures 1.2, so an
alpha below 0.4 is met without learning; a set that has collapsed to a point has a squared distance
of 2 from unrelated pictures.

The centre of a cluster is a constant of the backward pass, as in equations 7 and 8;
``centre = "learnt"`` lets the gradient flow through it as well, as equation 6 alone would.

Not in the paper, whose networks start from ImageNet: ``norm = "batch"``. The vectors of a network
with random weights are all close together, where the gradients of eq. 7 and 8 vanish; batch
normalisation separates them.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from platefree.errors import TrainingError
from platefree.losses import coupled_clusters, known_cross_entropy, set_triplets
from platefree.methods.backbone import StridedSettings, make_backbone
from platefree.methods.base import Batch, Method
from platefree.nets.backbones import Backbone, map_size
from platefree.nets.heads import Average
from platefree.nets.vgg_m import VGG_CNN_M, start_for_relu, take_published
from platefree.nets.weights import read_weights
from platefree.recipes.ranges import Channels, Margin, RateBelowOne, Weight
from platefree.recipes.recipe import Recipe


class DrdlSettings(StridedSettings):
    """Coupled clusters loss and mixed difference network (Liu et al., CVPR 2016)."""

    method: Literal["drdl"]
    backbone: str = "vgg_cnn_m_1024"
    structure: Literal["mixed", "single"] = "mixed"  # single: no softmax and no second branch
    loss: Literal["coupled", "triplet"] = "coupled"
    centre: Literal["constant", "learnt"] = "constant"  # learnt: the gradient flows through it
    softmax: Literal["model", "make", "type"] = "model"  # the column that the upper branch learns
    pooling: Literal["flatten", "average"] = "flatten"
    shared_size: Channels = 4096  # fc6
    embedding_size: Channels = 1024  # fc7 and fc8
    dropout: RateBelowOne = 0.5
    norm: Literal["none", "batch"] = "none"  # batch: for a start from random weights
    margin: Margin = 1.0  # between squared distances
    model_weight: Weight = 0.5
    branch_weight: Weight = 0.5
    embedding_weight: Weight = 1.0

    def check(self, recipe: Recipe) -> None:
        """The coupled clusters loss needs batches of sets."""
        if any(train.sampler != "sets" for _, train in recipe.staged()):
            raise ValueError('drdl learns from pairs of sets; set train.sampler = "sets"')

    def takes_one_size(self) -> str:
        """Also a layer that takes the whole map."""
        flat = self.pooling == "flatten"
        return "model.pooling = flatten" if flat else super().takes_one_size()


def build(
    settings: DrdlSettings, recipe: Recipe, classes: Mapping[str, int], weights: str | None
) -> "Drdl":
    """The method of a recipe, see `platefree.methods.catalogue.build_method`."""
    backbone = make_backbone(settings, recipe, weights)
    method = Drdl(
        backbone,
        map_size=map_size(backbone, recipe.input.height, recipe.input.width),
        models=classes[settings.softmax],
        positives=recipe.train.positives_per_set,
        negatives=recipe.train.negatives_per_set,
        **settings.model_dump(exclude={"method", "backbone", "weights", "last_stride"}),
    )
    start = weights or settings.weights
    if settings.backbone == VGG_CNN_M and start != "none":
        published = read_weights(Path(start), backbone.network.state_dict()).tensors
        take_published(published, "fc6", method.fc6)
        for name, layer in method.head.named_children():
            if name.startswith("fc7"):  # both branches (section 3.4)
                take_published(published, "fc7", layer)
    return method


class Vectors(NamedTuple):
    """The outputs for the (b, inputs) vectors of fc6.

    Attributes:
        embedding: (b, size): fc8, or fc7 of a single branch; L2-normalised for searches.
        branch: (b, size): fc7_2; None in a single branch.
        logits: (b, models): the softmax's input; None in a single branch.
    """

    embedding: Tensor
    branch: Tensor | None = None
    logits: Tensor | None = None


class SingleBranch(nn.Module):
    """The network of the baselines: fc7 alone.

    Args:
        inputs: width of fc6.
        size: width of the embedding.
        norm: of the vector, ``none`` or ``batch``.
    """

    def __init__(self, *, inputs: int, size: int, norm: str) -> None:
        super().__init__()
        self.fc7 = nn.Linear(inputs, size)
        self.norm7 = _norm(norm, size)

    def forward(self, shared: Tensor) -> Vectors:
        """Embed the (b, inputs) vectors of fc6."""
        return Vectors(self.norm7(self.fc7(shared)))


class MixedDifference(nn.Module):
    """A branch for the vehicle model and one for the vehicle, mixed to the embedding (figure 6).

    Args:
        inputs: width of fc6.
        size: width of fc7_1, fc7_2 and fc8.
        models: classes of the softmax.
        dropout: after fc7_1 and fc7_2.
        norm: of fc7_2 and fc8, ``none`` or ``batch``.
    """

    def __init__(self, *, inputs: int, size: int, models: int, dropout: float, norm: str) -> None:
        super().__init__()
        self.fc7_1 = nn.Linear(inputs, size)
        self.fc7_2, self.norm7_2 = nn.Linear(inputs, size), _norm(norm, size)
        self.fc8, self.norm8 = nn.Linear(2 * size, size), _norm(norm, size)
        self.classifier = nn.Linear(size, models)
        self.onward = nn.Sequential(nn.ReLU(), nn.Dropout(dropout))
        start_for_relu(self.fc7_1)

    def forward(self, shared: Tensor) -> Vectors:
        """Embed and classify the (b, inputs) vectors of fc6."""
        branch = self.norm7_2(self.fc7_2(shared))
        model, vehicle = self.onward(self.fc7_1(shared)), self.onward(branch)
        embedding = self.norm8(self.fc8(torch.cat([model, vehicle], dim=1)))
        return Vectors(embedding, branch, self.classifier(model))


class Drdl(Method):
    """One space, ``main``: fc8 (or fc7), L2-normalised.

    Args:
        backbone: makes the feature map.
        map_size: values in the map of one picture, for fc6.
        models: classes of the column ``softmax``, from 2; not used in a single branch.
        positives: pictures of one vehicle in a pair of sets.
        negatives: pictures of other vehicles in it.
        structure: ``mixed`` or ``single``.
        loss: ``coupled`` (clusters) or ``triplet``.
        centre: of coupled clusters, ``constant`` (eq. 7 and 8) or ``learnt``.
        softmax: the label column that fc7_1 classifies.
        pooling: ``flatten`` gives the whole map to fc6, ``average`` its mean.
        shared_size: width of fc6.
        embedding_size: width of fc7 and fc8.
        dropout: after fc6 and fc7.
        norm: ``batch`` adds batch norm to the vectors of metric losses.
        margin: alpha, between squared distances.
        model_weight: of the softmax in the sum (section 3.4).
        branch_weight: of the metric loss of fc7_2.
        embedding_weight: of the metric loss of the embedding.

    Raises:
        TrainingError: too few classes for the softmax are known.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        map_size: int,
        models: int,
        positives: int,
        negatives: int,
        structure: str = "mixed",
        loss: Literal["coupled", "triplet"] = "coupled",
        centre: Literal["constant", "learnt"] = "constant",
        softmax: str = "model",
        pooling: str = "flatten",
        shared_size: int = 4096,
        embedding_size: int = 1024,
        dropout: float = 0.5,
        norm: str = "none",
        margin: float = 1.0,
        model_weight: float = 0.5,
        branch_weight: float = 0.5,
        embedding_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.pool: nn.Module = nn.Flatten() if pooling == "flatten" else Average()
        self.fc6 = nn.Linear(map_size if pooling == "flatten" else backbone.channels, shared_size)
        self.onward = nn.Sequential(nn.ReLU(), nn.Dropout(dropout))
        start_for_relu(self.fc6)
        if structure == "single":
            self.head: nn.Module = SingleBranch(inputs=shared_size, size=embedding_size, norm=norm)
        else:
            _need_classes(softmax, models)
            self.head = MixedDifference(
                inputs=shared_size,
                size=embedding_size,
                models=models,
                dropout=dropout,
                norm=norm,
            )
        self.softmax = softmax
        self.positives, self.negatives = positives, negatives
        self.relative_loss = (
            partial(coupled_clusters, centre=centre) if loss == "coupled" else set_triplets
        )
        self.margin = margin
        self.model_weight = model_weight
        self.branch_weight = branch_weight
        self.embedding_weight = embedding_weight

    def feature_map(self, images: Tensor) -> Tensor:
        """The backbone's last map, (b, c, h', w')."""
        maps: Tensor = self.backbone(images)
        return maps

    def embed_map(self, maps: Tensor) -> dict[str, Tensor]:
        """The embedding of a map, L2-normalised."""
        return {"main": functional.normalize(self._vectors(maps).embedding.float())}

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The three losses of figure 6, or the one of a single branch.

        A picture of unknown model is used in the metric losses only.

        Raises:
            TrainingError: the batch is not made of whole pairs of sets.
        """
        vectors = self._vectors(self.feature_map(batch.images))
        embedding = self._relative(batch.gather(vectors.embedding))
        losses = {"embedding": self.embedding_weight * embedding}
        if vectors.branch is not None and vectors.logits is not None:
            models = batch.gather(batch.labels[self.softmax])
            model = known_cross_entropy(batch.gather(vectors.logits), models)
            losses["branch"] = self.branch_weight * self._relative(batch.gather(vectors.branch))
            losses["model"] = self.model_weight * model
        return losses

    def _vectors(self, maps: Tensor) -> Vectors:
        vectors: Vectors = self.head(self.onward(self.fc6(self.pool(maps))))
        return vectors

    def _relative(self, rows: Tensor) -> Tensor:
        """The metric loss of (n, d) vectors, a sequence of pairs of sets."""
        unit = functional.normalize(rows.float())
        size = self.positives + self.negatives
        if len(unit) % size:
            raise TrainingError(
                f"a batch of {len(unit)} pictures is not made of whole pairs of sets of "
                f"{self.positives} + {self.negatives}; set train.sampler=sets"
            )
        sets = unit.reshape(-1, size, unit.shape[1])
        return self.relative_loss(sets[:, : self.positives], sets[:, self.positives :], self.margin)


def _norm(norm: str, size: int) -> nn.Module:
    return nn.BatchNorm1d(size) if norm == "batch" else nn.Identity()


def _need_classes(column: str, known: int) -> None:
    if known < 2:
        raise TrainingError(
            f"the training rows have {known} values of the column {column!r}, but the softmax "
            "of drdl's mixed difference network needs at least 2; fill in the column (VehicleID "
            "and the city have it; some rows may be empty), or set model.structure=single"
        )
