"""The analyst's demo: films of the city become sightings, once."""

from pathlib import Path

import pytest

from platefree.experiments import demo_footage
from platefree.gallery import stored_gallery
from platefree.gallery.camera_distances import read_camera_distances


@pytest.mark.slow
def test_films_of_the_city_become_sightings_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"SECONDS": 2, "CAMERAS": 2, "VEHICLES": 60}.items():
        monkeypatch.setattr(demo_footage, name, value)
    monkeypatch.setattr(stored_gallery, "shipped_embedder", lambda: "color_stripes")
    said = list[str]()
    made = demo_footage.demo_footage(tmp_path / "demo", say=said.append)
    held = made.gallery.info()
    assert [line[:3] for line in said] == ["1/2", "2/2"]
    assert held.sightings > 0
    assert set(held.cameras) <= {"c001", "c002"}
    assert read_camera_distances(made.cameras).metres("c001", "c002") is not None
    again = demo_footage.demo_footage(tmp_path / "demo")
    assert again.gallery.info().sightings == held.sightings
