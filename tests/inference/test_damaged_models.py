"""Weights that give no numbers are refused before anything is written or printed."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Run
from messages import facts, says
from safetensors.torch import load_file, save_file

import platefree as pf
from platefree.checkpoint import CARD, fingerprint_of, read_checkpoint
from platefree.cli.console import print_json
from platefree.errors import CheckpointError


def edit_card(folder: Path, change: Callable[[dict], object]) -> None:
    card = json.loads((folder / CARD).read_text())
    change(card)
    (folder / CARD).write_text(json.dumps(card))


def spoil(folder: Path, value: float) -> str:
    """Put a value into the first weights of a checkpoint, as whole as an honest one."""
    (file,) = folder.glob("weights-*")
    tensors = load_file(file)
    name = next(name for name, each in tensors.items() if each.ndim == 4)
    tensors[name].view(-1)[:] = value
    save_file(tensors, file)

    def sign(card: dict) -> None:
        card["files"]["weights"]["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
        card["fingerprint"] = fingerprint_of(card)

    edit_card(folder, sign)
    return name


@pytest.fixture
def folder(tiny_model_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model_folder, tmp_path / "best"))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_refused_when_they_are_read(
    value: float, folder: Path
) -> None:
    name = spoil(folder, value)
    with pytest.raises(CheckpointError, match=facts("best", "1 of", name, "NaN")):
        pf.load_model(folder)


@pytest.mark.parametrize("verb", ["compare", "embed", "search", "eval"])
def test_finite_weights_whose_embeddings_are_not_are_refused(
    verb: str, folder: Path, drawn_folder: Path, tmp_path: Path, run: Run
) -> None:
    spoil(folder, 3e38)
    picture = min((drawn_folder / "images").iterdir())
    stored = tmp_path / "stored"
    code, out, err = run(
        *{
            "compare": ("compare", picture, picture, "--model", folder, "--json"),
            "embed": ("embed", drawn_folder, "--model", folder, "--out", stored, "--json"),
            "search": ("search", picture, "-g", drawn_folder, "--model", folder, "--json"),
            "eval": ("eval", folder, "--data", drawn_folder, "--json"),
        }[verb]
    )
    assert (code, out) == (1, "")
    assert says(err, str(folder), "damaged", ".jpg")
    assert not stored.exists()


def test_an_embedding_without_a_direction_is_refused(
    tiny_model_folder: Path, drawn_table: pf.Sightings, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = pf.load_model(tiny_model_folder)
    monkeypatch.setattr(
        model.method, "embed", lambda images, _: {"main": torch.zeros(len(images), 4)}
    )
    with pytest.raises(CheckpointError, match=facts("length 0", drawn_table.path(0).name)):
        model.embed(drawn_table)


@pytest.mark.parametrize("color", ["black", "white", "grey"])
def test_pictures_of_one_color_have_embeddings(color: str, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (7, 300), color).save(tmp_path / "plain.png")
    model = pf.load_model("color_stripes")
    assert pf.compare(model, tmp_path / "plain.png", tmp_path / "plain.png").similarity > 0.999


def test_json_never_holds_what_is_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    nan, inf = float("nan"), float("inf")
    print_json({"a": nan, "b": [1.5, inf, {"c": (-inf, "NaN")}], "d": np.float64(nan), "e": None})
    text = capsys.readouterr().out

    def refuse(constant: str) -> None:
        pytest.fail(constant)

    assert json.loads(text, parse_constant=refuse) == {
        "a": None,
        "b": [1.5, None, {"c": [None, "NaN"]}],
        "d": None,
        "e": None,
    }


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("size", lambda card: card["recipe"]["input"].update(height=48)),
        ("normalisation", lambda card: card["recipe"]["input"].update(mean=[0.1, 0.1, 0.1])),
        ("flip", lambda card: card["recipe"]["input"].update(test_time_flip="off")),
        ("scales", lambda card: card["recipe"]["input"].update(scales=[1.0, 0.5])),
        ("pooling", lambda card: card["recipe"]["model"].update(pooling="average")),
        ("fingerprint", lambda card: card.update(fingerprint="0123456789ab")),
    ],
)
def test_a_model_whose_recipe_was_edited_is_not_the_model_that_it_was(
    what: str,
    change: Callable[[dict], object],
    folder: Path,
    tiny_model_folder: Path,
    drawn_folder: Path,
    tmp_path: Path,
    run: Run,
) -> None:
    """Else it would search the embeddings of the old one."""
    edit_card(folder, change)
    assert json.loads((folder / CARD).read_text()) != json.loads(
        (tiny_model_folder / CARD).read_text()
    ), what
    with pytest.raises(CheckpointError, match=facts(str(folder), "changed", "fingerprint")):
        pf.load_model(folder)
    code, _, err = run("embed", drawn_folder, "--model", folder, "--out", tmp_path / "stored")
    assert code == 1
    assert says(err, str(folder), "changed")


def test_what_is_no_part_of_a_models_identity_may_be_edited(folder: Path) -> None:
    before = read_checkpoint(folder).fingerprint
    edit_card(folder, lambda card: card["recipe"].update(description="mine"))
    edit_card(folder, lambda card: card.update(note="found in a drawer"))
    assert pf.load_model(folder).fingerprint == before
