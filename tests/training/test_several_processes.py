"""Several processes do what one does: training with torchrun, and embedding a table."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import TINY, Run, run_two_processes
from messages import facts, says
from torch import Tensor

from platefree.checkpoint import read_checkpoint
from platefree.errors import ImageError, PlatefreeError
from platefree.inference.loading import load_model
from platefree.methods.base import Batch, Labels, Method
from platefree.methods.catalogue import load_recipe
from platefree.methods.strong_baseline import StrongBaseline
from platefree.nets.weights import checkpoint_tensors
from platefree.training.loop import train
from platefree.types import Sightings
from platefree.work import Work

SETTINGS: dict[str, Any] = {
    **TINY,
    "train.max_steps": 4,
    "train.lr": 1e-3,
    "train.warmup_epochs": 0.0,
    "model.label_smoothing": 0.0,
}
LOCAL = {"train.mining": "local", "train.norm": "local"}

CHILD = """
import json, os, sys
from pathlib import Path
from platefree.methods.catalogue import load_recipe
from platefree.training.loop import train

settings, local, data, out = json.loads(sys.argv[1])
found = {}

def run(name, **changes):
    recipe = load_recipe("strong_baseline/demo", {**settings, **changes})
    losses = found.setdefault(name, [])
    train(recipe, data, Path(out, name), resume=True, on_step=lambda r: losses.append(r.losses))

run("whole")
run("resumed", **{"train.max_steps": 2})
run("resumed")
run("local", **local, **{"train.max_steps": 1})
if os.environ["RANK"] == "0":
    Path(out, "losses.json").write_text(json.dumps(found))
"""


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(
    drawn_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    arguments = json.dumps([SETTINGS, LOCAL, str(drawn_folder), str(tmp_path)])
    run_two_processes(script, arguments, timeout=600)
    two = json.loads((tmp_path / "losses.json").read_text())

    halves: list[dict[str, Tensor]] = []
    losses = StrongBaseline.losses

    def watched(self: StrongBaseline, batch: Batch) -> dict[str, Tensor]:
        if not halves:
            for part in (slice(0, 4), slice(4, 8)):
                labels = {name: values[part] for name, values in batch.labels.items()}
                half = Batch(batch.images[part], labels)
                halves.append(losses(copy.deepcopy(self), half))
        return losses(self, batch)

    monkeypatch.setattr(StrongBaseline, "losses", watched)
    alone: list[dict[str, float]] = []
    recipe = load_recipe("strong_baseline/demo", SETTINGS)
    run = train(
        recipe, drawn_folder, tmp_path / "alone", on_step=lambda r: alone.append(dict(r.losses))
    )

    assert len(two["whole"]) == len(alone) == 4
    assert two["whole"][0] == pytest.approx(alone[0], rel=1e-5)
    for shared, single in zip(two["whole"], alone, strict=True):
        assert shared == pytest.approx(single, rel=1e-3)
    of_two, of_one = (
        checkpoint_tensors(read_checkpoint(folder), "weights")
        for folder in (tmp_path / "whole/best", run.best)
    )
    statistics = [name for name in of_one if "running_" in name]
    assert len(statistics) > 10
    for name in statistics:
        torch.testing.assert_close(of_two[name], of_one[name], rtol=1e-2, atol=1e-4)

    # What was stopped and resumed is the same to the bit, losses and weights.
    assert two["resumed"] == two["whole"]
    resumed = checkpoint_tensors(read_checkpoint(tmp_path / "resumed" / "best"), "weights")
    assert all(torch.equal(tensor, of_two[name]) for name, tensor in resumed.items())

    # With pairs and statistics of its own, each process learns from its half of the batch.
    for name, value in two["local"][0].items():
        assert value == pytest.approx(np.mean([half[name].item() for half in halves]), rel=1e-5)
    assert two["local"][0]["triplet"] != pytest.approx(alone[0]["triplet"], rel=0.1)


def test_only_training_is_started_by_torchrun(
    drawn_folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    code, _, said = run("eval", "color_stripes", "--data", drawn_folder)
    assert code == 1
    assert says(said, "'train'", "--processes")


# --- embedding ------------------------------------------------------------------------------


@pytest.fixture
def damaged(drawn_table: Sightings, tmp_path: Path) -> Sightings:
    """The drawn pictures, and two among them that cannot be read."""
    bad = {17: "none.jpg", 55: "bad.jpg"}
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    names = [
        str(tmp_path / bad[row]) if row in bad else str(drawn_table.path(row).resolve())
        for row in range(len(drawn_table))
    ]
    return Sightings.from_columns(Path(), {"image": names, "vehicle": drawn_table.vehicle.tolist()})


@pytest.mark.slow
def test_a_table_is_embedded_alike_by_one_process_and_two(
    damaged: Sightings, tiny_model_folder: Path
) -> None:
    seen: dict[int, list[int]] = {1: [], 2: []}
    found = {
        processes: load_model(tiny_model_folder).embed(
            damaged,
            unreadable="skip",
            work=Work(
                batch_size=10, workers=0, processes=processes, progress=seen[processes].append
            ),
        )
        for processes in seen
    }
    (one, skipped), (two, also_skipped) = found[1], found[2]
    assert len(one) == len(damaged) - 2
    assert np.array_equal(one.spaces["main"], two.spaces["main"]), "bit for bit"
    assert one.sightings.image.tolist() == two.sightings.image.tolist()
    assert one.model == two.model
    assert skipped == also_skipped
    assert ["none.jpg" in skipped[0], "bad.jpg" in skipped[1]] == [True, True]
    assert seen[1] == seen[2]
    with pytest.raises(ImageError, match=facts("none.jpg")):
        load_model(tiny_model_folder).embed(
            damaged, work=Work(batch_size=100, workers=0, processes=2)
        )


class Dying(Method):
    """Ends the process that embeds."""

    def embed(self, images: Tensor, labels: Labels | None = None) -> dict[str, Tensor]:
        del labels
        os._exit(len(images) and 3)


@pytest.mark.slow
def test_a_process_that_dies_is_reported(drawn_table: Sightings, tiny_model_folder: Path) -> None:
    model = load_model(tiny_model_folder)
    model.method = Dying()
    with pytest.raises(
        PlatefreeError, match=facts("embedding process", "ended early", "--processes")
    ):
        model.embed(drawn_table, work=Work(batch_size=100, workers=0, processes=2))


@pytest.mark.slow
def test_an_evaluation_in_two_processes_writes_the_report_of_one(
    drawn_folder: Path, tiny_model_folder: Path, run: Run
) -> None:
    words = ["eval", str(tiny_model_folder), "--data", str(drawn_folder), "--json"]
    words += ["--workers", "0"]
    code, shown, _ = run(*words)
    assert code == 0
    done = subprocess.run(
        [sys.executable, "-m", "platefree", *words, "--processes", "2"],
        check=True,
        capture_output=True,
        text=True,
        timeout=600,
    )
    one, two = json.loads(shown), json.loads(done.stdout)
    assert one["settings"].pop("scored") <= two["settings"].pop("scored")
    assert one == two
    assert one["figures"]["mAP"] > 0
