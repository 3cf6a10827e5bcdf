"""Protocols of data sets: trials from published lists, tracks and pairs.

A plain table is a data set without lists, so all protocols are named here, those of tables too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from platefree.data.dataset import DataSet
from platefree.data.listed_text import many
from platefree.errors import ProtocolError
from platefree.evaluation import protocols
from platefree.evaluation.draws import (
    model_retrieval,
    model_retrieval_min,
    one_picture_gallery,
    vehicle_retrieval,
    vehicle_retrieval_min,
)
from platefree.evaluation.image_to_track import image_to_track
from platefree.evaluation.label_trials import camera_labels, view_labels
from platefree.evaluation.model_pairs import model_verification
from platefree.evaluation.pair_labels import IgnoredPairs
from platefree.evaluation.pair_verifiers import (
    verification_by_joint_bayesian,
    verification_by_svm,
)
from platefree.evaluation.protocols import need_query_vehicles
from platefree.evaluation.trial import AnyTrial, Trial
from platefree.evaluation.view_protocol import view_trials
from platefree.types import Indices

SetProtocol = Callable[[DataSet, int], Sequence[AnyTrial]]
"""(data set, seed) -> trials."""


def query_gallery(data: DataSet, seed: int) -> list[Trial]:
    """Each pair of lists ``query_X`` and ``gallery_X`` (VERI-Wild), else the only test of a set.

    The lists ``query`` and ``gallery`` take precedence over the column ``split``, since a picture
    may be in both (VeRi-776). Junk lists of the set are ignored in addition to the camera rule.

    Raises:
        ProtocolError: there are neither such lists nor such splits.
    """
    del seed
    if not data.searches:
        return [_with_junk(data, "query", each) for each in _over_table(data, "query-gallery")]
    found = []
    for name, gallery in data.searches.items():
        query = data.rows(name)
        need_query_vehicles(data.table, query)
        test = name.removeprefix("query").removeprefix("_")
        trial = Trial("query → gallery", query, data.rows(gallery), test)
        found.append(_with_junk(data, name, trial))
    return found


def tracks(data: DataSet, seed: int) -> list[Trial]:
    """Image to track, with the queries and galleries of `query_gallery`.

    Raises:
        ProtocolError: there are none, or no track of a gallery is known.
    """
    return [
        image_to_track(data.table, each.query, each.gallery, f"{each.test} tracks".strip())
        for each in query_gallery(data, seed)
    ]


def veri_776(data: DataSet, seed: int) -> list[Trial]:
    """Image to image, and image to track if the tracks are known.

    Raises:
        ProtocolError: there is no query or no gallery.
    """
    images = [replace(each, test=each.test or "images") for each in query_gallery(data, seed)]
    return images + (tracks(data, seed) if data.table.knows("track") else [])


def views(data: DataSet, seed: int) -> list[Trial]:
    """VANet's viewpoint protocol over the trials of the set's default protocol.

    Raises:
        ProtocolError: the set has no such trials, or its views are unknown.
    """
    return [one for each in _searches(data, seed) for one in view_trials(data.table, each)]


def rows_to_see(data: DataSet, tests: Sequence[str] = (), seed: int = 0) -> Indices:
    """The rows whose views the viewpoint protocol needs, ascending.

    Args:
        data: its views may be unknown.
        tests: of the viewpoint protocol, such as ``800 top1_d``; by default all.
        seed: of the protocols that draw.

    Raises:
        ProtocolError: the set has no queries and gallery.
    """
    searches = _searches(data, seed)
    starts = {f"{each.test} ".lstrip(): each.test for each in searches}
    wanted = {test for start, test in starts.items() if any(n.startswith(start) for n in tests)}
    asked = [each for each in searches if each.test in wanted]
    return np.unique(np.concatenate([each.rows for each in asked or searches]))


def _searches(data: DataSet, seed: int) -> list[Trial]:
    """The trials of the set's default protocol, in which single pictures are searched for."""
    usual = SET_PROTOCOLS[default_protocol(data)](data, seed)
    searches = [each for each in usual if isinstance(each, Trial) and each.tracks is None]
    if not searches:
        raise ProtocolError(
            f"{data.name} is scored by pairs, which the viewpoint protocol cannot split; it needs "
            "queries and a gallery"
        )
    return searches


def validation(data: DataSet, seed: int) -> list[Trial]:
    """Split ``query`` in all pictures of the queries' source, those for training too.

    The validation of VehicleNet (Zheng et al., TMM 2020, section III-A): held-out vehicles of
    CityFlow are searched in the whole original training set, whose other vehicles are distractors.

    Raises:
        ProtocolError: there is no query of a known vehicle, or queries are of several sources.
    """
    del seed
    table = data.table
    query = np.flatnonzero(table.split == "query")
    if not len(query):
        raise ProtocolError(
            "validation needs rows with split 'query'; 'platefree data split --hold-out' makes them"
        )
    need_query_vehicles(table, query)
    sources = np.unique(table.source[query])
    if len(sources) > 1:
        raise ProtocolError(
            f"validation searches in the pictures of one source, and the queries are of "
            f"{', '.join(sources.tolist())}; 'platefree data merge --target' leaves those of one"
        )
    gallery = np.flatnonzero(table.source == sources[0])
    return [Trial("query → all pictures", query, gallery, "validation")]


def _of_table(name: str) -> SetProtocol:
    return lambda data, seed: _over_table(data, name)  # nothing is drawn, so no seed is needed


def _over_table(data: DataSet, name: str) -> list[Trial]:
    """A protocol of tables, without the rows for training."""
    rows = _scored(data)
    return [trial.moved(rows) for trial in protocols.make_trials(data.table.take(rows), name)]


SET_PROTOCOLS: dict[str, SetProtocol] = {
    "cross-camera": _of_table("cross-camera"),
    "query-gallery": query_gallery,
    "leave-one-out": _of_table("leave-one-out"),
    "vehicleid": one_picture_gallery,
    "veri-776": veri_776,
    "image-to-track": tracks,
    "views": views,
    "validation": validation,
    "vehicle-retrieval": vehicle_retrieval,
    "vehicle-retrieval-min": vehicle_retrieval_min,
    "model-retrieval": model_retrieval,
    "model-retrieval-min": model_retrieval_min,
    "model-verification": model_verification,
    "model-verification-svm": verification_by_svm,
    "model-verification-joint-bayesian": verification_by_joint_bayesian,
    "view-labels": view_labels,
    "camera-labels": camera_labels,
}

_USUAL = {
    "vehicleid": "vehicleid",
    "veri-776": "veri-776",
    "veri-wild": "query-gallery",
    "veri-wild-2": "query-gallery",
    "vric": "query-gallery",
    "cityflow": "query-gallery",
    "compcars": "model-verification",
}


def default_protocol(data: DataSet) -> str:
    """The official protocol of a public set, else the one that fits the columns of the table."""
    usual = _USUAL.get(data.name)
    return usual or protocols.default_protocol(data.table.take(_scored(data)))


@dataclass(frozen=True, eq=False)
class Plan:
    """The trials of an evaluation.

    Attributes:
        data: the data set.
        protocol: name of the protocol.
        trials: in the order of the tests.
        rows: (n,) rows of the table that the trials use, ascending; only these are embedded.
        left_out: why pictures that cannot be read were left out, see `readable_plan`.
        whole: fingerprint of the table with these pictures; empty if none were left out.
    """

    data: DataSet
    protocol: str
    trials: tuple[AnyTrial, ...]
    rows: Indices
    left_out: tuple[str, ...] = ()
    whole: str = ""


def make_plan(
    data: DataSet, protocol: str | None = None, tests: Sequence[str] = (), seed: int = 0
) -> Plan:
    """The trials of a protocol over a data set.

    Args:
        data: from a reader, or a table alone.
        protocol: one of `SET_PROTOCOLS`; by default `default_protocol`.
        tests: which tests of the protocol, such as ``800``; by default all of them.
        seed: of the protocols that draw.

    Raises:
        ProtocolError: no such protocol or test, or the data set cannot support it.
    """
    chosen = protocol or default_protocol(data)
    if chosen not in SET_PROTOCOLS:
        raise ProtocolError(f"no protocol {chosen!r}; there are {', '.join(SET_PROTOCOLS)}")
    trials = SET_PROTOCOLS[chosen](data, seed)
    names = dict.fromkeys(each.test or chosen for each in trials)
    for missing in [name for name in tests if name not in names][:1]:
        raise ProtocolError(
            f"{chosen} on {data.name} has no test {missing!r}; it has: {', '.join(names)}"
        )
    kept = [
        each
        for name in names
        for each in trials
        if (each.test or chosen) == name and (not tests or name in tests)
    ]
    rows = np.unique(np.concatenate([each.rows for each in kept]))
    if chosen == "validation":
        data = _of_source(data, kept[0].rows)
    return Plan(data, chosen, tuple(kept), rows)


def _of_source(data: DataSet, rows: Indices) -> DataSet:
    """A table under the name of the set that its rows are of, by which figures are claimed."""
    source = str(data.table.source[rows[0]])
    return replace(data, name=source) if source and not data.lists else data


def _scored(data: DataSet) -> Indices:
    rows = np.flatnonzero(data.table.split != "train")
    if not len(rows):
        raise ProtocolError(
            f"every row of {data.name} has split 'train', and rows that were trained on are not "
            "scored; 'platefree data split' holds out vehicles"
        )
    return rows


def _with_junk(data: DataSet, name: str, trial: Trial) -> Trial:
    """The trial with the rows that the set ignores for each query of a list."""
    junk = data.ignored.get(name)
    if junk is None:
        return trial
    if len(junk) != len(trial.query):
        raise ProtocolError(
            f"{data.name} lists ignored pictures for {many(len(junk), 'query', 'queries')} of "
            f"{name!r}, which has {len(trial.query)}; its files are not of one version"
        )
    return replace(trial, ignored=IgnoredPairs.of(junk))
