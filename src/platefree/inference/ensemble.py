"""Several models as one: a checkpoint that contains its members and is used like any other.

Zheng et al., VehicleNet, TMM 2020, section IV-C and figure 5. Each member uses its own transform;
their spaces are joined by `platefree.ranking.joined_spaces`.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from platefree.checkpoint import Checkpoint
from platefree.data.learnt import Learnt
from platefree.data.listed_text import many
from platefree.data.vehicle_boxes import BoxFractions
from platefree.errors import CheckpointError, DataError, RecipeError, TrainingError
from platefree.inference.embedded_rows import EmbeddedRows, by_each
from platefree.inference.embedder import Unreadable
from platefree.inference.joinable import check_members
from platefree.inference.model import Model
from platefree.methods.base import Method
from platefree.methods.catalogue import build_method, check_recipe
from platefree.methods.members import EnsembleSettings
from platefree.nets.weights import check_shapes, load_into, read_learnt
from platefree.ranking.comparison import Comparison
from platefree.ranking.joined_spaces import (
    fractions_of,
    join_spaces,
    joined_fingerprint,
    mean_of,
)
from platefree.recipes.post import Post
from platefree.recipes.recipe import Recipe
from platefree.types import Floats, Sightings
from platefree.work import Work

_KEPT = ("method", "recipe", "classes", "names", "data", "step", "total_steps", "seed", "written")
"""The keys of a member's card that the ensemble's card copies."""


class Members(Method):
    """The methods of an ensemble, as one set of weights.

    Args:
        methods: of the members.
        joined: how their joined spaces are compared.
    """

    def __init__(self, methods: Sequence[Method], joined: Comparison) -> None:
        super().__init__()
        self.members = nn.ModuleList(methods)
        self.joined = joined

    def comparison(self) -> Comparison:
        """The weighted mean of the members' distances."""
        return self.joined

    def feature_map(self, images: Tensor) -> Tensor:
        """Refused: each member has its own."""
        raise DataError(
            "an ensemble has no feature map of its own, so no heat map can be drawn; give one of "
            "its members"
        )


class Ensemble(Model):
    """A model whose similarity is the weighted mean of the similarities of its members.

    Members that are ensembles are taken apart, which changes no similarity.

    Args:
        members: models that embed vehicles, on one device.
        weights: the weight of each in the mean, more than 0; by default equal.
        name: shown in messages and reports.
        post: the post-processing of evaluations; by default that of all members, if they agree.
        card: of the ensemble.
        learnt: what it learnt from; by default what its members did.

    Raises:
        DataError: a member does not embed vehicles, is given twice, or the weights do not fit.
        MismatchError: members with one space each name it differently.
    """

    def __init__(
        self,
        members: Sequence[Model],
        weights: Sequence[float] | None = None,
        *,
        name: str = "ensemble",
        post: Post | None = None,
        card: dict[str, Any] | None = None,
        learnt: Learnt | None = None,
    ) -> None:
        self.members, self.fractions = _flat(members, check_weights(weights, len(members)))
        check_members(self.members)
        self._comparisons = [member.comparison for member in self.members]
        joined = mean_of(self._comparisons, self.fractions)
        super().__init__(
            Members([member.method for member in self.members], joined),
            _recipe(self.members, self.fractions, post),
            name=name,
            fingerprint=joined_fingerprint([m.fingerprint for m in self.members], self.fractions),
            device=self.members[0].device,
            card=card,
            learnt=learnt or Learnt.together(member.learnt for member in members),
        )

    def describe_use(self) -> dict[str, str]:
        """Input size, test-time flip and the like of the members, for a report."""
        each = [member.describe_use() for member in self.members]
        keys = dict.fromkeys(key for one in each for key in one)
        joined = {
            key: "; ".join(dict.fromkeys(one[key] for one in each if key in one)) for key in keys
        }
        named = (
            f"{member.name} ({member.recipe.model.method}, {member.fingerprint}) {fraction:.3f}"
            for member, fraction in zip(self.members, self.fractions, strict=True)
        )
        return {"members": "; ".join(named), **joined}

    def embed_rows(
        self, sightings: Sightings, boxes: BoxFractions | None, unreadable: Unreadable, work: Work
    ) -> EmbeddedRows:
        """As `Model.embed_rows`, by each member; pictures the first cannot read are skipped."""
        each = [member.embed_rows for member in self.members]
        rows, parts, skipped = by_each(each, sightings, boxes, unreadable, work)
        return EmbeddedRows(rows, join_spaces(parts, self._comparisons, self.fractions), skipped)

    def embed_images(
        self, images: Tensor, labels: Mapping[str, Tensor] | None = None
    ) -> dict[str, Floats]:
        """Refused: its members use pictures of different sizes, which `embed` reads for them."""
        raise DataError("an ensemble takes no tensors of one size; use 'embed', or a member of it")

    def with_looks(
        self, *, scales: Sequence[float] | None = None, crops: float | None = None
    ) -> "Ensemble":
        """The same members, each with other looks at a picture; see `Model.with_looks`.

        Raises:
            RecipeError: they are not valid, or a backbone takes pictures of one size only.
        """
        members = [member.with_looks(scales=scales, crops=crops) for member in self.members]
        if all(one is other for one, other in zip(members, self.members, strict=True)):
            return self
        return Ensemble(
            members,
            self.fractions,
            name=self.name,
            post=self.recipe.post,
            card=self.card,
            learnt=self.learnt,
        )


def load_ensemble(checkpoint: Checkpoint, recipe: Recipe, device: torch.device) -> Ensemble:
    """The ensemble of a checkpoint.

    Args:
        checkpoint: of an ensemble.
        recipe: of the checkpoint, validated.
        device: where to run.

    Raises:
        CheckpointError: it is damaged, or does not fit its own card.
    """
    try:
        check_shapes(partial(_members, checkpoint.card["members"]), checkpoint)
        members = [_rebuilt(card, device) for card in checkpoint.card["members"]]
        weights = recipe.model.model_dump()["weights"]
        ensemble = Ensemble(
            members,
            weights,
            name=str(checkpoint.folder),
            post=recipe.post,
            card=dict(checkpoint.card),
            learnt=read_learnt(checkpoint),
        )
    except (RecipeError, TrainingError, DataError, KeyError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"checkpoint {checkpoint.folder} cannot be rebuilt: {error}"
        ) from error
    load_into(ensemble.method, checkpoint)
    return ensemble


def check_weights(weights: Sequence[float] | None, count: int) -> tuple[float, ...]:
    """The weight of each model in the mean; invalid weights are a `DataError`."""
    if count == 0 or (weights is not None and (len(weights) != count or not _positive(weights))):
        raise DataError(
            f"{many(count, 'model')} and the weights {list(weights or [])}: expected at least one "
            "model, and a weight of more than 0 for each, or none at all"
        )
    return fractions_of(weights, count)


def _positive(weights: Sequence[float]) -> bool:
    return bool(np.isfinite(weights).all()) and min(weights) > 0


def _flat(
    models: Sequence[Model], fractions: Sequence[float]
) -> tuple[tuple[Model, ...], tuple[float, ...]]:
    members, parts = list[Model](), list[float]()
    for model, fraction in zip(models, fractions, strict=True):
        if isinstance(model, Ensemble):
            members += model.members
            parts += [fraction * part for part in model.fractions]
        else:
            members.append(model)
            parts.append(fraction)
    return tuple(members), tuple(parts)


def _recipe(members: Sequence[Model], fractions: Sequence[float], post: Post | None) -> Recipe:
    declared = members[0].recipe.post
    agreed = all(member.recipe.post == declared for member in members)
    fingerprints = [member.fingerprint for member in members]
    return Recipe(
        name="ensemble",
        description=f"{len(members)} models as one",
        model=EnsembleSettings(method="ensemble", members=fingerprints, weights=list(fractions)),
        post=post or (declared if agreed else Post()),
    )


def member_card(member: Model) -> dict[str, Any]:
    """The entry of a member in an ensemble's card."""
    known = {key: member.card[key] for key in _KEPT if key in member.card}
    return {
        "name": member.name,
        "fingerprint": member.fingerprint,
        "classes": {},
        **known,
        "recipe": member.recipe.model_dump(),
    }


def _members(cards: Sequence[Mapping[str, Any]]) -> nn.Module:
    """The networks of the members by the names that `Members` gives them."""
    methods = [
        build_method(check_recipe(card["recipe"]), card.get("classes", {}), weights="none")
        for card in cards
    ]
    return nn.ModuleDict({"members": nn.ModuleList(methods)})


def _rebuilt(card: Mapping[str, Any], device: torch.device) -> Model:
    """A member without its weights."""
    recipe = check_recipe(card["recipe"])
    return Model(
        build_method(recipe, card["classes"], weights="none"),
        recipe,
        name=card["name"],
        fingerprint=card["fingerprint"],
        device=device,
        card=dict(card),
    )
