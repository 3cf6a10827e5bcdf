"""Apple's GPUs, which no machine of the tests has: what is asked of torch and Fabric, simulated."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from conftest import Run
from messages import facts, says

import platefree as pf
from platefree import doctor
from platefree.errors import TrainingError
from platefree.inference import embedding
from platefree.inference.embedding_network import choose_device
from platefree.recipes.sections import Train
from platefree.training import processes

TRAIN = Train.model_validate({})
NETWORK = torch.nn.Linear(1, 1)


@pytest.fixture
def apple(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)


@pytest.fixture
def fabric(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What Fabric was asked for."""
    asked: dict[str, Any] = {}

    def make(**options: Any) -> SimpleNamespace:  # noqa: ANN401
        asked.update(options)
        return SimpleNamespace(launch=lambda: None)

    monkeypatch.setattr(processes, "Fabric", make)
    return asked


@pytest.mark.usefixtures("apple")
def test_it_is_taken_where_it_is_asked_for_and_not_by_itself() -> None:
    assert choose_device("mps") == torch.device("mps")
    assert choose_device("auto").type != "mps"
    assert embedding._device(torch.device("mps"), 3) == torch.device("mps")
    (found,) = [each for each in doctor._devices() if "Apple" in each.subject]
    assert says(found.found, "--device mps")


def test_a_machine_without_one_says_so(run: Run, drawn_table: pf.Sightings) -> None:
    with pytest.raises(TrainingError, match=facts("no MPS device", "--device cpu")):
        choose_device("mps")
    picture = drawn_table.path(0)
    code, _, err = run("compare", picture, picture, "-m", "color_stripes", "--device", "mps")
    assert code == 1
    assert says(err, "no MPS device")


@pytest.mark.usefixtures("apple")
@pytest.mark.parametrize("precision", ["auto", "32"])
def test_training_asks_fabric_for_it_in_float32(fabric: dict[str, Any], precision: str) -> None:
    processes.launch(TRAIN.model_copy(update={"precision": precision}), "mps", NETWORK)
    assert (fabric["accelerator"], fabric["devices"], fabric["strategy"]) == ("mps", 1, "auto")
    assert not [each for each in fabric["plugins"] if isinstance(each, processes.MixedPrecision)]


@pytest.mark.usefixtures("apple", "fabric")
def test_what_it_cannot_do_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for precision in ("fp16", "bf16"):
        with pytest.raises(TrainingError, match=facts(precision, "mps", "32")):
            processes.launch(TRAIN.model_copy(update={"precision": precision}), "mps", NETWORK)
    monkeypatch.setattr(processes, "started_processes", lambda: 2)
    with pytest.raises(TrainingError, match=facts("2 processes", "mps", "--device cpu")):
        processes.launch(TRAIN, "mps", NETWORK)
