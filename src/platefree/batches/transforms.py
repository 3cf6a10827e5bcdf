"""Transforms from pictures to tensors: a fixed one for embedding, a random one for training.

Pictures are moved to the device as bytes and become floats there; nothing is changed in place.
"""

import io
from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional
from torchvision.tv_tensors import BoundingBoxes

from platefree.data.input_pictures import resized
from platefree.recipes.sections import Augment, Input

_SMALLEST_PART = 0.25  # of a side


class InputTransform:
    """Resize (without keeping the aspect ratio, since a crop's shape varies) and normalise.

    Args:
        settings: the resolved ``[input]`` of a recipe; ``mean`` and ``std`` are set.
    """

    def __init__(self, settings: Input) -> None:
        self.height, self.width = settings.height, settings.width
        self.mean = _per_channel(settings.mean or [0.0] * 3)
        self.std = _per_channel(settings.std or [1.0] * 3)

    def __call__(self, picture: Image.Image) -> Tensor:
        """An RGB picture as (3, height, width) uint8."""
        return torch.from_numpy(resized(picture, self.width, self.height))

    def normalise(self, images: Tensor) -> Tensor:
        """(b, 3, h, w) uint8 to float32: scaled to 0..1, minus mean, over deviation."""
        mean, std = self.mean.to(images.device), self.std.to(images.device)
        return (images.float() / 255.0 - mean) / std


class TrainingTransform:
    """The fixed transform, then the random augmentation of ``[augment]``, drawn from a seed.

    Args:
        settings: the resolved ``[input]``.
        augment: the ``[augment]`` of the recipe.
    """

    def __init__(self, settings: Input, augment: Augment) -> None:
        self.fixed = InputTransform(settings)
        self.zoom = augment.zoom
        fill = [round(255 * mean) for mean in settings.mean or [0.0] * 3]
        moves: list[torch.nn.Module] = [v2.RandomHorizontalFlip(augment.flip)]
        size = (settings.height, settings.width)
        if augment.warp:
            moves += _warp(augment.warp, size)
        if augment.pad:
            moves.append(v2.RandomCrop(size, padding=augment.pad, fill=fill))
        steps: list[torch.nn.Module] = [torch.nn.Identity()]
        if augment.color:
            c = augment.color
            steps.append(v2.ColorJitter(brightness=c, contrast=c, saturation=c, hue=0.1 * c))
        if augment.balance:
            steps.append(RandomBalance(augment.balance))
        if augment.grey:
            steps.append(v2.RandomGrayscale(augment.grey))
        if augment.degrade:
            steps += _degrade(augment.degrade, size)
        if augment.erase:
            steps.append(v2.RandomErasing(augment.erase, scale=(0.02, 0.33), value=fill))
        self.moves = v2.Compose(moves)  # these also move boxes
        self.changes = v2.Compose(steps)

    def __call__(self, picture: Image.Image, seed: int) -> Tensor:
        """An RGB picture as (3, height, width) uint8, augmented; same seed, same tensor."""
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            shown = _taken(picture, self._part(picture))
            changed: Tensor = self.changes(self.moves(self.fixed(shown)))
        return changed

    def with_boxes(self, picture: Image.Image, boxes: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        """The augmented picture with its boxes.

        Args:
            picture: RGB.
            boxes: (n, 4) float64 left, top, right, bottom as fractions of width and height.
            seed: the same seed gives the same picture, with and without boxes.

        Returns:
            (3, height, width) uint8, and (n, 4) float32 boxes in its pixels.
        """
        size = (self.fixed.height, self.fixed.width)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            left, top, right, bottom = part = self._part(picture)
            # In 64 bits, so that an edge on the border of two grid cells stays on it.
            within = boxes * torch.tensor(picture.size * 2) - torch.tensor([left, top] * 2)
            scale = torch.tensor([size[1] / (right - left), size[0] / (bottom - top)] * 2)
            pixels = (within * scale.double()).float()
            placed = BoundingBoxes(pixels, format="XYXY", canvas_size=size)
            moved, followed = self.moves(
                self.fixed(_taken(picture, part)), functional.clamp_bounding_boxes(placed)
            )
            changed: Tensor = self.changes(moved)
        return changed, followed.as_subclass(Tensor)

    def _part(self, picture: Image.Image) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of what is taken of a picture: of its shape, or all of it."""
        width, height = picture.size
        if not self.zoom or float(torch.rand(())) >= self.zoom:
            return 0, 0, width, height
        share, across, down = torch.rand(3).tolist()
        share = _SMALLEST_PART + (1 - _SMALLEST_PART) * share
        wide, high = max(1, round(share * width)), max(1, round(share * height))
        left, top = round(across * (width - wide)), round(down * (height - high))
        return left, top, left + wide, top + high


class RandomBalance(torch.nn.Module):
    """Random white balance: each channel times exp(u), u uniform in +-strength.

    Args:
        strength: 0 changes nothing.
    """

    def __init__(self, strength: float) -> None:
        super().__init__()
        self.strength = strength

    def forward(self, picture: Tensor) -> Tensor:
        """(3, h, w) uint8 to the same."""
        gain = torch.empty(3, 1, 1).uniform_(-self.strength, self.strength).exp()
        return (picture * gain).round_().clamp_(0, 255).to(torch.uint8)


class RandomResolution(torch.nn.Module):
    """Random loss of resolution: the picture is shrunk and enlarged again.

    Args:
        smallest: smallest fraction of its size that it is shrunk to, in (0, 1].
    """

    def __init__(self, smallest: float) -> None:
        super().__init__()
        self.smallest = smallest

    def forward(self, picture: Tensor) -> Tensor:
        """(3, h, w) uint8 to the same."""
        height, width = picture.shape[-2:]
        fraction = float(torch.empty(()).uniform_(self.smallest, 1.0))
        small = [max(8, round(fraction * height)), max(8, round(fraction * width))]
        shrunk = functional.resize(picture, small, antialias=True)
        enlarged: Tensor = functional.resize(shrunk, [height, width], antialias=True)
        return enlarged


class RandomJPEG(torch.nn.Module):
    """Random JPEG compression.

    Args:
        lowest: quality, 1 to 95.
        highest: quality, 1 to 95.
    """

    def __init__(self, lowest: int, highest: int) -> None:
        super().__init__()
        self.lowest, self.highest = lowest, highest

    def forward(self, picture: Tensor) -> Tensor:
        """(3, h, w) uint8 to the same."""
        quality = int(torch.randint(self.lowest, self.highest + 1, ()))
        with io.BytesIO() as file:
            functional.to_pil_image(picture).save(file, "JPEG", quality=quality)
            coded: Tensor = functional.pil_to_tensor(Image.open(file))
        return coded


def _warp(strength: float, size: tuple[int, int]) -> list[torch.nn.Module]:
    """Random shift, zoom and rotation, as by looser boxes and other cameras."""
    smallest = 1.0 - 0.45 * strength
    aspect = 1.0 + 0.35 * strength
    crop = v2.RandomResizedCrop(size, scale=(smallest, 1.0), ratio=(1 / aspect, aspect))
    return [v2.RandomPerspective(0.3 * strength, p=0.4), v2.RandomRotation(8 * strength), crop]


def _degrade(chance: float, size: tuple[int, int]) -> list[torch.nn.Module]:
    """Degradations by lens, distance, sharpening and compression."""
    radius = 1.5 * max(size) / 128
    blur = v2.GaussianBlur(5, sigma=(0.1, radius))
    focus = v2.RandomChoice([blur, v2.RandomAdjustSharpness(4.0, p=1.0)])
    return [
        v2.RandomApply([RandomResolution(0.3)], chance),
        v2.RandomApply([focus], chance),
        v2.RandomApply([RandomJPEG(20, 90)], chance),
    ]


def _taken(picture: Image.Image, part: tuple[int, int, int, int]) -> Image.Image:
    """A part of a picture; all of it is not copied."""
    return picture if part == (0, 0, *picture.size) else picture.crop(part)


def _per_channel(values: Sequence[float]) -> Tensor:
    return torch.tensor(list(values), dtype=torch.float32)[:, None, None]
