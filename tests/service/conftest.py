"""A gallery that is served."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from live import Live, live

from platefree.gallery.stored_gallery import Gallery
from platefree.types import Sightings


@pytest.fixture(scope="session")
def lot(tmp_path_factory: pytest.TempPathFactory, drawn_table: Sightings) -> Path:
    """The drawn vehicles in a gallery; tests that change it take a copy."""
    folder = tmp_path_factory.mktemp("service") / "lot"
    Gallery.create(folder, "color_stripes").add(drawn_table)
    return folder


@pytest.fixture(scope="module")
def served(lot: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(lot, folder=tmp_path_factory.mktemp("state")) as found:
        yield found
