"""The ``[model]`` section of a recipe, one class per method; no torch here."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class MethodSettings(BaseModel):
    """Typed, frozen, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    method: str


class ColorStripesSettings(MethodSettings):
    """Colour histograms of horizontal stripes; nothing is learned."""

    method: Literal["color_stripes"]
    stripes: Annotated[int, Field(ge=1, le=64)] = 8
    hue_bins: Annotated[int, Field(ge=2, le=64)] = 12
    saturation_bins: Annotated[int, Field(ge=1, le=16)] = 3
    value_bins: Annotated[int, Field(ge=1, le=16)] = 4


class TrunkSettings(MethodSettings):
    """What every method with a trunk has."""

    trunk: str = "resnet50"  # any timm name, resnet18/34/50/101_ibn_a, or vgg_cnn_m_1024
    weights: str = "none"  # none, timm (its published weights), or a local file


class StrongBaselineSettings(TrunkSettings):
    """Trunk, pooling, BNNeck, smoothed cross-entropy and batch-hard triplet."""

    method: Literal["strong_baseline"]
    last_stride: Literal[1, 2] = 2  # ResNets: 1 keeps a larger last feature map
    pooling: Literal["gem", "average"] = "gem"
    embedding_size: Annotated[int, Field(ge=0)] = 0  # 0: as wide as the trunk
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1
    triplet: Literal["soft", "margin"] = "soft"
    margin: Annotated[float, Field(gt=0)] = 0.3  # with triplet = "margin"
    identity_weight: Annotated[float, Field(ge=0)] = 1.0
    triplet_weight: Annotated[float, Field(ge=0)] = 1.0
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0


class DrdlSettings(TrunkSettings):
    """Coupled clusters loss and mixed difference network (Liu et al., CVPR 2016)."""

    method: Literal["drdl"]
    trunk: str = "vgg_cnn_m_1024"
    structure: Literal["mixed", "single"] = "mixed"  # single: no softmax and no second branch
    loss: Literal["coupled", "triplet"] = "coupled"
    softmax: Literal["model", "make", "type"] = "model"  # the column that the upper branch learns
    pooling: Literal["flatten", "average"] = "flatten"
    shared_size: Annotated[int, Field(ge=1)] = 4096  # fc6
    embedding_size: Annotated[int, Field(ge=1)] = 1024  # fc7 and fc8
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    norm: Literal["none", "batch"] = "none"  # batch: for a start from random weights
    margin: Annotated[float, Field(gt=0)] = 1.0  # between squared distances
    model_weight: Annotated[float, Field(ge=0)] = 0.5
    branch_weight: Annotated[float, Field(ge=0)] = 0.5
    embedding_weight: Annotated[float, Field(ge=0)] = 1.0


ModelSettings = ColorStripesSettings | DrdlSettings | StrongBaselineSettings

SETTINGS: dict[str, type[MethodSettings]] = {
    "color_stripes": ColorStripesSettings,
    "drdl": DrdlSettings,
    "strong_baseline": StrongBaselineSettings,
}
