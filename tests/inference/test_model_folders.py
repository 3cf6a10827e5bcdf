"""Folders of exported models that are damaged, changed, or lie; and those inside the package."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from conftest import Run
from messages import facts, says
from model_folders import (
    ASKING_FOR_MORE,
    Change,
    card_of,
    edit,
    network_of,
    put_network,
    sign,
)

import platefree as pf
from platefree.errors import CheckpointError, MissingPackage
from platefree.inference import onnx_model, shipped
from platefree.inference.export import NOT_STATED
from platefree.inference.model_card import FileCard, is_model_folder
from platefree.inference.onnx_model import OnnxModel


@pytest.fixture
def folder(exported_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported_folder, tmp_path / "model"))


# --- files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["*.onnx", "*.bin", "card.json"])
def test_a_missing_file(pattern: str, folder: Path) -> None:
    (path,) = folder.glob(pattern)
    path.unlink()
    with pytest.raises(CheckpointError, match=facts(path.name)):
        pf.load_model(folder)


@pytest.mark.parametrize("pattern", ["*.onnx", "*.bin"])
def test_a_file_of_another_model_or_a_damaged_one(pattern: str, folder: Path) -> None:
    (path,) = folder.glob(pattern)
    content = path.read_bytes()
    for wrong in (content[:-1], content[:-1] + bytes([content[-1] ^ 1]), b"", content + content):
        path.write_bytes(wrong)
        with pytest.raises(CheckpointError, match=facts(path.name, "hash")):
            pf.load_model(folder)


def test_files_that_were_swapped(folder: Path) -> None:
    network, learnt = network_of(folder), next(folder.glob("*.bin"))
    one, other = network.read_bytes(), learnt.read_bytes()
    network.write_bytes(other)
    learnt.write_bytes(one)
    with pytest.raises(CheckpointError, match=facts(network.name, "hash")):
        pf.load_model(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_in_place_of_a_network_does_not_hang(folder: Path) -> None:
    path = network_of(folder)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(CheckpointError, match=facts("pipe")):
        pf.load_model(folder)


@pytest.mark.parametrize(
    "name", ["../network-0123456789abcdef.onnx", "/etc/passwd", "network-0123456789abcdef.onnx/.."]
)
def test_a_file_elsewhere_is_never_named(name: str, folder: Path) -> None:
    edit(folder, lambda card: card["networks"][0]["file"].update(name=name))
    with pytest.raises(CheckpointError, match=facts("card.json", "name")):
        pf.load_model(folder)


def test_a_model_that_is_replaced_while_it_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its old files are removed when the new card stands."""
    read, first = onnx_model.read_file, network_of(folder).name

    def renamed(place: Path, entry: FileCard) -> bytes:
        monkeypatch.setattr(onnx_model, "read_file", read)
        put_network(folder, lambda graph: setattr(graph, "producer_name", "another"))
        return read(place, entry)

    monkeypatch.setattr(onnx_model, "read_file", renamed)
    model = pf.load_model(folder)
    assert isinstance(model, OnnxModel)
    assert model.networks[0].card.file.name == network_of(folder).name != first


# --- the card ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("fingerprint", lambda card: card.update(fingerprint="0123456789ab")),
        ("comparison", lambda card: card["networks"][0]["comparison"].update(space="other")),
        ("size", lambda card: card["networks"][0].update(height=48)),
        ("spaces", lambda card: card["networks"][0].update(spaces={"main": 2})),
        ("precision", lambda card: card.update(precision="int8")),
        ("learns", lambda card: card.update(learns="view")),
        ("seal", lambda card: card.update(seal="")),
    ],
)
def test_a_card_that_was_edited_is_not_the_model_that_it_was(
    what: str, change: Change, folder: Path
) -> None:
    edit(folder, change)
    with pytest.raises(CheckpointError, match=facts("card.json", "changed", "seal")):
        pf.load_model(folder)
    assert what


def test_what_decides_no_embedding_may_be_edited(folder: Path, exported_folder: Path) -> None:
    edit(folder, lambda card: card.update(note="mine", licence="CC0-1.0", limits=[]))
    assert pf.load_model(folder).fingerprint == pf.load_model(exported_folder).fingerprint


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda n: n.update(spaces={"main": 95}), ("space_main", 95, 96)),
        (lambda n: n.update(spaces={"other": 96}), ("space_other", "space_main")),
        (lambda n: n.update(spaces={"main": 96, "more": 4}), ("space_more",)),
        (lambda n: n.update(height=64), (64, 32)),
    ],
    ids=["size", "name", "one more", "pictures"],
)
def test_a_card_that_lies_about_its_network(
    change: Change, told: tuple[str | int, ...], folder: Path
) -> None:
    sign(folder, lambda card: change(card["networks"][0]))
    with pytest.raises(CheckpointError, match=facts("not what its card says", *told)):
        pf.load_model(folder)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda card: card.update(version=2), ("version", 2)),
        (lambda card: card.update(fractions=[0.5, 0.5]), ("fractions", 2)),
        (lambda card: card.update(networks=[]), ("networks",)),
        (lambda card: card.update(format="other"), ("files",)),
        (lambda card: card.update(post={"steps": ["nothing"]}), ("nothing",)),
        (lambda card: card.update(post={"steps": 3}), ("steps",)),
        (lambda card: card.pop("licence"), ("licence",)),
        (lambda card: card["networks"][0]["comparison"].update(kind="odd"), ("seal",)),
    ],
    ids=["newer", "fractions", "none", "format", "step", "type", "licence", "comparison"],
)
def test_a_card_that_cannot_be_meant(
    change: Change, told: tuple[str | int, ...], folder: Path
) -> None:
    edit(folder, change)
    with pytest.raises(pf.PlatefreeError, match=facts(*told)):
        pf.load_model(folder)


def test_a_comparison_that_nobody_knows(folder: Path) -> None:
    sign(folder, lambda card: card["networks"][0]["comparison"].update(kind="odd"))
    with pytest.raises(CheckpointError, match=facts("odd", "cosine")):
        pf.load_model(folder)


def test_a_record_of_training_that_does_not_fit_its_file(folder: Path) -> None:
    edit(folder, lambda card: card["learnt"].update(pictures=3))
    with pytest.raises(CheckpointError, match=facts("hashes", "card.json")):
        pf.load_model(folder)


# --- the network -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        *ASKING_FOR_MORE.values(),
        (lambda graph: setattr(graph.graph.node[3], "op_type", "Nothing"), ("Nothing",)),
    ],
    ids=[*ASKING_FOR_MORE, "unknown operator"],
)
def test_a_network_that_asks_for_more(
    change: Callable[[onnx.ModelProto], object], told: tuple[str | int, ...], folder: Path
) -> None:
    put_network(folder, change)
    with pytest.raises(CheckpointError, match=facts(network_of(folder).name, *told)):
        pf.load_model(folder)


def spoil(graph: onnx.ModelProto) -> None:
    """NaN in a filter, which shows in every embedding."""
    tensor = next(each for each in graph.graph.initializer if len(each.dims) == 4)
    values = onnx.numpy_helper.to_array(tensor).copy()
    values[:] = np.nan
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))


def test_weights_that_are_not_finite(
    folder: Path, drawn_folder: Path, tmp_path: Path, run: Run
) -> None:
    put_network(folder, spoil)
    code, _, err = run("embed", drawn_folder, "--model", folder, "--out", tmp_path / "stored")
    assert code == 1
    assert says(err, network_of(folder).name, "damaged", ".jpg", "NaN")
    assert not (tmp_path / "stored").exists()


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there(device: str, folder: Path) -> None:
    import onnxruntime

    if device == "cuda" and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("there is one")
    with pytest.raises(MissingPackage, match=facts(device, "--device cpu")):
        pf.load_model(folder, device=device)  # type: ignore[arg-type]


# --- inside the package ------------------------------------------------------------------------


@pytest.fixture
def inside(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with a folder for models."""
    place = tmp_path / "inside"
    place.mkdir()
    (place / "README.md").write_text("about")
    monkeypatch.setattr(shipped, "MODELS", place)
    monkeypatch.chdir(tmp_path)
    return place


def test_no_model_is_inside(inside: Path, run: Run) -> None:
    with pytest.raises(CheckpointError, match=facts("no model", "color_stripes")):
        pf.load_model()
    code, out, _ = run("models")
    assert code == 0
    assert says(out, "no model", "color_stripes")
    assert json.loads(run("models", "--json")[1]) == {}


def test_the_models_inside(
    inside: Path, folder: Path, drawn_folder: Path, drawn_table: pf.Sightings, run: Run
) -> None:
    figures = {
        **dict.fromkeys(("data", "protocol", "test", "in_training"), "drawn"),
        "seed": "none: nothing",
        "rerank": "none",
        "figures": {"mAP": 0.5125},
        "torch": {"mAP": 0.25},
    }
    edit(folder, lambda card: card.update(figures=[figures]))
    shutil.copytree(folder, inside / "tiny-b")
    sign(folder, lambda card: card.update(learns="view"))
    shutil.copytree(folder, inside / "a-views")
    model = pf.load_model()
    assert isinstance(model, OnnxModel)
    assert (model.name, model.learns) == ("tiny-b", "vehicle")
    assert pf.load_model("a-views").learns == "view"
    code, out, _ = run("models")
    assert code == 0
    assert says(out, "tiny-b", "a-views", "main (96)", "fp32", "mAP 51.25", "25.00", "not stated")
    told = json.loads(run("models", "--json")[1])
    assert sorted(told) == ["a-views", "tiny-b"]
    assert told["tiny-b"]["figures"][0]["figures"] == {"mAP": 0.5125}
    code, _, err = run("embed", drawn_folder, "--model", "tiny-b", "--out", "stored")
    assert code == 0, err
    code, out, err = run("compare", *(drawn_table.path(row) for row in (0, 1)), "--json")
    assert (code, json.loads(out)["model"]["name"]) == (0, "tiny-b")  # without --model
    assert "color" not in err
    query = inside / "q.jpg"
    query.write_bytes(drawn_table.path(0).read_bytes() + b"other")
    code, out, err = run("search", query, "--gallery", "stored", "--json")  # by its name
    assert code == 0, err
    assert json.loads(out)["model"]["name"] == "tiny-b"


def test_a_folder_of_the_same_name_does_not_take_the_place_of_one_inside(
    exported_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = shipped.shipped_embedder()
    shutil.copytree(exported_folder, tmp_path / name)
    inside = pf.load_model().fingerprint
    monkeypatch.chdir(tmp_path)
    assert pf.load_model().fingerprint == pf.load_model(name).fingerprint == inside
    assert pf.load_model(f"./{name}").fingerprint == pf.load_model(exported_folder).fingerprint


def test_what_is_in_the_package_now() -> None:
    """Nothing, or models that load, each with a licence of its weights."""
    for name, folder in shipped.shipped_models().items():
        card = card_of(folder)
        load = pf.load_detector if card["learns"] == "frames" else pf.load_model
        assert load(name).fingerprint == card["fingerprint"]
        assert card["licence"] != NOT_STATED
        assert (folder / "LICENSE").is_file()
    assert not is_model_folder(shipped.MODELS)
    assert (shipped.MODELS / "README.md").exists()
