"""The published numbers of each public data set, to compare with what was read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from platefree.data.dataset import DataSet
from platefree.data.model_years import models_of_years
from platefree.data.support import lost_queries
from platefree.types import Sightings, known_values

Claims = Mapping[str, int]
"""Where a number is published -> the number."""


@dataclass(frozen=True)
class Count:
    """A published number, and the one that was found.

    Attributes:
        what: a list, or ``all`` pictures, and what is counted in it: ``train: vehicles``.
        documented: where -> the number; several where releases differ.
        found: the number in the folder that was read.
    """

    what: str
    documented: Claims
    found: int

    @property
    def agrees(self) -> bool:
        """Whether the found number is one of the published ones."""
        return self.found in self.documented.values()


def compare_counts(dataset: DataSet) -> tuple[Count, ...]:
    """Compare what was read with every published number of the data set, if there are any."""
    claims = DOCUMENTED.get(dataset.name, {})
    return tuple(Count(what, claim, _found(dataset, what)) for what, claim in claims.items())


def _found(dataset: DataSet, what: str) -> int:
    name, noun = what.split(": ")
    if noun == _LOST:
        return lost_queries(dataset).get(name, 0)
    if noun == "pairs":
        return len(dataset.pairs[name].same) if name in dataset.pairs else 0
    rows = np.arange(len(dataset.table)) if name == "all" else dataset.lists.get(name, _NO_ROWS)
    return _COUNTERS[noun](dataset.table.take(rows))


_LOST = "queries without a match"
_NO_ROWS = np.zeros(0, np.int64)

_COUNTERS: Mapping[str, Callable[[Sightings], int]] = {
    "pictures": len,
    "queries": lambda table: len(table) - len(known_values(table.vehicle)),  # others: the gallery
    "vehicles": lambda table: len(known_values(table.vehicle)),
    "vehicles with a model": lambda table: len(known_values(table.vehicle[table.model != ""])),
    "cameras": lambda table: len(known_values(table.camera)),
    "models": lambda table: len(known_values(table.model)),
    "models of years": lambda table: len(known_values(models_of_years(table))),
}


def _vehicleid_test(vehicles: int, in_lists: int, in_paper: int) -> dict[str, Claims]:
    return {f"test_{vehicles}: queries": {"lists": in_lists, "paper's table": in_paper}}


def _veri_wild_test(vehicles: int, gallery: int, lost: int | None = None) -> dict[str, Claims]:
    unmatched = {} if lost is None else {f"query_{vehicles}: {_LOST}": {"lists": lost}}
    return {
        f"query_{vehicles}: pictures": {"paper": vehicles},
        f"query_{vehicles}: vehicles": {"paper": vehicles},
        f"gallery_{vehicles}: pictures": {"paper": gallery},
        **unmatched,
    }


_VEHICLEID_TESTS = (800, 1600, 2400, 3200, 6000, 13164)

VEHICLEID: Mapping[str, Claims] = {
    "train: pictures": {"paper": 110_178, "released list": 113_346},
    "train: vehicles": {"paper": 13_134, "released list": 13_164},
    **{f"test_{size}: vehicles": {"lists": size} for size in _VEHICLEID_TESTS},
    **_vehicleid_test(800, 5_693, 6_532),
    **_vehicleid_test(1_600, 11_777, 11_395),
    **_vehicleid_test(2_400, 17_377, 17_638),
    "all: models": {"paper": 250},
    "all: vehicles with a model": {"paper": 10_319},
}
"""Liu et al., CVPR 2016; the list was corrected after the paper.

One picture of each test vehicle is the gallery and the others are queries. The released lists hold
5,693, 11,777 and 17,377 of these, and the paper's table of test sets prints others.
"""

VERI_776: Mapping[str, Claims] = {
    "train: pictures": {"paper": 37_778},
    "train: vehicles": {"paper": 576},
    "query: pictures": {"paper": 1_678},
    "gallery: pictures": {"paper": 11_579},
    "gallery: vehicles": {"paper": 200},
    "all: cameras": {"paper": 20},
}
"""Liu, Liu, Ma and Fu, ICME 2016."""

VERI_WILD: Mapping[str, Claims] = {
    "train: pictures": {"paper": 277_797},
    "train: vehicles": {"paper": 30_671},
    **_veri_wild_test(3_000, 38_861, lost=12),
    **_veri_wild_test(5_000, 64_389, lost=21),
    **_veri_wild_test(10_000, 128_517),
    "all: cameras": {"paper": 174},
}
"""Lou et al., CVPR 2019. Queries without a match, which the camera rule leaves, are counted in the
released lists of 3,000 and 5,000 vehicles; the number in the third is not known to us."""

VERI_WILD_2: Mapping[str, Claims] = {
    "train: pictures": {"paper": 277_797},
    "train: vehicles": {"paper": 30_671},
}
"""Its training set is that of VERI-Wild; no published numbers of its tests are known to us."""

CITYFLOW: Mapping[str, Claims] = {
    "train: pictures": {"2019": 36_935, "2021": 52_717},
    "train: vehicles": {"2019": 333, "2021": 440},
    "query: pictures": {"2019": 1_052, "2021": 1_103},
    "gallery: pictures": {"2019": 18_290, "2021": 31_238},
}
"""Tang et al., CVPR 2019, and the challenge of 2021."""

COMPCARS: Mapping[str, Claims] = {
    "all: pictures": {"paper": 136_726, "with a valid box": 136_713},
    "all: models": {"paper": 1_716},
    "all: models of years": {"VehicleNet paper, model and year": 4_701},
    **{f"{kind}: pairs": {"paper": 20_000} for kind in ("easy", "medium", "hard")},
}
"""Yang et al., CVPR 2015."""

COMPCARS_SURVEILLANCE: Mapping[str, Claims] = {
    "all: pictures": {"paper": 50_000, "released lists": 44_481},
}
"""Yang et al., CVPR 2015."""

VRIC: Mapping[str, Claims] = {
    "train: pictures": {"paper": 54_808},
    "train: vehicles": {"paper": 2_811},
    "query: pictures": {"paper": 2_811},
    "gallery: pictures": {"paper": 2_811},
}
"""Kanaci, Zhu and Gong, GCPR 2018."""

VEHICLEX: Mapping[str, Claims] = {
    "all: pictures": {"largest release": 192_150},
    "all: vehicles": {"largest release": 1_362},
}
"""Yao et al., ECCV 2020."""

DOCUMENTED: Mapping[str, Mapping[str, Claims]] = {
    "vehicleid": VEHICLEID,
    "veri-776": VERI_776,
    "veri-wild": VERI_WILD,
    "veri-wild-2": VERI_WILD_2,
    "cityflow": CITYFLOW,
    "compcars": COMPCARS,
    "compcars-surveillance": COMPCARS_SURVEILLANCE,
    "vric": VRIC,
    "vehiclex": VEHICLEX,
}
"""Data set -> what is counted -> the published numbers."""
