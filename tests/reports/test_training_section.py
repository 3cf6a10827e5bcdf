"""The curves of training that a page draws are those of the log."""

import re
from collections.abc import Mapping
from xml.etree import ElementTree

import numpy as np
import pytest
from messages import says
from numpy.typing import NDArray
from test_page import HOSTILE, Page, report

from platefree.reports.page import render_page
from platefree.reports.training_charts import smoothed, stage_chart, window_of
from platefree.reports.training_section import training_section
from platefree.runs.training_history import StageHistory, TrainingHistory

Series = NDArray[np.float64]
PIXEL = 0.06  # positions have one digit after the point


class Chart:
    """Reads values off a drawn chart, by the labels of its axes."""

    def __init__(self, text: str) -> None:
        self.root = ElementTree.fromstring(text)  # noqa: S314 - written by ourselves
        labels = [
            (float(each.attrib["x"]), float(each.attrib["y"]), float(each.text or ""))
            for each in self.root.iter("text")
            if each.attrib["class"] == "tick"
        ]
        base = max(y for _, y, _ in labels)
        self.x_ticks = [(x, value) for x, y, value in labels if y == base]
        self.y_ticks = [(y - 4, value) for _, y, value in labels if y != base]
        titles = [each.text or "" for each in self.root.iter("text")]
        self.is_log = any("log scale" in title for title in titles)

    def lines(self, kind: str) -> list[Series]:
        """(n, 2) epochs and values of the lines of a kind, in their order."""
        found = []
        for path in self.root.iter("path"):
            classes = path.attrib["class"].split()
            points = re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path.attrib["d"])
            in_legend = "h" in path.attrib["d"]
            is_single = "single" in classes
            if classes[0] == "series" and not in_legend and is_single == (kind == "single"):
                places = np.array(points, np.float64)
                found.append(np.stack([self._x(places[:, 0]), self._y(places[:, 1])], axis=1))
        return found

    def across(self) -> float:
        """Epochs to a unit of the drawing."""
        (a, low), (b, high) = self.x_ticks[0], self.x_ticks[-1]
        return (high - low) / (b - a)

    def model(self) -> float:
        (line,) = [e for e in self.root.iter("path") if e.attrib["class"] == "threshold"]
        place = float(re.match(r"M(-?[\d.]+) ", line.attrib["d"])[1])  # type: ignore[index]
        return float(self._x(np.array([place]))[0])

    def _x(self, places: Series) -> Series:
        (a, low), (b, high) = self.x_ticks[0], self.x_ticks[-1]
        return low + (places - a) / (b - a) * (high - low)

    def _y(self, places: Series) -> Series:
        (a, low), (b, high) = self.y_ticks[0], self.y_ticks[-1]
        if self.is_log:
            low, high = np.log10(low), np.log10(high)
        values = low + (places - a) / (b - a) * (high - low)
        return 10**values if self.is_log else values

    def height(self) -> float:
        """The part of a unit of the drawing that a value on the axis is, or its logarithm."""
        (a, low), (b, high) = self.y_ticks[0], self.y_ticks[-1]
        if self.is_log:
            low, high = np.log10(low), np.log10(high)
        return abs((high - low) / (b - a))


def assert_drawn(chart: Chart, drawn: Series, epochs: Series, values: Series) -> None:
    known = np.isfinite(values)
    assert len(drawn) == known.sum()
    np.testing.assert_allclose(drawn[:, 0], epochs[known], atol=2 * PIXEL * chart.across())
    if chart.is_log:
        np.testing.assert_allclose(
            np.log10(drawn[:, 1]), np.log10(values[known]), atol=2 * PIXEL * chart.height()
        )
    else:
        np.testing.assert_allclose(drawn[:, 1], values[known], atol=2 * PIXEL * chart.height())


def looped_mean(values: Series, window: int) -> Series:
    found = np.full(len(values), np.nan)
    for place in range(len(values)):
        around = [
            values[near]
            for near in range(place - window // 2, place + window // 2 + 1)
            if 0 <= near < len(values) and np.isfinite(values[near])
        ]
        if np.isfinite(values[place]):
            found[place] = sum(around) / len(around)
    return found


def stage(
    name: str = "main",
    n: int = 120,
    losses: Mapping[str, Series] | None = None,
    observed: Mapping[str, Series] | None = None,
    model_at: float | None = None,
) -> StageHistory:
    random = np.random.default_rng(n)
    return StageHistory(
        name=name,
        epochs=np.arange(1, n + 1) * 10 / 37,
        losses=losses or {"identity": 9 * np.exp(-np.arange(n) / 30) + random.random(n)},
        observed=observed or {},
        validated=np.array([10.0, 20.0]),
        validation=np.array([0.25, 0.3125]),
        model_at=model_at,
    )


def charts(section: str) -> list[Chart]:
    return [Chart(text) for text in re.findall(r'<svg class="chart".*?</svg>', section, re.DOTALL)]


@pytest.mark.parametrize("window", [1, 3, 7, 301])
def test_a_smoothed_line_is_the_mean_of_a_loop(window: int) -> None:
    random = np.random.default_rng(window)
    values = random.normal(size=50)
    values[random.random(50) < 0.2] = np.nan
    np.testing.assert_allclose(smoothed(values, window), looped_mean(values, window), atol=1e-12)


def test_windows_are_odd_and_narrow() -> None:
    for reports in (1, 10, 49, 50, 120, 400, 5000):
        assert window_of(reports) % 2 == 1
        assert window_of(reports) <= max(1, 0.07 * reports)


@pytest.mark.parametrize("n", [1, 2, 20, 120, 400])
def test_every_loss_is_drawn_as_it_was_and_smoothed(n: int) -> None:
    random = np.random.default_rng(n)
    losses = {"identity": 3 + random.random(n), "triplet": random.random(n)}
    if n > 5:
        losses["triplet"][:3] = np.nan  # it began later
    each = stage(n=n, losses=losses)
    (chart, _) = charts(training_section(TrainingHistory((each,))))
    window = window_of(n)
    assert not chart.is_log
    single, drawn = chart.lines("single"), chart.lines("smooth")
    assert len(single) == (2 if window > 1 else 0)
    assert len(drawn) == 2
    for number, values in enumerate(losses.values()):
        assert_drawn(chart, drawn[number], each.epochs, looped_mean(values, window))
        if window > 1:
            assert_drawn(chart, single[number], each.epochs, values)


def test_a_long_line_is_drawn_through_some_of_its_points_and_both_ends() -> None:
    each = stage(n=9000)
    (chart, _) = charts(training_section(TrainingHistory((each,))))
    (drawn,) = chart.lines("smooth")
    assert 200 <= len(drawn) <= 500
    exact = looped_mean(each.losses["identity"], window_of(9000))
    rows = [int(np.abs(each.epochs - epoch).argmin()) for epoch in drawn[:, 0]]
    assert rows[0] <= 3
    assert rows[-1] >= 8999 - 3  # 0.1 units of the drawing
    near = [exact[max(0, row - 8) : row + 9] for row in rows]  # epochs are drawn to 0.1 units
    slack = 2 * PIXEL * chart.height()
    assert all(
        part.min() - slack <= value <= part.max() + slack
        for part, value in zip(near, drawn[:, 1], strict=True)
    )


def test_an_axis_is_logarithmic_only_where_a_line_would_be_flat() -> None:
    n = 100
    falling = np.geomspace(10, 0.01, n)
    alone = Chart(stage_chart("loss", np.arange(1.0, n + 1), {"a": falling}, end=n))
    assert not alone.is_log
    small = {"a": falling, "b": falling / 50}
    both = Chart(stage_chart("loss", np.arange(1.0, n + 1), small, end=n))
    assert both.is_log
    for drawn, values in zip(both.lines("smooth"), small.values(), strict=True):
        assert_drawn(both, drawn, np.arange(1.0, n + 1), np.maximum(values, 10 / 10**4))
    signed = {"a": falling, "b": -falling / 50}
    below = Chart(stage_chart("loss", np.arange(1.0, n + 1), signed, end=n))
    assert not below.is_log
    for drawn, values in zip(below.lines("smooth"), signed.values(), strict=True):
        assert_drawn(below, drawn, np.arange(1.0, n + 1), values)


@pytest.mark.parametrize(
    "values",
    [[0.0], [0.0, 0.0], [-1.0, -1.0], [1e30, -1e30], [1e-300, 0.0], [np.nan, 3.0], [5e-324]],
)
def test_odd_values_are_drawn_without_a_warning(values: list[float]) -> None:
    lines = {"a": np.array(values), "b": np.full(len(values), 1e-320)}
    text = stage_chart("loss", np.zeros(len(values)), lines, end=0.0, model_at=7.0)
    assert "nan" not in text
    assert "inf" not in text
    assert len(Chart(text).lines("smooth")) == 2


def test_stages_stand_side_by_side_with_the_model_in_its_own() -> None:
    """VehicleNet, figure 8: the losses of both stages, left and right."""
    observed = {"accuracy": np.linspace(0, 1, 120)}
    both = (stage("I", observed=observed), stage("II", observed=observed, model_at=12.0))
    section = training_section(TrainingHistory(both))
    rows = section.split('<div class="columns">')[1:]
    assert [row.count("<svg") for row in rows] == [2, 2, 2]
    for row, name in zip(rows, ("identity", "accuracy", "held out"), strict=True):
        captions = re.findall("<figcaption>(.*?)</figcaption>", row)
        assert [
            says(text, f"Stage {each}") for text, each in zip(captions, ("I", "II"), strict=True)
        ]
        assert row.count(f">{name}</text>") == 2
        left, right = charts(row)
        assert right.model() == pytest.approx(12.0, abs=2 * PIXEL * right.across())
        with pytest.raises(ValueError, match="unpack"):
            left.model()
        assert right.x_ticks[-1][1] <= both[1].end < right.x_ticks[-1][1] * 1.5
    validated = charts(rows[2])[0].lines("smooth")[0]
    np.testing.assert_allclose(validated, [[10, 25], [20, 31.25]], atol=0.2)
    assert says(rows[2], "31.25 %", 20)


def test_many_losses_share_charts_evenly() -> None:
    """FDA-Net has eight, of three optimizers, and five other figures."""
    named = [f"loss {number}" for number in range(8)]
    others = [f"other {number}" for number in range(5)]
    line = np.linspace(1, 2, 120)
    one = stage(losses=dict.fromkeys(named, line), observed=dict.fromkeys(others, line))
    section = training_section(TrainingHistory((one,)))
    counts = [len(chart.lines("smooth")) for chart in charts(section)]
    assert counts == [4, 4, 5, 1]
    assert [name for name in (*named, *others) if section.count(f">{name}</text>") != 1] == []


def test_the_page_has_the_section_only_where_something_was_trained() -> None:
    history = TrainingHistory((stage(),))
    page = Page(render_page(report(history=history)))
    assert page.find("a", href="#training")
    assert "identity" in page.in_section["training"]
    plain = Page(render_page(report()))
    assert "training" not in plain.in_section
    assert not plain.find("a", href="#training")
    reason = f"{HOSTILE} does not exist"
    left_out = Page(render_page(report(history=TrainingHistory(reason=reason))))
    assert says(left_out.in_section["training"], reason)
    assert not left_out.find("script")


def test_names_of_a_log_stay_text() -> None:
    hostile = stage(HOSTILE, losses={HOSTILE: np.ones(120)})
    page = Page(render_page(report(history=TrainingHistory((hostile, stage("II"))))))
    assert not page.find("script")
    assert HOSTILE in page.in_section["training"]


def test_the_json_of_a_report_has_the_validations() -> None:
    content = report(history=TrainingHistory((stage(model_at=3.5),))).to_json()["training"]
    (found,) = content["stages"]
    assert found["validation"] == [0.25, 0.3125]
    assert found["validated"] == [10.0, 20.0]
    assert found["model_at"] == 3.5
    assert found["last_losses"]["identity"] == stage().losses["identity"][-1]
    assert report().to_json()["training"] is None
