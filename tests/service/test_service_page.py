"""What ``docs/service.md`` and ``docs/administration.md`` show does what they say."""

import io
import re
import shlex
import shutil
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from conftest import REPOSITORY, Run
from fastapi.routing import APIRoute
from live import TOKEN, live

from platefree.service import (
    case_routes,
    heat_map_routes,
    search_routes,
    state_routes,
    track_routes,
)
from platefree.service.limits import USUAL
from platefree.types import Sightings

PAGE, ADMINISTRATION = (
    (REPOSITORY / "docs" / name).read_text("utf-8") for name in ("service.md", "administration.md")
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE + ADMINISTRATION, re.DOTALL)


def test_its_client_runs(
    drawn_lot: Path, drawn_table: Sightings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(drawn_table.path(0), "suspect.jpg")
    code = "\n".join(blocks("py"))
    with live(drawn_lot, folder=tmp_path / "state") as served:
        code = code.replace(
            "http://127.0.0.1:8000/#token=TOKEN", f"{served.address}/#token={TOKEN}"
        )
        exec(compile(code, "service.md", "exec"), {})  # noqa: S102
    assert (tmp_path / "found.zip").exists()
    assert (tmp_path / "van.zip").exists()


def test_its_commands_run(
    run: Run, drawn_lot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = PasswordHasher(1, 64, 1)
    monkeypatch.setattr("platefree.service.accounts.PasswordHasher", lambda: quick)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(drawn_lot, "lot")
    ran = 0
    for line in "".join(blocks("console")).splitlines():
        words = shlex.split(line)[1:]
        if words[0] == "serve" and words[1] != "accounts":
            continue  # which `tests/cli/test_serve_verbs.py` starts
        monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))
        code, _, err = run(*words)
        assert code == 0, (line, err)
        ran += 1
    assert ran == 7


def test_its_table_has_the_routes_and_the_limits_there_are() -> None:
    names = {"{number}": "N", "{key}": "KEY", "{frame}": "FRAME", "{name}": "NAME"}
    for part in (search_routes, track_routes, case_routes, heat_map_routes, state_routes):
        for route in part.routes.routes:
            assert isinstance(route, APIRoute)
            path = route.path
            for name, shown in names.items():
                path = path.replace(name, shown)
            for method in route.methods:
                assert f"`{method} {path}`" in PAGE
    for number in (USUAL.requests, USUAL.searches, USUAL.log_ins, USUAL.slow):
        assert f"{number:,} " in PAGE
    assert f"{USUAL.upload_bytes >> 20} MB, {USUAL.upload_pixels // 10**6} megapixels" in PAGE
    assert f"{USUAL.decode_seconds:g} s and {USUAL.decode_bytes >> 30} GB" in PAGE
