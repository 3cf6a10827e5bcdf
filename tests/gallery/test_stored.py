"""Embeddings on disk: what goes in comes out, and damage is reported in one line."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from messages import facts

from platefree.errors import DataError, ImageError, StorageError
from platefree.gallery.embeddings_card import CARD
from platefree.gallery.stored import (
    is_embeddings_folder,
    load_embeddings,
    save_embeddings,
    stored_model_path,
)
from platefree.gallery.stored_embedder import load_stored
from platefree.types import LABELS, Embeddings, Floats, Sightings, text_column


def unit_rows(random: np.random.Generator, n: int, dimensions: int) -> Floats:
    rows = random.standard_normal((n, dimensions))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def embeddings(n: int = 4, root: Path = Path("/pictures"), dimensions: int = 3) -> Embeddings:
    random = np.random.default_rng(n)
    columns = {
        "image": [f"ü {row}.jpg" for row in range(n)],
        "vehicle": ["0012", "", "12", "a\nb"][:n],
        "time": [np.datetime64("2026-05-01T12:00:00.123"), *[np.datetime64("NaT")] * 3][:n],
    }
    return Embeddings(
        spaces={
            "same_view": unit_rows(random, n, dimensions),
            "different_view": unit_rows(random, n, 5),
        },
        sightings=Sightings.from_columns(root, columns),
        model="3f2a",
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_embeddings(embeddings(), tmp_path / "lot", model_path="runs/lot/best")


def edit_card(folder: Path, **changes: object) -> None:
    card = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps(card | changes))


@pytest.mark.parametrize("n", [0, 1, 4])
def test_round_trip(n: int, tmp_path: Path) -> None:
    before = embeddings(n)
    after = load_embeddings(save_embeddings(before, tmp_path / "deep" / "lot"))
    assert after.model == before.model
    assert after.sightings.root == before.sightings.root
    for name in ("image", *LABELS, "time"):
        np.testing.assert_array_equal(
            getattr(after.sightings, name), getattr(before.sightings, name)
        )
    assert list(after.spaces) == list(before.spaces)
    for name, rows in after.spaces.items():
        np.testing.assert_array_equal(rows, before.spaces[name])
        assert isinstance(rows, np.memmap)
        assert not rows.flags.writeable


def test_years_of_models_are_stored_where_any_is_known(tmp_path: Path) -> None:
    without = embeddings()
    years = text_column(["2011", "", "2012", "2011"])
    table = replace(without.sightings, model_year=years)
    before = replace(without, sightings=table)
    for each, known in ((without, False), (before, True)):
        folder = save_embeddings(each, tmp_path / str(known))
        (file,) = folder.glob("sightings*.parquet")
        assert ("model_year" in pq.read_schema(file).names) == known
        after = load_embeddings(folder).sightings
        assert after.model_year.tolist() == each.sightings.model_year.tolist()
        assert after.fingerprint() == each.sightings.fingerprint()


def test_strided_rows_are_stored_in_order(tmp_path: Path) -> None:
    before = embeddings().take(np.array([2, 0]))
    fortran = {name: np.asfortranarray(rows) for name, rows in before.spaces.items()}
    save_embeddings(Embeddings(fortran, before.sightings, before.model), tmp_path / "lot")
    after = load_embeddings(tmp_path / "lot")
    assert after.spaces["same_view"].flags.c_contiguous
    np.testing.assert_array_equal(after.spaces["same_view"], before.spaces["same_view"])


def test_pictures_are_found_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_embeddings(embeddings(root=Path("pictures")), "lot")
    monkeypatch.chdir("/")
    assert load_embeddings(tmp_path / "lot").sightings.root == tmp_path / "pictures"


def test_an_embeddings_folder_is_replaced_while_it_is_read(folder: Path) -> None:
    before = load_embeddings(folder)
    save_embeddings(before.take(np.array([1])), folder)
    assert len(load_embeddings(folder)) == 1
    np.testing.assert_array_equal(before.spaces["same_view"], embeddings().spaces["same_view"])
    assert os.listdir(folder.parent) == [folder.name]
    assert len(os.listdir(folder)) == 5  # the card, two spaces, sightings and contents


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "lot").mkdir()
    save_embeddings(embeddings(), tmp_path / "lot")
    assert len(load_embeddings(tmp_path / "lot")) == 4


@pytest.mark.parametrize("kept", ["photo.jpg", CARD, "main.npy", "sightings.parquet", "main-0.npy"])
def test_a_folder_of_other_files_is_never_replaced(kept: str, tmp_path: Path) -> None:
    (tmp_path / "lot").mkdir()
    (tmp_path / "lot" / kept).write_text("{}")
    with pytest.raises(StorageError, match=facts("lot", f"({kept})", "would be lost")):
        save_embeddings(embeddings(), tmp_path / "lot")
    assert (tmp_path / "lot" / kept).read_text() == "{}"


def test_other_files_beside_embeddings_are_never_replaced(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match=facts("notes.txt", "would be lost")):
        save_embeddings(embeddings(), folder)
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_file_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "lot").write_text("mine")
    with pytest.raises(StorageError, match=facts("lot", "is a file")):
        save_embeddings(embeddings(), tmp_path / "lot")


@pytest.mark.parametrize("name", ["a/b", "..", "", "a b"])
def test_a_space_must_be_the_name_of_a_file(name: str, tmp_path: Path) -> None:
    one = embeddings()
    wrong = Embeddings({name: one.spaces["same_view"]}, one.sightings, one.model)
    with pytest.raises(DataError, match=facts("spaces", f".{name}.", "cannot be stored")):
        save_embeddings(wrong, tmp_path / "lot")
    assert not (tmp_path / "lot").exists()


def part(folder: Path, name: str) -> Path:
    (path,) = folder.glob(f"{name}-*")
    return path


def rewrite_table(folder: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    path = part(folder, TABLE)
    table = pq.ParquetFile(path).read()
    pq.write_table(change(table), path)


def rewrite_space(folder: Path, rows: np.ndarray) -> None:
    np.save(part(folder, SPACE), rows, allow_pickle=True)


def cut(path: Path, keep: int) -> None:
    path.write_bytes(path.read_bytes()[:keep])


def make_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def broken_rows(value: float) -> Floats:
    rows = embeddings().spaces[SPACE].copy()
    rows[2, 1] = value
    return rows


def without_a_cell(table: pa.Table) -> pa.Table:
    cells = pa.array(["", None, "", ""], pa.string())
    return table.set_column(table.column_names.index("camera"), "camera", cells)


SPACE, TABLE, CONTENT = "same_view", "sightings", "content"
DAMAGES: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "no card": (lambda folder: (folder / CARD).unlink(), (CARD, "not exist")),
    "card is no JSON": (lambda folder: cut(folder / CARD, 20), (CARD, "not valid JSON")),
    "card is no text": (
        lambda folder: (folder / CARD).write_bytes(b"\xff\xfe\xff"),
        (CARD, "not UTF-8"),
    ),
    "card is nested": (
        lambda folder: (folder / CARD).write_text("[" * 100_000),
        (CARD, "not valid JSON"),
    ),
    "card is a pipe": (lambda folder: make_pipe(folder / CARD), (CARD, "a pipe")),
    "foreign list": (lambda folder: (folder / CARD).write_text("[1]"), (CARD, "not the card")),
    "foreign format": (lambda folder: edit_card(folder, format="x"), (CARD, "not the card")),
    "newer version": (
        lambda folder: edit_card(folder, version=4),
        (CARD, "version 4", "up to 3", "upgrade"),
    ),
    "no version": (lambda folder: edit_card(folder, version=None), (CARD, "version")),
    "rows as text": (lambda folder: edit_card(folder, rows="4"), (CARD, "rows", "integer")),
    "no spaces": (lambda folder: edit_card(folder, spaces={}), (CARD, "spaces", "at least 1")),
    "path in a space": (
        lambda folder: edit_card(folder, spaces={"../x": 3}),
        (CARD, "spaces", "../x"),
    ),
    "path in a file": (
        lambda folder: edit_card(folder, table_file="../x-0123456789abcdef.parquet"),
        (CARD, "table_file", "match"),
    ),
    "a space without a file": (
        lambda folder: edit_card(folder, space_files={}),
        (CARD, "files of all spaces"),
    ),
    "wrong rows": (lambda folder: edit_card(folder, rows=5), (SPACE, "(4, 3)", "(5, 3)")),
    "wrong dimensions": (
        lambda folder: edit_card(folder, spaces={"same_view": 9, "different_view": 5}),
        (SPACE, "(4, 3)", "(4, 9)"),
    ),
    "another table": (lambda folder: edit_card(folder, table="0"), (TABLE, "card says 0")),
    "no space": (lambda folder: part(folder, SPACE).unlink(), (SPACE, "not exist")),
    "empty space": (lambda folder: cut(part(folder, SPACE), 0), (SPACE, "damaged")),
    "half a header": (lambda folder: cut(part(folder, SPACE), 40), (SPACE, "damaged")),
    "half a space": (lambda folder: cut(part(folder, SPACE), 150), (SPACE, "damaged")),
    "space is a pipe": (lambda folder: make_pipe(part(folder, SPACE)), (SPACE, "a pipe")),
    "pickle": (lambda folder: rewrite_space(folder, np.array([{}])), (SPACE, "object")),
    "float64 space": (
        lambda folder: rewrite_space(folder, np.ones((4, 3))),
        (SPACE, "float64", "float32"),
    ),
    "rows beyond float32": (
        lambda folder: rewrite_space(folder, broken_rows(3e38)),
        (SPACE, "row 2", "length 3e+38", "length 1"),
    ),
    "infinity": (lambda folder: rewrite_space(folder, broken_rows(np.inf)), (SPACE, "row 2")),
    "NaN": (lambda folder: rewrite_space(folder, broken_rows(np.nan)), (SPACE, "row 2", "NaN")),
    "no content": (lambda folder: part(folder, CONTENT).unlink(), (CONTENT, "not exist")),
    "no table": (lambda folder: part(folder, TABLE).unlink(), (TABLE, "not exist")),
    "half a table": (lambda folder: cut(part(folder, TABLE), 500), (TABLE, "magic bytes")),
    "fewer rows": (
        lambda folder: rewrite_table(folder, lambda t: t.slice(1)),
        (TABLE, "3 rows", "expected 4"),
    ),
    "fewer columns": (
        lambda folder: rewrite_table(folder, lambda t: t.drop_columns(["track"])),
        (TABLE, "4 rows", "'camera', 'make'", "'camera', 'track', 'make'"),
    ),
    "a missing cell": (
        lambda folder: rewrite_table(folder, without_a_cell),
        (TABLE, "1 values", "'camera'"),
    ),
    "another order": (
        lambda folder: rewrite_table(folder, lambda t: t.take([1, 0, 2, 3])),
        (TABLE, "card says"),
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_reported_in_one_line(damage: str, folder: Path) -> None:
    change, message = DAMAGES[damage]
    change(folder)
    with pytest.raises(DataError, match=facts(message)) as caught:
        load_embeddings(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    assert "platefree embed" in str(caught.value)


def test_a_damaged_folder_can_be_made_again(folder: Path) -> None:
    part(folder, SPACE).unlink()
    cut(part(folder, TABLE), 10)
    save_embeddings(embeddings(), folder)
    assert len(load_embeddings(folder)) == 4


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=facts("nowhere", CARD, "platefree embed")):
        load_embeddings(tmp_path / "nowhere")


def test_what_a_folder_says_of_itself(folder: Path) -> None:
    assert is_embeddings_folder(folder)
    assert not is_embeddings_folder(folder.parent)
    assert not is_embeddings_folder(folder / CARD)
    assert stored_model_path(folder) == "runs/lot/best"
    assert stored_model_path(folder.parent) is None
    save_embeddings(embeddings(), folder)
    assert stored_model_path(folder) is None


def test_boxes_and_frames_of_one_file_are_found_apart(tmp_path: Path) -> None:
    """Rows are found by file, frame and box; from any folder, and whatever their order."""
    nowhere = [np.nan] * 4
    columns = {
        "image": ["a.jpg", "a.jpg", "a.jpg", "b/a.jpg", "v.mp4", "v.mp4"],
        "frame": [-1, -1, -1, -1, 3, 4],
        "box": [nowhere, [0, 0, 5, 5], [1, 0, 5, 5], [0, 0, 5, 5], [0, 0, 5, 5], [0, 0, 5, 5]],
    }
    table = Sightings.from_columns(tmp_path, {k: np.array(v) for k, v in columns.items()})
    rows = unit_rows(np.random.default_rng(0), 6, 4)
    save_embeddings(Embeddings({"main": rows}, table, "m"), tmp_path / "stored")
    stored = load_stored(tmp_path / "stored")
    assert stored.knows(table)
    order = np.array([4, 0, 2, 5, 1, 3])
    found, missing = stored.embed(table.take(order))
    assert missing == []
    np.testing.assert_array_equal(found.spaces["main"], rows[order])
    moved = {"image": ["../a.jpg"], "box": np.array([[1, 0, 5, 5]])}
    other = Sightings.from_columns(tmp_path / "b", moved)
    np.testing.assert_array_equal(stored.embed(other)[0].spaces["main"], rows[2:3])
    strange = Sightings.from_columns(tmp_path, moved | {"box": np.array([[2, 0, 5, 5]])})
    assert not stored.knows(strange)
    with pytest.raises(ImageError, match=facts("a.jpg", "6 pictures")):
        stored.embed(strange)
