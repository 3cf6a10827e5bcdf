"""The command line offers every kind of city that the library makes, and no other."""

import functools
from pathlib import Path

import pytest
from click import Command, Context
from conftest import Run
from fake_studio import BlockStudio
from messages import says

from platefree.city.film_plan import LIGHTS
from platefree.city.plan import PRESETS, CitySettings
from platefree.city.studio import FLEETS
from platefree.city.world.roads import ROADS
from platefree.city.world.sites import MOUNTINGS
from platefree.cli import city_verb
from platefree.errors import DataError

HERE = Context(Command("city"))


def test_the_choices_are_those_of_the_library() -> None:
    assert [each.value for each in city_verb.PresetName] == list(PRESETS)
    assert [each.value for each in city_verb.MountingName] == ["any", *MOUNTINGS]
    assert [each.value for each in city_verb.RoadsName] == list(ROADS)
    assert [each.value for each in city_verb.FleetName] == list(FLEETS)
    assert [each.value for each in city_verb.LightName] == list(LIGHTS)
    assert all(settings.preset == name for name, settings in PRESETS.items())


def test_what_is_not_asked_is_as_the_preset_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[CitySettings] = []
    from platefree.city import generate

    original = generate.generate_city

    def recorded(folder: Path, settings: CitySettings, **how: object) -> object:
        asked.append(settings)
        return original(folder, settings, studio=BlockStudio(), workers=1)

    monkeypatch.setattr(generate, "generate_city", recorded)
    small = {"vehicles": 4, "cameras": 2, "images": 8}
    city_verb.city(HERE, tmp_path / "a", preset=city_verb.PresetName.streets, **small)
    city_verb.city(
        HERE,
        tmp_path / "b",
        preset=city_verb.PresetName.streets,
        roads=city_verb.RoadsName.town,
        fleet=city_verb.FleetName.plain,
        **small,
    )
    city_verb.city(HERE, tmp_path / "c", fleet=city_verb.FleetName.varied, **small)
    kinds = [(each.roads, each.fleet, each.mounting) for each in asked]
    assert kinds == [
        ("overpass", "varied", "any"),
        ("town", "plain", "any"),
        ("town", "varied", "any"),
    ]


def test_layouts_lie_beside_a_city_however_its_folder_is_called(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from platefree.city import generate

    made = functools.partial(generate.generate_city, studio=BlockStudio())
    monkeypatch.setattr(generate, "generate_city", made)
    (tmp_path / "city").mkdir()
    monkeypatch.chdir(tmp_path / "city")
    words = ("--vehicles", 8, "--cameras", 3, "--images", 60, "--workers", 1)
    foreign = tmp_path / "city-compcars"
    foreign.mkdir()
    code, _, err = run("city", ".", *words, "--layout", "veri-776", "--layout", "compcars")
    assert (code, says(err, str(foreign))) == (1, True)
    assert list((tmp_path / "city").iterdir()) == []  # refused before anything is rendered
    code, _, err = run("city", ".", *words, "--layout", "veri-776")
    assert code == 0, err
    assert (tmp_path / "city-veri-776").is_dir()
    assert says(err, "city-veri-776")


@pytest.mark.parametrize(
    "words",
    [
        ("--frames", 1, "--vehicles", 7),
        ("--frames", 1, "--films", 5),
        ("--films", 5, "--layout", "veri-776"),
        ("--films", 5, "--days", 2),
        ("--light", "night"),
    ],
)
def test_what_would_be_passed_over_is_refused(
    run: Run, tmp_path: Path, words: tuple[object, ...]
) -> None:
    code, _, err = run("city", tmp_path / "city", *words)
    assert code == 2
    assert str(words[-2]) in err
    assert not (tmp_path / "city").exists()


@pytest.mark.parametrize("what", ["--frames", "--films"])
def test_sizes_that_are_refused_are_named_with_the_least_that_is_not(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    from platefree.city import generate_films, generate_frames

    def refused(*given: object, **how: object) -> object:
        del how
        made.append(given[1].height)
        raise DataError("as far as that")

    made = list[int]()
    monkeypatch.setattr(generate_films, "generate_films", refused)
    monkeypatch.setattr(generate_frames, "generate_frames", refused)
    for size in (64, 4098):
        code, _, err = run("city", tmp_path / "city", what, 1, "--size", size)
        assert (code, "--size" in err, "height" in err) == (2, True, False)
    least = int(err.split("expected ")[1].split()[0])
    code, _, _ = run("city", tmp_path / "city", what, 1, "--size", least)
    assert (code, made) == (1, [64])
    assert run("city", tmp_path / "city", what, 1, "--size", least - 2)[0] == 2
