"""Several models as one: a checkpoint that is used like any other, with its members inside.

Zheng et al., VehicleNet, TMM 2020, section IV-C and figure 5. Each member sees a picture through
its own transform; how their spaces are joined is told in `platefree.ranking.joined_spaces`.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from platefree.checkpoint import CARD, Checkpoint, read_checkpoint
from platefree.data.vehicle_boxes import Shares
from platefree.errors import CheckpointError, DataError, RecipeError, TrainingError
from platefree.inference.model import Device, Model, Unreadable, load_model
from platefree.methods.base import Method
from platefree.methods.catalogue import build_method, check_recipe
from platefree.methods.ensemble import EnsembleSettings
from platefree.nets.weights import load_into, save_checkpoint
from platefree.ranking.exact import Distances, compare_only_space
from platefree.ranking.joined_spaces import (
    join_distances,
    join_spaces,
    joined_fingerprint,
    shares_of,
)
from platefree.recipes.post import Post
from platefree.recipes.recipe import Recipe
from platefree.types import Embeddings, Floats, Indices, Sightings

_KEPT = ("method", "recipe", "classes", "names", "data", "step", "total_steps", "seed", "written")
"""What an ensemble's card says of a member, of the member's own card."""


class Members(Method):
    """The methods of an ensemble, as one set of weights.

    Args:
        methods: of the members.
        compare: how their joined spaces are compared; None is the cosine in the only one.
    """

    def __init__(self, methods: Sequence[Method], compare: Distances | None) -> None:
        super().__init__()
        self.members = nn.ModuleList(methods)
        self.compare = compare

    def distances(self, query: Embeddings, gallery: Embeddings) -> Floats:
        """The weighted mean of the members' distances, (q, g)."""
        return (self.compare or compare_only_space)(query, gallery)

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
        members: models that compare vehicles, on one device.
        weights: what each counts in the mean, more than 0; by default the same.
        name: for people.
        post: how an evaluation post-processes; by default as all members declare, if they agree.
        card: what is known of it.

    Raises:
        DataError: a member tells no vehicles apart, is there twice, or the weights do not fit.
        MismatchError: members with one space each call it by other names.
    """

    def __init__(
        self,
        members: Sequence[Model],
        weights: Sequence[float] | None = None,
        *,
        name: str = "ensemble",
        post: Post | None = None,
        card: dict[str, Any] | None = None,
    ) -> None:
        self.members, self.shares = _flat(members, _checked(weights, len(members)))
        check_members(self.members)
        self._compares = [member.distances for member in self.members]
        compare = join_distances(self._compares, self.shares)
        super().__init__(
            Members([member.method for member in self.members], compare),
            _recipe(self.members, self.shares, post),
            name=name,
            fingerprint=joined_fingerprint([m.fingerprint for m in self.members], self.shares),
            device=self.members[0].device,
            card=card,
        )

    @property
    def distances(self) -> Distances | None:
        """How the joined spaces combine; None is the cosine distance in the only one."""
        return join_distances(self._compares, self.shares)

    def told(self) -> dict[str, str]:
        """How the members look at pictures, for a report."""
        each = [member.told() for member in self.members]
        joined = {key: "; ".join(dict.fromkeys(one[key] for one in each)) for key in each[0]}
        named = (
            f"{member.name} ({member.recipe.model.method}, {member.fingerprint}) {share:.3f}"
            for member, share in zip(self.members, self.shares, strict=True)
        )
        return {"members": "; ".join(named), **joined}

    def embed_rows(
        self,
        sightings: Sightings,
        *,
        boxes: Shares | None,
        unreadable: Unreadable,
        batch_size: int,
        workers: int,
        on_batch: Callable[[int], None] | None,
    ) -> tuple[Indices, dict[str, Floats], list[str]]:
        """As `Model.embed_rows`: each member in turn; what the first cannot read, none is shown."""
        count = _InTurn(on_batch, len(self.members))
        rows, skipped = np.arange(len(sightings)), list[str]()
        parts: list[dict[str, Floats]] = []
        for member in self.members:
            read, spaces, reasons = member.embed_rows(
                sightings if len(rows) == len(sightings) else sightings.take(rows),
                boxes=None if boxes is None else boxes[rows],
                unreadable="refuse" if parts else unreadable,
                batch_size=batch_size,
                workers=workers,
                on_batch=count,
            )
            rows, skipped = rows[read], skipped + reasons
            parts.append(spaces)
        return rows, join_spaces(parts, self._compares, self.shares), skipped

    def embed_images(
        self, images: Tensor, labels: Mapping[str, Tensor] | None = None
    ) -> dict[str, Floats]:
        """Refused: its members take pictures of their own sizes; `embed` shows them those."""
        raise DataError("an ensemble takes no tensors of one size; use 'embed', or a member of it")

    def with_scales(self, scales: Sequence[float]) -> "Ensemble":
        """The same members, each with other ``input.scales``.

        Raises:
            RecipeError: the scales are not valid, or a backbone takes pictures of one size only.
        """
        members = [member.with_scales(scales) for member in self.members]
        post = self.recipe.post
        return Ensemble(members, self.shares, name=self.name, post=post, card=self.card)


def make_ensemble(
    models: Sequence[Model | str | Path],
    out: str | Path,
    weights: Sequence[float] | None = None,
    *,
    device: Device = "auto",
) -> Ensemble:
    """Join trained models to one, and write it as a checkpoint with everything inside.

    Args:
        models: loaded models or checkpoint folders; an ensemble stands for its members.
        out: the folder of the new checkpoint; of what is there, only an ensemble is replaced.
        weights: what the similarity of each counts in the mean, more than 0; by default the same.
        device: where to run it.

    Returns:
        The ensemble, as `load_model` would load it.

    Raises:
        CheckpointError: a model is missing or damaged, or ``out`` holds another checkpoint.
        DataError: a model tells no vehicles apart, is given twice, or the weights do not fit.
        MismatchError: models with one space each call it by other names.
        StorageError: it cannot be written; nothing is changed.
    """
    out = Path(out)
    _check_replaceable(out)
    _checked(weights, len(models))
    loaded = [
        each if isinstance(each, Model) else load_model(each, device=device) for each in models
    ]
    ensemble = Ensemble(loaded, weights, name=str(out))
    ensemble.card = {
        "fingerprint": ensemble.fingerprint,
        "method": "ensemble",
        "step": 0,
        "recipe": ensemble.recipe.model_dump(),
        "classes": {},
        "members": [_member_card(member) for member in ensemble.members],
    }
    saved = save_checkpoint(out, ensemble.card, ensemble.method.state_dict())
    ensemble.card = dict(saved.card)
    return ensemble


def load_ensemble(
    checkpoint: Checkpoint, recipe: Recipe, device: torch.device, processes: int = 1
) -> Ensemble:
    """The ensemble of a checkpoint.

    Args:
        checkpoint: whose recipe is that of an ensemble.
        recipe: the same, checked.
        device: where to run.
        processes: that embed a table together.

    Raises:
        CheckpointError: it is damaged, or does not fit its own card.
    """
    try:
        members = [_rebuilt(card, device, processes) for card in checkpoint.card["members"]]
        weights = recipe.model.model_dump()["weights"]
        ensemble = Ensemble(
            members,
            weights,
            name=str(checkpoint.folder),
            post=recipe.post,
            card=dict(checkpoint.card),
        )
    except (RecipeError, TrainingError, DataError, KeyError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"checkpoint {checkpoint.folder} cannot be rebuilt: {error}"
        ) from error
    load_into(ensemble.method, checkpoint)
    return ensemble


def check_members(members: Sequence[Model]) -> None:
    """Refuse models that cannot be joined.

    Raises:
        DataError: one tells no vehicles apart, is told metadata, or is there twice.
    """
    names: dict[str, str] = {}
    for member in members:
        learns = member.recipe.model.learns
        if learns != "vehicle":
            raise DataError(
                f"{member.name} is a {member.recipe.model.method} model, which learns {learns}; "
                "only models that tell vehicles apart can be joined to an ensemble"
            )
        if member.metadata:
            raise DataError(
                f"{member.name} is told metadata of the pictures, and an ensemble looks at "
                "pictures alone; give the model without"
            )
        if member.fingerprint in names:
            other = names[member.fingerprint]
            which = "is given twice" if other == member.name else f"and {other} are one model"
            raise DataError(
                f"{member.name} {which} ({member.fingerprint}); give each model once, and weights "
                "to make one count more"
            )
        names[member.fingerprint] = member.name


class _InTurn:
    """Tells a progress bar of pictures that several models look at one after the other."""

    def __init__(self, on_batch: Callable[[int], None] | None, models: int) -> None:
        self.on_batch, self.models, self.looks = on_batch, models, 0

    def __call__(self, count: int) -> None:
        before, self.looks = self.looks // self.models, self.looks + count
        if self.on_batch is not None:
            self.on_batch(self.looks // self.models - before)


def _checked(weights: Sequence[float] | None, count: int) -> tuple[float, ...]:
    if count == 0 or (weights is not None and (len(weights) != count or not _positive(weights))):
        raise DataError(
            f"{count} models and the weights {list(weights or [])}: expected at least one model, "
            "and a weight of more than 0 for each, or none at all"
        )
    return shares_of(weights, count)


def _positive(weights: Sequence[float]) -> bool:
    return bool(np.isfinite(weights).all()) and min(weights) > 0


def _flat(
    models: Sequence[Model], shares: Sequence[float]
) -> tuple[tuple[Model, ...], tuple[float, ...]]:
    members, parts = list[Model](), list[float]()
    for model, share in zip(models, shares, strict=True):
        if isinstance(model, Ensemble):
            members += model.members
            parts += [share * part for part in model.shares]
        else:
            members.append(model)
            parts.append(share)
    return tuple(members), tuple(parts)


def _recipe(members: Sequence[Model], shares: Sequence[float], post: Post | None) -> Recipe:
    declared = members[0].recipe.post
    agreed = all(member.recipe.post == declared for member in members)
    fingerprints = [member.fingerprint for member in members]
    return Recipe(
        name="ensemble",
        description=f"{len(members)} models as one",
        model=EnsembleSettings(method="ensemble", members=fingerprints, weights=list(shares)),
        post=post or (declared if agreed else Post()),
    )


def _member_card(member: Model) -> dict[str, Any]:
    known = {key: member.card[key] for key in _KEPT if key in member.card}
    return {
        "name": member.name,
        "fingerprint": member.fingerprint,
        "classes": {},
        **known,
        "recipe": member.recipe.model_dump(),
    }


def _rebuilt(card: Mapping[str, Any], device: torch.device, processes: int) -> Model:
    """A member without its weights."""
    recipe = check_recipe(card["recipe"])
    return Model(
        build_method(recipe, card["classes"], weights="none"),
        recipe,
        name=card["name"],
        fingerprint=card["fingerprint"],
        device=device,
        card=dict(card),
        processes=processes,
    )


def _check_replaceable(out: Path) -> None:
    if not (out / CARD).exists():
        return
    method = read_checkpoint(out).card.get("method")
    if method != "ensemble":
        raise CheckpointError(
            f"{out} holds a {method} checkpoint, which would be lost; choose another folder"
        )
