"""Several models as one: their L2-normalised embeddings concatenated.

Zheng et al., VehicleNet, TMM 2020, section IV-C, "Model Ensemble". They are scaled so that the
joined embedding has length 1: its cosine similarity is the mean of the models' similarities.
Decided, for methods that compare in several spaces: their spaces stay separate, and the distance
of the ensemble is the same mean of the models' own distances.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from platefree.errors import DataError, MismatchError
from platefree.fingerprint import fingerprint_of_text
from platefree.ranking.comparison import Comparison, Cosine
from platefree.types import Embeddings, Floats, Text

Spaces = Mapping[str, Floats]


@dataclass(frozen=True)
class WeightedMean:
    """The weighted mean of the distances of several models, each in its own spaces.

    The spaces of model number i are named ``i-SPACE``.

    Attributes:
        parts: the comparison of each model.
        fractions: the weight of each; their sum is 1.
    """

    parts: tuple[Comparison, ...]
    fractions: tuple[float, ...]

    def distances(self, query: Embeddings, gallery: Embeddings) -> Floats:
        """(q, g) float32 distances."""
        total = np.zeros((len(query), len(gallery)), np.float32)
        for number, (part, fraction) in enumerate(zip(self.parts, self.fractions, strict=True)):
            sides = _spaces_of(query, number), _spaces_of(gallery, number)
            total += np.float32(fraction) * part.distances(*sides)
        return total

    def space_of(self, query: Embeddings, gallery: Embeddings) -> Text:
        """Empty for every pair, (q, g): all spaces are used."""
        return np.full((len(query), len(gallery)), "")

    def to_json(self) -> dict[str, Any]:
        """The kind, the parts and their fractions."""
        parts = [part.to_json() for part in self.parts]
        return {"kind": "mean", "parts": parts, "fractions": list(self.fractions)}


def fractions_of(weights: Sequence[float] | None, count: int) -> tuple[float, ...]:
    """The weight of each model in the mean, of sum 1.

    Args:
        weights: 0 or more, not all 0; None weights all models equally.
        count: number of models.

    Raises:
        DataError: there is no model, or the weights are not so.
    """
    given = np.ones(count) if weights is None else np.asarray(weights, np.float64)
    fits = given.shape == (count,) and np.isfinite(given).all() and (given >= 0).all()
    if not fits or not given.sum() > 0:
        raise DataError(
            f"{count} sets of embeddings with weights {weights}: expected at least one, and a "
            "weight of 0 or more for each, not all 0"
        )
    return tuple((given / given.sum()).tolist())


def mean_of(parts: Sequence[Comparison], fractions: Sequence[float]) -> Comparison:
    """How the joined embeddings of several models are compared.

    If all compare by the cosine in one space, so do the joined embeddings.
    """
    if all(isinstance(part, Cosine) for part in parts):
        return parts[0]
    return WeightedMean(tuple(parts), tuple(fractions))


def join_spaces(
    parts: Sequence[Spaces], comparisons: Sequence[Comparison], fractions: Sequence[float]
) -> dict[str, Floats]:
    """The spaces of an ensemble.

    Args:
        parts: for each model, L2-normalised embeddings of the same pictures.
        comparisons: of each model.
        fractions: of each model, from `fractions_of`.

    Returns:
        If each model compares by the cosine in one space: the same space, (n, sum of d) float32,
        L2-normalised. Else the spaces of all models, named ``NUMBER-SPACE``.

    Raises:
        MismatchError: models with one space each name it differently.
    """
    if not all(isinstance(each, Cosine) for each in comparisons):
        return {
            f"{number}-{name}": rows
            for number, part in enumerate(parts)
            for name, rows in part.items()
        }
    for number, part in enumerate(parts):
        if set(part) != set(parts[0]):
            raise MismatchError(
                f"embeddings 0 have the spaces {sorted(parts[0])}, embeddings {number} "
                f"{sorted(part)}: only spaces of the same names can be joined"
            )
    roots = [np.float32(np.sqrt(fraction)) for fraction in fractions]
    return {
        name: np.concatenate(
            [part[name] * root for part, root in zip(parts, roots, strict=True)], axis=1
        )
        for name in parts[0]
    }


def joined_fingerprint(models: Sequence[str], fractions: Sequence[float]) -> str:
    """The fingerprint of an ensemble; it depends on the order of the models."""
    described = "\n".join(
        f"{model} {fraction:.9f}" for model, fraction in zip(models, fractions, strict=True)
    )
    return fingerprint_of_text(described)


def concatenate(
    parts: Sequence[Embeddings],
    weights: Sequence[float] | None = None,
    comparisons: Sequence[Comparison] | None = None,
) -> Embeddings:
    """Join the embeddings of the same sightings by several models.

    Args:
        parts: the embeddings by each model, L2-normalised.
        weights: the weight of each model's similarity, 0 or more; by default equal.
        comparisons: how the spaces of each model combine; by default the cosine distance in its
            only space.

    Returns:
        The spaces of `join_spaces`. The model fingerprint is a hash of the models and the weights,
        so different ensembles are never compared.

    Raises:
        DataError: there is no part, a weight is negative or not finite, or all are 0.
        MismatchError: the parts describe other sightings, or have other spaces.
    """
    fractions = fractions_of(weights, len(parts))
    first = parts[0].sightings
    for number, part in enumerate(parts[1:], start=1):
        if part.sightings.fingerprint() != first.fingerprint():
            raise MismatchError(
                f"embeddings 0 describe table {first.fingerprint()}, embeddings {number} "
                f"table {part.sightings.fingerprint()}: embed the same table with every model"
            )
    comparisons = [Cosine()] * len(parts) if comparisons is None else comparisons
    spaces = join_spaces([part.spaces for part in parts], comparisons, fractions)
    return Embeddings(spaces, first, joined_fingerprint([part.model for part in parts], fractions))


def _spaces_of(embeddings: Embeddings, number: int) -> Embeddings:
    """The embeddings by one model of the ensemble."""
    mark = f"{number}-"
    spaces = {
        name.removeprefix(mark): rows
        for name, rows in embeddings.spaces.items()
        if name.startswith(mark)
    }
    return embeddings.part(spaces, embeddings.sightings)
