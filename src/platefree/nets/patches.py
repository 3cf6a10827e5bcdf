"""Overlapping patches for vision transformers (He et al., ICCV 2021, "TransReID", section 3.1).

A plain transformer splits a picture into adjacent patches, which cuts details on their borders.
With a stride smaller than the patch, neighbouring patches share pixels: at 256 x 256 pixels,
patches of 16 and a stride of 12 give 21 x 21 patches instead of 16 x 16. Position embeddings that
were learnt on another grid are interpolated.
"""

from collections.abc import Mapping
from typing import Any

from timm.layers.patch_embed import PatchEmbed
from timm.models import eva, vision_transformer
from torch import Tensor, nn

from platefree.errors import RecipeError

Size = tuple[int, int]


class OverlappingPatches(PatchEmbed):
    """timm's patch embedding with a separate stride; the same parameters.

    Args:
        stride: pixels from patch to patch.
        **options: of timm's ``PatchEmbed``.
    """

    def __init__(self, *, stride: int, **options: Any) -> None:  # noqa: ANN401
        self.stride = stride  # the constructor below computes the grid
        super().__init__(**options)
        self.proj.stride = (stride, stride)

    def dynamic_feat_size(self, img_size: Size) -> Size:
        """Rows and columns of patches in a picture of (height, width) pixels."""
        rows, columns = (
            (pixels - patch) // self.stride + 1
            for pixels, patch in zip(img_size, self.patch_size, strict=True)
        )
        return rows, columns

    def _init_img_size(self, img_size: int | Size) -> tuple[Size, Size, int]:
        size = (img_size, img_size) if isinstance(img_size, int) else img_size
        rows, columns = self.dynamic_feat_size(size)
        return size, (rows, columns), rows * columns


def check_patches(network: nn.Module, name: str, size: Size) -> None:
    """Refuse sizes at which a transformer would silently crop the last rows or columns.

    Raises:
        RecipeError: height or width is not a multiple of the patch.
    """
    embedding = getattr(network, "patch_embed", None)
    if not isinstance(network, _TRANSFORMERS) or not isinstance(embedding, PatchEmbed):
        return
    if isinstance(embedding, OverlappingPatches):
        return
    patch = max(embedding.patch_size)
    if size[0] % patch or size[1] % patch:
        near = [pixels - pixels % patch + step for pixels in size for step in (0, patch)]
        raise RecipeError(
            f"backbone {name} cannot take {size[0]} x {size[1]} pixels: its patches have "
            f"{patch}, and input.height and input.width must be divisible by that, such as "
            f"{' or '.join(str(each) for each in sorted({*near} - {0}))}"
        )


def grid_of_patches(network: nn.Module, size: Size) -> Size | None:
    """Rows and columns of a transformer's patches; None if the network has no patch grid.

    Args:
        network: a timm network.
        size: (height, width) of a picture in pixels.
    """
    embedding = getattr(network, "patch_embed", None)
    return embedding.dynamic_feat_size(size) if isinstance(embedding, PatchEmbed) else None


def fitted_to_grid(tensors: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Weights of a transformer, position embeddings interpolated to the grid of ``network``.

    Tensors in published files of other projects (DINO, CLIP) are renamed as in timm. Weights of
    other kinds of networks are returned unchanged.
    """
    if isinstance(network, vision_transformer.VisionTransformer):
        return vision_transformer.checkpoint_filter_fn(dict(tensors), network)
    if isinstance(network, eva.Eva):
        return eva.checkpoint_filter_fn(dict(tensors), network)
    return dict(tensors)


_TRANSFORMERS = (vision_transformer.VisionTransformer, eva.Eva)
