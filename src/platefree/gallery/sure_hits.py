"""How sure the hits of a search are."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from platefree.gallery.candidates import Found
from platefree.ranking.calibration import Calibration, in_words
from platefree.ranking.comparison import Comparison
from platefree.ranking.view_relation import view_relation
from platefree.types import Embeddings, Hit


def with_probabilities(
    hits: Sequence[Hit],
    found: Found,
    shown: Embeddings,
    calibration: Calibration,
    comparison: Comparison,
    compared: int,
) -> list[Hit]:
    """The hits with the probability that each is the vehicle, and the word for it.

    Args:
        hits: the first of ``found``, in its order.
        found: which query picture each is nearest to, and what was found.
        shown: the query pictures.
        calibration: of the model.
        comparison: how its spaces combine.
        compared: pairs of a query picture and a sighting that were compared.
    """
    places = np.array(found.places[: len(hits)], np.int64)
    relation = view_relation(shown, found.candidates.take(places), comparison)
    sure = [
        float(calibration.p_same(hit.similarity, relation[query, column], compared))
        for column, (hit, query) in enumerate(zip(hits, found.of, strict=False))
    ]
    return [
        replace(hit, p_same=each, in_words=in_words(each))
        for hit, each in zip(hits, sure, strict=True)
    ]
