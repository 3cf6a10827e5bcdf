"""What the settings of cities and films may be."""

from collections.abc import Collection, Mapping

from platefree.errors import DataError


def check_bounds(settings: object, bounds: Mapping[str, tuple[int, int]]) -> None:
    """Refuse settings out of bounds.

    Args:
        settings: an object with an attribute of each name, a number.
        bounds: name -> the least and the largest value.

    Raises:
        DataError: a setting is less or larger.
    """
    for name, (low, high) in bounds.items():
        value = getattr(settings, name)
        if not low <= value <= high:
            raise DataError(f"{name} is {value:,}, expected {low:,} to {high:,}")


def check_choices(settings: object, choices: Mapping[str, Collection[str]]) -> None:
    """Refuse settings that are none of their choices.

    Args:
        settings: an object with an attribute of each name, a text.
        choices: name -> what it may be.

    Raises:
        DataError: a setting is something else.
    """
    for name, known in choices.items():
        value = getattr(settings, name)
        if value not in known:
            raise DataError(f"{name} is {value!r}, expected {', '.join(known)}")
