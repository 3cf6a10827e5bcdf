"""The reliability diagram, read back from its drawing."""

import re

import numpy as np

from platefree.evaluation.reliability import reliability
from platefree.reports.drawing import HEIGHT, WIDTH
from platefree.reports.reliability_chart import reliability_chart


def test_points_stand_where_their_numbers_say() -> None:
    random = np.random.default_rng(0)
    sure = random.random(400)
    so = (random.random(400) < sure**2).astype(np.float64)
    found = reliability(sure, so, 1 - so)
    chart = reliability_chart({"pairs": found})
    marks = re.findall(r"translate\(([\d.]+) ([\d.]+)\)", chart)[: len(found.predicted)]
    left, right, top, bottom = 42, WIDTH - 14, 30 + 18, HEIGHT - 46
    for (x, y), predicted, observed in zip(marks, found.predicted, found.observed, strict=True):
        assert abs((float(x) - left) / (right - left) - predicted) < 0.005
        assert abs((bottom - float(y)) / (bottom - top) - observed) < 0.005
    assert f"{found.error:.3f}" in chart


def test_empty_bins_have_no_point_and_names_are_escaped() -> None:
    few = reliability(np.array([0.95, 0.05]), np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    nothing = reliability(np.zeros(0), np.zeros(0), np.zeros(0))
    chart = reliability_chart({"<a>": few, "none": nothing})
    assert "<a>" not in chart
    assert "nan" not in re.sub(r'aria-label="[^"]*"', "", chart)
    assert chart.count("translate(") == 2 + 2  # two points, two names
