"""Names and labels are shown as they are: nothing in data is markup, emoji or a control code."""

import csv
import shutil
from pathlib import Path

import pytest
from conftest import Run
from rich.table import Table

import platefree as pf
from platefree.cli.console import PlainConsole, printable

CAMERAS = ["[red]cam 5", "[/b]", ":car:", "\x1b[31mcam\x9b2J", "cam\u202e6"]
SHOWN = ["[red]cam 5", "[/b]", ":car:", "\\x1b[31mcam\\x9b2J", "cam\\u202e6"]


@pytest.fixture
def strange_table(drawn_folder: Path, tmp_path: Path) -> Path:
    """Two pictures of each of three names by each camera; paths like a closing tag."""
    pictures = pf.read_table(drawn_folder)
    folder = tmp_path / "x["
    folder.mkdir()
    path = tmp_path / "[bold]table.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "vehicle", "camera"])
        for number, camera in enumerate(2 * CAMERAS):
            for vehicle in range(3):
                name = f"x[/{number}-{vehicle}].jpg"
                shutil.copy(pictures.path(3 * number + vehicle), tmp_path / name)
                writer.writerow([name, f"[i]vehicle {vehicle}", camera])
    return path


def test_printable_text_is_unchanged_and_controls_are_escaped() -> None:
    assert [printable(camera) for camera in CAMERAS] == SHOWN
    plain = "Škoda [blue]\tN° 7\n京A :car:"
    assert printable(plain) == plain
    assert printable("broken \udcff name") == "broken \\udcff name"


def test_every_place_of_a_table_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    for text, shown in zip(CAMERAS, SHOWN, strict=True):
        table = Table(text, title=text, caption=text)
        table.add_row(text)
        PlainConsole(width=80).print(table)
        PlainConsole(width=80).print(text)
        assert capsys.readouterr().out.count(shown) == 5


def test_verbs_show_labels_and_paths_as_they_are(run: Run, strange_table: Path) -> None:
    query = strange_table.parent / "x[" / "0-0].jpg"
    code, out, err = run(
        "eval", "color_stripes", "--data", str(strange_table), "--protocol", "cross-camera"
    )
    assert code == 0, err
    text = out + err
    assert all(shown in out for shown in SHOWN)
    for verb in (
        ["data", "check", str(strange_table)],
        ["search", str(query), "--gallery", str(strange_table), "--model", "color_stripes"],
        ["compare", str(query), str(query)],
        ["embed", str(strange_table), "--model", "color_stripes", "--out", f"{query.parent}/[i]e"],
    ):
        code, out, err = run(*verb)
        assert code == 0, err
        text += out + err
    assert f"{query.parent}/[i]e" in text
    assert "\x1b" not in text
    assert "\x9b" not in text


def test_a_refusal_is_plain(run: Run) -> None:
    code, _, err = run("eval", "no\x1b[2Jmodel[/b]", "--data", "nowhere")
    assert code == 1
    assert "no\\x1b[2Jmodel[/b]" in err
    assert "\x1b" not in err
