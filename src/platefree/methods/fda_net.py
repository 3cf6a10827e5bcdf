"""FDA-Net, Feature Distance Adversarial Network (Lou et al., CVPR 2019, "VERI-Wild").

A generator makes hard negatives of the pictures of a batch, and the embedding learns to separate
them; both learn in turn (section 4, figure 5)::

    picture x - generator - G(x) ---------------- real or made? (70 x 70 patches)
        |                    |
        +------ backbone -------+-- f -- attention A -- FC(f * A) = F      searched
                                +------------------- FC(f)     = H

- H and F use the same FC layers. Decided: the attention is scaled to a mean of 1 before it weighs
  the map, so that an even attention makes F equal to H, and neither is small.
- F(G(x)) is taken under the attention of x (eq. 6), everywhere.
- Decided: the generator adds details, none at first, to the colors of the picture
  (``generator="residual"``). "plain" makes the picture anew, of maps that instance norm has robbed
  of its color.
- Embeddings are L2-normalised, so that the margins have a scale.
- z of eq. 9 is the generated negative in one step and the real one in the next.
- Decided: minimising log(1 - D(G(x))) has no gradient while made pictures are easily detected, so
  the generator maximises log D(G(x)) instead (Goodfellow et al., NIPS 2014, section 3);
  ``real_fake="minimax"`` is eq. 11 to the letter.
- While the generator learns, D is fixed (section 4.2): both discriminators are in evaluation mode,
  without dropout, which would set a picture apart from its exact copy.
- Made pictures are seen with the running statistics of batch norm, which are those of real ones,
  and so are the pictures that they are compared with. Statistics of their own would hide a color
  cast that they share.

Rows of the paper's tables 4 and 5: `EmbeddingNet` without attention is EN. "FDA-Net without Att" is
said to be "without attention regularization": ``difference_weight=0`` leaves out eq. 7, and
``attention="none"`` the whole attention, so that F is H.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from platefree.losses import (
    difference_hinges,
    real_fake,
    similarity_hinges,
    smoothed_cross_entropy,
    triplet_hinges,
)
from platefree.methods.backbone import StridedSettings, make_backbone
from platefree.methods.base import Batch, Descent, Method, Samples, make_optimizer
from platefree.methods.game_watch import GameWatch
from platefree.nets.attended import EmbeddingDiscriminator
from platefree.nets.backbones import map_size
from platefree.nets.generator import Generator, PlainGenerator, largest_singular_value
from platefree.nets.patch_gan import PatchGan
from platefree.nets.vgg_m import VGG_CNN_M, take_published
from platefree.nets.weights import read_weights
from platefree.recipes.ranges import Channels, ChannelsOrNone, Margin, RateBelowOne, Weight, Width
from platefree.recipes.recipe import Recipe
from platefree.recipes.sections import Train

OPTIMIZERS = ("embedding", "critic", "generator")


class FdaNetSettings(StridedSettings):
    """Feature distance adversary (Lou et al., CVPR 2019)."""

    optimizers: ClassVar[tuple[str, ...]] = OPTIMIZERS
    method: Literal["fda_net"]
    backbone: str = "vgg_cnn_m_1024"
    adversary: Literal["feature_distance", "none"] = "feature_distance"
    attention: Literal["softmax", "none"] = "softmax"
    negatives: Literal["random", "nearest"] = "random"  # the real ones, among the batch
    real_fake: Literal["non_saturating", "minimax"] = "non_saturating"
    pooling: Literal["flatten", "average"] = "flatten"
    shared_size: ChannelsOrNone = 4096  # first FC layer; 0: none
    embedding_size: Channels = 1024  # last FC layer
    dropout: RateBelowOne = 0.5
    margin: Margin = 0.6  # alpha, at least twice beta
    similarity_margin: Margin = 0.3  # beta
    difference_margin: Margin = 0.7  # gamma
    realism_weight: Weight = 1.0  # lambda
    difference_weight: Weight = 1.0  # of eq. 7; 0: without attention regularization
    generator: Literal["residual", "plain"] = "plain"  # "plain": blind to color, as CycleGAN's
    generator_width: Width = 64
    generator_blocks: Annotated[int, Field(ge=0, le=100)] = 9
    patch_width: Width = 64

    @model_validator(mode="after")
    def _margins_leave_room(self) -> "FdaNetSettings":
        if self.margin < 2 * self.similarity_margin:
            raise ValueError(
                f"model.margin is {self.margin} and model.similarity_margin "
                f"{self.similarity_margin}, expected at least twice as large a margin "
                "(alpha and beta of eq. 8)"
            )
        return self

    def check(self, recipe: Recipe) -> None:
        """The generator halves pictures twice."""
        height, width = recipe.input.height, recipe.input.width
        if self.adversary != "none" and (height % 4 or width % 4 or min(height, width) < 32):
            raise ValueError(
                f"pictures of {height} x {width} pixels; fda_net's generator needs sides that are "
                "multiples of 4, 32 or more"
            )

    def takes_one_size(self) -> str:
        """Also the layer that takes the whole map."""
        flat = self.pooling == "flatten"
        return "model.pooling = flatten" if flat else super().takes_one_size()


def build(
    settings: FdaNetSettings, recipe: Recipe, classes: Mapping[str, int], weights: str | None
) -> "EmbeddingNet":
    """The method of a recipe, see `platefree.methods.catalogue.build_method`."""
    backbone = make_backbone(settings, recipe, weights)
    parts = {"attention", "pooling", "shared_size", "embedding_size", "dropout"}
    embedding = EmbeddingDiscriminator(
        backbone,
        map_size=map_size(backbone, recipe.input.height, recipe.input.width),
        vehicles=classes["vehicle"],
        **settings.model_dump(include=parts),
    )
    start = weights or settings.weights
    if settings.backbone == VGG_CNN_M and start != "none" and settings.shared_size:
        published = read_weights(Path(start), backbone.network.state_dict()).tensors
        for name, layer in embedding.published_layers().items():
            take_published(published, name, layer)
    if settings.adversary == "none":
        return EmbeddingNet(embedding, negatives=settings.negatives, margin=settings.margin)
    game = {"negatives", "real_fake", "margin", "similarity_margin", "difference_margin"}
    kind = Generator if settings.generator == "residual" else PlainGenerator
    return FdaNet(
        embedding,
        kind(width=settings.generator_width, blocks=settings.generator_blocks),
        PatchGan(width=settings.patch_width),
        mean=recipe.input.mean or (0.0, 0.0, 0.0),
        std=recipe.input.std or (1.0, 1.0, 1.0),
        **settings.model_dump(include={*game, "realism_weight", "difference_weight"}),
    )


class EmbeddingNet(Method):
    """EN, the conventional network: one space, ``main``, F L2-normalised.

    Args:
        embedding: backbone, attention and FC layers.
        negatives: of the batch, ``random`` or the ``nearest`` in H.
        margin: alpha of eq. 9.
    """

    def __init__(
        self,
        embedding: EmbeddingDiscriminator,
        *,
        negatives: str = "random",
        margin: float = 0.6,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.negatives, self.margin = negatives, margin

    def feature_map(self, images: Tensor) -> Tensor:
        """The backbone's last map, (b, c, h', w')."""
        maps: Tensor = self.embedding.backbone(images)
        return maps

    def embed_map(self, maps: Tensor) -> dict[str, Tensor]:
        """F, L2-normalised."""
        return {"main": self.embedding(maps).unit()[1]}

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy and triplets of real pictures."""
        return self.embedding_losses(batch, made=None)

    def embedding_losses(self, batch: Batch, made: Tensor | None) -> dict[str, Tensor]:
        """L_D_emb (eq. 9), for H and, with attention, for F.

        Args:
            batch: (b, 3, h, w) real pictures.
            made: (b, 3, h, w) their generated negatives, to be z; None takes real ones.
        """
        vehicles = batch.labels["vehicle"]
        real = self.embedding(self.feature_map(batch.images))
        units = tuple(map(batch.gather, real.unit()))
        positive, negative = draw_pairs(batch.gather(vehicles), units[0].detach(), self.negatives)
        if made is None:
            against = tuple(rows[negative] for rows in units)
        else:
            units, against = self._seen_alike(batch.images, made)
        rows = {"": (real.whole, units[0], against[0])}
        if self.embedding.attention is not None:
            rows[" F"] = (real.attended, units[1], against[1])
        paired, losses = positive >= 0, {}
        for name, (vectors, unit, other) in rows.items():
            logits = self.embedding.classifier(vectors)
            losses[f"identity{name}"] = smoothed_cross_entropy(logits, vehicles, 0.0)
            losses[f"triplet{name}"] = _mean(
                triplet_hinges(unit[paired], unit[positive[paired]], other[paired], self.margin)
            )
        return losses

    def _seen_alike(self, images: Tensor, made: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
        """H and F of pictures and of what was made of them, with running statistics for both.

        With statistics of its batch for one of them, a picture is far from its exact copy, and the
        embedding learns to tell the statistics apart.
        """
        with evaluating(*batch_norms(self.embedding)):
            maps = self.feature_map(torch.cat([images, made]))
            real = self.embedding(maps[: len(images)])
            other = self.embedding(maps[len(images) :], real.attention)
        return real.unit(), other.unit()


class FdaNet(EmbeddingNet):
    """The embedding network trained against a generator.

    Args:
        embedding: backbone, attention and FC layers.
        generator: makes hard negatives: pictures in [-1, 1] from such pictures.
        critic: classifies real and made pictures, by logits of normalised pictures.
        negatives: the real ones of the batch, ``random`` or the ``nearest`` in H.
        real_fake: the generator's loss against the critic, ``non_saturating`` or ``minimax``.
        margin: alpha of eq. 9; at least twice ``similarity_margin``.
        similarity_margin: beta of eq. 4.
        difference_margin: gamma of eq. 7.
        realism_weight: lambda of eq. 11.
        difference_weight: of eq. 7 in eq. 11, where it is 1; 0 leaves it out.
        mean: of the channels of normalised pictures.
        std: of the channels.
    """

    forwards: ClassVar[tuple[str, ...]] = (
        "generate",
        "embedding_losses",
        "critic_losses",
        "generator_losses",
    )
    updates: Tensor
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        embedding: EmbeddingDiscriminator,
        generator: Generator | PlainGenerator,
        critic: PatchGan,
        *,
        negatives: str = "random",
        real_fake: str = "non_saturating",
        margin: float = 0.6,
        similarity_margin: float = 0.3,
        difference_margin: float = 0.7,
        realism_weight: float = 1.0,
        difference_weight: float = 1.0,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
    ) -> None:
        super().__init__(embedding, negatives=negatives, margin=margin)
        self.generator, self.critic = generator, critic
        self.watch = GameWatch()
        self.real_fake = real_fake
        self.similarity_margin = similarity_margin
        self.difference_margin = difference_margin
        self.realism_weight, self.difference_weight = realism_weight, difference_weight
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)

    def optimizers(self, train: Train) -> dict[str, Optimizer]:
        """One each for the embedding, the critic and the generator."""
        return {
            name: make_optimizer(
                *(getattr(self, name), train, train.rates.get(name), train.betas.get(name, 0.9)),
                part=name,
            )
            for name in OPTIMIZERS
        }

    def step(self, batch: Batch, descent: Descent) -> None:
        """Both discriminators learn from made pictures, then the generator from the discriminators.

        z is a made picture in one step and a real one in the next.
        """
        made = descent.forward("generate", batch.images)
        z = made.detach() if self.updates % 2 == 0 else None
        descent.step(descent.forward("embedding_losses", batch, z), "embedding")
        descent.step(descent.forward("critic_losses", batch, made.detach()), "critic")
        losses, observed = descent.forward("generator_losses", batch, made)
        descent.step(losses, "generator")
        self.watch.see(descent.observe(observed))
        self.updates += 1

    def generate(self, images: Tensor) -> Tensor:
        """A hard negative of each of (b, 3, h, w) normalised pictures, normalised too."""
        changed: Tensor = self.generator(2.0 * (images * self.std + self.mean) - 1.0)
        return ((changed.float() + 1.0) / 2.0 - self.mean) / self.std

    def critic_losses(self, batch: Batch, made: Tensor) -> dict[str, Tensor]:
        """The first term of L_D (eq. 11)."""
        found = real_fake(self.critic(batch.images), self.critic(made))
        return {"critic": -self.realism_weight * found}

    def generator_losses(
        self, batch: Batch, made: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """L_G (eq. 11), and figures that show whether training goes well."""
        with evaluating(self.embedding, self.critic):
            with torch.no_grad():
                real = self.embedding(self.feature_map(batch.images))
                critic_real = self.critic(batch.images)
            h_made, f_made = self.embedding(self.feature_map(made), real.attention).unit()
            critic_made = self.critic(made)
        h, f = real.unit()
        positive, negative = draw_pairs(batch.labels["vehicle"], h, self.negatives)
        paired = positive >= 0
        others = h[positive[paired]], h_made[paired], h[negative[paired]]
        similarity = similarity_hinges(h[paired], *others, self.similarity_margin)
        right = (critic_real > 0).float().mean() + (critic_made < 0).float().mean()
        losses = {
            "realism": self.realism_weight * self._realism(critic_made),
            "similarity": _mean(similarity.sum(dim=1)),
        }
        observed = {
            "made spread": _spread(made) / _spread(batch.images),
            "critic accuracy": right / 2,
            "too near": _mean((similarity[:, 0] > 0).float()),
            "too far": _mean((similarity[:, 1] > 0).float()),
        }
        if self.embedding.attention is not None:
            difference = difference_hinges(f, f_made, self.difference_margin)
            if self.difference_weight:
                losses["difference"] = self.difference_weight * difference.mean()
            observed["too alike"] = (difference > 0).float().mean()
        return losses, observed

    def samples(self, batch: Batch) -> Samples:
        """Input, attention, generated negative, nearest real negative (figures 8 and 9)."""
        with torch.no_grad():
            made = self.generate(batch.images)
            real = self.embedding(self.feature_map(batch.images))
        nearest = nearest_others(batch.labels["vehicle"], real.unit()[0])
        attention = functional.interpolate(
            real.attention, batch.images.shape[2:], mode="bilinear", align_corners=False
        )
        lit = attention / attention.amax(dim=(2, 3), keepdim=True).clamp(min=1e-8)
        shown = [self._shown(each) for each in (batch.images, made, batch.images[nearest])]
        columns = [shown[0], shown[0] * (0.2 + 0.8 * lit), *shown[1:]]
        names = ("input", "attention", "generated negative", "nearest real negative")
        return Samples(names, torch.stack(columns, dim=1).cpu())

    def health(self) -> dict[str, float]:
        """The largest singular value among the layers of the generator and of the critic."""
        parts = {"generator": self.generator, "critic": self.critic}
        return {
            f"{name} stretch": max(
                largest_singular_value(layer)
                for layer in part.modules()
                if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
            )
            for name, part in parts.items()
        }

    def _shown(self, images: Tensor) -> Tensor:
        return (images * self.std + self.mean).clamp(0.0, 1.0)

    def _realism(self, logits: Tensor) -> Tensor:
        if self.real_fake == "minimax":
            return functional.logsigmoid(-logits.float()).mean()
        return -functional.logsigmoid(logits.float()).mean()


def draw_pairs(vehicles: Tensor, rows: Tensor, negatives: str) -> tuple[Tensor, Tensor]:
    """A positive and a negative for every picture of a batch.

    Args:
        vehicles: (n,) identities.
        rows: (n, d) embeddings.
        negatives: ``random`` or the ``nearest``; positives are random.

    Returns:
        (n,) batch positions of the positives and of the negatives; both -1 if a picture lacks one
        of them.
    """
    same = vehicles[:, None] == vehicles[None, :]
    itself = torch.eye(len(vehicles), dtype=torch.bool, device=vehicles.device)
    chance = torch.rand(same.shape, device=rows.device)
    positive = chance.masked_fill(~same | itself, -1.0).argmax(dim=1)
    score = rows @ rows.T if negatives == "nearest" else chance
    negative = score.masked_fill(same, -torch.inf).argmax(dim=1)
    complete = (same & ~itself).any(dim=1) & (~same).any(dim=1)
    return positive.where(complete, -1), negative.where(complete, -1)


def batch_norms(module: nn.Module) -> list[nn.Module]:
    """The batch norms in a module."""
    return [each for each in module.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)]


def nearest_others(vehicles: Tensor, rows: Tensor) -> Tensor:
    """(n,) batch positions of the nearest pictures of other vehicles.

    Args:
        vehicles: (n,) identities, not all the same.
        rows: (n, d) unit embeddings.
    """
    same = vehicles[:, None] == vehicles[None, :]
    return (rows @ rows.T).masked_fill(same, -torch.inf).argmax(dim=1)


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """Within the block, modules are in evaluation mode with all in them; gradients still flow."""
    within = [each for module in modules for each in module.modules()]
    modes = [each.training for each in within]
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for each, mode in zip(within, modes, strict=True):
            each.training = mode  # `train` would also set the modules within


def _mean(values: Tensor) -> Tensor:
    """The mean; 0, with a gradient of 0, if there are no values."""
    return values.sum() / max(len(values), 1)


def _spread(pictures: Tensor) -> Tensor:
    """How much the pictures of a batch differ: the mean deviation of each value over the batch."""
    return pictures.detach().float().std(dim=0).mean()
