"""What programs and people write for unknown is unknown, and is counted."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from messages import says

from platefree.data.table import read_table, write_table
from platefree.data.unknown_cells import CODES, WORDS, literal, without_unknown
from platefree.types import LABELS, Sightings

UNKNOWN = (
    "nan", "NaN", "NAN", "NA", "N/A", "n/a", "<NA>", "None", "none", "NULL", "null", "NaT", "-1",
    "-1.0", "?", "-", "unknown", "Unknown", "#N/A", "#VALUE!", "#REF!", "",
)  # fmt: skip
KNOWN = ("0", "1", "-2", "0012", "nancy", "no", "x", "'", "'t Hof", "other", "inf", "nan1")
FREE = [name for name in LABELS if name != "split"]


def write(path: Path, cells: list[str], columns: list[str]) -> Path:
    texts = {"image": [f"{row}.jpg" for row in range(len(cells))]}
    texts |= dict.fromkeys(columns, cells)
    if path.suffix == ".parquet":
        pq.write_table(pa.table(texts), path)
    else:
        rows = zip(*texts.values(), strict=True)
        path.write_text("\n".join([",".join(texts), *map(",".join, rows)]))
    return path


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_unknown_in_every_label_column(
    suffix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = read_table(write(tmp_path / f"t.{suffix}", [*UNKNOWN, *KNOWN], FREE))
    for column in FREE:
        assert getattr(table, column).tolist() == [""] * len(UNKNOWN) + list(KNOWN), column
        assert says(caplog.text, f"1 cell 'nan' in {column}", f"1 cell '-1' in {column}")
    assert "'0012'" not in caplog.text
    assert "cell ''" not in caplog.text


def test_the_note_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read_table(write(tmp_path / "t.csv", ["nan", "7", "nan", "-1"], ["vehicle"]))
    assert says(caplog.text, "t.csv", "2 cells 'nan' in vehicle", "1 cell '-1' in vehicle")
    assert len(caplog.records) == 1
    caplog.clear()
    read_table(write(tmp_path / "t.csv", ["8", "7", "", "9"], ["vehicle"]))
    assert not caplog.records


def test_unknown_splits_times_frames_and_boxes(tmp_path: Path) -> None:
    names = "split,time,frame,x0,y0,x1,y1"
    rows = [f"{row}.jpg,{','.join([cell] * 7)}" for row, cell in enumerate(("nan", "N/A", "?"))]
    (tmp_path / "t.csv").write_text("\n".join([f"image,{names}", *rows]))
    table = read_table(tmp_path / "t.csv")
    assert not any(table.knows(name) for name in ("split", "time", "frame", "box"))


def test_a_folder_that_says_unknown_is_no_vehicle(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("7", "-1", "unknown"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jpg").touch()
    assert read_table(tmp_path).vehicle.tolist() == ["", "7", ""]
    assert says(caplog.text, "'-1' in vehicle", "'unknown' in vehicle")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_labels_that_are_really_called_so(suffix: str, tmp_path: Path) -> None:
    names = ["NA", "'NA", "''NA", "-1", "'-1", "none", "'", "''", "=1", "'=1", "", "'t Hof", "-"]
    images = [f"{row}.jpg" for row in range(len(names))]
    table = Sightings.from_columns(tmp_path, {"image": images, "vehicle": names})
    write_table(table, tmp_path / f"t.{suffix}")
    assert read_table(tmp_path / f"t.{suffix}").vehicle.tolist() == names


@given(st.lists(st.sampled_from(["'", "-1", "nan", "a", "", "?"])).map("".join))
def test_what_is_written_is_read_again(label: str) -> None:
    assert without_unknown([literal(label)]) == ([label], {})


def test_words_are_in_lower_case() -> None:
    assert {word.lower() for word in WORDS} == WORDS
    assert not WORDS & CODES
    assert not any(word.startswith("'") for word in WORDS)


def test_none_is_unknown_and_floats_are_no_labels() -> None:
    table = Sightings.from_columns(Path("/"), {"image": ["a", "b"], "vehicle": [None, 12]})
    assert table.vehicle.tolist() == ["", "12"]
    for wrong in ([1.0, 2.0], [np.nan, "7"], [True, False], [b"7", b"8"], "ab"):
        with pytest.raises(Exception, match="vehicle") as caught:
            Sightings.from_columns(Path("/"), {"image": ["a", "b"], "vehicle": wrong})
        assert type(caught.value).__name__ == "DataError"
