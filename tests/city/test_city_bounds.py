"""Settings of cities and films that cannot be meant are refused by name."""

import pytest
from messages import facts

from platefree.city.film_plan import FilmSettings
from platefree.city.plan import CitySettings
from platefree.errors import DataError


@pytest.mark.parametrize(
    ("settings", "name", "wrong", "expected"),
    [
        (CitySettings, "vehicles", 3, "4 to"),
        (CitySettings, "images", 39, "40 to"),
        (CitySettings, "days", 367, "1 to 366"),
        (CitySettings, "near_duplicates", 1.5, "0 to 1"),
        (CitySettings, "roads", "motorway", "town, overpass"),
        (CitySettings, "fleet", "loud", "plain, varied"),
        (CitySettings, "mounting", "roof", "any, gantry"),
        (FilmSettings, "seconds", 0, "1 to 3,600"),
        (FilmSettings, "rate", 31, "1 to 30"),
        (FilmSettings, "width", 5000, "64 to 4,096"),
        (FilmSettings, "width", 641, "even"),
        (FilmSettings, "light", "noon", "day"),
        (FilmSettings, "fleet", "loud", "plain, varied"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    settings: type, name: str, wrong: object, expected: str
) -> None:
    shown = f"{wrong:,}" if isinstance(wrong, int) and expected != "even" else str(wrong)
    with pytest.raises(DataError, match=facts(shown, expected)):
        settings(**{name: wrong})
