"""What somebody says of three hits brings the other pictures of the vehicle forward.

Pictures are drawn around their vehicles here; `benchmarks/search_feedback.py` measures real ones.
"""

from pathlib import Path

import numpy as np
from loops import random_embeddings

import platefree as pf
from platefree.gallery.feedback import moved_query
from platefree.ranking.comparison import ONLY_SPACE


def test_one_yes_and_two_no_find_more() -> None:
    """The rest is scored: what was confirmed or rejected counts in neither ranking."""
    vehicles = np.repeat([f"v{number}" for number in range(30)], 6)
    columns = {"image": [f"{row}.jpg" for row in range(180)], "vehicle": vehicles}
    rows = random_embeddings(pf.Sightings.from_columns(Path(), columns), size=32)
    precisions: dict[str, list[float]] = {"without": [], "with": []}
    for vehicle in sorted(set(vehicles.tolist())):
        own, *others = np.flatnonzero(vehicles == vehicle).tolist()
        query = rows.take(np.array([own]))
        similar = rows.spaces["main"] @ query.spaces["main"][0]
        yes = max(others, key=lambda row: similar[row])
        no = np.argsort(np.where(vehicles == vehicle, -2, similar))[-2:]
        moved = moved_query(query, rows.take(np.array([yes])), rows.take(no), ONLY_SPACE)
        for name, asked in (("without", query), ("with", moved)):
            order = np.argsort(ONLY_SPACE.distances(asked, rows)[0], kind="stable").tolist()
            rest = [row for row in order if row not in (own, yes, *no.tolist())]
            ranks = [rank for rank, row in enumerate(rest, 1) if vehicles[row] == vehicle]
            assert len(ranks) == 4
            precisions[name].append(float(np.mean([n / r for n, r in enumerate(ranks, 1)])))
    assert np.mean(precisions["with"]) > np.mean(precisions["without"]) + 0.05
