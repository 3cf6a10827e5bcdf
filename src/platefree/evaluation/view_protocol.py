"""The viewpoint protocol of VANet (section 4.3): matches of the same view or of another view.

For each trial there are four tests:

- ``top1_s``: only matches of the query's own view count;
- ``top1_d``: only matches of another view count;
- ``top1_s*`` and ``top1_d*``: the same, with a gallery of pictures of the same view only, or of
  other views only.

Decided: if a query has matches of both kinds (in VehicleID it has one match), those of the other
kind are ignored; so are matches of unknown view. Queries of unknown view are left out. In the
starred tests the gallery depends on the view of the query, so there is one search for each view,
and the queries are pooled.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from platefree.errors import ProtocolError
from platefree.evaluation.pair_labels import IgnoredPairs
from platefree.evaluation.trial import Trial
from platefree.types import Indices, Sightings, Text, known_values


def view_trials(table: Sightings, trial: Trial) -> list[Trial]:
    """The four tests of a trial, by the column ``view`` of the table.

    Raises:
        ProtocolError: the views of the queries or of the gallery are unknown.
    """
    for noun, rows in (("queries", trial.query), ("gallery pictures", trial.gallery)):
        if not (table.view[rows] != "").any():
            raise ProtocolError(
                f"the viewpoint protocol needs the column 'view' (front, rear, side ...), which "
                f"is unknown for all {len(rows)} {noun}: take a file of views, or a model that "
                "predicts them, with platefree.with_views (--views)"
            )
    seen = trial.part(table.view[trial.query] != "")
    named = [(f"{trial.test} top1_{kind}".strip(), kind) for kind in ("s", "d", "s*", "d*")]
    return [
        one
        for test, kind in named
        for one in (_limited if kind.endswith("*") else _whole)(
            table, replace(seen, test=test), same=kind[0] == "s"
        )
    ]


def _whole(table: Sightings, trial: Trial, *, same: bool) -> Iterator[Trial]:
    """The whole gallery, with the matches of the wrong kind of view ignored."""
    query, row = _same_vehicle(table.vehicle, trial)
    wrong = ~_related(table.view[trial.query[query]], table.view[row], same=same)
    before = trial.ignored or IgnoredPairs.of(())
    ignored = IgnoredPairs(
        np.concatenate((before.query, query[wrong])), np.concatenate((before.row, row[wrong]))
    )
    yield replace(trial, ignored=ignored)


def _limited(table: Sightings, trial: Trial, *, same: bool) -> Iterator[Trial]:
    """A search for each view of a query, in the gallery pictures of the right kind of view."""
    for view in known_values(table.view[trial.query]):
        kept = _related(np.full(1, view), table.view[trial.gallery], same=same)
        part = trial.part(table.view[trial.query] == view)
        yield replace(part, gallery=trial.gallery[kept])


def _related(one: Text, other: Text, *, same: bool) -> NDArray[np.bool_]:
    """Whether both views are known, and are the same (or not)."""
    known: NDArray[np.bool_] = (one != "") & (other != "")
    known &= (one == other) == same
    return known


def _same_vehicle(vehicle: Text, trial: Trial) -> tuple[Indices, Indices]:
    """Every pair of one known vehicle: (n,) numbers of queries and (n,) rows of the gallery."""
    order = trial.gallery[np.argsort(vehicle[trial.gallery], kind="stable")]
    wanted = vehicle[trial.query]
    first = np.searchsorted(vehicle[order], wanted, side="left")
    counts = np.searchsorted(vehicle[order], wanted, side="right") - first
    counts[wanted == ""] = 0
    query = np.repeat(np.arange(len(wanted)), counts)
    within = np.arange(len(query)) - np.repeat(np.cumsum(counts) - counts, counts)
    return query, order[first[query] + within]
