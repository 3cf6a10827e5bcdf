"""A light detector upon the maps of a timm network, such as one that knows ImageNet."""

from torch import Tensor

from platefree.errors import RecipeError
from platefree.nets.backbones import Backbone
from platefree.nets.light_detector import STRIDES, LightDetector


class BackboneDetector(LightDetector):
    """See `LightDetector`.

    Args:
        kinds: number of classes.
        backbone: its maps of strides 8, 16 and 32 are used, and what follows them is left out.
        name: of the backbone, for messages.
        apart: a class with heads of its own, see `LightDetector`.

    Raises:
        RecipeError: the backbone has no such maps.
    """

    def __init__(
        self, kinds: int, backbone: Backbone, name: str, *, apart: int | None = None
    ) -> None:
        super().__init__(kinds, apart=apart)
        self.backbone = backbone.network
        stages = getattr(self.backbone, "feature_info", [])
        strides = {each["reduction"]: place for place, each in enumerate(stages)}
        if not strides.keys() >= set(STRIDES) or not hasattr(
            self.backbone, "forward_intermediates"
        ):
            raise RecipeError(
                f"model.backbone {name} gives no maps of strides {STRIDES}, which a detector "
                "needs: take a CNN of timm, such as tf_efficientnet_lite0"
            )
        self._places = [strides[stride] for stride in STRIDES]
        self.backbone.prune_intermediate_layers(  # type: ignore[operator]
            self._places, prune_norm=True, prune_head=True
        )
        self.add_heads([stages[place]["num_chs"] for place in self._places])

    def features(self, images: Tensor) -> list[Tensor]:
        """See `LightDetector.features`."""
        found: list[Tensor] = self.backbone.forward_intermediates(  # type: ignore[operator]
            images, indices=self._places, intermediates_only=True
        )
        return found
