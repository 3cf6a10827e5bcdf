"""Small worlds that the tests share."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from drawn import draw_vehicles

from platefree import cli
from platefree.data.dataset import DataSet
from platefree.data.table import read_table
from platefree.recipes.recipe import Recipe
from platefree.types import Sightings

if TYPE_CHECKING:
    from writing_verbs import World

Outcome = tuple[int, str, str]
Run = Callable[..., Outcome]

for threads in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):  # read when torch and numba are loaded;
    os.environ.setdefault(threads, "1")  # several processes of tests share the cores

REPOSITORY = Path(__file__).parents[1]

TINY = {
    "model.backbone": "test_resnet",
    "model.last_stride": 2,
    "input.height": 32,
    "input.width": 32,
    "augment.pad": 2,
    "train.epochs": 2,
    "train.vehicles_per_batch": 4,
    "train.images_per_vehicle": 2,
    "train.workers": 0,
    "train.warmup_epochs": 0.5,
    "train.precision": "32",
}
"""Changes that make `strong_baseline/demo` train in a second."""


TINY_DRDL = {
    "model.backbone": "test_resnet",
    "model.shared_size": 24,
    "model.embedding_size": 16,
    "input.height": 32,
    "input.width": 32,
    "augment.pad": 2,
    "train.steps": 6,
    "train.sets_per_batch": 4,
    "train.positives_per_set": 3,
    "train.negatives_per_set": 2,
    "train.workers": 0,
    "train.precision": "32",
}
"""Changes that make `drdl/city` train in a second."""


TINY_FDA = {
    "model.backbone": "test_resnet",
    "model.embedding_size": 8,
    "model.generator_width": 2,
    "model.generator_blocks": 1,
    "model.patch_width": 2,
    "input.height": 32,
    "input.width": 32,
    "augment.pad": 2,
    "train.epochs": 2,
    "train.vehicles_per_batch": 4,
    "train.images_per_vehicle": 2,
    "train.workers": 0,
    "train.precision": "32",
    "train.decay_epochs": [1.0],
    "train.samples_epochs": 1,
}
"""Changes that make `fda_net/city` train in a second."""


TINY_VIEW = {key: value for key, value in TINY.items() if key != "model.last_stride"}
"""Changes that make `viewpoint/city` train in a second."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--every-write",
        action="store_true",
        help="let every change of the disk fail in tests/faults, not a few of them",
    )
    parser.addoption(
        "--fuzz",
        type=int,
        default=1,
        metavar="N",
        help="read N times as many damaged files",
    )
    parser.addoption(
        "--kills",
        type=int,
        default=3,
        metavar="N",
        help="kill what writes a gallery at N moments",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first, so that no process waits for another one's last test."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """How often what writes a gallery is killed."""
    return int(request.config.getoption("--kills"))


def run_two_processes(script: Path, *arguments: str, timeout: float = 240) -> str:
    """Run a script in two training processes, and return what they print."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*torchrun, "--nproc-per-node", "2", str(script), *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    return done.stdout


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Call ``platefree ARGUMENTS``: (exit code, stdout, stderr)."""

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["platefree", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        captured = capsys.readouterr()
        assert isinstance(stopped.value.code, int)
        return stopped.value.code, captured.out, captured.err

    return call


@pytest.fixture(scope="session")
def drawn_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 drawn vehicles before 3 cameras, 2 pictures each, half of them for training."""
    folder = tmp_path_factory.mktemp("drawn")
    draw_vehicles(folder, vehicles=16, cameras=3, images_per_camera=2, size=48)
    return folder


@pytest.fixture(scope="session")
def drawn_table(drawn_folder: Path) -> Sightings:
    return read_table(drawn_folder)


@pytest.fixture(scope="session")
def drawn_lot(tmp_path_factory: pytest.TempPathFactory, drawn_table: Sightings) -> Path:
    """The drawn vehicles in a gallery; tests that change it take a copy."""
    from platefree.gallery.stored_gallery import Gallery

    folder = tmp_path_factory.mktemp("gallery") / "lot"
    Gallery.create(folder, "color_stripes").add(drawn_table)
    return folder


@pytest.fixture(scope="session")
def block_city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """130 pictures of grey blocks: 16 vehicles before 4 cameras."""
    from block_city import build_city  # which loads the renderer's parts

    return build_city(tmp_path_factory.mktemp("city") / "one")


@pytest.fixture(scope="session")
def block_table(block_city: Path) -> Sightings:
    return read_table(block_city)


@pytest.fixture(scope="session")
def layouts(block_city: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, DataSet]:
    """The city of `block_city` through the reader of each data set that it can be laid out as."""
    from block_city import read_layouts

    return read_layouts(block_city, tmp_path_factory.mktemp("layouts"))


@pytest.fixture
def tiny_recipe() -> Recipe:
    from platefree.methods.catalogue import load_recipe  # which loads torch and numba

    return load_recipe("strong_baseline/demo", TINY)


@pytest.fixture(scope="session")
def tiny_model_folder(tmp_path_factory: pytest.TempPathFactory, drawn_table: Sightings) -> Path:
    """A trained checkpoint folder."""
    from platefree.methods.catalogue import load_recipe
    from platefree.training.loop import train

    recipe = load_recipe("strong_baseline/demo", TINY)
    return train(recipe, drawn_table, tmp_path_factory.mktemp("run")).best


@pytest.fixture(scope="session")
def exported_folder(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path) -> Path:
    """The same model, exported."""
    from platefree.inference.export import export_model

    folder = tmp_path_factory.mktemp("exported") / "model"
    export_model(tiny_model_folder, folder)
    return folder


@pytest.fixture(scope="session")
def detector_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a vehicle detector with random weights."""
    from random_detector import random_detector

    return random_detector(tmp_path_factory.mktemp("detector") / "best")


@pytest.fixture(scope="session")
def exported_detector(tmp_path_factory: pytest.TempPathFactory, detector_folder: Path) -> Path:
    """The same, exported."""
    from platefree.inference.detector_export import export_detector

    folder = tmp_path_factory.mktemp("exported-detector") / "model"
    export_detector(detector_folder, folder, threshold=0.6)
    return folder


@pytest.fixture(scope="session")
def world(
    tmp_path_factory: pytest.TempPathFactory,
    drawn_folder: Path,
    drawn_table: Sightings,
    tiny_model_folder: Path,
    layouts: dict[str, DataSet],
) -> "World":
    """What the verbs that write are tried on."""
    from writing_verbs import make_world

    cityflow = layouts["cityflow"].table.root
    folder = tmp_path_factory.mktemp("world")
    return make_world(folder, drawn_folder, drawn_table, tiny_model_folder, cityflow)
