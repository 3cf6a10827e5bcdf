"""A folder of embeddings that others write, or that is found unfinished: whole, or a clear word."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from messages import facts
from models_that_differ import MODELS, made_by

from platefree.errors import StorageError
from platefree.gallery.embeddings_card import CARD
from platefree.gallery.stored import load_embeddings, read_stored, save_embeddings
from platefree.storage.locks import only_writer
from platefree.types import Embeddings, Sightings

HERE = Path(__file__).parent
LOADS = 1_000


def save(folder: Path, model: str) -> None:
    rows, images = made_by(model)
    table = Sightings.from_columns(folder.parent, {"image": images})
    save_embeddings(Embeddings({"main": rows}, table, model), folder, model_path=model)


def test_a_reader_beside_a_writer_never_gets_a_mixture(tmp_path: Path) -> None:
    folder = tmp_path / "lot"
    writer = subprocess.Popen(
        [sys.executable, str(HERE / "replace_embeddings.py"), str(folder), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    seen = dict.fromkeys(MODELS, 0)
    changes, before = 0, ""
    try:
        while sum(seen.values()) < LOADS or min(seen.values()) < 10:
            card, loaded = read_stored(folder)
            rows, images = made_by(loaded.model)
            assert card.model == card.model_path == loaded.model
            assert loaded.sightings.image.tolist() == images
            np.testing.assert_array_equal(loaded.spaces["main"], rows)
            seen[loaded.model] += 1
            changes, before = changes + (loaded.model != before), loaded.model
    finally:
        assert writer.poll() is None, "the writer stopped, so nothing was tested"
        writer.communicate("stop\n", timeout=60)
    assert writer.returncode == 0
    assert changes > 10
    assert len(os.listdir(folder)) == 4  # one generation


def test_a_writer_that_was_killed_leaves_the_old_embeddings_and_later_none_of_its_files(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "lot"
    save(folder, "first")
    kept = set(os.listdir(folder))
    (folder / ".partial-main-0123456789abcdef.npy").write_bytes(b"half")
    (folder / "main-0123456789abcdef.npy").write_bytes(b"whole, but no card names it")
    assert load_embeddings(folder).model == "first"
    save(folder, "second")
    assert not kept & set(os.listdir(folder)) - {CARD}
    assert len(os.listdir(folder)) == 4
    assert load_embeddings(folder).model == "second"


def test_a_first_run_that_was_killed_is_no_reason_to_refuse(tmp_path: Path) -> None:
    folder = tmp_path / "lot"
    folder.mkdir()
    (folder / "main-0123456789abcdef.npy").write_bytes(b"no card yet")
    (folder / ".partial-embeddings.json").write_text("{")
    save(folder, "first")
    assert load_embeddings(folder).model == "first"
    assert len(os.listdir(folder)) == 4


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "lot"
    save(folder, "first")
    with only_writer(folder), pytest.raises(StorageError, match=facts("lot", "another run")):
        save(folder, "second")
    assert load_embeddings(folder).model == "first"


def test_a_folder_of_an_older_version_is_replaced_whole(tmp_path: Path) -> None:
    folder = tmp_path / "lot"
    save(folder, "first")
    card = json.loads((folder / CARD).read_text())
    for key in ("root_from_here", "content_file"):
        card.pop(key)
    (folder / card.pop("table_file")).rename(folder / "sightings.parquet")
    (folder / card.pop("space_files")["main"]).rename(folder / "main.npy")
    for left in folder.glob("content-*"):
        left.unlink()
    (folder / CARD).write_text(json.dumps(card | {"version": 2}))
    assert load_embeddings(folder).model == "first"
    save(folder, "second")
    assert load_embeddings(folder).model == "second"
    assert len(os.listdir(folder)) == 4
