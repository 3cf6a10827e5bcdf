"""Where in a picture its similarity to another comes from (HiResCAM, Draelos and Carin 2020).

Also class-activation maps of a classifier (`class_activation`).

The map is gradient times activation at each position: averaging the gradient over positions first,
as Grad-CAM does, would spread the contribution of the few positions that generalised-mean pooling
selects over all of them. The target is the cosine similarity of the two pictures, so the map shows
what makes these two alike, not what looks like a vehicle.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from platefree.data.image_source import TableImages, one_picture
from platefree.errors import DataError
from platefree.inference.model import Model
from platefree.ranking.comparison import Cosine
from platefree.types import Floats, Sightings


def heat_map(model: Model, picture: Path | Sightings, other: Path | Sightings) -> Floats:
    """Where in ``picture`` its similarity to ``other`` comes from.

    Args:
        model: a model whose method has a feature map.
        picture: path of the picture that is explained, or a table of one row, with its box.
        other: the one that it is compared with.

    Returns:
        (h, w) float32 in [0, 1], of the transform's height and width; all zero if nothing
        supports a match.

    Raises:
        DataError: the method has no feature map, or the space to compare in is not known.
        ImageError: a picture cannot be read.
    """
    rows = _row(picture), _row(other)
    pair = torch.stack([_seen(model, row) for row in rows])
    images = model.transform.normalise(pair.to(model.device))
    model.method.eval()
    with torch.enable_grad():
        maps = _feature_map(model, images)
        spaces = model.method.embed_map(maps)
        judging = _judging_space(model, *rows) if len(spaces) > 1 else ""
        compared = [spaces[judging]] if judging else list(spaces.values())
        similarity = torch.stack([rows[0] @ rows[1].detach() for rows in compared]).mean()
        (gradient,) = torch.autograd.grad(similarity, maps)
    return _enlarged(gradient[:1] * maps[:1], model)


def class_activation(model: Model, picture: Path | Sightings) -> Floats:
    """Where in a picture the model finds evidence for the training vehicle that it predicts.

    With average pooling and a linear classifier that is the class-activation map of Zhou et al.
    (CVPR 2016), as in figure 5 of part-regularized re-ID.

    Args:
        model: a model whose method has a classifier of vehicles on its feature map.
        picture: path of the picture, or a table of one row, with its box.

    Returns:
        (h, w) float32 in [0, 1], of the transform's height and width.

    Raises:
        DataError: the method has no such classifier.
        ImageError: the picture cannot be read.
    """
    image = _seen(model, _row(picture))[None]
    model.method.eval()
    with torch.enable_grad():
        normalised = model.transform.normalise(image.to(model.device))
        maps = _feature_map(model, normalised)
        logits = model.method.identify(maps)
        (gradient,) = torch.autograd.grad(logits.amax(), maps)
    return _enlarged(gradient * maps, model)


def _row(picture: Path | Sightings) -> Sightings:
    return picture if isinstance(picture, Sightings) else one_picture(picture)


def _seen(model: Model, row: Sightings) -> Tensor:
    """(3, h, w) uint8, the picture of a row as the model sees it."""
    size = (model.transform.width, model.transform.height)
    return model.transform(TableImages(row).read(0, size))


def _feature_map(model: Model, images: Tensor) -> Tensor:
    if getattr(model.recipe.model, "pooling", "") == "class_token":
        raise DataError(
            'this model has model.pooling = "class_token", one vector for the whole picture, so no '
            "heat map can be drawn"
        )
    return model.method.feature_map(images).detach().requires_grad_()


@torch.inference_mode()
def _enlarged(products: Tensor, model: Model) -> Floats:
    """Evidence for the target, summed over channels, at the size of the transform's pictures."""
    cam = functional.relu(products.sum(1, keepdim=True))
    size = (model.transform.height, model.transform.width)
    cam = functional.interpolate(cam, size=size, mode="bilinear", align_corners=False)[0, 0]
    heat: Floats = (cam / cam.amax().clamp(min=1e-12)).float().cpu().numpy()
    return heat.astype(np.float32)


def _judging_space(model: Model, picture: Sightings, other: Sightings) -> str:
    """The space that compares two pictures; empty if all spaces do."""
    if isinstance(model.comparison, Cosine):
        return model.comparison.space
    one, two = (model.embed(row)[0] for row in (picture, other))
    return str(model.comparison.space_of(one, two)[0, 0])
