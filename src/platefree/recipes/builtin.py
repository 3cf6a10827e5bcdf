"""The TOML files of recipes: built-in ones by name, others by path."""

import difflib
from importlib import resources
from pathlib import Path

from platefree.errors import RecipeError
from platefree.inputs.documents import parse_toml, read_unicode
from platefree.inputs.plain_files import KB, Expected

RECIPE = Expected("a recipe or an ablation", 256 * KB, RecipeError)  # the longest of ours has 3
"""What such a file can be."""


def recipe_names() -> list[str]:
    """The names of the built-in recipes, sorted."""
    folder = resources.files("platefree.recipes") / "library"
    names = [
        f"{method.name}/{file.name.removesuffix('.toml')}"
        for method in folder.iterdir()
        if method.is_dir()
        for file in method.iterdir()
        if file.name.endswith(".toml")
    ]
    return sorted(names)


def recipe_description(name: str) -> str:
    """The description of a built-in recipe."""
    _, text = recipe_text(name)
    return str(parse_toml(text, name, RecipeError).get("description", ""))


def recipe_text(name: str) -> tuple[str, str]:
    """The label and the TOML text of a recipe.

    Args:
        name: a built-in name (a bare method name means its ``default`` recipe), or the path of a
            ``.toml`` file.

    Raises:
        RecipeError: there is no such recipe, or the file cannot be read.
    """
    if name.endswith(".toml"):
        path = Path(name)
        return path.stem, read_unicode(path, RECIPE).removeprefix("\ufeff")
    names = recipe_names()
    full = name if "/" in name else f"{name}/default"
    if full not in names:
        near = difflib.get_close_matches(full, names, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise RecipeError(
            f"no recipe named {name!r}; {hint}'platefree recipes' lists all; "
            "your own file must end in .toml"
        )
    file = resources.files("platefree.recipes") / "library" / f"{full}.toml"
    return full, file.read_text(encoding="utf-8")
