"""A data set as its authors publish it: one table, and the lists that define its protocols."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from platefree.errors import DataError
from platefree.types import Indices, Sightings


@dataclass(frozen=True, eq=False)
class PairList:
    """A published list of pairs to be verified.

    Attributes:
        first: (p,) rows of the table.
        second: (p,) rows of the table.
        same: (p,) whether both show the same vehicle, or vehicle model, as the list defines.
    """

    first: Indices
    second: Indices
    same: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class DataSet:
    """What a reader returns for the folder of a public data set.

    Attributes:
        name: as in the documentation: vehicleid, veri-776, veri-wild, veri-wild-2, cityflow,
            compcars, compcars-surveillance, vric, vehiclex, market-1501.
        table: every picture once. ``split`` is train, query or gallery where the set has one
            test; where it has several (lists below), test pictures have no split.
        lists: published lists by name, as rows of the table in the order of the file, such as
            ``test_800`` or ``query_3000`` and ``gallery_3000``.
        pairs: published lists of pairs by name, such as ``easy``.
        ignored: name of a list -> one array of rows for each of its queries that are never
            counted for that query (the junk of VeRi-776); empty where the set has none.
        remarks: on unusual but harmless findings: skipped boxes, missing optional files.
        views: where the column ``view`` is from, if it is not from the set itself.
    """

    name: str
    table: Sightings
    lists: Mapping[str, Indices] = field(default_factory=dict)
    pairs: Mapping[str, PairList] = field(default_factory=dict)
    ignored: Mapping[str, tuple[Indices, ...]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    views: str = ""

    @property
    def listed(self) -> Indices:
        """The rows named by any list or list of pairs, ascending."""
        pairs = [side for each in self.pairs.values() for side in (each.first, each.second)]
        none = np.zeros(0, np.int64)
        return np.unique(np.concatenate([none, *self.lists.values(), *pairs]))

    @property
    def searches(self) -> dict[str, str]:
        """Each list of queries, ``query`` or ``query_X``, and the list of its gallery."""
        names = [name for name in self.lists if name == "query" or name.startswith("query_")]
        pairs = {name: name.replace("query", "gallery", 1) for name in names}
        return {query: gallery for query, gallery in pairs.items() if gallery in self.lists}

    def take(self, kept: NDArray[np.bool_]) -> "DataSet":
        """The data set without the rows where this (n,) mask is false, in all lists and pairs."""
        place = np.where(kept, np.cumsum(kept) - 1, -1)
        lists = {name: place[rows[kept[rows]]] for name, rows in self.lists.items()}
        pairs = {}
        for name, each in self.pairs.items():
            both = kept[each.first] & kept[each.second]
            sides = place[each.first[both]], place[each.second[both]]
            pairs[name] = PairList(*sides, each.same[both])
        ignored = {
            name: tuple(
                place[junk[kept[junk]]]
                for query, junk in zip(self.lists[name].tolist(), each, strict=True)
                if kept[query]
            )
            for name, each in self.ignored.items()
        }
        table = self.table.take(kept)
        return replace(self, table=table, lists=lists, pairs=pairs, ignored=ignored)

    def rows(self, name: str) -> Indices:
        """The rows of a list.

        Raises:
            DataError: the set has no such list.
        """
        if name not in self.lists:
            known = ", ".join(self.lists) or "none"
            raise DataError(f"{self.name} has no list {name!r}; it has: {known}")
        return self.lists[name]
