"""Which embedding space compares two pictures, chosen by their views (VANet).

Chu et al., ICCV 2019, section 3.3 and figure 3.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal, Self, get_args

import numpy as np

from platefree.errors import DataError
from platefree.ranking.comparison import cosine_distance
from platefree.types import Embeddings, Floats, Indices, Text

VIEW = "view"
"""The name of a viewpoint classifier's space, and of the label column that it learns."""

_PREDICTED = re.compile(rf"(\d+-)*{VIEW}")  # "1-view" in an ensemble

Relations = Literal["none", "same-different", "pairs", "ordered-pairs"]


def without_views(spaces: Mapping[str, Floats]) -> dict[str, Floats]:
    """The spaces whose rows may be averaged with those of other pictures.

    Predicted views may not: a picture that looks like some of the other side still shows its own.
    """
    return {name: rows for name, rows in spaces.items() if not _PREDICTED.fullmatch(name)}


class ViewRelations:
    """Which of several spaces compares a pair of views.

    Args:
        views: names of the views, at least two where they matter.
        kind: ``none`` has one space for all; ``same-different`` is VANet; ``pairs`` has a space
            for each pair of views; ``ordered-pairs`` also distinguishes front-rear from rear-front
            (section 4.6: three and four spaces for two views, six pairs for three).

    Attributes:
        views: the names, sorted; a view's number is its index here.
        spaces: names of the spaces, in the order of the branches.
        branch_of: (views, views) int64, number of the space by the views of query and gallery.
    """

    def __init__(self, views: Sequence[str], kind: Relations) -> None:
        self.views = tuple(sorted(views))
        self.kind = kind
        count = len(views)
        same = [(view, view) for view in range(count)]
        if kind == "none":
            self.spaces: tuple[str, ...] = ("main",)
            self.branch_of = np.zeros((count, count), np.int64)
        elif kind == "same-different":
            self.spaces = ("same_view", "different_view")
            self.branch_of = (~np.eye(count, dtype=np.bool_)).astype(np.int64)
        else:
            different = list(combinations(range(count), 2))
            if kind == "ordered-pairs":
                different = [pair for a, b in different for pair in ((a, b), (b, a))]
            pairs = same + different
            self.spaces = tuple(f"{self.views[a]}--{self.views[b]}" for a, b in pairs)
            self.branch_of = np.zeros((count, count), np.int64)
            for branch, (a, b) in enumerate(pairs):
                self.branch_of[a, b] = branch
                if kind == "pairs":
                    self.branch_of[b, a] = branch

    def numbers(self, names: Text) -> Indices:
        """(n,) number of each view by its name, -1 if it is unknown or none of these."""
        places = np.searchsorted(self.views, names).clip(max=len(self.views) - 1)
        return np.where(np.array(self.views)[places] == names, places, -1).astype(np.int64)

    def mistaken(self, views: Indices, images: Text, fraction: float) -> Indices:
        """Views with about a fraction replaced by wrong ones; a picture's choice never varies.

        Args:
            views: (n,) numbers; unknown ones (-1) stay.
            images: (n,) paths, as the table has them.
            fraction: 0 to 1.
        """
        if not fraction:
            return views
        drawn = np.array([_drawn(str(image)) for image in images], np.int64)
        other = drawn % (len(self.views) - 1) + 1  # added modulo the number of views: never itself
        wrong = (views >= 0) & (drawn < fraction * 2**32)
        return np.where(wrong, (views + other) % len(self.views), views)


@dataclass(frozen=True)
class ViewComparison:
    """Each pair of pictures in the space of its views; every matrix product is computed once.

    Attributes:
        relations: which space compares a pair of views.
        view_from: where the view of a picture comes from: ``prediction``, the classifier's space
            ``view``, or ``table``, the column ``view``, and where it is unknown the prediction.
        view_error: fraction of the views that are replaced by a wrong one, see
            `ViewRelations.mistaken`.
    """

    relations: ViewRelations
    view_from: str = "prediction"
    view_error: float = 0.0

    def distances(self, query: Embeddings, gallery: Embeddings) -> Floats:
        """(q, g) cosine distances, each pair in its own space."""
        views = self.views(gallery)
        distance = np.empty((len(query), len(gallery)), np.float32)
        for view, rows in _by_value(self.views(query)):
            for branch, columns in _by_value(self.relations.branch_of[view, views]):
                name = self.relations.spaces[branch]
                distance[np.ix_(rows, columns)] = cosine_distance(
                    query.spaces[name][rows], gallery.spaces[name][columns]
                )
        return distance

    def space_of(self, query: Embeddings, gallery: Embeddings) -> Text:
        """(q, g) the space that compares each pair."""
        branch = self.relations.branch_of[self.views(query)[:, None], self.views(gallery)[None, :]]
        names: Text = np.array(self.relations.spaces)[branch]
        return names

    def views(self, embeddings: Embeddings) -> Indices:
        """(n,) number of each picture's view among the sorted names.

        Raises:
            DataError: a view is unknown and no classifier predicted it.
        """
        table = embeddings.sightings
        views = np.full(len(table), -1)
        if self.view_from == "table":
            views = self.relations.numbers(table.view)
        unknown = views < 0
        if unknown.any():
            if VIEW not in embeddings.spaces:
                raise DataError(
                    f"the view of {table.path(int(unknown.argmax()))} is unknown and this model "
                    "has no viewpoint classifier inside: fill in the column 'view' "
                    f"({', '.join(self.relations.views)}; 'platefree label' predicts it), or train "
                    "with model.viewpoint"
                )
            views[unknown] = embeddings.spaces[VIEW][unknown].argmax(axis=1)
        return self.relations.mistaken(views, table.image, self.view_error)

    def to_json(self) -> dict[str, Any]:
        """The kind, the views and how they are known."""
        return {
            "kind": "views",
            "views": list(self.relations.views),
            "relations": self.relations.kind,
            "view_from": self.view_from,
            "view_error": self.view_error,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """The comparison from `to_json`; a missing part is a `KeyError`."""
        kind = content["relations"]
        if kind not in get_args(Relations) or content["view_from"] not in ("prediction", "table"):
            raise ValueError(f"{kind}, {content['view_from']}")
        relations = ViewRelations(content["views"], kind)
        return cls(relations, content["view_from"], float(content["view_error"]))


def _by_value(values: Indices) -> Iterator[tuple[int, Indices]]:
    """Each value that occurs, and where."""
    for value in np.unique(values).tolist():
        yield value, np.flatnonzero(values == value)


def _drawn(text: str) -> int:
    """A pseudo-random number below 2**32, always the same for a text."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest())
