"""What somebody says of three hits brings the other pictures of the vehicle forward."""

from pathlib import Path

import numpy as np

import platefree as pf
from platefree.gallery.feedback import NO_FEEDBACK


def test_one_yes_and_two_no_find_more(drawn_table: pf.Sightings, tmp_path: Path) -> None:
    """The rest is scored: what was confirmed or rejected counts in neither search."""
    gallery = pf.Gallery.create(tmp_path / "lot", "color_stripes")
    gallery.add(gallery.model.embed(drawn_table)[0])
    precisions: dict[bool, list[float]] = {False: [], True: []}
    for vehicle in sorted(set(drawn_table.vehicle.tolist())):
        query = drawn_table.path(int(np.flatnonzero(drawn_table.vehicle == vehicle)[0]))
        before = gallery.search(query, top=96).hits
        is_right = {hit.number: hit.labels["vehicle"] == vehicle for hit in before}
        numbers = [hit.number or 0 for hit in before]
        yes = [number for number in numbers if is_right[number]][:1]
        no = [number for number in numbers if not is_right[number]][:2]
        for told in (False, True):
            feedback = pf.Feedback(yes=yes, no=no) if told else NO_FEEDBACK
            hits = gallery.search(query, top=96, feedback=feedback).hits
            rest = [hit.number for hit in hits if hit.number not in (*yes, *no)]
            ranks = [rank for rank, number in enumerate(rest, 1) if is_right[number]]
            assert len(ranks) == 4
            precisions[told].append(float(np.mean([n / rank for n, rank in enumerate(ranks, 1)])))
    assert np.mean(precisions[True]) > np.mean(precisions[False]) + 0.05
