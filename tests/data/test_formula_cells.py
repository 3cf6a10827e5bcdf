"""No text that is written runs as a formula in a spreadsheet, and every text is read as it was."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platefree.data.formula_cells import guarded, unguarded
from platefree.data.part_boxes import PartBoxes
from platefree.data.part_files import read_part_boxes, write_part_boxes
from platefree.data.table import read_table, write_table
from platefree.types import Sightings, text_column

RUNS = set("=+-@\t\r\n＝＋－＠")  # noqa: RUF001 - OWASP's list of what starts a formula
FORMULAS = ["=cmd|' /C calc'!A0", "+1", "-2+3", "@SUM(A1)", "＝1", "'=1", "''=1"]  # noqa: RUF001
PLAIN = ["a", "'t Hof", "'", "''", "a=1", "'a", "7-3", "a@b"]


@given(st.lists(st.sampled_from(["'", "=", "-", "\t", "a", "＝"])).map("".join))  # noqa: RUF001
def test_guards(text: str) -> None:
    cell = guarded(text)
    assert cell[:1] not in RUNS
    assert unguarded(cell) == text
    assert cell in (text, f"'{text}")


def test_plain_texts_are_written_as_they_are() -> None:
    assert [*map(guarded, PLAIN)] == PLAIN
    assert [*map(unguarded, PLAIN)] == PLAIN
    assert [*map(guarded, FORMULAS)] == [f"'{text}" for text in FORMULAS]


def test_tables(tmp_path: Path) -> None:
    texts = [*FORMULAS, *PLAIN]
    columns = dict.fromkeys(("image", "vehicle", "camera", "model", "source"), texts)
    box = np.full((len(texts), 4), [-5, -4, 3, 2], np.float32)
    table = Sightings.from_columns(tmp_path, {**columns, "box": box})
    write_table(table, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert not any(row[name][:1] in RUNS for name in columns)
        assert [row[edge] for edge in ("x0", "y0", "x1", "y1")] == ["-5", "-4", "3", "2"]
    again = read_table(tmp_path / "t.csv")
    for name in columns:
        assert getattr(again, name).tolist() == texts
    np.testing.assert_array_equal(again.box, box)
    assert again.fingerprint() == table.fingerprint()


def test_part_boxes(tmp_path: Path) -> None:
    image = text_column(["=a.jpg", "-1/b.jpg", "'=c.jpg", "d.jpg"])
    boxes = PartBoxes(
        tmp_path,
        image,
        np.array([0, 3]),
        np.array([0, 1]),
        np.array([[-1.0, 2, 30, 40]] * 2),
        np.ones(2),
    )
    write_part_boxes(boxes, tmp_path / "parts.csv")
    lines = (tmp_path / "parts.csv").read_text().splitlines()
    assert not any(line[:1] in RUNS for line in lines)
    assert "-1.00" in lines[1]
    assert read_part_boxes(tmp_path / "parts.csv").fingerprint() == boxes.fingerprint()


@pytest.mark.parametrize("cell", ["=1.jpg", "-1.jpg", "'plain.jpg"])
def test_tables_of_other_programs(cell: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"image\n{cell}\n")
    assert read_table(tmp_path / "t.csv").image.tolist() == [cell]
