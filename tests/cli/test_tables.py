"""What is printed can be copied: paths and commands are whole, however narrow the terminal is."""

import shutil
from pathlib import Path

import pytest
from conftest import Run
from messages import says

import platefree as pf

LONG = "a folder with a rather long name, as people have them/" * 3


@pytest.fixture(params=["40", "80"])
def far_away(
    request: pytest.FixtureRequest,
    drawn_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The drawn pictures deep in folders, on a narrow terminal."""
    monkeypatch.setenv("COLUMNS", request.param)
    return Path(shutil.copytree(drawn_folder, tmp_path / LONG / "京A drawn"))


def test_hits_show_every_column_and_whole_paths(run: Run, far_away: Path) -> None:
    table = pf.read_table(far_away)
    words = ("search", table.path(0), "--gallery", far_away, "--model", "color_stripes", "--top", 4)
    code, out, _ = run(*words)
    assert code == 0
    lines = out.splitlines()
    for name in ("rank", "similarity", "camera", "vehicle", "path"):
        assert any(name in line.split() for line in lines)
    found = [line for line in lines if str(far_away) in line and ".jpg" in line and "0." in line]
    assert [line.split()[0] for line in found] == ["1", "2", "3", "4"]
    for line in found:
        place = line.index(str(far_away))
        assert Path(line[place:].rstrip()).is_file()


def test_hits_out_of_order_say_why(run: Run, drawn_folder: Path, tmp_path: Path) -> None:
    table = pf.read_table(drawn_folder)
    model = pf.load_model("color_stripes")
    stored = pf.save_embeddings(model.embed(table)[0], tmp_path / "stored", model.comparison)
    words = ("--gallery", stored, "--top", 30)
    for row in range(0, len(table), 7):
        for post in ("none", "rerank"):
            code, out, _ = run("search", table.path(row), *words, "--post", post)
            assert code == 0
            shown = [line.split()[1] for line in out.splitlines() if line.rstrip().endswith("jpg")]
            assert len(shown) == 30
            falls = shown == sorted(shown, reverse=True)
            assert says(out, "changed the order") == (not falls)
            assert falls or post == "rerank"


def test_an_evaluation_names_model_and_data_whole(run: Run, far_away: Path, tmp_path: Path) -> None:
    embeddings, _ = pf.load_model("color_stripes").embed(pf.read_table(far_away))
    stored = pf.save_embeddings(embeddings, tmp_path / LONG / "stored")
    code, out, _ = run("eval", stored, "--data", far_away)
    assert code == 0
    lines = [line.rstrip() for line in out.splitlines()]
    assert f"model: {stored}" in lines
    assert f"data: {far_away}" in lines


def test_a_check_names_the_wrong_picture_whole(run: Run, far_away: Path) -> None:
    wrong = next((far_away / "images").iterdir())
    wrong.write_bytes(b"no picture")
    code, out, _ = run("data", "check", far_away)
    assert code == 1
    assert any(str(wrong) in line and line.startswith("error: ") for line in out.splitlines())


def test_a_doctor_s_commands_are_whole(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from platefree import doctor

    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(doctor, "requires", lambda _: ["nothing-like-it-with-a-long-name>=2"])
    _, out, _ = run("doctor")
    assert '    pip install "nothing-like-it-with-a-long-name>=2"' in out.splitlines()
