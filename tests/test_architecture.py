"""Which room may import which, and that the core works where torch cannot be imported."""

import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY
from without_torch import HEAVY, run_without_torch

SOURCE = REPOSITORY / "src" / "platefree"

FLOORS = (
    ("errors",),
    ("types", "storage", "inputs", "work", "installs", "machine", "jit", "fingerprint"),
    ("checkpoint", "recipes", "runs", "audit"),
    ("data",),
    ("city", "ranking", "losses"),
    ("nets",),
    ("batches",),
    ("methods",),
    ("inference",),
    ("gallery", "video"),
    ("ingestion",),
    ("evaluation",),
    ("reports",),
    ("training",),
    ("experiments", "doctor", "service"),
    ("cli",),
)
"""Rooms from the ground up; a room may import those below it, and nothing beside it."""

FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

CORE = (
    "types",
    "errors",
    "storage",
    "inputs",
    "work",
    "installs",
    "machine",
    "jit",
    "fingerprint",
    "checkpoint",
    "recipes",
    "runs",
    "audit",
    "data",
    "ranking",
)
"""Rooms in which nothing imports torch, and nothing that imports it."""

CORE_ABOVE = ("gallery", "ingestion", "evaluation", "reports", "service", "cli")
"""Rooms that ask for a network only where one is needed, within functions."""

CORE_INFERENCE = {
    *(
        "calibrated",
        "embedder",
        "embedded_rows",
        "labelling",
        "loading",
        "model_card",
        "card_page",
        "card_notes",
        "loose_pictures",
        "parity",
    ),
    *(
        "detector",
        "detector_card",
        "detector_loading",
        "detector_page",
        "face_detector",
        "box_decoding",
        "frame_reading",
    ),
    *("onnx_detector", "onnx_session", "model_folder"),
    *("onnx_content", "onnx_model", "onnx_network", "picture_comparison", "shipped", "joinable"),
    "occlusion",
}
"""Modules of inference that run an exported model, or load one."""


def sources() -> list[Path]:
    return [path for path in SOURCE.rglob("*.py") if path.parent != SOURCE or path.stem[0] != "_"]


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    return module.partition(".")[0]


def imports(path: Path, *, lazy: bool = True) -> set[str]:
    """The modules of ours (without the package's name) and the packages that a file imports."""
    tree = ast.parse(path.read_text("utf-8"))
    nodes = ast.walk(tree) if lazy else iter(tree.body)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                is_module = (SOURCE.parent / Path(*inside.split("."))).with_suffix(".py").exists()
                found.add(inside if is_module else node.module)
    return found


def own(names: set[str]) -> set[str]:
    return {name.removeprefix("platefree.") for name in names if name.startswith("platefree.")}


def test_every_room_has_a_floor() -> None:
    assert {room_of(module_of(path)) for path in sources()} == set(FLOOR)


def test_imports_only_lead_down() -> None:
    """Also those within functions and those for the type checker alone."""
    wrong = [
        f"{module_of(path)} -> {target}"
        for path in sources()
        for target in own(imports(path))
        if room_of(target) != room_of(module_of(path))
        and FLOOR[room_of(target)] >= FLOOR[room_of(module_of(path))]
    ]
    assert wrong == []


def test_no_modules_import_each_other() -> None:
    graph = {module_of(path): own(imports(path)) for path in sources()}
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, f"a circle: {' -> '.join((*way, module))}"
        if module not in done:
            for target in sorted(graph.get(module, ())):
                visit(target, (*way, module))
            done.add(module)

    for module in sorted(graph):
        visit(module, ())


def test_modules_have_names_of_their_own() -> None:
    by_stem = defaultdict(list)
    for path in sources():
        if path.stem != "__init__":
            by_stem[path.stem].append(module_of(path))
    rooms = {path.parent.name for path in sources()} | {SOURCE.name}
    assert {stem: each for stem, each in by_stem.items() if len(each) > 1} == {}
    assert sorted(set(by_stem) & rooms) == []


def test_no_public_function_has_more_than_eight_arguments() -> None:
    """Networks take plain keyword arguments in their constructors; verbs have options."""
    long = []
    for path in sources():
        if room_of(module_of(path)) == "cli":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                arguments = node.args
                names = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
                count = len([name for name in names if name not in ("self", "cls")])
                count += len(arguments.kwonlyargs)
                if count > 8:
                    long.append(f"{module_of(path)}.{node.name}: {count}")
    assert long == []


def reached(path: Path, seen: set[str]) -> set[str]:
    """All packages that importing a file imports, through our own modules."""
    for name in imports(path, lazy=False):
        if name in seen:
            continue
        seen.add(name)
        if name.startswith("platefree."):
            place = SOURCE.joinpath(*name.split(".")[1:])
            file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
            reached(file, seen)
    return seen


def core_files() -> list[Path]:
    rooms = (*CORE, *CORE_ABOVE)
    files = [
        path
        for path in sources()
        if room_of(module_of(path)) in rooms
        or (path.parent.name == "inference" and path.stem in CORE_INFERENCE)
    ]
    return [path for path in files if path.stem != "progress"]  # imported when training starts


@pytest.mark.parametrize("path", core_files(), ids=module_of)
def test_the_core_imports_nothing_that_networks_need(path: Path) -> None:
    assert not {name.partition(".")[0] for name in reached(path, set())} & HEAVY


def test_the_core_asks_for_networks_in_few_places() -> None:
    """Below the gallery nowhere; above it, where the network is what is asked for."""
    torch_rooms = {"losses", "nets", "batches", "methods", "training", "experiments"}
    for path in sources():
        if room_of(module_of(path)) in CORE:
            below = {room_of(target) for target in own(imports(path))}
            assert not below & (torch_rooms | {"inference"}), module_of(path)


CORE_AT_WORK = """
stored = pf.load_stored(sys.argv[1])
picture = stored.embeddings.sightings.path(0)
hits = pf.search(stored, picture, stored.embeddings, top=3, post="expand,rerank,tracks")
assert len(hits) == 3 and picture not in [hit.image for hit in hits]
table = pf.read_table(sys.argv[2])
post = pf.Scoring(post="expand,camera,rerank")
report = pf.evaluate(stored, table, "query-gallery", scoring=post)
assert 0 < report.figures()["mAP"] <= 1
pf.save_report(pf.evaluate(sys.argv[1]), sys.argv[3])
assert pf.check_table(table).images == len(table)
rows = stored.embeddings.spaces["main"]
pf.k_reciprocal(rows[:4], rows[4:])
exported = pf.load_model(sys.argv[4])
found, _ = exported.embed(table)
kept = pf.load_embeddings(sys.argv[5])
assert found.model == kept.model
assert abs(found.spaces["main"] - kept.spaces["main"]).max() < 1e-3
assert len(pf.search(exported, picture, kept, top=3)) == 3
assert pf.compare(exported, picture, picture).similarity > 0.999
assert 0 < pf.evaluate(exported, table).figures()["mAP"] <= 1
for needs in (lambda: pf.load_model("color_stripes"), lambda: pf.export_model):
    try:
        needs()
    except pf.PlatefreeError as error:
        assert "platefree[train]" in str(error) and "torch" in str(error)
    else:
        raise AssertionError("torch was not needed")
try:
    pf.evaluate("color_stripes", table)
except pf.PlatefreeError as error:
    assert "platefree[train]" in str(error)
"""


def test_the_core_works_where_torch_cannot_be_imported(
    tmp_path: Path, drawn_folder: Path, tiny_model_folder: Path, exported_folder: Path
) -> None:
    import platefree as pf

    table = pf.read_table(drawn_folder)
    model = pf.load_model("color_stripes")
    embeddings, _ = model.embed(table)
    pf.save_embeddings(embeddings, tmp_path / "stored", model.comparison)
    in_torch = pf.load_model(tiny_model_folder)
    pf.save_embeddings(in_torch.embed(table)[0], tmp_path / "by-torch", in_torch.comparison)
    report = tmp_path / "report.html"
    places = (tmp_path / "stored", drawn_folder, report, exported_folder, tmp_path / "by-torch")
    done = run_without_torch(CORE_AT_WORK, *places)
    assert done.returncode == 0, done.stderr
    assert report.exists()


VERBS = """
import io, json
from contextlib import redirect_stderr, redirect_stdout
from platefree.cli import main

def outcome(words):
    sys.argv, errors = ["platefree", *words], io.StringIO()
    with redirect_stderr(errors), redirect_stdout(io.StringIO()):
        try:
            main()
        except SystemExit as stopped:
            return stopped.code, errors.getvalue()

print(json.dumps([outcome(words) for words in json.loads(sys.argv[1])]))
"""

WITHOUT: list[tuple[tuple[str, ...], int, tuple[str, ...]]] = [
    (("--help",), 0, ()),
    (("recipes",), 0, ()),
    (("data", "check", "{drawn}"), 0, ()),
    (("eval", "{stored}"), 0, ()),
    (("search", "{picture}", "--gallery", "{stored}"), 0, ()),
    (("models",), 0, ()),
    (("compare", "{picture}", "{other}", "--model", "{exported}"), 0, ()),
    (("search", "{other}", "--gallery", "{drawn}", "--model", "{exported}"), 0, ()),
    (("embed", "{drawn}", "--model", "{exported}", "--out", "{stored}-new"), 0, ()),
    (("eval", "{exported}", "--data", "{drawn}"), 0, ()),
    (("detect", "{picture}", "--model", "{detector}"), 0, ()),
    (
        ("export", "runs/x/best", "--out", "{stored}-model"),
        1,
        ("'platefree export'", "[train]"),
    ),
    (("search", "--gallery", "{lot}", "--where", "camera:cam1"), 0, ()),
    (("gallery", "add", "{lot}", "{stored}"), 0, ()),
    (("gallery", "forget", "{lot}", "--where", "camera:cam1"), 0, ()),
    (("gallery", "add", "{lot}", "{drawn}"), 1, ("torch", "[train]")),
    (
        ("train", "strong_baseline/small", "--data", "{drawn}"),
        1,
        ("'platefree train'", "torch", "[train]"),
    ),
    (("eval", "color_stripes", "--data", "{drawn}"), 1, ("torch", "[train]")),
    (("search", "{other}", "--gallery", "{stored}"), 1, ("torch", "[train]")),
    (("city", "{other}-city"), 1, ("cv2", "[train]")),
]
"""Words of a command, the exit code, and what is said."""


@pytest.fixture(scope="module")
def outcomes(
    tmp_path_factory: pytest.TempPathFactory,
    drawn_folder: Path,
    exported_folder: Path,
    exported_detector: Path,
) -> dict[tuple[str, ...], tuple[int, str]]:
    """What becomes of the verbs, one after another in a process without torch."""
    import shutil

    import platefree as pf

    place = tmp_path_factory.mktemp("without")
    table = pf.read_table(drawn_folder)
    embeddings, _ = pf.load_model("color_stripes").embed(table)
    pf.save_embeddings(embeddings, place / "stored", model_path="color_stripes")
    pf.Gallery.create(place / "lot", "color_stripes").add(embeddings.take(np.arange(9)))
    other = place / "other.jpg"
    shutil.copy(table.path(0), other)
    with other.open("ab") as file:  # after the end of the picture: it is another file now
        file.write(b"other")
    places = {
        "drawn": drawn_folder,
        "stored": place / "stored",
        "lot": place / "lot",
        "picture": table.path(0),
        "other": other,
        "exported": exported_folder,
        "detector": exported_detector,
    }
    every = [words for words, _, _ in WITHOUT]
    given = json.dumps([[word.format(**places) for word in words] for words in every])
    done = run_without_torch(VERBS, given)
    assert done.returncode == 0, done.stderr
    found = [(code, errors) for code, errors in json.loads(done.stdout)]
    return dict(zip(every, found, strict=True))


@pytest.mark.parametrize(
    ("words", "code", "facts"),
    WITHOUT,
    ids=lambda value: "-".join(value[:2]) if isinstance(value, tuple) else str(value),
)
def test_verbs_without_torch(
    words: tuple[str, ...],
    code: int,
    facts: tuple[str, ...],
    outcomes: dict[tuple[str, ...], tuple[int, str]],
) -> None:
    found, errors = outcomes[words]
    assert found == code, errors
    assert "Traceback" not in errors
    assert all(fact in errors for fact in facts), errors


def test_the_page_shows_the_same_floors() -> None:
    page = (REPOSITORY / "docs" / "architecture.md").read_text("utf-8")
    lines = re.findall(r"^\| \d+ \| (.+?) \|", page, re.MULTILINE)
    assert [tuple(re.findall(r"`(\w+)`", line)) for line in lines] == list(FLOORS)
    files = re.findall(r"`(\w+/\w+\.py)`", page)
    places = (SOURCE, REPOSITORY)
    assert [name for name in files if not any((top / name).exists() for top in places)] == []


OPENS = {"open", "read_text", "read_bytes", "memmap", "fromfile", "np.load", "torch.load"}
PATHS = {"read_table", "read_schema", "ParquetFile", "load_file", "safe_open", "loadmat", "imread"}
OWN_OPENS = {
    "inputs.plain_files": {"open"},  # the one way to open a file for reading
    "storage.disk": {"open"},  # the one way to write
    "storage.files": {"open", "read_bytes"},  # to copy a picture of a city
    "storage.locks": {"open"},
    "cli.endings": {"open"},  # /dev/null in place of an output that nobody reads
    "recipes.builtin": {"read_text"},  # files of this package, below as well
    "experiments.ablation": {"read_text"},
    "reports.skeleton": {"read_text"},
}
"""Modules that may call what opens files, with the names of the calls."""

OPEN_FILES = {"file", "opened"}
"""What an open file is called where it is given to a library."""


def opening_calls(tree: ast.Module) -> Iterator[str]:
    """Names of the calls that open a file, unless they are given an open one, or are ours."""
    ours = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("platefree"):
            ours |= {alias.asname or alias.name for alias in node.names}
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        names = ast.unparse(call.func).split(".")
        given = {each.id for each in call.args[:1] if isinstance(each, ast.Name)}
        if (len(names) == 1 and names[0] in ours) or given & OPEN_FILES:
            continue
        yield from {names[-1], ".".join(names[-2:])} & (OPENS | PATHS)


def test_files_are_opened_for_reading_in_one_way() -> None:
    """By `platefree.inputs.plain_files`: never a pipe, a device or a file of any size."""
    found = {
        module_of(path): set(opening_calls(ast.parse(path.read_text("utf-8"))))
        for path in sources()
    }
    assert {module: names for module, names in found.items() if names} == OWN_OPENS


WRITES = {
    *("write_text", "write_bytes", "mkdir", "makedirs", "rmtree", "unlink", "rmdir", "rename"),
    *("copyfile", "copy", "copytree", "move", "symlink", "symlink_to", "touch", "tofile", "savez"),
}
"""Names of methods and functions that change the disk by themselves."""


def writing_calls(tree: ast.Module) -> Iterator[str]:
    """Names of the calls of modules and paths that change the disk."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            of = ast.unparse(call.func.value).rpartition(".")[2].lower()
            looks_like_a_path = of in ("os", "shutil", "np") or re.search(
                "path|folder|file|out", of
            )
            if call.func.attr in WRITES and looks_like_a_path:
                yield call.func.attr


def test_everything_is_written_in_one_way() -> None:
    """By `platefree.storage.disk`, at which tests let every change fail."""
    found = {
        module_of(path): set(writing_calls(ast.parse(path.read_text("utf-8"))))
        for path in sources()
    }
    wanted = {"storage.disk": {"mkdir", "unlink", "rmdir"}}
    assert {module: names for module, names in found.items() if names} == wanted
