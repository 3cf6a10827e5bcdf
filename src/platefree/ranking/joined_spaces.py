"""Several models as one: their unit rows beside each other.

Zheng et al., VehicleNet, TMM 2020, section IV-C, "Model Ensemble". The rows are scaled so that the
joined row has length 1: its cosine similarity is then the mean of the models' similarities.
Decided, for methods that compare in several spaces: their spaces stay apart, and the distance of
the ensemble is the same mean of the distances that each method takes in its own.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from platefree.errors import DataError, MismatchError
from platefree.ranking.exact import Distances, compare_only_space
from platefree.types import Embeddings, Floats

Spaces = Mapping[str, Floats]


@dataclass(frozen=True)
class MeanDistance:
    """The weighted mean of what several models measure, each in the spaces of its own.

    Attributes:
        distances: of each model; None is the cosine distance in its only space.
        shares: of each model; their sum is 1.
    """

    distances: tuple[Distances | None, ...]
    shares: tuple[float, ...]

    def __call__(self, query: Embeddings, gallery: Embeddings) -> Floats:
        """(q, g) float32 distances of embeddings whose spaces `join_spaces` kept apart."""
        total = np.zeros((len(query), len(gallery)), np.float32)
        for number, (distances, share) in enumerate(zip(self.distances, self.shares, strict=True)):
            compare = distances or compare_only_space
            total += np.float32(share) * compare(_part(query, number), _part(gallery, number))
        return total


def shares_of(weights: Sequence[float] | None, count: int) -> tuple[float, ...]:
    """What each of so many models counts in the mean.

    Args:
        weights: 0 or more, not all 0; None is the same for each.
        count: of the models.

    Raises:
        DataError: there is no model, or the weights are not of that kind.
    """
    given = np.ones(count) if weights is None else np.asarray(weights, np.float64)
    fits = given.shape == (count,) and np.isfinite(given).all() and (given >= 0).all()
    if not fits or not given.sum() > 0:
        raise DataError(
            f"{count} sets of embeddings with weights {weights}: expected at least one, and a "
            "weight of 0 or more for each, not all 0"
        )
    return tuple((given / given.sum()).tolist())


def join_distances(
    distances: Sequence[Distances | None], shares: Sequence[float]
) -> Distances | None:
    """How the spaces that `join_spaces` makes are compared; None is the cosine in the only one."""
    if all(each is None for each in distances):
        return None
    return MeanDistance(tuple(distances), tuple(shares))


def join_spaces(
    parts: Sequence[Spaces], distances: Sequence[Distances | None], shares: Sequence[float]
) -> dict[str, Floats]:
    """The spaces of an ensemble.

    Args:
        parts: of each model, unit rows of the same pictures.
        distances: of each model, as `MeanDistance` takes them.
        shares: of each model, from `shares_of`.

    Returns:
        The same spaces, (n, sum of d) float32 unit rows, where each model has one to be compared
        in by the cosine. Else the spaces of all models, named ``NUMBER-SPACE``.

    Raises:
        MismatchError: models with one space each call it by other names.
    """
    if any(each is not None for each in distances):
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
    roots = [np.float32(np.sqrt(share)) for share in shares]
    return {
        name: np.concatenate(
            [part[name] * root for part, root in zip(parts, roots, strict=True)], axis=1
        )
        for name in parts[0]
    }


def joined_fingerprint(models: Sequence[str], shares: Sequence[float]) -> str:
    """The fingerprint of an ensemble: another order of models is another layout of its rows."""
    described = "\n".join(
        f"{model} {share:.9f}" for model, share in zip(models, shares, strict=True)
    )
    return hashlib.sha256(described.encode()).hexdigest()[:12]


def concatenate(
    parts: Sequence[Embeddings],
    weights: Sequence[float] | None = None,
    distances: Sequence[Distances | None] | None = None,
) -> Embeddings:
    """Join the embeddings of the same sightings by several models.

    Args:
        parts: unit rows, one set of embeddings a model.
        weights: what each model's similarity counts in the mean, 0 or more; by default the same.
        distances: how the spaces of each model combine; None, here and for each, is the cosine
            distance in its only space.

    Returns:
        The spaces of `join_spaces`. Their model is a hash of the models and the weights, so
        ensembles of other models are not compared with them.

    Raises:
        DataError: there is no part, a weight is negative or not finite, or all are 0.
        MismatchError: the parts describe other sightings, or have other spaces.
    """
    shares = shares_of(weights, len(parts))
    first = parts[0].sightings
    for number, part in enumerate(parts[1:], start=1):
        if part.sightings.fingerprint() != first.fingerprint():
            raise MismatchError(
                f"embeddings 0 describe table {first.fingerprint()}, embeddings {number} "
                f"table {part.sightings.fingerprint()}: embed the same table with every model"
            )
    compares = [None] * len(parts) if distances is None else distances
    spaces = join_spaces([part.spaces for part in parts], compares, shares)
    return Embeddings(spaces, first, joined_fingerprint([part.model for part in parts], shares))


def _part(embeddings: Embeddings, number: int) -> Embeddings:
    """The embeddings by one of the models."""
    mark = f"{number}-"
    spaces = {
        name.removeprefix(mark): rows
        for name, rows in embeddings.spaces.items()
        if name.startswith(mark)
    }
    return Embeddings(spaces, embeddings.sightings, embeddings.model)
