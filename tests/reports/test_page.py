import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from calibrations import made_calibration
from drawn import draw_vehicles
from messages import facts, says
from PIL import Image

from platefree.errors import DataError
from platefree.evaluation.metrics import RankMetrics
from platefree.evaluation.results import Outcome, Picture, Report, Strip
from platefree.evaluation.trial_results import TrialResult
from platefree.evaluation.verification import BINS, Verification
from platefree.reports.calibration_page import save_calibration_page
from platefree.reports.charts import cmc_chart, roc_chart, similarity_chart
from platefree.reports.drawing import NAMED_CURVES
from platefree.reports.overlay import heat_colors, overlay
from platefree.reports.page import render_page
from platefree.reports.saving import save_report
from platefree.reports.strips import PICTURE_HEIGHT, PICTURE_WIDTH, mark

VOID = {"meta", "img", "br", "hr", "input", "link", "wbr"}
HOSTILE = """<script>alert("1")</script> & 'é東京' <img src=x onerror=y>"""

Row = list[str]


class Page(HTMLParser):
    """Checks the nesting while it reads, and keeps what the tests ask for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.tables: list[list[Row]] = []
        self.texts: list[str] = []
        self.in_section: dict[str, str] = {}
        self._section = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append((tag, attributes))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self._section = attributes["id"]
        elif tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["style"]:
            return
        self.texts.append(data)
        self.in_section[self._section] = self.in_section.get(self._section, "") + data
        if "td" in self.open or "th" in self.open:
            self.tables[-1][-1][-1] += data

    def find(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        return [
            attributes
            for name, attributes in self.tags
            if name == tag and all(attributes.get(key) == value for key, value in wanted.items())
        ]

    def classes(self, tag: str, start: str) -> list[str]:
        values = (attributes.get("class", "") for attributes in self.find(tag))
        return [value.split()[-1] for value in values if value.split()[:1] == [start]]


def verification(same: int = 500, different: int = 5000) -> Verification:
    rng = np.random.default_rng(0)
    counts = [
        np.histogram(np.clip(rng.normal(mean, 0.15, n), -1, 1), BINS, (-1, 1))[0]
        for mean, n in ((0.6, same), (0.1, different))
    ]
    return Verification(*counts)


def trial(name: str, first_match: list[int], max_rank: int = 50) -> TrialResult:
    first = np.array(first_match)
    score = np.where(first > 0, 1 / np.maximum(first, 1), np.nan)
    metrics = RankMetrics.from_queries(score, score**2, first, max_rank)
    return TrialResult(name, len(first), 1234, metrics)


def outcome(**changes: object) -> Outcome:
    plain = Outcome(
        name="cross-camera",
        trials=(trial("a → b", [1, 1, 2, 0, 7]), trial("b → a", [1, 3, 12])),
        verification=verification(),
        paper={"rank-1": 0.9, "mAP": 0.512, "rank-99": 0.99},
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def report(*tests: Outcome, **changes: object) -> Report:
    plain = Report(
        model={"name": "drdl", "fingerprint": "3f2a"},
        data={"path": "/data/lot", "fingerprint": "ab12", "split": "all rows"},
        protocol="cross-camera",
        settings={"seed": "none: nothing is drawn", "test-time flip": "no", "scored": "today"},
        tests=tests or (outcome(),),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def strip(query: Path, hits: list[Path], correct: list[bool | None], **changes: object) -> Strip:
    shown = tuple(
        Picture(path, f"v{i}", "gate", "2026-05-01T07:12:03Z", 0.9 - i / 100, right)
        for i, (path, right) in enumerate(zip(hits, correct, strict=True))
    )
    plain = Strip("worst", "a → b", 0.25, 4, Picture(query, "v0", "ramp"), shown)
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    table = draw_vehicles(tmp_path_factory.mktemp("drawn"), vehicles=3, cameras=2)
    return sorted((table.parent / "images").iterdir())


def test_a_picture_of_a_box_is_what_is_in_it(tmp_path: Path) -> None:
    whole = Image.new("RGB", (80, 40), "red")
    whole.paste("blue", (40, 0, 80, 40))
    whole.save(tmp_path / "two.png")
    left, right = (
        Picture(tmp_path / "two.png", box=box) for box in ((0, 0, 40, 40), (40, 0, 80, 40))
    )
    two = Strip("best", "a", 1.0, 1, left, (right,))
    page = Page(render_page(report(strips=(two,))))
    found = [each["src"] for tag, each in page.tags if tag == "img"]
    seen = [Image.open(io.BytesIO(base64.b64decode(src.partition(",")[2]))) for src in found]
    assert [each.convert("RGB").getpixel((20, 20))[0] > 200 for each in seen] == [True, False]
    assert {each.size for each in seen} == {(96, 96)}


@pytest.fixture(scope="module")
def whole(pictures: list[Path]) -> Page:
    heat = np.linspace(0, 1, 49, dtype=np.float32).reshape(7, 7)
    first = strip(pictures[0], pictures[1:5], [True, False, None, True], heat_map=heat)
    second = strip(pictures[5], pictures[6:8], [False, False], kind="best", first_match=0)
    return Page(render_page(report(strips=(first, second))))


def test_page_refers_to_nothing_outside(whole: Page) -> None:
    for _, attributes in whole.tags:
        for name in ("src", "href", "xlink:href", "action", "data", "srcset", "poster"):
            assert attributes.get(name, "#").startswith(("#", "data:image/jpeg;base64,"))
    assert not {"script", "link", "iframe", "object", "embed"} & {tag for tag, _ in whole.tags}
    text = render_page(report())
    assert not re.search(r"https?:|@import|url\((?!#)", text)
    assert "default-src 'none'" in text


def test_labels_and_links_find_their_targets(whole: Page) -> None:
    ids = [attributes["id"] for _, attributes in whole.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in whole.tags:
        targets = attributes.get("aria-labelledby", "").split()
        if attributes.get("href", "").startswith("#"):
            targets.append(attributes["href"][1:])
        assert set(targets) <= set(ids)


def test_every_figure_is_the_report_s(whole: Page) -> None:
    measured = report()
    table = whole.tables[0]
    head, rows = table[0], {row[0]: row for row in table[1:]}
    assert list(rows) == [
        *("paper", "ours, mean of trials", "deviation of 2", "gap", "a → b", "b → a")
    ]

    def cells(name: str) -> dict[str, str]:
        return dict(zip(head, rows[name], strict=True))

    ours = measured.figures()
    assert list(ours) == ["rank-1", "rank-5", "rank-10", "mAP", "mINP"]
    for name, value in ours.items():
        each = [100 * one.figures()[name] for one in measured.trials]
        spread = abs(each[0] - each[1]) / 2**0.5  # of two, with n - 1
        assert cells("ours, mean of trials")[name] == f"{100 * value:.2f}"
        assert cells("deviation of 2")[name] == f"{spread:.2f}"
        claim = measured.tests[0].paper.get(name)
        assert cells("paper")[name] == ("" if claim is None else f"{100 * claim:.2f}")
        gap = cells("gap")[name].replace("\N{MINUS SIGN}", "-")
        assert gap == ("" if claim is None else f"{100 * (value - claim):+.2f}")
    assert cells("gap")["rank-1"].startswith("\N{MINUS SIGN}")
    for one in measured.trials:
        for name, value in one.figures().items():
            assert cells(one.name)[name] == f"{100 * value:.2f}"
        assert cells(one.name)["queries"] == str(one.queries)
        assert cells(one.name)["gallery"] == "1,234"
    assert cells("a → b")["without match"] == "1"
    assert cells("b → a")["without match"] == "0"


def test_single_trial_without_paper_stands_alone() -> None:
    page = Page(render_page(report(outcome(trials=(trial("all", [1, 2]),), paper={}))))
    assert [row[0] for row in page.tables[0]] == ["trial", "all"]


def test_figures_of_no_query_are_undefined() -> None:
    page = Page(render_page(report(outcome(trials=(trial("all", [0, 0]),)))))
    assert page.tables[0][-1] == ["all", *["undefined"] * 5, "2", "2", "1,234"]
    assert page.tables[0][3] == ["gap", "undefined", "", "", "undefined", "", "", "", ""]
    assert "a trial has no query with a match" in page.in_section["curves"]


def test_what_was_measured_stands_once_above_all_numbers(whole: Page) -> None:
    context = "drdl @ 3f2a · /data/lot @ ab12 · cross-camera · split all rows · seed none"
    assert context in whole.in_section[""]
    assert "".join(whole.texts).count(context) == 1
    assert "the label of the data says same" in whole.in_section["reading"]


def test_every_figure_names_its_column_where_a_table_becomes_blocks(whole: Page) -> None:
    cells = [cell["data-column"] for cell in whole.find("td") if cell.get("class") != "note"]
    head, *rows = whole.tables[0]
    width = len(head) - 1
    for row in range(len(rows)):
        assert cells[row * width : (row + 1) * width] == head[1:]
    assert set(cells) == {title for table in whole.tables for title in table[0][1:]}


def test_thresholds_are_stated(whole: Page) -> None:
    table = {row[0]: row[1:] for row in whole.tables[1][1:]}
    points = verification().thresholds()
    assert len(table) == len(points) == 4
    points = [point for point in points if not point.reason]
    assert len(points) == 3
    for point in points:
        threshold, far, tar = table[f"{point.far_target:g}"]
        assert threshold == f"{point.threshold:.4f}"
        assert (float(far), float(tar)) == pytest.approx((point.far, 100 * point.tar), rel=0.01)
        assert "e" not in far
        assert f"FAR {point.far_target:g}" in whole.texts


def test_thresholds_that_cannot_be_stated_say_why() -> None:
    page = Page(render_page(report(outcome(verification=verification(different=50)))))
    assert says(page.tables[1][2][1], "cannot be stated", "50 pairs", "100")
    assert "FAR 0.01" not in page.texts


@pytest.mark.parametrize(("same", "different"), [(0, 0), (10, 0), (0, 10)])
def test_pairs_of_one_kind_or_none(same: int, different: int) -> None:
    page = Page(render_page(report(outcome(verification=verification(same, different)))))
    assert says(page.in_section["curves"], "Cannot", "ROC curve")
    assert all(says(row[1], "cannot be stated") for row in page.tables[1][1:])


def test_hits_are_marked_by_shape_and_title(whole: Page) -> None:
    marks = whole.classes("svg", "mark")
    assert marks == ["correct", "wrong", "unknown", "correct", "wrong", "wrong"]
    titles = [svg["aria-label"] for svg in whole.find("svg") if svg["class"].startswith("mark")]
    assert says(titles[0], "correct", "same vehicle")
    assert says(titles[1], "wrong", "another vehicle")
    assert says(titles[2], "not scored", "unknown")
    shapes = [re.findall('d="([^"]+)"', mark(correct)) for correct in (True, False, None)]
    assert len({path for (path,) in shapes}) == 3


def test_strips_say_how_good_they_are(whole: Page) -> None:
    text = whole.in_section["examples"].replace("\xa0", " ")
    assert re.search(r"a → b\W+average precision 25\.00 %\W+first correct at rank 4(?!\d)", text)
    assert re.search(r"average precision 25\.00 %\W+no correct hit", text)
    assert text.index("Worst by average precision") < text.index("Best by average precision")
    for shown in ("0.900", "0.890", "gate", "ramp", "2026-05-01 07:12:03Z", "vehicle v3"):
        assert shown in text


def test_pictures_are_small_and_described(whole: Page, pictures: list[Path]) -> None:
    images = whole.find("img")
    assert [image["alt"] for image in images[:3]] == [
        f"Query {pictures[0].name}",
        f"Heat map of query {pictures[0].name}",
        f"Hit 1, {pictures[1].name}",
    ]
    assert len(images) == 2 + 1 + 6
    for image in images:
        data = base64.b64decode(image["src"].partition(",")[2])
        with Image.open(io.BytesIO(data)) as picture:
            assert picture.format == "JPEG"
            assert picture.size == (int(image["width"]), int(image["height"]))
            assert picture.width <= PICTURE_WIDTH
            assert picture.height <= PICTURE_HEIGHT


def test_unreadable_pictures_leave_a_placeholder(pictures: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    heat = np.ones((4, 4), np.float32)
    shown = strip(tmp_path / "gone.jpg", [pictures[0], broken], [True, False], heat_map=heat)
    page = Page(render_page(report(strips=(shown,))))
    labels = [attributes["aria-label"] for attributes in page.find("svg", **{"class": "missing"})]
    assert labels == ["Query gone.jpg: cannot be read", "Hit 2, broken.jpg: cannot be read"]
    assert len(page.find("img")) == 1


def test_hostile_text_stays_text(pictures: list[Path]) -> None:
    picture = Picture(Path(f"{HOSTILE}.jpg"), HOSTILE, HOSTILE, HOSTILE, 0.5, False)
    hostile = Strip(HOSTILE, HOSTILE, 0.25, 4, Picture(pictures[0]), (picture,))
    text = render_page(
        report(
            outcome(trials=(trial(HOSTILE, [1]),)),
            model={"name": HOSTILE, HOSTILE: HOSTILE},
            data={"path": HOSTILE},
            protocol=HOSTILE,
            settings={"split": HOSTILE, HOSTILE: HOSTILE},
            strips=(hostile,),
        )
    )
    page = Page(text)
    assert not page.find("script")
    assert not page.find("img", src="x")
    assert all("onerror" not in attributes for _, attributes in page.tags)
    assert "<script" not in text
    for place in ("", "figures", "examples"):
        assert HOSTILE in page.in_section[place]
    label = page.find("svg", **{"class": "missing"})[0]["aria-label"]
    assert says(label, "Hit 1", f"{Path(HOSTILE).name}.jpg", "cannot be read")


def test_names_that_are_not_text_are_written(tmp_path: Path) -> None:
    shown = strip(tmp_path / "q\udcff.jpg", [], [])
    measured = report(outcome(trials=(trial("t\udcff", [1]),)), strips=(shown,))
    page = save_report(measured, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "q?.jpg" in page
    assert (tmp_path / "report.json").exists()


@pytest.mark.parametrize("name", ["r.json", "r.md", "r"])
def test_a_page_that_a_file_beside_it_would_overwrite_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=facts(name, ".html")):
        save_report(report(), tmp_path / name)
    with pytest.raises(DataError, match=facts(name, ".html")):
        save_calibration_page({}, made_calibration("abc"), {}, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_thirty_strips_stay_small(pictures: list[Path]) -> None:
    hits = (pictures * 2)[:10]
    shown = strip(pictures[0], hits, [True] * 10, heat_map=np.ones((8, 8), np.float32))
    assert len(render_page(report(strips=(shown,) * 30)).encode()) < 3_000_000


def test_many_trials_are_distinguishable_by_name_only_at_the_ends() -> None:
    trials = tuple(trial(f"t{number}", [1] * number + [2] * 20) for number in range(20))
    page = Page(render_page(report(outcome(trials=trials))))
    chart = [text for text in page.texts if re.fullmatch(r"t\d+|mean of 20", text)]
    assert chart.count("t0") == chart.count("t19") == 2  # in the table and in the chart
    assert chart.count("t7") == 1
    assert "mean of 20" in chart


@pytest.mark.parametrize(
    "chart",
    [
        cmc_chart(["only"], np.ones((1, 50))),
        cmc_chart(["one rank"], np.array([[0.3]])),
        cmc_chart(["zero", "<&>"], np.zeros((2, 5))),
        cmc_chart([str(n) for n in range(NAMED_CURVES + 3)], np.full((NAMED_CURVES + 3, 9), 0.5)),
        similarity_chart(np.linspace(-1, 1, 11), np.zeros(10), np.zeros(10), {}),
        similarity_chart(np.linspace(-1, 1, 2001), np.eye(2000)[1999], np.zeros(2000), {"a": 1.0}),
        similarity_chart(
            np.linspace(-1, 1, 5), np.array([0, 0, 1, 3]), np.array([5, 1, 0, 0]), {"a": -1.0}
        ),
        roc_chart(np.array([0.0, 1.0]), np.array([0.0, 1.0]), []),
        roc_chart(np.array([0, 1e-9, 1]), np.array([0.5, 0.7, 1]), [(0.0, 0.5), (1.0, 1.0)]),
    ],
)
def test_charts_are_drawings_within_their_frame(chart: str) -> None:
    root = ElementTree.fromstring(chart)  # noqa: S314
    assert "nan" not in chart
    _, _, width, height = (float(side) for side in root.attrib["viewBox"].split())
    for label in root.iter("text"):
        assert 0 <= float(label.attrib["x"]) <= width
        assert 0 <= float(label.attrib["y"]) <= height
    for path in root.iter("path"):
        for x, y in re.findall(r"[ML]([\d.-]+) ([\d.-]+)", path.attrib["d"]):
            assert -5 <= float(x) <= width
            assert -5 <= float(y) <= height


def test_curves_differ_without_color() -> None:
    curves = np.random.default_rng(0).random((6, 9))
    root = ElementTree.fromstring(cmc_chart(list("abcdef"), curves))  # noqa: S314
    lines = [path for path in root.iter("path") if "stroke-dasharray" in path.attrib]
    dashes = {path.attrib["class"]: path.attrib["stroke-dasharray"] for path in lines}
    assert len(set(dashes.values())) == 6
    markers = [path for path in root.iter("path") if path.attrib["class"].startswith("marker c")]
    assert len({path.attrib["d"] for path in markers}) == 6


def test_heat_colors_grow_lighter() -> None:
    colors = heat_colors(np.linspace(-0.5, 1.5, 200)).astype(float)
    lightness = colors @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) >= -1).all()
    assert colors[0].tolist() == [0x44, 0x01, 0x54]
    assert colors[-1].tolist() == [0xFD, 0xE7, 0x25]
    assert heat_colors(np.array([np.nan]))[0].tolist() == [0x44, 0x01, 0x54]


def test_overlay_fits_the_picture() -> None:
    picture = Image.new("RGB", (31, 17), "white")
    heat = np.zeros((4, 6), np.float32)
    heat[:, 3:] = 1
    tinted = np.asarray(overlay(picture, heat)).astype(int)
    assert tinted.shape == (17, 31, 3)
    assert tinted[:, -1].sum() > tinted[:, 0].sum()
