"""Recipes know no method: what only one method can say, its own file says."""

import ast
import re

import pytest
from conftest import REPOSITORY

from platefree.methods.catalogue import METHODS
from platefree.recipes.old_names import OLD_KEYS
from platefree.recipes.recipe import MethodSettings

FILES = sorted((REPOSITORY / "src" / "platefree" / "recipes").glob("*.py"))
ALSO_WORDS = {"camera", "ensemble", "viewpoint"}  # columns and steps of [post]; keys of old recipes


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_module_of_recipes_names_a_method_or_imports_one(file: object) -> None:
    source = file.read_text("utf-8")  # type: ignore[attr-defined]
    names = METHODS.keys() - ALSO_WORDS
    assert [name for name in names if re.search(rf"\b{name}\b", source)] == []
    for node in ast.walk(ast.parse(source)):  # also inside of functions
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        assert not any(module.startswith("platefree.methods") for module in modules)


def test_every_method_is_named_by_its_own_settings() -> None:
    for name, (settings, _) in METHODS.items():
        assert issubclass(settings, MethodSettings)
        assert settings.model_fields["method"].annotation.__args__ == (name,)  # type: ignore[union-attr]
    assert list(METHODS) == sorted(METHODS)


def test_no_key_is_called_by_two_names() -> None:
    renamed = {key: f"{key.rpartition('.')[0]}.{now}" for key, now in OLD_KEYS.items()}
    assert not renamed.keys() & set(renamed.values())
    for settings, _ in METHODS.values():
        keys = {f"model.{key}" for key in settings.model_fields}
        assert not keys & renamed.keys()
