"""FDA-Net's embedding discriminator: embeddings with and without attention."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from platefree.nets.backbones import Backbone
from platefree.nets.heads import Average
from platefree.nets.vgg_m import start_for_relu


class AttentionMap(nn.Module):
    """Two 1 x 1 convolutions with ReLU, and a softmax over positions (FDA-Net, section 4.6, eq. 5).

    Args:
        channels: of the feature map.
        hidden: channels between the convolutions; 0 is an eighth of ``channels``.
    """

    def __init__(self, channels: int, *, hidden: int = 0) -> None:
        super().__init__()
        between = hidden or max(1, channels // 8)
        score = nn.Conv2d(between, 1, 1)
        # If all scores are below 0 before the last ReLU, the map is even and has no gradient. This
        # shift keeps them above 0; the softmax is invariant to it.
        score.bias = nn.Parameter(torch.full((1,), 3.0))
        self.layers = nn.Sequential(nn.Conv2d(channels, between, 1), nn.ReLU(), score, nn.ReLU())

    def forward(self, maps: Tensor) -> Tensor:
        """Weights (b, 1, h, w) of (b, c, h, w) maps: not negative, of sum 1 over positions."""
        scores: Tensor = self.layers(maps).float()
        weights = torch.softmax(scores.flatten(2), dim=2)
        return weights.reshape(scores.shape)


class Views(NamedTuple):
    """The outputs of the embedding discriminator for (b, 3, h, w) pictures.

    Attributes:
        whole: (b, d) FC(f), before L2-normalisation; H.
        attended: (b, d) FC(f * A); F. Without attention it is ``whole``.
        attention: (b, 1, h', w') of mean 1.
    """

    whole: Tensor
    attended: Tensor
    attention: Tensor

    def unit(self) -> tuple[Tensor, Tensor]:
        """H and F, L2-normalised."""
        return functional.normalize(self.whole.float()), functional.normalize(self.attended.float())


class EmbeddingDiscriminator(nn.Module):
    """Backbone, attention and FC layers: the part of FDA-Net that is used after training.

    Args:
        backbone: makes the feature map f.
        map_size: values in the map of one picture, for ``pooling="flatten"``.
        vehicles: classes.
        attention: ``softmax`` or ``none``.
        pooling: ``flatten`` gives the whole map to the FC layers, ``average`` its mean.
        shared_size: width of the first FC layer; 0 leaves it out.
        embedding_size: width of the last FC layer.
        dropout: between the FC layers.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        map_size: int,
        vehicles: int,
        attention: str = "softmax",
        pooling: str = "flatten",
        shared_size: int = 4096,
        embedding_size: int = 1024,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.attention = AttentionMap(backbone.channels) if attention == "softmax" else None
        inputs = map_size if pooling == "flatten" else backbone.channels
        layers: list[nn.Module] = [nn.Flatten() if pooling == "flatten" else Average()]
        if shared_size:
            first = nn.Linear(inputs, shared_size)
            start_for_relu(first)
            layers += [first, nn.ReLU(), nn.Dropout(dropout)]
        self.fc = nn.Sequential(*layers, nn.Linear(shared_size or inputs, embedding_size))
        self.classifier = nn.Linear(embedding_size, vehicles)

    def published_layers(self) -> dict[str, nn.Module]:
        """The two FC layers by their names in the published VGG_CNN_M_1024."""
        first, last = (each for each in self.fc if isinstance(each, nn.Linear))
        return {"fc6": first, "fc7": last}

    def forward(self, maps: Tensor, attention: Tensor | None = None) -> Views:
        """Embed (b, c, h, w) maps of the backbone, with the given attention or their own."""
        whole = self.fc(maps)
        if self.attention is None:
            return Views(whole, whole, torch.ones_like(maps[:, :1]))
        if attention is None:
            attention = self.attention(maps) * maps.shape[2] * maps.shape[3]
        return Views(whole, self.fc(maps * attention), attention)
