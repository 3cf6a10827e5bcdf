"""A backbone with shared first layers and several branches of last layers (VANet, figure 3).

A timm network that is a sequence of layers is split where its stride becomes 16: ResNets share the
layers up to ``layer2`` and branch into ``layer3`` and ``layer4``; GoogLeNet shares the layers
before inception 4a, as in the paper (section 4.1).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from platefree.errors import RecipeError
from platefree.nets.backbones import Backbone

STRIDE = 16
"""Stride of the first layer that is not shared."""


class BranchedBackbone(nn.Module):
    """Shared layers, then branches of one shape that share no weights.

    Args:
        name: of a backbone, see `Backbone`; a sequence of layers that starts with a stride below
            16.
        branches: number of branches.
        height: picture height in pixels.
        width: picture width in pixels.
        last_stride: see `Backbone`.
        drop_path: see `Backbone`.
        weights: see `Backbone`; every branch starts from these, or from its own random ones.

    Attributes:
        channels: c of each branch's feature map.

    Raises:
        RecipeError: no such backbone, or one that cannot be split.
        TrainingError: the weights cannot be loaded or do not fit.
    """

    def __init__(
        self,
        name: str,
        *,
        branches: int,
        height: int,
        width: int,
        last_stride: int = 2,
        drop_path: float = 0.0,
        weights: str = "none",
    ) -> None:
        super().__init__()
        options = {"last_stride": last_stride, "drop_path": drop_path, "weights": weights}
        with torch.device("cpu"):  # it is run, also where the others only show their shapes
            first = Backbone(name, height=height, width=width, **options)  # type: ignore[arg-type]
            fork, end = _cut(first, name, (height, width))
        others = (
            Backbone(name, height=height, width=width, **options)  # type: ignore[arg-type]
            for _ in range(branches - 1)
        )
        backbones = [first, *others]
        self.channels = first.channels
        self.shared = nn.Sequential(*_layers(backbones[0].network)[:fork])
        self.branches = nn.ModuleList(
            nn.Sequential(*_layers(backbone.network)[fork:end]) for backbone in backbones
        )
        self._is_channels_last = _is_channels_last(backbones[0])

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map (b, 3, h, w) to a feature map (b, channels, h', w') of each branch."""
        return self.branch(self.shared(images))

    def branch(self, maps: Tensor) -> list[Tensor]:
        """The feature map of each branch, from the output of `shared`."""
        forked = [branch(maps) for branch in self.branches]
        if self._is_channels_last:
            return [each.permute(0, 3, 1, 2).contiguous() for each in forked]
        return forked


def _layers(network: nn.Module) -> list[nn.Module]:
    """The layers of a network in order, with plain sequences flattened."""
    opened: list[nn.Module] = []
    for child in network.children():
        opened += _layers(child) if type(child) is nn.Sequential else [child]
    return opened


def _cut(backbone: Backbone, name: str, size: tuple[int, int]) -> tuple[int, int]:
    """The number of layers to share, and of all layers up to the feature map.

    To work for every family of timm, this runs the layers one after the other on a picture, and
    finds the layer whose output equals the feature map.
    """
    layers, strides = _layers(backbone.network), list[float]()
    with torch.inference_mode(), _in_use(backbone):
        maps = torch.linspace(-1.0, 1.0, 3 * size[0] * size[1]).reshape(1, 3, *size)
        try:
            expected = backbone.network.forward_features(maps)  # type: ignore[operator]
        except (AssertionError, RuntimeError, ValueError) as error:
            raise RecipeError(
                f"backbone {name} cannot take {size[0]} x {size[1]} pixels: {error}"
            ) from error
        for layer in layers:
            try:
                maps = layer(maps)
                strides.append(size[0] / maps.shape[1 if _is_channels_last(backbone) else 2])
            except Exception:
                break  # a layer with other inputs can raise anything: refused below
            if torch.equal(maps, expected):
                return _fork(layers, strides, name), len(strides)
    raise RecipeError(
        f"backbone {name} is not a sequence of layers, so it cannot be split into shared layers "
        "and branches; use a ResNet, googlenet, ConvNeXt, RegNet, EfficientNet or MobileNet"
    )


def _fork(layers: list[nn.Module], strides: list[float], name: str) -> int:
    # A map of 13 x 13 for a picture of 200 pixels counts as stride 16.
    fork = next((place for place, each in enumerate(strides) if each > 0.75 * STRIDE), 0)
    if not fork:
        raise RecipeError(
            f"backbone {name} starts with a stride of {strides[0]:g} (or never has one of "
            f"{STRIDE}), so it has no layers to share before its branches; use a network with "
            "stages"
        )
    while not list(layers[fork].parameters()):
        fork += 1  # layers without parameters, such as pooling, are the same in every branch
    return fork


@contextmanager
def _in_use(module: nn.Module) -> Iterator[None]:
    before = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(before)


def _is_channels_last(backbone: Backbone) -> bool:
    # so do the layers of Swin
    return getattr(backbone.network, "output_fmt", "NCHW") == "NHWC"
