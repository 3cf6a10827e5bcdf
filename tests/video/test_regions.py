"""Regions to watch and to ignore, against the sum of angles around a point."""

import math

import numpy as np
import pytest
from messages import facts

from platefree.errors import DataError
from platefree.inference.detector import FoundOnFrame
from platefree.video.regions import Regions, inside, polygon_of


def winds(point: np.ndarray, polygon: np.ndarray) -> int:
    """How often a polygon goes around a point."""
    total = 0.0
    for corner, following in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        (ax, ay), (bx, by) = corner - point, following - point
        total += math.atan2(ax * by - ay * bx, ax * bx + ay * by)
    return round(total / (2 * math.pi))


def test_a_point_is_inside_where_the_polygon_winds_around_it_oddly_often() -> None:
    random = np.random.default_rng(0)
    for corners in (3, 4, 7, 12):
        polygon = random.uniform(0, 100, (corners, 2)).round(1)
        points = random.uniform(-20, 120, (200, 2))
        wanted = [winds(point, polygon) % 2 == 1 for point in points]
        assert inside(points, polygon).tolist() == wanted
    square = polygon_of("10,10 20,10 20,20 10,20")
    assert inside(np.array([[15.0, 15.0], [15.0, 25.0], [5.0, 10.0]]), square).tolist() == [
        *(True, False, False)
    ]


def test_vehicles_count_by_where_they_stand_and_how_large_they_are() -> None:
    box = np.array([[0, 0, 10, 10], [40, 0, 60, 50], [40, 30, 46, 50], [80, 0, 100, 90.0]])
    found = FoundOnFrame(box, np.arange(4), np.array([0.9, 0.8, 0.7, 0.6]))
    middle = polygon_of("30,40 70,40 70,60 30,60")
    assert Regions().kept(found).kind.tolist() == [0, 1, 2, 3]
    assert Regions(watch=[middle]).kept(found).kind.tolist() == [1, 2]
    assert Regions(ignore=[middle]).kept(found).kind.tolist() == [0, 3]
    lower = polygon_of("0,45 70,45 70,50 0,50")  # to where the boxes end
    assert Regions(watch=[lower]).kept(found).kind.tolist() == [1, 2]
    assert Regions(smallest=20).kept(found).kind.tolist() == [1, 2, 3]
    both = Regions(
        [middle, polygon_of("0,0 20,0 20,20 0,20")], [polygon_of("45,45 60,45 60,60 45,60")]
    )
    kept = both.kept(found)
    assert kept.kind.tolist() == [0, 2]
    assert kept.score.tolist() == [0.9, 0.7]
    assert len(both.kept(FoundOnFrame(box[:0], np.zeros(0, int), box[:0, 0])).box) == 0


def test_polygons_are_three_corners_or_more() -> None:
    for wrong in ("", "1,2 3,4", "1,2 3 4,5", "a,b c,d e,f", "1,2 3,4 5,nan"):
        with pytest.raises(DataError, match=facts("polygon")):
            polygon_of(wrong)
