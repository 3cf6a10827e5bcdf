"""What is in the wheel: the package, the models inside it, and all licences."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import REPOSITORY
from without_torch import run_without_torch

import platefree as pf

pytest.importorskip("hatchling", reason="the package that builds the wheel, in [dev]")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(
    exported_folder: Path, exported_detector: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The wheel of this repository with two further models, built without a network, unpacked."""
    source, unpacked = (tmp_path_factory.mktemp(name) for name in ("source", "unpacked"))
    for name in ("pyproject.toml", ".gitignore", "README.md", "LICENSE", "THIRD_PARTY.md"):
        shutil.copy(REPOSITORY / name, source)
    compiled = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "src", source / "src", ignore=compiled)
    for name, model in (("tiny", exported_folder), ("vehicles", exported_detector)):
        inside = Path(shutil.copytree(model, source / "src" / "platefree" / "models" / name))
        (inside / "LICENSE").write_text("CC0-1.0")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = (source / "dist").glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(unpacked)
    return unpacked


def files_of(folder: Path) -> dict[str, bytes]:
    every = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in every
        if "__pycache__" not in path.parts
    }


def test_the_wheel_has_every_file_of_the_package_and_the_licences(wheel: Path) -> None:
    package = files_of(REPOSITORY / "src" / "platefree")
    found = files_of(wheel / "platefree")
    assert {name: found.get(name) for name in package} == package
    (about,) = wheel.glob("platefree-*.dist-info")
    for name in ("LICENSE", "THIRD_PARTY.md"):
        assert (about / "licenses" / name).read_bytes() == (REPOSITORY / name).read_bytes()


def test_the_wheel_has_every_file_of_the_models_inside(
    wheel: Path, exported_folder: Path, exported_detector: Path
) -> None:
    for name, model in (("tiny", exported_folder), ("vehicles", exported_detector)):
        inside = files_of(wheel / "platefree" / "models" / name)
        assert inside == {**files_of(model), "LICENSE": b"CC0-1.0"}


AT_WORK = """
from platefree.cli import main
home, picture, other = sys.argv[1:]
assert pf.__path__ == [home]
assert pf.load_model().name == "street-s"
assert pf.load_model("tiny").name == "tiny"
assert pf.compare(pf.load_model(), picture, picture).similarity > 0.999
assert pf.load_detector("vehicles-s").name == "vehicles-s"
for words in (["models"], ["detect", picture], ["compare", picture, other]):
    sys.argv = ["platefree", *words]
    try:
        main()
    except SystemExit as stopped:
        assert not stopped.code, words
"""


def test_the_models_of_the_wheel_work_without_torch(wheel: Path, drawn_folder: Path) -> None:
    table = pf.read_table(drawn_folder)
    pictures = (table.path(0), table.path(5))
    done = run_without_torch(
        AT_WORK, wheel / "platefree", *pictures, environment={"PYTHONPATH": str(wheel)}
    )
    assert done.returncode == 0, done.stderr
    for name in ("street-s", "tiny", "vehicles", "vehicles-s"):
        assert f"{name}: " in done.stdout
