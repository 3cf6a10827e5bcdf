"""Backbones: any timm model as a function from pictures to a feature map (b, c, h, w).

Added to timm: ResNets with IBN-a layers (``resnet50_ibn_a``), also with non-local blocks
(``resnet50_ibn_a_nl``), a last stride of 1, as re-ID networks use it, ``googlenet``, a small
Xception (``xception_sixth``), and ``vgg_cnn_m_1024`` of the papers of 2016. Transformers give their
patch tokens as a map, or the class token as a map of one cell.
"""

import difflib
import functools
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from platefree.errors import RecipeError, TrainingError, first_line
from platefree.nets import googlenet, xception
from platefree.nets.ibn import add_ibn_a
from platefree.nets.non_local import NON_LOCAL, add_non_local
from platefree.nets.package_weights import PREFIX, package_file, paired_tensors
from platefree.nets.patches import (
    OverlappingPatches,
    check_patches,
    fitted_to_grid,
    grid_of_patches,
)
from platefree.nets.side_information import check_tokens, shifted_tokens
from platefree.nets.vgg_m import VGG_CNN_M, VggM
from platefree.nets.weights import HEADS, read_weights

IBN_SUFFIX = "_ibn_a"
IBN_BACKBONES = tuple(f"resnet{depth}{IBN_SUFFIX}" for depth in (18, 34, 50, 101, 152))
NON_LOCAL_SUFFIX = "_nl"
NON_LOCAL_BACKBONES = tuple(
    f"resnet{depth}{IBN_SUFFIX}{NON_LOCAL_SUFFIX}" for depth in (50, 101, 152)
)
OWN_BACKBONES = (
    *IBN_BACKBONES,
    *NON_LOCAL_BACKBONES,
    googlenet.NAME,
    xception.NAME,
    VGG_CNN_M,
)
"""Backbones that timm lacks."""

_FILES = {
    **{
        name: f"{name}-*.pth of the repository XingangPan/IBN-Net"
        for name in IBN_BACKBONES
        if name != "resnet152_ibn_a"  # never published
    },
    googlenet.NAME: "torchvision's googlenet-1378be20.pth",
    VGG_CNN_M: (
        "VGG_CNN_M_1024 of Caffe's model zoo, its tensors saved under their names; with the input "
        "channels of conv1 reversed and input.std=[0.0039216,0.0039216,0.0039216]"
    ),
}
"""The published files of backbones that timm lacks."""

_FEW_FOREIGN = 0.1
"""Unknown tensors, as a fraction of the backbone's, beyond which a file is of another backbone."""

_log = logging.getLogger(__name__)

_VITS = ("vision_transformer", "deit")  # modules of timm


class Backbone(nn.Module):
    """A timm network without its head.

    Args:
        name: a timm name, optionally with a weight tag (``resnet50.a1_in1k``), or one of
            `OWN_BACKBONES`.
        height: picture height in pixels; transformers are built for this size.
        width: picture width in pixels.
        last_stride: 1 keeps the last feature map of a CNN at a sixteenth of the picture.
        drop_path: stochastic depth rate.
        patch_stride: pixels between the patches of a ViT; 0 is the size of a patch.
        class_token: whether a transformer's map is its class token instead of its patches.
        side: whether side information is added to a transformer's tokens, see `forward`.
        weights: ``none``, ``timm`` (published weights, downloaded or cached by timm), those of a
            package such as ``package:efficientnet-lite0``, or a file.

    Attributes:
        channels: c of the feature map.
        keeps_float32: whether it computes in float32 within a region of lower precision.

    Raises:
        RecipeError: no such backbone, or an option that it does not have.
        TrainingError: the weights cannot be loaded or do not fit.
    """

    def __init__(
        self,
        name: str,
        *,
        height: int,
        width: int,
        last_stride: int = 2,
        drop_path: float = 0.0,
        patch_stride: int = 0,
        class_token: bool = False,
        side: bool = False,
        weights: str = "none",
    ) -> None:
        super().__init__()
        options = _options(name, drop_path, patch_stride)
        self.network = _create(name, (height, width), options, published=weights == "timm")
        check_patches(self.network, name, (height, width))
        self.channels: int = self.network.num_features  # type: ignore[assignment]
        self.class_token = class_token
        self.keeps_float32 = False
        if side:
            check_tokens(self.network, name)
        if class_token and getattr(self.network, "cls_token", None) is None:
            raise RecipeError(
                f'model.pooling = "class_token" needs a transformer that has one, not {name}; '
                'set it to "average"'
            )
        if last_stride == 1:
            _keep_last_map_large(self.network, name)
        if weights.startswith(PREFIX):
            tensors = paired_tensors(package_file(weights, name), self.network.state_dict())
            self.network.load_state_dict(tensors)
        elif weights not in ("none", "timm"):
            load_backbone_weights(self.network, Path(weights))

    def forward(self, images: Tensor, side: Tensor | None = None) -> Tensor:
        """Map (b, 3, h, w) float pictures to (b, channels, h', w') features.

        Args:
            images: the pictures.
            side: (b, channels) to add to every token of each picture, if the backbone has ``side``.
        """
        shifted = nullcontext() if side is None else shifted_tokens(self.network, side)
        with self._precision(images), shifted:
            features: Tensor = self.network.forward_features(images)  # type: ignore[operator]
        if features.ndim == 3:
            return self._tokens_to_map(features, images)
        if features.shape[1] != self.channels and features.shape[-1] == self.channels:
            return features.permute(0, 3, 1, 2).contiguous()
        return features

    def intermediates(self, images: Tensor, places: Sequence[int]) -> list[Tensor]:
        """The maps within a network that has ``forward_intermediates``.

        Args:
            images: (b, 3, h, w) float.
            places: of the maps in the network's ``feature_info``.
        """
        with self._precision(images):
            maps: list[Tensor] = self.network.forward_intermediates(  # type: ignore[operator]
                images, indices=[*places], intermediates_only=True
            )
        return maps

    def _precision(self, images: Tensor) -> AbstractContextManager[object]:
        if self.keeps_float32:
            return torch.autocast(images.device.type, enabled=False)
        return nullcontext()

    def _tokens_to_map(self, tokens: Tensor, images: Tensor) -> Tensor:
        if self.class_token:
            return tokens[:, 0, :, None, None]
        patches = tokens[:, getattr(self.network, "num_prefix_tokens", 0) :]  # (b, n, c)
        batch, count, channels = patches.shape
        height, width = images.shape[2:]
        grid = grid_of_patches(self.network, (height, width))
        rows = grid[0] if grid else round((count * height / width) ** 0.5)
        return patches.transpose(1, 2).reshape(batch, channels, rows, count // rows)


def map_size(backbone: Backbone, height: int, width: int) -> int:
    """Values in the map of one picture of this size: channels times height times width."""
    backbone.eval()
    with torch.no_grad():
        maps: Tensor = backbone(torch.zeros(1, 3, height, width))
    backbone.train()
    return maps[0].numel()


def has_fixed_size(name: str) -> bool:
    """Whether a backbone only takes pictures of the size that it was built for.

    Raises:
        RecipeError: no such backbone.
    """
    if name in (googlenet.NAME, xception.NAME, VGG_CNN_M):
        return False
    details = timm.get_pretrained_cfg(_timm_name(name))
    return details is not None and bool(details.fixed_input_size)


def published_weights(name: str) -> str:
    """Where the published ImageNet weights of a backbone come from, and how to take them."""
    file = _FILES.get(name.removesuffix(NON_LOCAL_SUFFIX))
    if file is not None:
        return f"{file}, with model.weights=FILE (--set model.weights=FILE)"
    if name in OWN_BACKBONES:
        return "none are published"
    return "timm's, with model.weights=timm (--set model.weights=timm)"


def backbone_statistics(name: str) -> tuple[list[float], list[float]]:
    """The channel mean and standard deviation (of 0..1 pictures) that a backbone was trained with.

    Raises:
        RecipeError: no such backbone.
    """
    if name == googlenet.NAME:
        return googlenet.MEAN, googlenet.STD
    if name == xception.NAME:
        return xception.MEAN, xception.STD
    published = None if name == VGG_CNN_M else timm.get_pretrained_cfg(_timm_name(name))
    if published is None:
        return [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    return list(published.mean), list(published.std)


def load_backbone_weights(network: nn.Module, path: Path) -> None:
    """Load weights, such as of ImageNet, from a local file; its classifier is ignored.

    The file may be of another project, see `platefree.nets.weight_files`. Every tensor of the
    backbone must be in it; a log message says what of the file was not used. Non-local blocks that
    are not in the file are left unchanged.

    Args:
        network: a timm network without head.
        path: safetensors, a torch file of plain content, or the folder of a checkpoint.

    Raises:
        TrainingError: the file cannot be read, or does not fit the network.
        CheckpointError: a folder holds no checkpoint, or a damaged one.
    """
    wanted = network.state_dict()
    try:
        match = read_weights(path, wanted, lambda plain: fitted_to_grid(plain, network))
    except (KeyError, ValueError, RuntimeError, AttributeError) as error:
        raise TrainingError(
            f"weights {path} do not fit the backbone ({first_line(error)}); use weights of "
            "the same backbone"
        ) from error
    found = match.tensors
    knows_non_local = any(f".{NON_LOCAL}." in key for key in found)
    missing = [
        key
        for key in wanted
        if key not in found
        and not key.endswith("batches_tracked")
        and (knows_non_local or f".{NON_LOCAL}." not in key)
    ]
    foreign = [key for key in found if key not in wanted and not key.startswith(HEADS)]
    shapes = [key for key in wanted if key in found and found[key].shape != wanted[key].shape]
    if missing or shapes or len(foreign) > _FEW_FOREIGN * len(wanted):
        example = (missing or shapes or foreign)[0]
        raise TrainingError(
            f"weights {path} do not fit the backbone: {match.fitting(wanted)} tensors match, "
            f"{len(missing)} of {len(wanted)} tensors are missing, {len(shapes)} have another "
            f"shape, {len(foreign)} are foreign (first: {example}); use weights of the same "
            "backbone"
        )
    network.load_state_dict({key: found[key] for key in wanted if key in found}, strict=False)
    unused = [match.prefix + key for key in found if key not in wanted] + match.others
    _log.warning(
        "weights %s: %s of %s tensors of the backbone, %s; not used: %s",
        *(path, match.fitting(wanted), len(wanted)),
        f"named {match.prefix}..." if match.prefix else "by their own names",
        f"{len(unused)} others, such as {unused[0]}" if unused else "none",
    )


def _options(name: str, drop_path: float, patch_stride: int) -> dict[str, Any]:
    options: dict[str, Any] = {"drop_path_rate": drop_path} if drop_path else {}
    if patch_stride:
        if not timm.models.is_model_in_modules(name.partition(".")[0], _VITS):
            raise RecipeError(
                f"model.patch_stride = {patch_stride} needs a plain vision transformer, such as "
                f"vit_base_patch16_224, not {name}; set it to 0"
            )
        options["embed_layer"] = functools.partial(OverlappingPatches, stride=patch_stride)
    return options


_WITHOUT_TIMM: dict[str, Callable[[], nn.Module]] = {
    VGG_CNN_M: VggM,
    googlenet.NAME: googlenet.GoogLeNet,
    xception.NAME: xception.Xception,
}


def _create(
    name: str, size: tuple[int, int], options: dict[str, Any], *, published: bool
) -> nn.Module:
    if published and name in OWN_BACKBONES:
        raise RecipeError(
            f"timm publishes no weights for {name}; download the authors' file and "
            "set model.weights=FILE"
        )
    if name in _WITHOUT_TIMM:
        if "drop_path_rate" in options:
            raise RecipeError(f"{name} has no stochastic depth; set model.drop_path=0.0")
        return _WITHOUT_TIMM[name]()
    timm_name = _timm_name(name)
    options = {"num_classes": 0, "global_pool": "", **options}
    if has_fixed_size(name):
        options["img_size"] = size
    try:
        network: nn.Module = timm.create_model(timm_name, pretrained=published, **options)
    except (OSError, RuntimeError) as error:
        raise TrainingError(
            f"cannot get timm's weights of {name} ({first_line(error)}); without internet, "
            "download the file elsewhere and set model.weights=FILE"
        ) from error
    except (TypeError, ValueError, AssertionError) as error:
        raise RecipeError(
            f"backbone {name} cannot be built at {size[0]} x {size[1]} pixels: {first_line(error)}"
        ) from error
    if name in (*IBN_BACKBONES, *NON_LOCAL_BACKBONES):
        add_ibn_a(network)
    return add_non_local(network) if name in NON_LOCAL_BACKBONES else network


def _timm_name(name: str) -> str:
    ours = name in (*IBN_BACKBONES, *NON_LOCAL_BACKBONES)
    bare = name.removesuffix(NON_LOCAL_SUFFIX).removesuffix(IBN_SUFFIX) if ours else name
    if not timm.is_model(bare.partition(".")[0]):
        near = difflib.get_close_matches(name, [*timm.list_models(), *OWN_BACKBONES], n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise RecipeError(f"model.backbone {name!r} is not a timm model{hint}")
    return bare


def _keep_last_map_large(network: nn.Module, name: str) -> None:
    if isinstance(network, timm.models.DenseNet):
        network.get_submodule("features.transition3").pool = nn.Identity()
        return
    if isinstance(network, timm.models.EfficientNet):
        halving = [
            module
            for module in network.get_submodule("blocks").modules()
            if isinstance(module, nn.Conv2d) and module.stride == (2, 2)
        ]
        halving[-1].stride = (1, 1)
        return
    if not isinstance(network, timm.models.ResNet | timm.models.senet.SENet):
        raise RecipeError(
            "model.last_stride = 1 needs a ResNet, SENet, DenseNet or EfficientNet, not "
            f"{name}; set it to 2"
        )
    for module in network.get_submodule("layer4.0").modules():
        if isinstance(module, nn.Conv2d | nn.AvgPool2d) and module.stride in (2, (2, 2)):
            module.stride = (1, 1)
            if isinstance(module, nn.AvgPool2d):  # average-then-convolve shortcuts
                module.kernel_size = 1
