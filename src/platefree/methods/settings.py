"""The ``[model]`` section of a recipe, one class per method; no torch here."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator


class MethodSettings(BaseModel):
    """Typed, frozen, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    learns: ClassVar[str] = "vehicle"  # the label column whose values are the classes
    free_in_use: ClassVar[tuple[str, ...]] = ()  # keys that a trained model may still change
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

    trunk: str = "resnet50"  # any timm name, or resnet18/34/50/101_ibn_a
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


class ViewpointSettings(TrunkSettings):
    """Trunk, average pooling and cross-entropy: front, rear or side?"""

    learns: ClassVar[str] = "view"
    method: Literal["viewpoint"]
    last_stride: Literal[1, 2] = 2  # ResNets: 1 keeps a larger last feature map
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0


class ViewpointInside(BaseModel):
    """The viewpoint classifier inside another model; filled in when training starts."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    trunk: str
    last_stride: Literal[1, 2]
    height: int
    width: int
    mean: list[float]
    std: list[float]
    fingerprint: str


ViewName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,30}$")]


class VANetSettings(TrunkSettings):
    """Two branches: one metric for pictures of the same view, one for those of different views."""

    free_in_use: ClassVar[tuple[str, ...]] = ("view_from", "view_error")
    method: Literal["vanet"]
    last_stride: Literal[1, 2] = 2  # ResNets: 1 keeps a larger last feature map
    views: Annotated[list[ViewName], Field(min_length=2, max_length=12)] = ["front", "rear"]
    viewpoint: str = ""  # a trained viewpoint model; its weights become part of this one
    view_from: Literal["prediction", "table"] = "prediction"  # what says the view in use
    view_error: Annotated[float, Field(ge=0, le=1)] = 0.0  # share of views made wrong (figure 4)
    relations: Literal["none", "same-different", "pairs", "ordered-pairs"] = "same-different"
    within: bool = True  # whether L_s and L_d are learnt from
    cross: bool = True  # whether L_cross is
    margin: Annotated[float, Field(gt=0)] = 0.5
    identity_weight: Annotated[float, Field(ge=0)] = 1.0
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0
    inside: ViewpointInside | None = None  # filled in when training starts

    @field_validator("views")
    @classmethod
    def _distinct(cls, views: list[str]) -> list[str]:
        if len(set(views)) < len(views):
            raise ValueError(f"model.views is {views}; each view has to have a name of its own")
        return sorted(views)


ModelSettings = ColorStripesSettings | StrongBaselineSettings | ViewpointSettings | VANetSettings

SETTINGS: dict[str, type[MethodSettings]] = {
    "color_stripes": ColorStripesSettings,
    "strong_baseline": StrongBaselineSettings,
    "vanet": VANetSettings,
    "viewpoint": ViewpointSettings,
}
