"""Change single values of a recipe: ``--set train.lr=0.01``."""

import tomllib
from collections.abc import Sequence
from typing import Any

from platefree.errors import RecipeError
from platefree.recipes.old_names import current_key


def parse_overrides(settings: Sequence[str]) -> dict[str, Any]:
    """Parse ``key=value`` texts; a value is TOML, or else plain text.

    Raises:
        RecipeError: a text without ``=`` or with an empty key.
    """
    overrides: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise RecipeError(
                f"the setting {setting!r} (--set): expected KEY=VALUE, such as train.lr=0.01"
            )
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        overrides[current_key(key.strip())] = value
    return overrides


def set_value(content: dict[str, Any], key: str, value: object) -> None:
    """Set one value in the content of a recipe.

    Args:
        content: parsed TOML; changed.
        key: dotted.
        value: anything.

    Raises:
        RecipeError: a part of the key that should be a section is a value.
    """
    *parents, last = key.split(".")
    section = content
    for parent in parents:
        section = section.setdefault(parent, {})
        if not isinstance(section, dict):
            raise RecipeError(f"cannot set {key!r}: {parent!r} is a value, not a section")
    section[last] = value
