"""From a picture to a tensor: one fixed way for use, one random way for training.

Pictures travel to the device as bytes and become floats there; nothing is changed in place.
"""

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from platefree.config import Augment, Input


class InputTransform:
    """Resize (without keeping the aspect: a crop's shape is not the vehicle's) and normalise.

    Args:
        settings: the resolved ``[input]`` of a recipe; ``mean`` and ``std`` are set.
    """

    def __init__(self, settings: Input) -> None:
        self.height, self.width = settings.height, settings.width
        self.mean = _per_channel(settings.mean or [0.0] * 3)
        self.std = _per_channel(settings.std or [1.0] * 3)

    def __call__(self, picture: Image.Image) -> Tensor:
        """An RGB picture as (3, height, width) uint8."""
        resized = picture.resize((self.width, self.height), Image.Resampling.BILINEAR)
        tensor: Tensor = functional.pil_to_tensor(resized)
        return tensor

    def normalise(self, images: Tensor) -> Tensor:
        """(b, 3, h, w) uint8 to float32: scaled to 0..1, minus mean, over deviation."""
        mean, std = self.mean.to(images.device), self.std.to(images.device)
        return (images.float() / 255.0 - mean) / std


class TrainingTransform:
    """The fixed transform, then flip, shift, colour jitter and erasing, drawn from a seed.

    Args:
        settings: the resolved ``[input]``.
        augment: the ``[augment]`` of the recipe.
    """

    def __init__(self, settings: Input, augment: Augment) -> None:
        self.fixed = InputTransform(settings)
        fill = [round(255 * mean) for mean in settings.mean or [0.0] * 3]
        steps: list[torch.nn.Module] = [v2.RandomHorizontalFlip(augment.flip)]
        if augment.pad:
            size = (settings.height, settings.width)
            steps.append(v2.RandomCrop(size, padding=augment.pad, fill=fill))
        if augment.colour:
            c = augment.colour
            steps.append(v2.ColorJitter(brightness=c, contrast=c, saturation=c, hue=0.1 * c))
        if augment.erase:
            steps.append(v2.RandomErasing(augment.erase, scale=(0.02, 0.33), value=fill))
        self.random = v2.Compose(steps)

    def __call__(self, picture: Image.Image, seed: int) -> Tensor:
        """An RGB picture as (3, height, width) uint8, changed at random; same seed, same tensor."""
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            changed: Tensor = self.random(self.fixed(picture))
        return changed


def _per_channel(values: Sequence[float]) -> Tensor:
    return torch.tensor(list(values), dtype=torch.float32)[:, None, None]
