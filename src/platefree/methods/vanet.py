"""VANet: one metric for pictures of the same view, another for pictures of different views.

Chu et al., "Vehicle Re-identification with Viewpoint-aware Metric Learning", ICCV 2019:
shared layers -> a branch for S-view (same) and one for D-view (different) pairs, each ending in
average pooling = the input of a classifier of identities and, L2-normalised, the embedding.
A viewpoint classifier, trained separately and frozen, selects the branch of each pair (figure 3).

Decided, where the paper is silent:

- Distances are Euclidean between *L2-normalised* vectors, so that two branches have one scale; they
  give the same ranking as the cosine distance used everywhere else.
- A term leaves out anchors that lack the kind of pair it needs, and pictures of unknown view.
- ``cross = "both"`` is ours: it adds the reverse of L_cross, S-view positives against D-view
  negatives. Without it nothing compares the scales of the two spaces in that direction.
- With more branches (section 4.6) only the branch of each pair changes: the three terms are the
  same functions of the integrated distance matrix.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import BeforeValidator, Field, StringConstraints, field_validator
from torch import Tensor, nn
from torch.nn import functional

from platefree.batches.training_data import TrainingData
from platefree.errors import RecipeError, TrainingError
from platefree.losses import (
    batch_hard_triplet,
    cross_view_triplet,
    different_view_triplet,
    mean_view_distances,
    pairwise_distances,
    reverse_cross_triplet,
    same_view_triplet,
)
from platefree.methods.backbone import StridedSettings
from platefree.methods.base import Batch, Descent, Labels, Method
from platefree.methods.frozen_viewpoint import (
    FrozenViewpoint,
    ViewpointInside,
    copy_viewpoint,
    describe_viewpoint,
    frozen_viewpoint,
)
from platefree.methods.mirrored_views import refuse_mirror_images
from platefree.nets.branches import BranchedBackbone
from platefree.nets.heads import Average
from platefree.ranking.comparison import Comparison, Cosine
from platefree.ranking.view_comparison import VIEW, ViewComparison, ViewRelations
from platefree.recipes.ranges import Margin, RateBelowOne, Weight
from platefree.recipes.recipe import Recipe
from platefree.types import Indices

log = logging.getLogger(__name__)

ViewFrom = Literal["prediction", "table"]
CrossTerms = Literal["published", "both", "none"]
"""``published`` is L_cross; ``both`` adds its reverse (ours)."""
ViewName = Annotated[  # without "--", which stands between the two views of a space
    str, StringConstraints(max_length=30, pattern=r"^[A-Za-z0-9_]+(-[A-Za-z0-9_]+)*$")
]


def _cross_terms(value: object) -> object:
    """The setting as it is now; it was a switch before, where true was L_cross."""
    if isinstance(value, bool):
        return "published" if value else "none"
    return value


class VANetSettings(StridedSettings):
    """Two branches: one metric for pictures of the same view, one for those of different views."""

    free_in_use: ClassVar[tuple[str, ...]] = ("view_from", "view_error")
    method: Literal["vanet"]
    views: Annotated[list[ViewName], Field(min_length=2, max_length=12)] = Field(
        default=["front", "rear"]
    )
    viewpoint: str = ""  # a trained viewpoint model; its weights become part of this one
    view_from: ViewFrom = "prediction"  # where the view comes from in use
    view_error: Annotated[float, Field(ge=0, le=1)] = 0.0  # fraction of wrong views (figure 4)
    relations: Literal["none", "same-different", "pairs", "ordered-pairs"] = "same-different"
    within: bool = True  # whether L_s and L_d are used
    cross: Annotated[CrossTerms, BeforeValidator(_cross_terms)] = (
        "published"  # L_cross; "both": and its reverse, which is ours
    )
    margin: Margin = 0.5
    identity_weight: Weight = 1.0
    drop_path: RateBelowOne = 0.0
    inside: ViewpointInside | None = None  # filled in when training starts

    @field_validator("views")
    @classmethod
    def _distinct(cls, views: list[str]) -> list[str]:
        if len(set(views)) < len(views):
            raise ValueError(f"model.views is {views}; each view has to have a name of its own")
        return sorted(views)

    def resolved(self) -> Self:
        """With a description of the viewpoint model that becomes a part of this one."""
        if not self.viewpoint or self.relations == "none":
            return self
        inside = describe_viewpoint(self.viewpoint, self.views)
        return self.model_copy(update={"inside": inside})

    def also_predicts(self) -> Mapping[str, Sequence[str]]:
        """The views, if a viewpoint classifier is inside."""
        return {} if self.inside is None else {VIEW: self.views}


def build(
    settings: VANetSettings, recipe: Recipe, classes: Mapping[str, int], weights: str | None
) -> "VANet":
    """The method of a recipe, see `platefree.methods.catalogue.build_method`."""
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
        mirrored=recipe.mirrors,
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
                "model.viewpoint is not set, so the model could not predict the view of a picture: "
                "train a viewpoint model ('platefree train viewpoint/default') and set "
                "model.viewpoint=runs/viewpoint-default/best, or set model.view_from=table if "
                "the column 'view' is always known"
            )
        return None
    frozen = frozen_viewpoint(settings.inside, len(settings.views), recipe.input)
    if is_new:
        copy_viewpoint(settings.viewpoint, settings.inside, frozen)
    return frozen


class VANet(Method):
    """Spaces ``same_view`` and ``different_view``, and ``view`` if a classifier is inside.

    Args:
        backbone: with as many branches as ``relations`` has spaces.
        relations: which branch compares a pair of views.
        vehicles: number of training identities.
        viewpoint: the frozen classifier; None if the table always knows the view.
        view_from: where the view comes from in use; an unknown view of the table is predicted.
        view_error: fraction of the views that are replaced by a wrong one (figure 4).
        mirrored: whether it sees mirrored pictures.
        margin: alpha of the three triplet terms.
        within: whether L_s and L_d are used.
        cross: whether L_cross is used, and its reverse.
        identity_weight: of the identity cross-entropy of each branch.
    """

    forwards = ("losses_and_distances",)

    def __init__(
        self,
        backbone: BranchedBackbone,
        relations: ViewRelations,
        *,
        vehicles: int,
        viewpoint: FrozenViewpoint | None = None,
        view_from: ViewFrom = "prediction",
        view_error: float = 0.0,
        mirrored: bool = False,
        margin: float = 0.5,
        within: bool = True,
        cross: CrossTerms = "published",
        identity_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.pool = Average()
        self.classifiers = nn.ModuleList(
            nn.Linear(backbone.channels, vehicles) for _ in relations.spaces
        )
        self.viewpoint = viewpoint
        self.relations = relations
        self.view_from = view_from
        self.view_error, self.mirrored = view_error, mirrored
        self.margin, self.within, self.cross = margin, within, cross
        self.identity_weight = identity_weight
        self._warned_of_one_sided = False

    # --- training ---------------------------------------------------------------------------

    def step(self, batch: Batch, descent: Descent) -> None:
        """One step, with the mean distances of figure 1 for the log."""
        losses, distances = descent.forward("losses_and_distances", batch)
        if distances:
            descent.observe(distances)
        descent.step(losses, "main")

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Equation 5, and the identity cross-entropy of each branch (section 4.1)."""
        return self.losses_and_distances(batch)[0]

    def losses_and_distances(self, batch: Batch) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The losses, and the mean distances of the four kinds of pairs (none for the baseline)."""
        vehicles, views = batch.labels["vehicle"], batch.labels[VIEW]
        vectors = [self.pool(maps) for maps in self.backbone(batch.images)]  # (b, d) of each branch
        identity = torch.stack(
            [
                functional.cross_entropy(classifier(rows).float(), vehicles)
                for classifier, rows in zip(self.classifiers, vectors, strict=True)
            ]
        ).sum()
        unit = [batch.gather(functional.normalize(rows.float())) for rows in vectors]
        named = {"identity": self.identity_weight * identity}
        vehicles, views = batch.gather(vehicles), batch.gather(views)
        if self.relations.kind == "none":  # equation 1
            return named | {"triplet": batch_hard_triplet(unit[0], vehicles, self.margin)}, {}
        self._warn_if_one_sided(vehicles, views)
        distances = self._integrated(unit, views)
        terms = self._triplets(distances, vehicles, views)
        return named | terms, mean_view_distances(distances, vehicles, views)

    def _triplets(self, distances: Tensor, vehicles: Tensor, views: Tensor) -> dict[str, Tensor]:
        """L_s, L_d and L_cross (equations 2 to 4), and the reverse of L_cross if asked for."""
        terms: dict[str, Tensor] = {}
        if self.within:
            terms["same_view"] = same_view_triplet(distances, vehicles, views, self.margin)
            terms["different_view"] = different_view_triplet(
                distances, vehicles, views, self.margin
            )
        if self.cross != "none":
            terms["cross"] = cross_view_triplet(distances, vehicles, views, self.margin)
        if self.cross == "both":
            terms["reverse_cross"] = reverse_cross_triplet(distances, vehicles, views, self.margin)
        return terms

    def _integrated(self, unit: list[Tensor], views: Tensor) -> Tensor:
        """The integrated matrix of figure 3: each pair at the distance in its own branch."""
        with torch.autocast(views.device.type, enabled=False):
            each = torch.stack([pairwise_distances(rows, rows) for rows in unit])  # (k, n, n)
        known = views.clamp(min=0)  # pairs of unknown view are in no term
        branch_of = torch.from_numpy(self.relations.branch_of).to(views.device)
        return each.gather(0, branch_of[known[:, None], known[None, :]][None])[0]

    def _warn_if_one_sided(self, vehicles: Tensor, views: Tensor) -> None:
        """Warn once that a batch has no pair for L_d and L_cross."""
        if self._warned_of_one_sided:
            return
        known = (views >= 0)[:, None] & (views >= 0)[None, :]
        pairs = (vehicles[:, None] == vehicles[None, :]) & (views[:, None] != views[None, :])
        if not (pairs & known).any():
            self._warned_of_one_sided = True
            log.warning(
                "no vehicle of a batch is seen from two views, so it has no pair of different "
                "views (this is said once); raise train.images_per_vehicle"
            )

    def prepare(self, data: TrainingData) -> TrainingData:
        """Check the views of the training data; make some of them wrong if asked to.

        Raises:
            TrainingError: the views are unknown or not those of the recipe, or no vehicle has
                pictures of two views.
        """
        if self.relations.kind == "none":
            return data
        views = data.labels[VIEW].numpy()
        self._check_views(data, views)
        images = data.sightings.image
        wrong = self.relations.mistaken(views, images, self.view_error)
        return replace(data, labels={**data.labels, VIEW: torch.from_numpy(wrong)})

    def _check_views(self, data: TrainingData, views: Indices) -> None:
        known, expected = data.names[VIEW].tolist(), self.relations.views
        if not known:
            raise TrainingError(
                "vanet learns from the column 'view', which is unknown for all "
                f"{len(views)} training pictures: 'platefree label TABLE --view MODEL --out NEW' "
                "fills it in, or set model.relations=none for the baseline, which needs no views"
            )
        if tuple(known) != expected:
            raise TrainingError(
                f"the column 'view' of the training rows has {', '.join(known)}, but model.views "
                f"is {', '.join(expected)}: set model.views to those of the table, or leave "
                "pictures of other views out of it"
            )
        if self.mirrored:
            refuse_mirror_images(expected)
        vehicles = data.labels["vehicle"].numpy()[views >= 0]
        pairs = np.unique(np.stack([vehicles, views[views >= 0]]), axis=1)
        if len(np.unique(pairs[0])) == pairs.shape[1]:
            raise TrainingError(
                "no training vehicle has pictures of two views, so there is no pair of different "
                "views to learn from; add pictures, or use model.relations=none"
            )

    # --- use --------------------------------------------------------------------------------

    def embed(self, images: Tensor, labels: Labels | None = None) -> dict[str, Tensor]:
        """(b, d) L2-normalised embeddings of every branch, and the predicted view."""
        del labels
        spaces = self.embed_map(self.feature_map(images))
        if self.viewpoint is not None:
            spaces[VIEW] = self.viewpoint(images)
        return spaces

    def feature_map(self, images: Tensor) -> Tensor:
        """The map that all branches start from."""
        maps: Tensor = self.backbone.shared(images)
        return maps

    def embed_map(self, maps: Tensor) -> dict[str, Tensor]:
        """(b, d) L2-normalised embeddings of every branch."""
        rows = [
            functional.normalize(self.pool(each).float()) for each in self.backbone.branch(maps)
        ]
        return dict(zip(self.relations.spaces, rows, strict=True))

    def comparison(self) -> Comparison:
        """Each pair of pictures in the space of its branch; one space for the baseline."""
        if self.relations.kind == "none":
            return Cosine("main")
        return ViewComparison(self.relations, self.view_from, self.view_error)
