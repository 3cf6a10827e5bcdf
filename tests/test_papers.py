"""The tables "What of the paper is here" of the method pages: all that they name is there."""

import re
from functools import reduce
from importlib import import_module
from pathlib import Path

import pytest

from platefree.cli import main
from platefree.evaluation.set_protocols import SET_PROTOCOLS
from platefree.experiments.ablation import ablation_names
from platefree.methods.catalogue import load_recipe
from platefree.recipes.builtin import recipe_names
from platefree.recipes.overrides import parse_overrides
from platefree.recipes.post import STEPS

DOCS = Path(__file__).parents[1] / "docs"
RECIPES = {
    "drdl": "drdl/vehicleid",
    "part-regularized": "part_regularized/vehicleid",
    "vanet": "vanet/veri",
    "fda-net": "fda_net/veri-wild",
    "vehiclenet": "vehiclenet/cityflow",
}
"""Page -> the recipe that knows the settings of its table."""

PRINTED = {
    "drdl": (8, 6, 10),
    "part-regularized": (6, 6, 6),
    "vanet": (5, 5, 4),
    "fda-net": (11, 7, 9),
    "vehiclenet": (6, 8, 8),
}
"""Page -> the number of equations, tables and figures that the paper prints."""

ROMAN = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII")
SETTING = re.compile(r"(model|train|input|augment|post)\.([a-z_]+\.?)+(=\S+)?")


def rows_of(page: str) -> list[list[str]]:
    text = (DOCS / f"{page}.md").read_text("utf-8")
    _, table = text.split("## What of the paper is here\n")
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def spans(page: str) -> list[str]:
    return [span for _, here in rows_of(page) for span in re.findall(r"`([^`]+)`", here)]


def numbers(noun: str, text: str) -> set[int]:
    """All that a text names: ``equations 1 to 3 and 5``, ``tables II, VII``."""
    listed = re.findall(rf"{noun}s? ((?:[\dIVX]+(?:, | and | to )?)+)", text)
    found: set[int] = set()
    for part in re.split(r", | and ", ", ".join(each.removesuffix(", ") for each in listed)):
        ends = [ROMAN.index(end) if end in ROMAN else int(end) for end in part.split(" to ")]
        found |= set(range(ends[0], ends[-1] + 1))
    return found


@pytest.mark.parametrize("page", RECIPES)
def test_every_equation_table_and_figure_has_a_row(page: str) -> None:
    rows = rows_of(page)
    left = "; ".join(paper for paper, _ in rows)
    counts = zip(("equation", "table", "figure"), PRINTED[page], strict=True)
    for noun, count in counts:
        assert numbers(noun, left) == set(range(1, count + 1)), noun
    for paper, here in rows:
        assert re.search(r"`|\*\*none\*\*", here) or here.startswith("not in the paper"), paper


@pytest.mark.parametrize("page", RECIPES)
def test_code_that_it_names_exists(page: str) -> None:
    named = [span for span in spans(page) if ".py:" in span]
    assert len(named) > 5
    for span in named:
        path, _, attributes = span.partition(".py:")
        module = import_module("platefree." + path.replace("/", "."))
        assert reduce(getattr, attributes.split("."), module) is not None


@pytest.mark.parametrize("page", RECIPES)
def test_settings_that_it_names_are_settings(page: str) -> None:
    named = [span for span in spans(page) if SETTING.fullmatch(span)]
    assert len(named) > 3
    for span in named:
        key, _, value = span.partition("=")
        changes = parse_overrides([span]) if value else {}
        content = load_recipe(RECIPES[page], changes).model_dump()
        found = reduce(lambda part, name: part[name], key.split("."), content)
        assert not value or found in (parse_overrides([span])[key], value), span


@pytest.mark.parametrize("page", RECIPES)
def test_recipes_ablations_protocols_and_steps_that_it_names_are_there(page: str) -> None:
    here = " ".join(cell for _, cell in rows_of(page))
    for span in spans(page):
        if re.fullmatch(r"[a-z_]+/[a-z0-9-]+", span):
            assert span in recipe_names()
        if span.startswith("platefree ablate "):
            assert span.split()[2] in ablation_names()
    for name in re.findall(r"step `([^`]+)`", here):
        assert name in STEPS
    for listed in re.findall(r"protocols? ((?:`[^`]+`(?:, | and )?)+)", here):
        assert set(re.findall(r"`([^`]+)`", listed)) <= set(SET_PROTOCOLS)


@pytest.mark.parametrize("page", RECIPES)
def test_verbs_and_options_that_it_names_are_there(
    page: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for span in spans(page):
        words = span.removeprefix("platefree ").split()
        if not span.startswith(("platefree ", "eval --")):
            continue
        verb = [word for word in words[:2] if not word.startswith("--")]
        verb = verb if words[0] == "data" else verb[:1]
        monkeypatch.setattr("sys.argv", ["platefree", *verb, "--help"])
        with pytest.raises(SystemExit) as stopped:
            main()
        told = capsys.readouterr().out
        assert stopped.value.code == 0, span
        assert all(word in told for word in words if word.startswith("--")), span
