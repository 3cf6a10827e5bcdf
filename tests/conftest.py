"""Small worlds that the tests share."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from drawn import draw_vehicles
from filelock import FileLock

from platefree import cli
from platefree.data.dataset import DataSet
from platefree.data.table import read_table
from platefree.recipes.recipe import Recipe
from platefree.types import Sightings

if TYPE_CHECKING:
    from writing_verbs import Undisturbed, World

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


_RENDER = ("test_cli.py", "test_demo_footage.py")
"""Slow files that render, beside those of the city."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first, so that no process waits for another one's last test."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """Of the slow files that render one begins: what it compiles is kept for the others."""
    if item.path.name == "test_city_geometry.py":
        return 0
    if item.get_closest_marker("slow") is None:
        return 3
    renders = item.path.parent.name == "city" or item.path.name in _RENDER
    return 2 if renders else 1


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """How often what writes a gallery is killed."""
    return int(request.config.getoption("--kills"))


def run_two_processes(script: Path, *arguments: str, timeout: float = 240) -> str:
    """Run a script in two training processes, and return what they print."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*torchrun, "--nproc-per-node", "2", str(script), *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr[-5000:]
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


Make = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Makes a folder in the first process of tests that needs it; all of them read it."""
    base = tmp_path_factory.getbasetemp()
    place = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def folder_of(name: str, make: Callable[[Path], object]) -> Path:
        folder, done = place / name, place / f"{name}.done"
        with FileLock(place / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of one that failed
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return folder_of


@pytest.fixture(scope="session")
def drawn_folder(made_once: Make) -> Path:
    """16 drawn vehicles before 3 cameras, 2 pictures each, half of them for training."""

    def make(folder: Path) -> None:
        draw_vehicles(folder, vehicles=16, cameras=3, images_per_camera=2, size=48)

    return made_once("drawn", make)


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


@pytest.fixture
def cities_of_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What renders a city draws grey blocks, in this process."""
    from fake_studio import BlockStudio

    from platefree.city import generate

    monkeypatch.setattr(generate, "_own_studio", lambda settings: BlockStudio())
    monkeypatch.setattr(generate, "cpu_count", lambda: 1)


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
def tiny_model_folder(made_once: Make, drawn_table: Sightings) -> Path:
    """A trained checkpoint folder."""

    def make(folder: Path) -> None:
        from platefree.methods.catalogue import load_recipe
        from platefree.training.loop import train

        train(load_recipe("strong_baseline/demo", TINY), drawn_table, folder)

    return made_once("run", make) / "best"


@pytest.fixture(scope="session")
def exported_folder(made_once: Make, tiny_model_folder: Path) -> Path:
    """The same model, exported."""

    def make(folder: Path) -> None:
        from platefree.inference.export import export_model

        export_model(tiny_model_folder, folder / "model")

    return made_once("exported", make) / "model"


@pytest.fixture(scope="session")
def detector_folder(made_once: Make) -> Path:
    """A checkpoint of a vehicle detector with random weights."""

    def make(folder: Path) -> None:
        from random_detector import random_detector

        random_detector(folder / "best")

    return made_once("detector", make) / "best"


@pytest.fixture(scope="session")
def exported_detector(made_once: Make, detector_folder: Path) -> Path:
    """The same, exported."""

    def make(folder: Path) -> None:
        from platefree.inference.detector_export import export_detector

        export_detector(detector_folder, folder / "model", threshold=0.6)

    return made_once("exported-detector", make) / "model"


@pytest.fixture(scope="session")
def world(
    made_once: Make,
    drawn_folder: Path,
    drawn_table: Sightings,
    tiny_model_folder: Path,
    layouts: dict[str, DataSet],
) -> "World":
    """What the verbs that write are tried on."""
    from writing_verbs import World, make_world

    made = made_once("world", lambda folder: make_world(folder, drawn_table))
    cityflow = layouts["cityflow"].table.root
    return World(drawn_folder, tiny_model_folder, cityflow, made)


@pytest.fixture(scope="session")
def undisturbed(
    world: "World", tmp_path_factory: pytest.TempPathFactory
) -> "Callable[[str], Undisturbed]":
    """Runs a verb that writes, once, with nothing in its way."""
    from writing_verbs import run_undisturbed

    return cache(lambda verb: run_undisturbed(verb, world, tmp_path_factory.mktemp("verb")))
