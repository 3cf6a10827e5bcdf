"""Old keys of recipes, so that old recipes and cards can still be read."""

import logging
import re
from collections.abc import Mapping
from typing import Any

_log = logging.getLogger(__name__)

OLD_KEYS: Mapping[str, str] = {
    "model.trunk": "backbone",
    "model.trunk_rate": "backbone_rate",
    "model.inside.trunk": "backbone",
    "model.classifier_share": "classifier_fraction",
    "input.mirror": "test_time_flip",
    "augment.colour": "color",
    "post.time.share": "fraction",
}
"""Old dotted key -> last part of the current key."""

_OLD_MODULE = re.compile(r"(^|[./])trunk\b")


def current_tensor_name(name: str) -> str:
    """The current name of a weight (or of a frozen part)."""
    return _OLD_MODULE.sub(r"\1backbone", name)


def current_key(key: str) -> str:
    """The current dotted key of a recipe."""
    if key not in OLD_KEYS:
        return key
    now = f"{key.rpartition('.')[0]}.{OLD_KEYS[key]}"
    _log.warning("note: the recipe's %s is called %s now", key, now)
    return now


def with_current_keys(content: Mapping[str, Any], place: str = "") -> dict[str, Any]:
    """The content of a recipe with current keys.

    Args:
        content: parsed TOML, or a card's ``recipe``.
        place: dotted key of the section, with a dot at its end; empty for the whole recipe.
    """
    renamed: dict[str, Any] = {}
    for key, value in content.items():
        now = current_key(f"{place}{key}").removeprefix(place)
        if isinstance(value, Mapping):
            value = with_current_keys(value, f"{place}{key}.")
        if now == "freeze" and isinstance(value, list):
            value = [current_tensor_name(each) if isinstance(each, str) else each for each in value]
        renamed[now] = value
    return renamed
