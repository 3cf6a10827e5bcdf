"""A frozen viewpoint classifier inside another model (VANet, section 3.3)."""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from platefree.checkpoint import Checkpoint, read_checkpoint
from platefree.errors import CheckpointError, RecipeError
from platefree.inputs.complaints import checked
from platefree.methods.label_classifier import LabelClassifier
from platefree.methods.viewpoint import ViewpointSettings
from platefree.nets.backbones import Backbone
from platefree.nets.weights import load_into
from platefree.ranking.view_comparison import VIEW
from platefree.recipes.old_names import with_current_keys
from platefree.recipes.ranges import Channel, PositiveChannel, Side
from platefree.recipes.sections import Input, Section


class ViewpointInside(Section):
    """The viewpoint classifier inside another model; filled in when training starts."""

    backbone: str
    last_stride: Literal[1, 2]
    height: Side
    width: Side
    mean: list[Channel]
    std: list[PositiveChannel]
    fingerprint: str


class FrozenViewpoint(nn.Module):
    """A trained viewpoint classifier inside another method, applied to the same pictures.

    It never learns: no gradients, no batch statistics.

    Args:
        classifier: with its weights.
        inside: describes the classifier, with the input it was trained for.
        given: the input of the other method, from which pictures are converted; resolved.
    """

    mean: Tensor
    std: Tensor
    given_mean: Tensor
    given_std: Tensor

    def __init__(self, classifier: LabelClassifier, inside: ViewpointInside, given: Input) -> None:
        super().__init__()
        self.classifier = classifier.requires_grad_(False)
        self.size = (inside.height, inside.width)
        for name, values in (
            ("mean", inside.mean),
            ("std", inside.std),
            ("given_mean", given.mean or [0.0] * 3),
            ("given_std", given.std or [1.0] * 3),
        ):
            # not saved, since it follows from the recipe
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)
        self.train(False)

    def train(self, mode: bool = True) -> "FrozenViewpoint":
        """Stay in evaluation mode, whatever the method around it does."""
        del mode
        return super().train(False)

    def forward(self, images: Tensor) -> Tensor:
        """(b, views) L2-normalised predictions for (b, 3, h, w) pictures of the other method."""
        pictures = images * self.given_std + self.given_mean
        if pictures.shape[2:] != self.size:
            pictures = functional.interpolate(
                pictures, self.size, mode="bilinear", align_corners=False, antialias=True
            )
        rows: Tensor = self.classifier.embed((pictures - self.mean) / self.std)[VIEW]
        return rows


def describe_viewpoint(path: str, views: list[str]) -> ViewpointInside:
    """The description of a viewpoint model, from which it can be rebuilt inside another model.

    Args:
        path: a checkpoint folder of the method ``viewpoint``.
        views: the names of the views that it must predict.

    Raises:
        CheckpointError: there is no checkpoint, or it is of another method.
        RecipeError: it predicts other views.
    """
    checkpoint = read_checkpoint(Path(path))
    content = with_current_keys(checkpoint.card["recipe"])
    model = content.get("model")
    method = model.get("method") if isinstance(model, dict) else None
    if method != "viewpoint":
        raise CheckpointError(
            f"model.viewpoint is {path}, a {method} model; expected a "
            "viewpoint model, trained by 'platefree train viewpoint/default'"
        )
    settings = checked(ViewpointSettings, model, f"model of {path}", error=RecipeError)
    shape = checked(Input, content.get("input"), f"input of {path}", error=RecipeError)
    known = sorted(checkpoint.card["names"].get(VIEW, []))
    if known != sorted(views):
        raise RecipeError(
            f"the viewpoint model {path} predicts {', '.join(known)}, but model.views is "
            f"{', '.join(sorted(views))}: set model.views={known}, or train another viewpoint model"
        )
    return ViewpointInside(
        backbone=settings.backbone,
        last_stride=settings.last_stride,
        height=shape.height,
        width=shape.width,
        mean=shape.mean or [0.0] * 3,
        std=shape.std or [1.0] * 3,
        fingerprint=checkpoint.fingerprint,
    )


def frozen_viewpoint(inside: ViewpointInside, views: int, given: Input) -> FrozenViewpoint:
    """A viewpoint classifier of the right shape with random weights."""
    backbone = Backbone(
        inside.backbone, height=inside.height, width=inside.width, last_stride=inside.last_stride
    )
    return FrozenViewpoint(LabelClassifier(backbone, column=VIEW, classes=views), inside, given)


def copy_viewpoint(path: str, inside: ViewpointInside, into: FrozenViewpoint) -> None:
    """Copy the weights of a viewpoint model into another model.

    Raises:
        CheckpointError: it cannot be read, or is not the one that ``inside`` describes.
    """
    checkpoint: Checkpoint = read_checkpoint(Path(path))
    if checkpoint.fingerprint != inside.fingerprint:
        raise CheckpointError(
            f"model.viewpoint {path} is model {checkpoint.fingerprint} now and was "
            f"{inside.fingerprint}; start again in another folder (--out)"
        )
    load_into(into.classifier, checkpoint)
