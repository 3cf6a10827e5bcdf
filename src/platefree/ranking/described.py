"""Comparisons made from their description in a card."""

from collections.abc import Mapping
from typing import Any

from platefree.errors import DataError
from platefree.ranking.comparison import Comparison, Cosine
from platefree.ranking.homogeneous import Euclidean
from platefree.ranking.joined_spaces import WeightedMean
from platefree.ranking.view_comparison import ViewComparison


def read_comparison(content: Mapping[str, Any]) -> Comparison:
    """The comparison that a card describes.

    Args:
        content: from `Comparison.to_json`.

    Raises:
        DataError: it describes no comparison.
    """
    try:
        kind = content["kind"]
        if kind == "cosine":
            return Cosine(str(content["space"]))
        if kind == "euclidean":
            return Euclidean(str(content["space"]))
        if kind == "views":
            return ViewComparison.from_json(content)
        if kind == "mean":
            parts = tuple(read_comparison(part) for part in content["parts"])
            return WeightedMean(parts, tuple(float(each) for each in content["fractions"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{str(content)[:200]} describes no comparison ({str(error)[:100]})"
        ) from error
    raise DataError(
        f"comparison {str(kind)[:40]!r} is unknown; expected cosine, euclidean, views or mean; "
        "upgrade platefree"
    )
