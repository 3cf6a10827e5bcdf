"""Several models as one: their unit rows beside each other.

Zheng et al., VehicleNet, TMM 2020, section V, "Model Ensemble". The rows are scaled so that the
joined row has length 1: its cosine similarity is then the mean of the models' similarities.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from platefree.errors import DataError, MismatchError
from platefree.types import Embeddings


def concatenate(parts: Sequence[Embeddings], weights: Sequence[float] | None = None) -> Embeddings:
    """Join the embeddings of the same sightings by several models.

    Args:
        parts: unit rows, one set of embeddings a model, all with spaces of the same names.
        weights: what each model's similarity counts in the mean, 0 or more; by default the same.

    Returns:
        The same spaces, (n, sum of d) float32 unit rows. Their model is a hash of the models and
        the weights, so ensembles of other models are not compared with them.

    Raises:
        DataError: there is no part, a weight is negative or not finite, or all are 0.
        MismatchError: the parts describe other sightings, or have other spaces.
    """
    shares = np.ones(len(parts)) if weights is None else np.asarray(weights, np.float64)
    fits = shares.shape == (len(parts),) and np.isfinite(shares).all() and (shares >= 0).all()
    if not fits or not shares.sum() > 0:
        raise DataError(
            f"{len(parts)} sets of embeddings with weights {weights}: expected at least one, and "
            "a weight of 0 or more for each, not all 0"
        )
    shares /= shares.sum()
    _check_same(parts)
    spaces = {
        name: np.concatenate(
            [
                part.spaces[name] * np.float32(np.sqrt(share))
                for part, share in zip(parts, shares, strict=True)
            ],
            axis=1,
        )
        for name in parts[0].spaces
    }
    described = "\n".join(
        f"{part.model} {share:.9f}" for part, share in zip(parts, shares, strict=True)
    )
    model = hashlib.sha256(described.encode()).hexdigest()[:12]
    return Embeddings(spaces, parts[0].sightings, model)


def _check_same(parts: Sequence[Embeddings]) -> None:
    first = parts[0]
    for number, part in enumerate(parts[1:], start=1):
        if part.sightings.fingerprint() != first.sightings.fingerprint():
            raise MismatchError(
                f"embeddings 0 describe table {first.sightings.fingerprint()}, embeddings {number} "
                f"table {part.sightings.fingerprint()}: embed the same table with every model"
            )
        if set(part.spaces) != set(first.spaces):
            raise MismatchError(
                f"embeddings 0 have the spaces {sorted(first.spaces)}, embeddings {number} "
                f"{sorted(part.spaces)}: only spaces of the same names can be joined"
            )
