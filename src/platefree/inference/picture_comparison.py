"""How similar are two pictures?"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from platefree.inference.embedder import Embedder
from platefree.types import Sightings


@dataclass(frozen=True)
class PictureComparison:
    """The similarity of two pictures.

    Attributes:
        similarity: cosine similarity in [-1, 1]; higher is closer.
        model: fingerprint of the model that compared them.
    """

    similarity: float
    model: str


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
    return PictureComparison(float(1.0 - distance), model.fingerprint)
