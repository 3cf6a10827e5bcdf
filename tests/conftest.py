"""Small worlds that the tests share."""

from pathlib import Path

import pytest
from drawn import draw_vehicles

from platefree.config import Recipe, load_recipe
from platefree.data.table import read_table
from platefree.types import Sightings

REPOSITORY = Path(__file__).parents[1]

TINY = {
    "model.trunk": "test_resnet",
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
    "model.trunk": "test_resnet",
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


@pytest.fixture(scope="session")
def drawn_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 drawn vehicles before 3 cameras, 2 pictures each, half of them for training."""
    folder = tmp_path_factory.mktemp("drawn")
    draw_vehicles(folder, vehicles=16, cameras=3, images_per_camera=2, size=48)
    return folder


@pytest.fixture(scope="session")
def drawn_table(drawn_folder: Path) -> Sightings:
    return read_table(drawn_folder)


@pytest.fixture
def tiny_recipe() -> Recipe:
    return load_recipe("strong_baseline/demo", TINY)


@pytest.fixture(scope="session")
def tiny_model_folder(tmp_path_factory: pytest.TempPathFactory, drawn_table: Sightings) -> Path:
    """A trained checkpoint folder."""
    from platefree.training import train

    recipe = load_recipe("strong_baseline/demo", TINY)
    return train(recipe, drawn_table, tmp_path_factory.mktemp("run")).best
