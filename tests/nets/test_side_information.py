"""Cameras and views as an input of training: what is added, what is learnt, what is reported."""

import copy
import json
import pickle
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from conftest import TINY, Run
from messages import facts, says
from torch import Tensor

import platefree as pf
from platefree import machine
from platefree.checkpoint import read_checkpoint
from platefree.data.table import write_table
from platefree.errors import DataError, RecipeError, TrainingError
from platefree.evaluation.evaluate import Scoring
from platefree.inference import embedding
from platefree.inference.networks import make_ensemble
from platefree.methods.base import Batch
from platefree.methods.catalogue import build_method, load_recipe, resolve
from platefree.methods.strong_baseline import StrongBaseline
from platefree.nets.backbones import Backbone
from platefree.nets.side_information import SideInformation, check_tokens
from platefree.nets.weights import checkpoint_tensors
from platefree.training import compiling
from platefree.training.loop import train
from platefree.types import Sightings
from platefree.work import Work

VIT: dict[str, Any] = {
    **TINY,
    "model.backbone": "test_vit",
    "model.side": ["camera"],
    "train.max_steps": 2,
    "train.warmup_epochs": 0.0,
}
CLASSES = {"vehicle": 8, "camera": 3, "view": 2}


def codes(**labels: list[int]) -> dict[str, Tensor]:
    return {name: torch.tensor(values) for name, values in labels.items()}


def made(**changes: object) -> StrongBaseline:
    settings = {**VIT, **{key.replace("__", "."): value for key, value in changes.items()}}
    torch.manual_seed(0)
    method = build_method(resolve(load_recipe("strong_baseline/demo", settings)), CLASSES)
    assert isinstance(method, StrongBaseline)
    return method


@pytest.fixture(scope="module")
def seen_table(drawn_table: Sightings) -> Sightings:
    """The drawn table with views, some of which are unknown."""
    names = np.array(["front", "rear", ""])
    return replace(drawn_table, view=names[np.arange(len(drawn_table)) % 3])


@pytest.fixture(scope="module")
def trained(seen_table: Sightings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("side")
    settings = {**VIT, "model.side": ["camera", "view"], "train.lr": 1e-2}
    return train(load_recipe("strong_baseline/demo", settings), seen_table, folder / "run").best


# --- the network --------------------------------------------------------------------------------


def test_a_vector_for_each_pair_times_lambda_and_zeros_where_one_is_unknown() -> None:
    side = SideInformation({"camera": 3, "view": 2}, 5, weight=2.5).eval()
    labels = {"camera": [0, 2, -1, 1, 2], "view": [1, 0, 1, -1, 1], "vehicle": [7, 7, 7, 7, 7]}
    found, vectors = side(codes(**labels)).detach(), side.vectors.detach()
    for row, (camera, view) in enumerate(zip(labels["camera"], labels["view"], strict=True)):
        for channel in range(5):
            expected = 0.0
            if camera != -1 and view != -1:
                expected = 2.5 * float(vectors[2 * camera + view, channel])
            assert float(found[row, channel]) == pytest.approx(expected)
    assert len({tuple(row.tolist()) for row in found}) == 4  # three pairs, and the unknown


def test_vectors_start_as_published() -> None:
    vectors = SideInformation({"camera": 100}, 400).vectors
    assert vectors.std().item() == pytest.approx(0.02, rel=0.05)
    assert vectors.mean().item() == pytest.approx(0.0, abs=1e-3)


def test_every_token_is_shifted_after_the_position_embeddings() -> None:
    backbone = Backbone("test_vit", height=32, width=48, class_token=True, side=True).eval()
    images, side = torch.randn(2, 3, 32, 48), torch.randn(2, 64)
    network: Any = backbone.network
    with torch.inference_mode():
        tokens = network.patch_embed(images).flatten(1, 2)
        tokens = torch.cat([network.cls_token.expand(2, -1, -1), tokens], dim=1)
        tokens = tokens + network.pos_embed
        for picture in range(2):
            for token in range(tokens.shape[1]):
                tokens[picture, token] += side[picture]
        expected = network.norm(network.blocks(network.norm_pre(tokens)))
        torch.testing.assert_close(backbone(images, side)[:, :, 0, 0], expected[:, 0])
        assert not torch.allclose(backbone(images)[:, :, 0, 0], expected[:, 0])


@pytest.mark.parametrize("name", ["vit_small_patch16_dinov3", "test_vit2"])
def test_other_plain_transformers_take_it_too(name: str) -> None:
    backbone = Backbone(name, height=32, width=32, side=True).eval()
    images, side = torch.randn(2, 3, 32, 32), torch.randn(2, backbone.channels)
    side[0] = 0.0
    with torch.inference_mode():
        plain, shifted = backbone(images), backbone(images, side)
    torch.testing.assert_close(shifted[0], plain[0])
    assert not torch.allclose(shifted[1], plain[1])


def test_without_metadata_the_network_is_the_plain_one() -> None:
    plain, side = made(model__side=[]), made()
    extra = set(side.state_dict()) - set(plain.state_dict())
    assert extra == {"side.vectors"}
    plain.load_state_dict({k: v for k, v in side.state_dict().items() if k not in extra})
    images = torch.randn(3, 3, 32, 32)
    with torch.inference_mode():
        expected = plain.eval().embed(images)["main"]
        assert torch.equal(side.eval().embed(images)["main"], expected)
        given = side.embed(images, codes(camera=[-1, -1, 1]))["main"]
        assert torch.equal(side.embed(images)["main"], expected)  # nothing is kept of it
    torch.testing.assert_close(given[:2], expected[:2])
    assert not torch.allclose(given[2], expected[2])


def test_only_the_vectors_of_cameras_in_the_batch_learn() -> None:
    method = made(model__side_hidden=0.0, model__side=["camera"]).train()
    labels = codes(vehicle=[0, 0, 1, 1], camera=[0, 2, 2, -1], view=[0, 0, 0, 0])
    losses = method.losses(Batch(torch.randn(4, 3, 32, 32), labels))
    torch.stack([*losses.values()]).sum().backward()
    assert method.side is not None
    gradient = method.side.vectors.grad
    assert gradient is not None
    assert gradient.any(1).tolist() == [True, False, True]


def test_a_share_of_the_pictures_is_hidden_in_training_alone() -> None:
    side = SideInformation({"camera": 3}, 4, hidden=0.3)
    labels = codes(camera=[1] * 4000)
    torch.manual_seed(3)
    shown = side(labels).any(1)
    assert shown.float().mean().item() == pytest.approx(0.7, abs=0.03)
    torch.manual_seed(3)
    assert torch.equal(side(labels).any(1), shown)
    assert not torch.equal(side(labels).any(1), shown)
    assert side.eval()(labels).any(1).all()


@pytest.mark.parametrize("name", ["test_resnet", "swin_tiny_patch4_window7_224", "vgg_cnn_m_1024"])
def test_other_backbones_are_refused(name: str) -> None:
    with pytest.raises(RecipeError, match=facts("plain vision transformer", name, "model.side=[]")):
        Backbone(name, height=64, width=64, side=True)


def test_a_transformer_without_position_embeddings_is_refused() -> None:
    network = copy.copy(Backbone("test_vit", height=32, width=32).network)
    network.pos_embed = None
    with pytest.raises(
        RecipeError, match=facts("plain vision transformer", "bare", "model.side=[]")
    ):
        check_tokens(network, "bare")


# --- training -----------------------------------------------------------------------------------


def test_a_pair_that_was_never_seen_says_nothing(trained: Path, seen_table: Sightings) -> None:
    model = pf.load_model(trained)
    side = model.method.side
    assert side is not None
    learnt = seen_table.take(seen_table.split == "train")
    pairs = {*zip(learnt.camera.tolist(), learnt.view.tolist(), strict=True)}
    names = model.card["names"]
    assert names["camera"] == ["cam1", "cam2", "cam3"]
    assert names["view"] == ["front", "rear"]
    for camera, camera_name in enumerate(names["camera"]):
        for view, view_name in enumerate(names["view"]):
            has_vector = bool(side.vectors[2 * camera + view].any())
            assert has_vector == ((camera_name, view_name) in pairs)


def test_unseen_pairs_start_at_zero_and_stay_there() -> None:
    side = SideInformation({"camera": 2, "view": 2}, 3)
    side.start(codes(camera=[0, 1, 1, -1], view=[1, 1, 1, 0]))
    assert side.vectors.any(1).tolist() == [False, True, False, True]
    optimizer = torch.optim.AdamW(side.parameters(), lr=0.1, weight_decay=0.1)
    side(codes(camera=[0, 1], view=[1, 1])).square().sum().backward()
    optimizer.step()
    assert side.vectors.any(1).tolist() == [False, True, False, True]
    asked = codes(camera=[0, 0, 1, -1], view=[0, 1, 1, 1])
    assert side.known(asked).tolist() == [False, True, True, False]


def test_a_resumed_run_hides_the_same_and_ends_the_same(
    drawn_table: Sightings, tmp_path: Path
) -> None:
    settings = {**VIT, "model.side_hidden": 0.5, "train.max_steps": 3, "train.average": 0.9}
    whole = load_recipe("strong_baseline/demo", settings)
    half = load_recipe("strong_baseline/demo", {**settings, "train.max_steps": 2})
    expected = train(whole, drawn_table, tmp_path / "whole")
    train(half, drawn_table, tmp_path / "parts")
    resumed = train(whole, drawn_table, tmp_path / "parts", resume=True)
    for kind in ("best", "last"):
        before = checkpoint_tensors(read_checkpoint(expected.folder / kind), "weights")
        after = checkpoint_tensors(read_checkpoint(resumed.folder / kind), "weights")
        assert "side.vectors" in before
        assert all(torch.equal(before[name], after[name]) for name in before)
    never = load_recipe("strong_baseline/demo", {**settings, "model.side_hidden": 0.0})
    other = checkpoint_tensors(
        read_checkpoint(train(never, drawn_table, tmp_path / "never").best), "weights"
    )
    assert not torch.equal(other["side.vectors"], before["side.vectors"])


# some versions of torch warn, once, when what they compile is given such a tensor
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_it_learns_compiled_and_from_a_teacher(
    trained: Path, seen_table: Sightings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "BACKEND", "eager")  # traces, and needs no compiler
    weights = {}
    for mode in ("off", "default"):
        settings = {**VIT, "train.teacher": str(trained), "train.compile": mode}
        settings["train.max_steps"] = 1
        recipe = load_recipe("strong_baseline/demo", settings)
        run = train(recipe, seen_table, tmp_path / mode)
        weights[mode] = checkpoint_tensors(read_checkpoint(run.best), "weights")
    assert weights["off"].keys() == weights["default"].keys()
    torch.testing.assert_close(weights["default"], weights["off"], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model.side": ["camera", "camera"]}, ("model.side", "'camera', 'camera'", "once")),
        ({"model.side": ["color"]}, ("model.side.0", "'color'", "'camera' or 'view'")),
        ({"model.side_hidden": 1.0}, ("model.side_hidden", "1.0", "less than 1")),
        ({"train.rows": "target"}, ("model.side", "train.rows", "train.sources")),
    ],
)
def test_settings_that_mean_nothing_are_refused(
    settings: Mapping[str, Any], message: tuple[str, ...]
) -> None:
    with pytest.raises(RecipeError, match=facts(message)):
        load_recipe("strong_baseline/demo", {**VIT, **settings})


def test_a_table_without_the_labels_is_refused(drawn_table: Sightings, tmp_path: Path) -> None:
    recipe = load_recipe("strong_baseline/demo", {**VIT, "model.side": ["view", "camera"]})
    with pytest.raises(TrainingError, match=facts("column 'view'", "48", "model.side=[]")):
        train(recipe, drawn_table, tmp_path / "run")
    place = np.arange(len(drawn_table)) % 2 == 0
    apart = replace(
        drawn_table,
        view=np.where(place, "front", ""),
        camera=np.where(place, "", drawn_table.camera),
    )
    with pytest.raises(TrainingError, match=facts("model.side", "'camera', 'view'", "together")):
        train(recipe, apart, tmp_path / "run")
    assert not (tmp_path / "run").exists()


# --- use ----------------------------------------------------------------------------------------


def test_metadata_is_what_the_table_says(trained: Path, seen_table: Sightings) -> None:
    model = pf.load_model(trained)
    conditioned = model.with_metadata()
    table = seen_table.take(np.arange(24))
    plain, rows = (each.embed(table)[0].spaces["main"] for each in (model, conditioned))
    cameras = np.roll(table.camera, 2)
    other = replace(table, camera=cameras)
    moved = conditioned.embed(other)[0].spaces["main"]
    known = table.view != ""
    np.testing.assert_allclose(rows[~known], plain[~known], atol=1e-5)
    assert np.abs(rows - plain).max(1)[known].min() > 1e-5
    changed = known & (cameras != table.camera)
    assert np.abs(moved - rows).max(1)[changed].min() > 1e-6
    np.testing.assert_allclose(moved[~changed], rows[~changed], atol=1e-5)
    np.testing.assert_array_equal(model.embed(other)[0].spaces["main"], plain)
    strange = replace(table, camera=np.full(len(table), "cam9"))
    np.testing.assert_allclose(conditioned.embed(strange)[0].spaces["main"], plain, atol=1e-5)
    assert model.fingerprint != conditioned.fingerprint == model.with_metadata().fingerprint


def test_evaluation_shows_both_and_counts_what_is_known(
    trained: Path, seen_table: Sightings, tmp_path: Path, run: Run
) -> None:
    model = pf.load_model(trained)
    alone = pf.evaluate(model, seen_table)
    report = pf.evaluate(model, seen_table, scoring=Scoring(metadata=True))
    assert alone.metadata is None
    assert report.figures() == alone.figures()
    metadata = report.metadata
    assert metadata is not None
    scored = seen_table.take(seen_table.split != "train")
    assert metadata.columns == ("camera", "view")
    assert (metadata.known, metadata.pictures) == (int((scored.view != "").sum()), len(scored))
    (figures,) = metadata.figures
    expected = pf.evaluate(model.with_metadata(), seen_table).figures()
    assert dict(figures) == expected != report.figures()

    write_table(seen_table, tmp_path / "seen.csv")
    page = tmp_path / "report.html"
    arguments = ("--data", tmp_path / "seen.csv", "--metadata", "--report", page)
    code, out, said = run("eval", trained, *arguments)
    assert code == 0, said
    content = json.loads(page.with_suffix(".json").read_text())
    assert content["figures"] == pytest.approx(alone.figures())
    (test,) = content["with_metadata"]["tests"]
    assert test["figures"] == pytest.approx(expected)
    assert test["gains"]["mAP"] == pytest.approx(expected["mAP"] - alone.figures()["mAP"])
    assert content["with_metadata"]["known"] == metadata.known
    assert content["settings"]["metadata"] == "none"
    label = f"camera and view of {metadata.known} of {metadata.pictures} pictures"
    for text in (out, page.read_text(), page.with_suffix(".md").read_text()):
        assert "no metadata" in text
        assert "with metadata" in text
        assert label in text
        assert f"{100 * expected['mAP']:.2f} (" in text


def test_a_model_of_pictures_alone_is_given_nothing(
    tiny_model_folder: Path, drawn_folder: Path, run: Run
) -> None:
    code, out, said = run("eval", tiny_model_folder, "--data", drawn_folder, "--metadata")
    assert (code, out) == (1, "")
    assert says(said, "pictures alone", "model.side")
    with pytest.raises(RecipeError, match=facts("pictures alone", "model.side")):
        pf.load_model(tiny_model_folder).with_metadata()


class InThisProcess:
    """Takes the place of multiprocessing: "processes" get pickled copies, and run as they start."""

    def __init__(self) -> None:
        self.started = 0

    def Pipe(self, duplex: bool) -> tuple["Pipe", "Pipe"]:
        assert not duplex
        pipe = Pipe()
        return pipe, pipe

    def Process(self, target: Callable[["Pipe"], None], args: tuple["Pipe"]) -> SimpleNamespace:
        copied = pickle.loads(pickle.dumps(target))  # noqa: S301 - our own

        def start() -> None:
            self.started += 1
            copied(*args)

        return SimpleNamespace(start=start, kill=lambda: None, join=lambda: None)


class Pipe:
    """Both of its ends."""

    def __init__(self) -> None:
        self.sent: deque[Any] = deque()
        self.send, self.recv = self.sent.append, self.sent.popleft

    def close(self) -> None:
        """Nothing: the other end is the same."""


def test_several_processes_are_given_the_same(
    trained: Path, seen_table: Sightings, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = InThisProcess()
    monkeypatch.setattr(machine.multiprocessing, "get_context", lambda _: context)
    for name in ("leave_stopping_to_the_parent", "start_processes_as_usual"):
        monkeypatch.setattr(embedding, name, lambda: None)
    table = seen_table.take(np.arange(6))
    one, two = (
        pf.load_model(trained)
        .with_metadata()
        .embed(table, work=Work(batch_size=3, processes=processes))[0]
        for processes in (1, 2)
    )
    assert context.started == 2
    np.testing.assert_array_equal(one.spaces["main"], two.spaces["main"])
    assert one.model == two.model


def test_ensembles_look_at_pictures_alone(
    trained: Path, tiny_model_folder: Path, seen_table: Sightings, tmp_path: Path
) -> None:
    model = pf.load_model(trained)
    with pytest.raises(DataError, match=facts("metadata", "ensemble", "pictures alone")):
        make_ensemble([model.with_metadata(), tiny_model_folder], tmp_path / "joined")
    joined = make_ensemble([model, tiny_model_folder], tmp_path / "both")
    table = seen_table.take(np.arange(4))
    again = pf.load_model(tmp_path / "both")
    np.testing.assert_array_equal(
        again.embed(table)[0].spaces["main"], joined.embed(table)[0].spaces["main"]
    )
    with pytest.raises(RecipeError, match=facts("both", "pictures alone", "model.side")):
        joined.with_metadata()


def test_a_shift_is_for_one_call() -> None:
    backbone = Backbone("test_vit", height=32, width=32, side=True)
    backbone(torch.zeros(1, 3, 32, 32), torch.ones(1, 64, requires_grad=True))
    assert not backbone.network.get_submodule("pos_drop")._forward_pre_hooks
    copy.deepcopy(backbone)
