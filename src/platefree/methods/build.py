"""From a recipe to a method: the one place where a recipe's [model] becomes plain arguments."""

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from platefree.errors import RecipeError
from platefree.methods.base import Method
from platefree.methods.color_stripes import ColorStripes
from platefree.methods.drdl import Drdl
from platefree.methods.fda_net import EmbeddingNet, FdaNet
from platefree.methods.label_classifier import make_label_classifier
from platefree.methods.metric_losses import MetricLosses
from platefree.methods.multi_branch import BranchLosses, MultiBranch
from platefree.methods.part_detector import make_part_detector
from platefree.methods.part_regularized import PartRegularized
from platefree.methods.settings import (
    BackboneSettings,
    CameraSettings,
    ColorStripesSettings,
    DrdlSettings,
    EnsembleSettings,
    FdaNetSettings,
    MultiBranchSettings,
    PartDetectorSettings,
    PartRegularizedSettings,
    StridedSettings,
    StrongBaselineSettings,
    VANetSettings,
    VehicleNetSettings,
    ViewpointSettings,
)
from platefree.methods.strong_baseline import StrongBaseline
from platefree.methods.vanet import VANet
from platefree.methods.vehiclenet import VehicleNet
from platefree.methods.viewpoint import (
    FrozenViewpoint,
    copy_viewpoint,
    describe_viewpoint,
    frozen_viewpoint,
)
from platefree.nets.attended import EmbeddingDiscriminator
from platefree.nets.backbones import (
    Backbone,
    backbone_statistics,
    has_fixed_size,
    map_size,
    read_weights,
)
from platefree.nets.branches import BranchedBackbone
from platefree.nets.classifiers import IdentityClassifier
from platefree.nets.generator import Generator
from platefree.nets.heads import Average, BNNeck, GeneralisedMean
from platefree.nets.late_branches import LateBranches
from platefree.nets.patch_gan import PatchGan
from platefree.nets.side_information import SideInformation
from platefree.nets.vgg_m import VGG_CNN_M
from platefree.ranking.view_comparison import ViewRelations
from platefree.recipes.recipe import Recipe


def build_method(
    recipe: Recipe, classes: Mapping[str, int], *, weights: str | None = None
) -> Method:
    """Build the method of a recipe with fresh weights.

    Args:
        recipe: a checked recipe.
        classes: label column -> number of classes among the training rows, as in
            `platefree.batches.training_data.TrainingData.classes`.
        weights: instead of the recipe's start weights; ``none`` when a checkpoint follows.

    Raises:
        RecipeError: the backbone does not exist or cannot be built so.
        TrainingError: the start weights cannot be had or do not fit.
    """
    match recipe.model:
        case ColorStripesSettings() as settings:
            return ColorStripes(**settings.model_dump(exclude={"method"}))
        case DrdlSettings() as settings:
            return _drdl(settings, recipe, classes, weights or settings.weights)
        case EnsembleSettings():
            raise RecipeError(
                "an ensemble is not trained: train its members, and join them with 'platefree "
                "ensemble MODEL MODEL --out FOLDER'"
            )
        case FdaNetSettings() as settings:
            return _fda_net(settings, recipe, classes, weights or settings.weights)
        case MultiBranchSettings() as settings:
            return _multi_branch(settings, recipe, classes, weights or settings.weights)
        case PartDetectorSettings() as settings:
            return make_part_detector(settings, recipe.input, weights or settings.weights)
        case PartRegularizedSettings() as settings:
            return _part_regularized(settings, recipe, classes, weights or settings.weights)
        case StrongBaselineSettings() as settings:
            return _strong_baseline(settings, recipe, classes, weights or settings.weights)
        case ViewpointSettings() | CameraSettings() as settings:
            start = weights or settings.weights
            return make_label_classifier(settings, recipe.input, classes[settings.learns], start)
        case VANetSettings() as settings:
            return _vanet(settings, recipe, classes, weights)
        case VehicleNetSettings() as settings:
            return _vehiclenet(settings, recipe, classes, weights or settings.weights)


def resolve(recipe: Recipe) -> Recipe:
    """Fill what a recipe leaves to the backbone (the channel statistics) and to a viewpoint model.

    Then it stands alone.

    Raises:
        RecipeError: the backbone does not exist, or cannot take pictures of the recipe's scales, or
            the viewpoint model tells other views apart.
        CheckpointError: there is no such viewpoint model.
    """
    check_scales(recipe)
    mean, std = [0.0] * 3, [1.0] * 3
    if isinstance(recipe.model, BackboneSettings):
        mean, std = backbone_statistics(recipe.model.backbone)
    unset = {"mean": recipe.input.mean or mean, "std": recipe.input.std or std}
    update: dict[str, object] = {"input": recipe.input.model_copy(update=unset)}
    model = recipe.model
    if isinstance(model, VANetSettings) and model.viewpoint and model.relations != "none":
        inside = describe_viewpoint(model.viewpoint, model.views)
        update["model"] = model.model_copy(update={"inside": inside})
    return recipe.model_copy(update=update)


def check_scales(recipe: Recipe) -> None:
    """Refuse scales of pictures that the backbone cannot take.

    Raises:
        RecipeError: the network takes pictures of one size only, as most transformers do.
    """
    scales, settings = recipe.input.scales, recipe.model
    if scales == [1.0] or not isinstance(settings, BackboneSettings):
        return
    what = f"backbone {settings.backbone}" if has_fixed_size(settings.backbone) else ""
    if isinstance(settings, DrdlSettings | FdaNetSettings) and settings.pooling == "flatten":
        what = "model.pooling = flatten"
    if isinstance(settings, MultiBranchSettings) and settings.attention_branches:
        what = "an attention branch"
    if what:
        raise RecipeError(
            f"input.scales is {scales}, but {what} takes pictures of "
            f"{recipe.input.height} x {recipe.input.width} pixels only; set it to [1.0]"
        )


def needs_training(recipe: Recipe) -> bool:
    """Whether the method of a recipe has anything to learn."""
    return not isinstance(recipe.model, ColorStripesSettings)


def _drdl(settings: DrdlSettings, recipe: Recipe, classes: Mapping[str, int], weights: str) -> Drdl:
    height, width = recipe.input.height, recipe.input.width
    backbone = _backbone(settings, recipe, weights)
    method = Drdl(
        backbone,
        map_size=map_size(backbone, height, width),
        models=classes[settings.softmax],
        positives=recipe.train.positives_per_set,
        negatives=recipe.train.negatives_per_set,
        **settings.model_dump(exclude={"method", "backbone", "weights", "last_stride"}),
    )
    if settings.backbone == VGG_CNN_M and weights != "none":
        method.start_from(read_weights(Path(weights)))
    return method


def _fda_net(
    settings: FdaNetSettings, recipe: Recipe, classes: Mapping[str, int], weights: str
) -> EmbeddingNet:
    height, width = recipe.input.height, recipe.input.width
    if settings.adversary != "none" and (height % 4 or width % 4 or min(height, width) < 32):
        raise RecipeError(
            f"pictures of {height} x {width} pixels; fda_net's generator needs sides that are "
            "multiples of 4, 32 or more"
        )
    backbone = _backbone(settings, recipe, weights)
    parts = {"attention", "pooling", "shared_size", "embedding_size", "dropout"}
    embedding = EmbeddingDiscriminator(
        backbone,
        map_size=map_size(backbone, height, width),
        vehicles=classes["vehicle"],
        **settings.model_dump(include=parts),
    )
    if settings.adversary == "none":
        return EmbeddingNet(embedding, negatives=settings.negatives, margin=settings.margin)
    game = {"negatives", "real_fake", "margin", "similarity_margin", "difference_margin"}
    return FdaNet(
        embedding,
        Generator(width=settings.generator_width, blocks=settings.generator_blocks),
        PatchGan(width=settings.patch_width),
        mean=recipe.input.mean or (0.0, 0.0, 0.0),
        std=recipe.input.std or (1.0, 1.0, 1.0),
        **settings.model_dump(include={*game, "realism_weight"}),
    )


def _multi_branch(
    settings: MultiBranchSettings, recipe: Recipe, classes: Mapping[str, int], weights: str
) -> MultiBranch:
    backbone = LateBranches(
        settings.backbone,
        convolution=settings.convolution_branches,
        attention=settings.attention_branches,
        height=recipe.input.height,
        width=recipe.input.width,
        last_stride=settings.last_stride,
        heads=settings.heads,
        weights=weights,
    )
    return MultiBranch(
        backbone,
        _branch_losses(settings),
        vehicles=classes["vehicle"],
        label_smoothing=settings.label_smoothing,
        margin=settings.margin if settings.triplet == "margin" else None,
    )


def _branch_losses(settings: MultiBranchSettings) -> list[BranchLosses]:
    """The losses of each branch; split, they take turns."""
    both = [BranchLosses(settings.identity_weight, settings.triplet_weight)]
    both *= settings.convolution_branches
    attention = (settings.attention_identity_weight, settings.attention_triplet_weight)
    both += [BranchLosses(*attention)] * settings.attention_branches
    if settings.losses == "both":
        return both
    return [
        BranchLosses(0.0, each.triplet) if number % 2 else BranchLosses(each.identity, 0.0)
        for number, each in enumerate(both)
    ]


def _part_regularized(
    settings: PartRegularizedSettings, recipe: Recipe, classes: Mapping[str, int], weights: str
) -> PartRegularized:
    return PartRegularized(
        _backbone(settings, recipe, weights, drop_path=settings.drop_path),
        vehicles=classes["vehicle"],
        embedding_size=settings.embedding_size,
        global_weight=settings.global_weight,
        part_weights=settings.part_weights,
        boxes=settings.boxes,
    )


def _strong_baseline(
    settings: StrongBaselineSettings, recipe: Recipe, classes: Mapping[str, int], weights: str
) -> StrongBaseline:
    backbone = _backbone(
        settings,
        recipe,
        weights,
        drop_path=settings.drop_path,
        patch_stride=settings.patch_stride,
        class_token=settings.pooling == "class_token",
        side=bool(settings.side),
    )
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
        share=settings.classifier_share,
    )
    metric = MetricLosses(
        size,
        vehicles,
        margin=settings.margin if settings.triplet == "margin" else None,
        **settings.model_dump(include=settings.of_metric),
    )
    side = None
    if settings.side:
        labels: dict[str, int] = {column: classes[column] for column in settings.side}
        weight, hidden = settings.side_weight, settings.side_hidden
        side = SideInformation(labels, backbone.channels, weight=weight, hidden=hidden)
    return StrongBaseline(
        backbone,
        pool,
        reduce or nn.Identity(),
        BNNeck(size, vehicles, classifier),
        metric,
        metric_at=settings.metric_at,
        label_smoothing=settings.label_smoothing,
        identity_weight=settings.identity_weight,
        side=side,
    )


def _backbone(
    settings: StridedSettings,
    recipe: Recipe,
    weights: str,
    *,
    drop_path: float = 0.0,
    patch_stride: int = 0,
    class_token: bool = False,
    side: bool = False,
) -> Backbone:
    return Backbone(
        settings.backbone,
        height=recipe.input.height,
        width=recipe.input.width,
        last_stride=settings.last_stride,
        drop_path=drop_path,
        patch_stride=patch_stride,
        class_token=class_token,
        side=side,
        weights=weights,
    )


def _vanet(
    settings: VANetSettings, recipe: Recipe, classes: Mapping[str, int], weights: str | None
) -> VANet:
    relations = ViewRelations(settings.views, settings.relations)
    backbone = BranchedBackbone(
        settings.backbone,
        branches=len(relations.spaces),
        height=recipe.input.height,
        width=recipe.input.width,
        last_stride=settings.last_stride,
        drop_path=settings.drop_path,
        weights=weights or settings.weights,
    )
    return VANet(
        backbone,
        relations,
        vehicles=classes["vehicle"],
        viewpoint=_viewpoint_inside(settings, recipe, is_new=weights is None),
        view_from=settings.view_from,
        view_error=settings.view_error,
        margin=settings.margin,
        within=settings.within,
        cross=settings.cross,
        identity_weight=settings.identity_weight,
    )


def _viewpoint_inside(
    settings: VANetSettings, recipe: Recipe, *, is_new: bool
) -> FrozenViewpoint | None:
    if settings.relations == "none":
        return None
    if settings.inside is None:
        if settings.view_from == "prediction":
            raise RecipeError(
                "model.viewpoint is not set, so nothing could tell the view of a picture in use: "
                "train a viewpoint model ('platefree train viewpoint/default') and set "
                "model.viewpoint=runs/viewpoint-default/best, or set model.view_from=table where "
                "the column 'view' is always known"
            )
        return None
    frozen = frozen_viewpoint(settings.inside, len(settings.views), recipe.input)
    if is_new:
        copy_viewpoint(settings.viewpoint, settings.inside, frozen)
    return frozen


def _vehiclenet(
    settings: VehicleNetSettings, recipe: Recipe, classes: Mapping[str, int], weights: str
) -> VehicleNet:
    return VehicleNet(
        _backbone(settings, recipe, weights, drop_path=settings.drop_path),
        vehicles=classes["vehicle"],
        embedding_size=settings.embedding_size,
        dropout=settings.dropout,
        backbone_rate=settings.backbone_rate,
    )
