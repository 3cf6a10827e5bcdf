"""A recipe written as TOML."""

import json
import re
from collections.abc import Mapping
from typing import Any

from platefree.recipes.recipe import Recipe


def to_toml(recipe: Recipe) -> str:
    """A complete recipe with its defaults, as TOML that reads back to the same recipe."""
    content = recipe.model_dump(exclude_none=True)
    stages = content.pop("stages")
    names = ("model", "input", "augment", "train", "post", "paper")
    sections = {key: content.pop(key) for key in names}
    steps = {key: value for key, value in sections["post"].items() if isinstance(value, dict)}
    sections["post"] = {"steps": sections["post"]["steps"]}
    sections |= {f"post.{key}": options for key, options in steps.items() if options}
    lines = _toml_lines(content)
    for name, section in sections.items():
        lines += ["", f"[{name}]", *_toml_lines(section)]
    for stage in stages:
        lines += ["", "[[stages]]", *_toml_lines(stage)]
    return "\n".join(lines) + "\n"


def _toml_lines(section: Mapping[str, Any]) -> list[str]:
    return [f"{_toml_key(key)} = {_toml_value(value)}" for key, value in section.items()]


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[\w-]+", key, re.ASCII) else _toml_value(key)


def _toml_value(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(_toml_lines(value))} }}"
    # Of plain values and lists of them, JSON is TOML, but for how it escapes characters.
    text = json.dumps(value, ensure_ascii=False)
    return re.sub(r"[^ -~]", lambda found: f"\\U{ord(found[0]):08x}", text)
