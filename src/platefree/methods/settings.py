"""The ``[model]`` section of a recipe, one class per method; no torch here."""

from typing import Annotated, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)


class MethodSettings(BaseModel):
    """Typed, frozen, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    learns: ClassVar[str] = "vehicle"  # the label column whose values are the classes
    free_in_use: ClassVar[tuple[str, ...]] = ()  # keys that a trained model may still change
    restarts_classifier: ClassVar[bool] = False  # for a stage with other vehicles
    method: str


class ColorStripesSettings(MethodSettings):
    """Color histograms of horizontal stripes; nothing is learned."""

    method: Literal["color_stripes"]
    stripes: Annotated[int, Field(ge=1, le=64)] = 8
    hue_bins: Annotated[int, Field(ge=2, le=64)] = 12
    saturation_bins: Annotated[int, Field(ge=1, le=16)] = 3
    value_bins: Annotated[int, Field(ge=1, le=16)] = 4


class EnsembleSettings(MethodSettings):
    """Trained models whose unit rows stand beside each other; 'platefree ensemble' makes one."""

    method: Literal["ensemble"]
    members: list[str]  # their fingerprints
    weights: list[float]  # what the similarity of each counts in the mean


class BackboneSettings(MethodSettings):
    """What every method with a backbone has."""

    backbone: str = "resnet50"  # any timm name, resnet18/34/50/101_ibn_a, or vgg_cnn_m_1024
    weights: str = "none"  # none, timm (its published weights), or a local file


class StridedSettings(BackboneSettings):
    """What every method has whose backbone may keep a larger last feature map."""

    last_stride: Literal[1, 2] = 2  # ResNets: 1 keeps a larger last feature map


class StrongBaselineSettings(StridedSettings):
    """Backbone, pooling, BNNeck, classifier of vehicles, and losses between pictures by weight."""

    of_metric: ClassVar[set[str]] = {
        *("triplet_weight", "mining", "circle_weight", "circle_margin", "circle_scale"),
        *("contrastive_weight", "temperature", "proxy_weight", "centre_weight"),
        *("memory", "memory_start"),
    }
    method: Literal["strong_baseline"]
    patch_stride: Annotated[int, Field(ge=0)] = 0  # ViTs: pixels between patches; 0: side by side
    # fixed_gem: its exponent stays 3; class_token: of a transformer
    pooling: Literal["gem", "fixed_gem", "average", "class_token"] = "gem"
    embedding_size: Annotated[int, Field(ge=0)] = 0  # 0: as wide as the backbone
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1
    classifier: Literal["linear", "circle", "arc", "cos"] = "linear"
    scale: Annotated[float, Field(gt=0)] = 64.0  # s of circle, arc and cos
    classifier_margin: Annotated[float, Field(ge=0, le=1)] = 0.35  # m of circle, arc and cos
    classifier_centres: Annotated[int, Field(ge=1)] = 1  # of a vehicle; the nearest counts
    classifier_share: Annotated[float, Field(gt=0, le=1)] = 1.0  # of the vehicles, in each step
    metric_at: Literal["before_neck", "after_neck"] = "before_neck"  # what pictures compare by
    triplet: Literal["soft", "margin"] = "soft"
    margin: Annotated[float, Field(gt=0)] = 0.3  # with triplet = "margin"
    mining: Literal["hardest", "weighted"] = "hardest"  # pairs of the triplet loss
    identity_weight: Annotated[float, Field(ge=0)] = 1.0
    triplet_weight: Annotated[float, Field(ge=0)] = 1.0
    circle_weight: Annotated[float, Field(ge=0)] = 0.0
    circle_margin: Annotated[float, Field(ge=0, le=1)] = 0.25
    circle_scale: Annotated[float, Field(gt=0)] = 128.0
    contrastive_weight: Annotated[float, Field(ge=0)] = 0.0
    temperature: Annotated[float, Field(gt=0)] = 0.1  # of the contrastive loss
    proxy_weight: Annotated[float, Field(ge=0)] = 0.0
    centre_weight: Annotated[float, Field(ge=0)] = 0.0
    memory: Annotated[int, Field(ge=0)] = 0  # vectors of earlier batches to compare with
    memory_start: Annotated[int, Field(ge=0)] = 0  # steps before they are used
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0
    side: list[Literal["camera", "view"]] = []  # ViTs: labels as input of training
    side_weight: Annotated[float, Field(gt=0)] = 3.0  # lambda
    side_hidden: Annotated[float, Field(ge=0, lt=1)] = 0.1  # share of pictures without these labels

    @property
    def metric_weights(self) -> list[float]:
        """Of the losses between pictures."""
        pairs = [self.triplet_weight, self.circle_weight, self.contrastive_weight]
        return [*pairs, self.proxy_weight, self.centre_weight]

    @property
    def needs_teacher(self) -> bool:
        """Whether every loss of its own is left out."""
        return not any((self.identity_weight, *self.metric_weights))

    @field_validator("side")
    @classmethod
    def _named_once(cls, side: list[str]) -> list[str]:
        if len(set(side)) < len(side):
            raise ValueError(f"model.side is {side}; name each label once")
        return sorted(side)

    @model_validator(mode="after")
    def _parts_fit(self) -> "StrongBaselineSettings":
        if self.classifier == "linear" and self.classifier_centres > 1:
            raise ValueError(
                f"model.classifier_centres is {self.classifier_centres}, but several centres of "
                "a vehicle need angles: set model.classifier to circle, arc or cos"
            )
        if self.memory and not any(self.metric_weights[:3]):
            raise ValueError(
                f"model.memory is {self.memory}, but no loss compares pairs: set triplet_weight, "
                "circle_weight or contrastive_weight above 0, or memory to 0"
            )
        return self


class DrdlSettings(StridedSettings):
    """Coupled clusters loss and mixed difference network (Liu et al., CVPR 2016)."""

    method: Literal["drdl"]
    backbone: str = "vgg_cnn_m_1024"
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


class FdaNetSettings(StridedSettings):
    """Feature distance adversary (Lou et al., CVPR 2019)."""

    method: Literal["fda_net"]
    backbone: str = "vgg_cnn_m_1024"
    adversary: Literal["feature_distance", "none"] = "feature_distance"
    attention: Literal["softmax", "none"] = "softmax"
    negatives: Literal["random", "nearest"] = "random"  # the real ones, among the batch
    real_fake: Literal["non_saturating", "minimax"] = "non_saturating"
    pooling: Literal["flatten", "average"] = "flatten"
    shared_size: Annotated[int, Field(ge=0)] = 4096  # first FC layer; 0: none
    embedding_size: Annotated[int, Field(ge=1)] = 1024  # last FC layer
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    margin: Annotated[float, Field(gt=0)] = 0.6  # alpha, at least twice beta
    similarity_margin: Annotated[float, Field(gt=0)] = 0.3  # beta
    difference_margin: Annotated[float, Field(gt=0)] = 0.7  # gamma
    realism_weight: Annotated[float, Field(ge=0)] = 1.0  # lambda
    generator_width: Annotated[int, Field(ge=1)] = 64
    generator_blocks: Annotated[int, Field(ge=0)] = 9
    patch_width: Annotated[int, Field(ge=1)] = 64

    @model_validator(mode="after")
    def _margins_leave_room(self) -> "FdaNetSettings":
        if self.margin < 2 * self.similarity_margin:
            raise ValueError(
                f"model.margin is {self.margin} and model.similarity_margin "
                f"{self.similarity_margin}, but alpha is at least twice beta (eq. 8)"
            )
        return self


class MultiBranchSettings(StridedSettings):
    """Branches of convolution and of attention that share the losses (Almeida et al., 2023)."""

    method: Literal["multi_branch"]
    backbone: str = "resnet50_ibn_a"  # a ResNet
    last_stride: Literal[1, 2] = 1
    convolution_branches: Annotated[int, Field(ge=0, le=16)] = 2
    attention_branches: Annotated[int, Field(ge=0, le=16)] = 2  # they come after the others
    heads: Annotated[int, Field(ge=1)] = 4  # of the attention
    losses: Literal["split", "both"] = "split"  # split: cross-entropy, triplet, cross-entropy, ...
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1
    triplet: Literal["soft", "margin"] = "margin"
    margin: Annotated[float, Field(gt=0)] = 0.1  # with triplet = "margin"
    identity_weight: Annotated[float, Field(gt=0)] = 0.6  # of each convolution branch
    triplet_weight: Annotated[float, Field(gt=0)] = 1.0
    attention_identity_weight: Annotated[float, Field(gt=0)] = 0.4  # of each attention branch
    attention_triplet_weight: Annotated[float, Field(gt=0)] = 0.4

    @model_validator(mode="after")
    def _there_are_branches(self) -> "MultiBranchSettings":
        count = self.convolution_branches + self.attention_branches
        least = 2 if self.losses == "split" else 1
        if count < least:
            raise ValueError(
                f'model.losses = "{self.losses}" needs at least {least} branch(es), found {count}: '
                "raise model.convolution_branches or model.attention_branches"
            )
        return self


class LabelSettings(StridedSettings):
    """What classifiers of a label have."""

    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0


class ViewpointSettings(LabelSettings):
    """Backbone, average pooling and cross-entropy: front, rear or side?"""

    learns: ClassVar[str] = "view"
    method: Literal["viewpoint"]


class CameraSettings(LabelSettings):
    """The same for cameras: which one took the picture? (VehicleNet, section IV-C)."""

    learns: ClassVar[str] = "camera"
    method: Literal["camera"]


class ViewpointInside(BaseModel):
    """The viewpoint classifier inside another model; filled in when training starts."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    backbone: str
    last_stride: Literal[1, 2]
    height: int
    width: int
    mean: list[float]
    std: list[float]
    fingerprint: str


class PartRegularizedSettings(StridedSettings):
    """Global branch, and a classifier of vehicles on each part (He et al., CVPR 2019)."""

    method: Literal["part_regularized"]
    boxes: str = ""  # file of part boxes, for training; empty: parts.csv or a city's labels
    embedding_size: Annotated[int, Field(ge=1)] = 256
    global_weight: Annotated[float, Field(ge=0)] = 1.0  # 0: no global branch
    window_weight: Annotated[float, Field(ge=0)] = 1.0  # lambda of eq. 3; 0: no such branch
    light_weight: Annotated[float, Field(ge=0)] = 1.0
    brand_weight: Annotated[float, Field(ge=0)] = 1.0
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0

    @property
    def part_weights(self) -> dict[str, float]:
        """Lambda by part."""
        return {
            "window": self.window_weight,
            "light": self.light_weight,
            "brand": self.brand_weight,
        }

    @model_validator(mode="after")
    def _something_is_learnt(self) -> "PartRegularizedSettings":
        if not self.global_weight and not any(self.part_weights.values()):
            raise ValueError(
                "model.global_weight and the weights of all parts are 0, so nothing is learnt"
            )
        return self


class PartDetectorSettings(BackboneSettings):
    """FCOS on a feature pyramid: where are windows, lights and brand?"""

    learns: ClassVar[str] = "parts"
    free_in_use: ClassVar[tuple[str, ...]] = ("boxes",)
    method: Literal["part_detector"]
    boxes: str = ""  # file of part boxes; empty: parts.csv or a city's labels beside the table
    width: Annotated[int, Field(ge=32, multiple_of=32)] = 128  # channels of pyramid and head
    depth: Annotated[int, Field(ge=1, le=8)] = 4  # convolutions of each half of the head


ViewName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,30}$")]


class VANetSettings(StridedSettings):
    """Two branches: one metric for pictures of the same view, one for those of different views."""

    free_in_use: ClassVar[tuple[str, ...]] = ("view_from", "view_error")
    method: Literal["vanet"]
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


class VehicleNetSettings(StridedSettings):
    """Backbone, fc1 with batch norm, and a classifier that a stage may replace (Zheng et al.)."""

    restarts_classifier: ClassVar[bool] = True
    method: Literal["vehiclenet"]
    embedding_size: Annotated[int, Field(ge=1)] = 512  # fc1
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0  # between fc1 and fc2
    backbone_rate: Annotated[float, Field(gt=0, le=1)] = 1.0  # share of train.lr for the backbone
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0


ModelSettings = (
    CameraSettings
    | ColorStripesSettings
    | DrdlSettings
    | EnsembleSettings
    | FdaNetSettings
    | MultiBranchSettings
    | PartDetectorSettings
    | PartRegularizedSettings
    | StrongBaselineSettings
    | ViewpointSettings
    | VANetSettings
    | VehicleNetSettings
)

SETTINGS: dict[str, type[MethodSettings]] = {
    "camera": CameraSettings,
    "color_stripes": ColorStripesSettings,
    "drdl": DrdlSettings,
    "ensemble": EnsembleSettings,
    "fda_net": FdaNetSettings,
    "multi_branch": MultiBranchSettings,
    "part_detector": PartDetectorSettings,
    "part_regularized": PartRegularizedSettings,
    "strong_baseline": StrongBaselineSettings,
    "vanet": VANetSettings,
    "vehiclenet": VehicleNetSettings,
    "viewpoint": ViewpointSettings,
}
