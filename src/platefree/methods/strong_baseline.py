"""The strong baseline of the field (Luo et al., CVPRW 2019; fast-reid's BoT and SBS settings).

backbone -> pooling (GeM) -> [linear] -> vector (metric losses) -> BNNeck -> embedding ->
classifier.
A transformer backbone can take side information as an input, mainly in training.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator
from torch import Tensor, nn
from torch.nn import functional

from platefree.batches.training_data import TrainingData, require_known
from platefree.errors import TrainingError
from platefree.losses import known_cross_entropy
from platefree.methods.backbone import StridedSettings, make_backbone
from platefree.methods.base import Batch, Labels, Method
from platefree.methods.metric_losses import MetricLosses
from platefree.nets.backbones import Backbone
from platefree.nets.classifiers import IdentityClassifier
from platefree.nets.heads import Average, BNNeck, GeneralisedMean
from platefree.nets.side_information import SideInformation
from platefree.nets.style_mixing import mix_styles
from platefree.recipes.ranges import (
    ChannelsOrNone,
    Factor,
    Margin,
    PositiveWeight,
    RateBelowOne,
    Steps,
    Weight,
)
from platefree.recipes.recipe import Recipe


class StrongBaselineSettings(StridedSettings):
    """Backbone, pooling, BNNeck, classifier of vehicles, and weighted metric losses."""

    of_metric: ClassVar[set[str]] = {
        *("triplet_weight", "mining", "circle_weight", "circle_margin", "circle_scale"),
        *("contrastive_weight", "temperature", "proxy_weight", "centre_weight"),
        *("memory", "memory_start"),
    }
    method: Literal["strong_baseline"]
    patch_stride: Annotated[int, Field(ge=0, le=1_024)] = (
        0  # ViTs: pixels between patches; 0: side by side
    )
    # fixed_gem: its exponent stays 3; class_token: of a transformer
    pooling: Literal["gem", "fixed_gem", "average", "class_token"] = "gem"
    embedding_size: ChannelsOrNone = 0  # 0: as wide as the backbone
    label_smoothing: RateBelowOne = 0.1
    classifier: Literal["linear", "circle", "arc", "cos"] = "linear"
    scale: Factor = 64.0  # s of circle, arc and cos
    classifier_margin: Annotated[float, Field(ge=0, le=1)] = 0.35  # m of circle, arc and cos
    classifier_centres: Annotated[int, Field(ge=1, le=64)] = 1  # of a vehicle; the nearest counts
    classifier_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0  # of the vehicles, in each step
    metric_at: Literal["before_neck", "after_neck"] = "before_neck"  # what pictures compare by
    triplet: Literal["soft", "margin"] = "soft"
    margin: Margin = 0.3  # with triplet = "margin"
    mining: Literal["hardest", "weighted"] = "hardest"  # pairs of the triplet loss
    identity_weight: Weight = 1.0
    triplet_weight: Weight = 1.0
    circle_weight: Weight = 0.0
    circle_margin: Annotated[float, Field(ge=0, le=1)] = 0.25
    circle_scale: Factor = 128.0
    contrastive_weight: Weight = 0.0
    temperature: Factor = 0.1  # of the contrastive loss
    proxy_weight: Weight = 0.0
    centre_weight: Weight = 0.0
    memory: Annotated[int, Field(ge=0, le=10_000_000)] = (
        0  # vectors of earlier batches to compare with
    )
    memory_start: Steps = 0  # steps before they are used
    drop_path: RateBelowOne = 0.0
    reads: list[Literal["color", "make", "type", "view"]] = Field(default=[])  # labels to predict
    reads_weight: PositiveWeight = 0.2  # of the cross-entropy of each
    mix_style: RateBelowOne = 0.0  # probability that the styles of a batch are mixed
    side: list[Literal["camera", "view"]] = Field(default=[])  # ViTs: labels as input of training
    side_weight: PositiveWeight = 3.0  # lambda
    side_hidden: RateBelowOne = 0.1  # fraction of pictures without

    @property
    def metric_weights(self) -> list[float]:
        """The weights of the losses between pictures."""
        pairs = [self.triplet_weight, self.circle_weight, self.contrastive_weight]
        return [*pairs, self.proxy_weight, self.centre_weight]

    @property
    def needs_teacher(self) -> bool:
        """Whether all its own losses have weight 0."""
        return not any((self.identity_weight, *self.metric_weights))

    @field_validator("side", "reads")
    @classmethod
    def _named_once(cls, columns: list[str], info: ValidationInfo) -> list[str]:
        if len(set(columns)) < len(columns):
            raise ValueError(f"model.{info.field_name} is {columns}; name each label once")
        return sorted(columns)

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

    def check(self, recipe: Recipe) -> None:
        """There is a loss; memory, centres and side information cover all pictures."""
        train = recipe.train
        if self.needs_teacher and not train.teacher:
            raise ValueError(
                "the weights of all losses in [model] are 0 and there is no train.teacher, so "
                "nothing is learnt"
            )
        if (self.memory or self.centre_weight) and train.mining == "local":
            raise ValueError(
                "a memory and centres are kept of the pictures of all processes; set "
                'train.mining = "global", or model.memory and model.centre_weight to 0'
            )
        if self.side and any(stage.rows == "target" for _, stage in recipe.staged()):
            raise ValueError(
                f"model.side is {self.side}, whose labels are those of all training rows, but "
                'train.rows = "target" learns from some of them: name their source in '
                "train.sources instead"
            )


def build(
    settings: StrongBaselineSettings,
    recipe: Recipe,
    classes: Mapping[str, int],
    weights: str | None,
) -> "StrongBaseline":
    """The method of a recipe, see `platefree.methods.catalogue.build_method`."""
    backbone = make_backbone(
        settings,
        recipe,
        weights,
        drop_path=settings.drop_path,
        patch_stride=settings.patch_stride,
        class_token=settings.pooling == "class_token",
        side=bool(settings.side),
    )
    if settings.mix_style:
        mix_styles(backbone.network, settings.mix_style)
    vehicles = classes["vehicle"]
    size = settings.embedding_size or backbone.channels
    gem = settings.pooling in ("gem", "fixed_gem")
    pool = GeneralisedMean(learns=settings.pooling == "gem") if gem else Average()
    reduce = nn.Linear(backbone.channels, size, bias=False) if settings.embedding_size else None
    classifier = IdentityClassifier(
        size,
        vehicles,
        margin=settings.classifier,
        scale=settings.scale,
        size=settings.classifier_margin,
        centres=settings.classifier_centres,
        fraction=settings.classifier_fraction,
    )
    metric = MetricLosses(
        size,
        vehicles,
        margin=settings.margin if settings.triplet == "margin" else None,
        **settings.model_dump(include=settings.of_metric),
    )
    return StrongBaseline(
        backbone,
        pool,
        reduce or nn.Identity(),
        BNNeck(size, vehicles, classifier),
        metric,
        metric_at=settings.metric_at,
        label_smoothing=settings.label_smoothing,
        identity_weight=settings.identity_weight,
        readers=_readers(settings.reads, classes, backbone.channels),
        reads_weight=settings.reads_weight,
        side=_side_information(settings, classes, backbone.channels),
    )


def _side_information(
    settings: StrongBaselineSettings, classes: Mapping[str, int], channels: int
) -> SideInformation | None:
    if not settings.side:
        return None
    labels: dict[str, int] = {column: classes[column] for column in settings.side}
    return SideInformation(
        labels, channels, weight=settings.side_weight, hidden=settings.side_hidden
    )


def _readers(
    columns: Sequence[str], classes: Mapping[str, int], channels: int
) -> dict[str, nn.Module]:
    """A linear classifier of each label."""
    for column in columns:
        if not classes[column]:
            raise TrainingError(
                f"model.reads is {[*columns]}, but the column {column!r} is unknown for all "
                "training pictures; write it into the table, or leave it out of model.reads"
            )
    return {column: nn.Linear(channels, classes[column]) for column in columns}


class StrongBaseline(Method):
    """The space ``main``: the L2-normalised vector after the batch-norm neck.

    With readers, there is a space of each label too, which holds the probabilities of its classes
    (in sorted order of their names), L2-normalised; only ``main`` is searched.

    Args:
        backbone: the network that makes the feature map.
        pool: from a (b, c, h, w) map to a (b, c) vector.
        reduce: of the vector, to (b, d).
        neck: from (b, d) to the embedding, with the classifier of training vehicles behind it.
        metric: the losses between pictures.
        metric_at: ``before_neck`` or ``after_neck``: the vectors that metric losses compare.
        label_smoothing: of the identity cross-entropy.
        identity_weight: of the cross-entropy in the sum.
        readers: label -> its classifier, on the pooled map.
        reads_weight: of the cross-entropy of each label in the sum.
        side: side information, for a backbone that takes it.
    """

    teachable = True

    def __init__(
        self,
        backbone: Backbone,
        pool: nn.Module,
        reduce: nn.Module,
        neck: BNNeck,
        metric: MetricLosses,
        *,
        metric_at: str = "before_neck",
        label_smoothing: float = 0.1,
        identity_weight: float = 1.0,
        readers: Mapping[str, nn.Module] | None = None,
        reads_weight: float = 0.2,
        side: SideInformation | None = None,
    ) -> None:
        super().__init__()
        self.backbone, self.pool, self.reduce = backbone, pool, reduce
        self.neck, self.metric = neck, metric
        self.metric_at = metric_at
        self.label_smoothing = label_smoothing
        self.identity_weight = identity_weight
        readers = readers or {}
        self.reads, self.readers = tuple(readers), nn.ModuleList(readers.values())
        self.reads_weight = reads_weight
        self.side = side

    def prepare(self, data: TrainingData) -> TrainingData:
        """Check that the labels of the side information are known, and initialise its vectors.

        Raises:
            TrainingError: one is unknown for all training pictures.
        """
        if self.side is not None:
            require_known(data, [*self.side.classes], "model.side")
            self.side.start(data.labels)
        return data

    def feature_map(self, images: Tensor, labels: Labels | None = None) -> Tensor:
        """The backbone's last map, (b, c, h', w'); labels, if any, become side information."""
        side = self.side(labels) if self.side is not None and labels else None
        maps: Tensor = self.backbone(images, side)
        return maps

    def embed_map(self, maps: Tensor) -> dict[str, Tensor]:
        """Pool, apply the neck and L2-normalise; what is read of labels beside it."""
        pooled = self.pool(maps)
        embeddings = self.neck(self.reduce(pooled))
        return {
            "main": functional.normalize(embeddings.float()),
            **{
                column: functional.normalize(reader(pooled).float().softmax(dim=1))
                for column, reader in zip(self.reads, self.readers, strict=True)
            },
        }

    def embed(self, images: Tensor, labels: Labels | None = None) -> dict[str, Tensor]:
        """L2-normalised embeddings after the neck, (b, d)."""
        return self.embed_map(self.feature_map(images, labels))

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Identity cross-entropy, metric losses over all processes' batch, and teacher losses."""
        vehicles = batch.labels["vehicle"]
        whole = self.pool(self.feature_map(batch.images, batch.labels))
        pooled = self.reduce(whole)
        embeddings = self.neck(pooled)
        identity = self.neck.classifier.loss(embeddings, vehicles, self.label_smoothing)
        compared = pooled if self.metric_at == "before_neck" else embeddings
        return {
            "identity": self.identity_weight * identity,
            **self.metric(batch.gather(compared), batch.gather(vehicles)),
            **self.teacher_losses(batch.gather(functional.normalize(embeddings.float())), batch),
            **self._reading_losses(whole, batch),
        }

    def _reading_losses(self, pooled: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Over all processes' batch: each has its own number of known labels."""
        return {
            column: self.reads_weight
            * known_cross_entropy(batch.gather(reader(pooled)), batch.gather(batch.labels[column]))
            for column, reader in zip(self.reads, self.readers, strict=True)
        }
