"""Change single values of a recipe: ``--set train.lr=0.01``."""

import re
from collections.abc import Sequence
from typing import Any

from platefree.errors import RecipeError
from platefree.inputs.documents import parse_toml
from platefree.recipes.old_names import current_key

_DIGITS = r"\d(?:_?\d)*"
_NUMBER = re.compile(rf"[+-]?(inf|nan|(0|[1-9](?:_?\d)*)(\.{_DIGITS})?([eE][+-]?{_DIGITS})?)", re.A)


def parse_overrides(settings: Sequence[str]) -> dict[str, Any]:
    """Parse ``key=value`` texts; a value is TOML, or else plain text.

    Raises:
        RecipeError: a text without ``=`` or with an empty key, or a number that is not finite or
            has more than 64 bits.
    """
    overrides: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise RecipeError(
                f"the setting {setting[:80]!r} (--set): expected KEY=VALUE, such as train.lr=0.01"
            )
        overrides[current_key(key.strip())] = _value(key, text)
    return overrides


def _value(key: str, text: str) -> object:
    try:
        content = parse_toml(f"value = {text}", f"--set {key[:80]}", RecipeError)
    except RecipeError:
        if _NUMBER.fullmatch(text):  # but none that a recipe can hold
            raise
        return text
    return content["value"] if len(content) == 1 else text


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
