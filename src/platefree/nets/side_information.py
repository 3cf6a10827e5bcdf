"""Labels of a picture as an additional input of transformers.

He et al., "TransReID", ICCV 2021, "Side Information Embeddings": a learnt vector of the picture's
camera, of its view, or of the pair of both is added, times lambda, to every token after the
position embeddings. As in the paper, a pair has its own vector S(C, V), since the terms of a sum
S(C) + S(V) may cancel.

Decided: an unknown label adds nothing, so that without metadata the network is the plain one; a
pair is known if both its labels are. The labels of some training pictures are hidden, so that the
network also learns from pictures alone; the authors hide none.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod

import torch
from timm.models import eva, vision_transformer
from torch import Tensor, nn

from platefree.errors import RecipeError


class SideInformation(nn.Module):
    """A learnt vector for each value of a label, or for each pair of values of two labels.

    Args:
        classes: label column -> number of its values; one column or two.
        channels: size of a token.
        weight: lambda.
        hidden: fraction of the pictures of a training batch whose labels are hidden, drawn from
            torch's generator, which the training loop seeds at every step.
    """

    def __init__(
        self,
        classes: Mapping[str, int],
        channels: int,
        *,
        weight: float = 3.0,
        hidden: float = 0.1,
    ) -> None:
        super().__init__()
        self.classes = dict(classes)
        self.weight, self.hidden = weight, hidden
        self.vectors = nn.Parameter(torch.empty(prod(self.classes.values()), channels))
        nn.init.trunc_normal_(self.vectors, std=0.02)

    def forward(self, labels: Mapping[str, Tensor]) -> Tensor:
        """(b, channels) to add to every token of each picture; zeros where unknown.

        Args:
            labels: label column -> (b,) int64 codes, -1 unknown.
        """
        rows = self.rows(labels)
        if self.training and self.hidden:
            shown = torch.rand(len(rows), device=rows.device) >= self.hidden
            rows = torch.where(shown, rows, -1)
        vectors = self.weight * self.vectors[rows.clamp(min=0)]
        return torch.where((rows >= 0)[:, None], vectors, 0.0)

    def rows(self, labels: Mapping[str, Tensor]) -> Tensor:
        """(b,) int64 number of each picture's vector, -1 unknown."""
        columns = torch.stack([labels[name] for name in self.classes])
        rows = torch.zeros_like(columns[0])
        for codes, count in zip(columns, self.classes.values(), strict=True):
            rows = rows * count + codes
        return torch.where((columns >= 0).all(0), rows, -1)

    def known(self, labels: Mapping[str, Tensor]) -> Tensor:
        """(b,) bool, whether a picture's labels (or pair of labels) occur in training."""
        rows = self.rows(labels)
        return (rows >= 0) & self.vectors.any(1)[rows.clamp(min=0)]

    @torch.no_grad()
    def start(self, labels: Mapping[str, Tensor]) -> None:
        """Zero the vectors of pairs that no training picture has; without gradient they stay zero.

        Args:
            labels: of all training pictures.
        """
        rows = self.rows(labels)
        unseen = torch.ones(len(self.vectors), dtype=torch.bool)
        unseen[rows[rows >= 0]] = False
        self.vectors[unseen] = 0.0


def check_tokens(network: nn.Module, name: str) -> None:
    """Refuse a network whose tokens nothing can be added to.

    Raises:
        RecipeError: it is no plain transformer of timm.
    """
    plain = isinstance(network, vision_transformer.VisionTransformer | eva.Eva)
    # without position embeddings VisionTransformer skips the layer that is hooked below
    if not plain or (not isinstance(network, eva.Eva) and network.pos_embed is None):
        raise RecipeError(
            "model.side is added to the tokens of a plain vision transformer, such as "
            f"vit_base_patch16_224, which {name} is not; set model.side=[]"
        )


@contextmanager
def shifted_tokens(network: nn.Module, vectors: Tensor) -> Iterator[None]:
    """Within the block, add vectors to a transformer's tokens after the position embeddings.

    Args:
        network: accepted by `check_tokens`.
        vectors: (b, channels), added to all tokens of each picture.
    """

    def shift(_: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
        return inputs[0] + vectors[:, None].to(inputs[0].dtype)

    handle = network.get_submodule("pos_drop").register_forward_pre_hook(shift)
    try:
        yield
    finally:
        handle.remove()
