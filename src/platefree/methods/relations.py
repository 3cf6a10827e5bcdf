"""How two pictures are related by their views, and which embedding space compares them."""

import hashlib
from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import numpy as np

from platefree.ranking.exact import cosine_distance
from platefree.types import Embeddings, Floats, Indices, Text

Relations = Literal["none", "same-different", "pairs", "ordered-pairs"]


class ViewRelations:
    """Which of several spaces measures a pair of views.

    Args:
        views: names of the views, at least two where they matter.
        kind: ``none`` has one space for all; ``same-different`` is VANet; ``pairs`` has a space
            for each pair of views, ``ordered-pairs`` besides tells front-rear from rear-front
            (section 4.6: three and four spaces for two views, six pairs for three).

    Attributes:
        views: the names, sorted; a view's number is its place here.
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
            self.spaces = tuple(f"{self.views[a]}_{self.views[b]}" for a, b in pairs)
            self.branch_of = np.zeros((count, count), np.int64)
            for branch, (a, b) in enumerate(pairs):
                self.branch_of[a, b] = branch
                if kind == "pairs":
                    self.branch_of[b, a] = branch

    def numbers(self, names: Text) -> Indices:
        """(n,) number of each view by its name, -1 where it is unknown or none of these."""
        places = np.searchsorted(self.views, names).clip(max=len(self.views) - 1)
        return np.where(np.array(self.views)[places] == names, places, -1).astype(np.int64)

    def mistaken(self, views: Indices, images: Text, share: float) -> Indices:
        """Views of which about a share is wrong, always the same ones: chosen by picture.

        Args:
            views: (n,) numbers; unknown ones (-1) stay.
            images: (n,) paths, as the table tells them.
            share: 0 to 1.
        """
        if not share:
            return views
        drawn = np.array([_drawn(str(image)) for image in images], np.int64)
        other = drawn % (len(self.views) - 1) + 1  # added round the circle: never itself
        wrong = (views >= 0) & (drawn < share * 2**32)
        return np.where(wrong, (views + other) % len(self.views), views)

    def distances(
        self, query: Embeddings, gallery: Embeddings, query_views: Indices, gallery_views: Indices
    ) -> Floats:
        """(q, g) cosine distances, each pair in its own space; every product is made once.

        Args:
            query: the q rows.
            gallery: the g rows.
            query_views: (q,) numbers of views.
            gallery_views: (g,) numbers of views.
        """
        if len(self.spaces) == 1:
            (name,) = self.spaces
            return cosine_distance(query.spaces[name], gallery.spaces[name])
        distance = np.empty((len(query), len(gallery)), np.float32)
        for view in np.unique(query_views):
            rows = np.flatnonzero(query_views == view)
            branches = self.branch_of[view, gallery_views]
            for branch in np.unique(branches):
                columns = np.flatnonzero(branches == branch)
                name = self.spaces[branch]
                distance[np.ix_(rows, columns)] = cosine_distance(
                    query.spaces[name][rows], gallery.spaces[name][columns]
                )
        return distance


def _drawn(text: str) -> int:
    """A number below 2**32 that is as good as random, and always the same for a text."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest())
