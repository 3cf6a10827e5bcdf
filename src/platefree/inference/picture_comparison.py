"""How similar are two pictures?"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from platefree.inference.embedder import Embedder
from platefree.ranking.calibration import ALONE, in_words
from platefree.ranking.view_relation import view_relation
from platefree.types import Sightings


@dataclass(frozen=True)
class PictureComparison:
    """The similarity of two pictures.

    Attributes:
        similarity: cosine similarity in [-1, 1]; higher is closer.
        model: fingerprint of the model that compared them.
        p_same: probability that they show one vehicle, before they were compared 1/2; None where
            the model is not calibrated (`platefree.ranking.calibration`).
        in_words: *very likely*, *possible* or *unlikely*; empty where ``p_same`` is None.
    """

    similarity: float
    model: str
    p_same: float | None = None
    in_words: str = ""


def compare(model: Embedder, a: str | Path, b: str | Path) -> PictureComparison:
    """Compare two pictures of vehicles.

    Args:
        model: from `load_model`.
        a: path of a picture.
        b: path of another picture.

    Raises:
        ImageError: a picture cannot be read.
    """
    pair = Sightings.from_columns(Path(), {"image": [str(a), str(b)]})
    embeddings, _ = model.embed(pair)
    first, second = embeddings.take(np.array([0])), embeddings.take(np.array([1]))
    distance = model.comparison.distances(first, second)[0, 0]
    similarity, sure = float(1.0 - distance), None
    if model.calibration is not None:
        views = view_relation(first, second, model.comparison)
        sure = float(model.calibration.p_same(similarity, views[0, 0], ALONE))
    return PictureComparison(similarity, model.fingerprint, sure, in_words(sure))
