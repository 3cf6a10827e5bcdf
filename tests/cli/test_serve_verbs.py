"""The verbs ``serve`` and ``audit``: started, asked and stopped as people do."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from conftest import Run
from messages import says

from platefree.audit.audit_check import read_entries, verify_audit
from platefree.gallery.stored_gallery import Gallery
from platefree.service.client import Client
from platefree.service.client_connection import ServiceError
from platefree.types import Sightings

EVERYWHERE = "0.0.0.0"  # noqa: S104 - which is refused
PASSWORD = "correct horse battery"  # noqa: S105
WITHOUT_SERVE = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        absent = name.partition(".")[0] in {"fastapi", "starlette", "uvicorn", "argon2"}
        return None if absent else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
from platefree.cli import main
sys.argv = ["platefree", *sys.argv[1:]]
main()
"""


@pytest.fixture
def lot(tmp_path: Path, drawn_table: Sightings) -> Path:
    gallery = Gallery.create(tmp_path / "lot", "color_stripes")
    gallery.add(drawn_table)
    return tmp_path / "lot"


@contextmanager
def started(*words: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``platefree serve``, and the last line that it printed when it listened."""
    command = [sys.executable, "-m", "platefree", "serve", *map(str, words), "--port", "0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_service_starts_answers_and_stops(
    lot: Path, drawn_table: Sightings, number: signal.Signals
) -> None:
    with started("--gallery", lot) as (process, line):
        assert line.startswith("http://127.0.0.1:")
        with Client(line, timeout=300) as client:
            assert client.info()["sightings"] == len(drawn_table)
            assert len(client.search(drawn_table.path(0), top=3).hits) == 3
        with Client(line.partition("#")[0]) as nobody, pytest.raises(ServiceError) as refused:
            nobody.info()
        assert refused.value.status == 401
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=300)
    assert (process.returncode, stdout) == (0, "")
    assert "Traceback" not in stderr
    assert line.partition("token=")[2] not in stderr
    assert verify_audit(lot / "service").end.entries == 1


@pytest.mark.slow
def test_what_was_answered_is_in_the_log_after_a_kill(lot: Path) -> None:
    with started("--gallery", lot) as (process, line), Client(line, timeout=300) as client:
        for number in range(5):
            client.search(top=1, reason=f"search {number}")
        os.kill(process.pid, signal.SIGKILL)
        process.wait(300)
    assert [each.reason for each in read_entries(lot / "service", 9)] == [
        f"search {number}" for number in range(5)
    ]
    verify_audit(lot / "service")


@pytest.mark.parametrize(
    ("words", "facts"),
    [
        (("--host", EVERYWHERE), (EVERYWHERE, "TLS", "--certificate", "--behind-proxy")),
        (("--host", EVERYWHERE, "--access", "open"), ("'platefree serve accounts add NAME'",)),
        (("--certificate", "x.pem"), ("--certificate", "--key")),
        (("--access", "accounts"), ("'platefree serve accounts add NAME --gallery",)),
    ],
)
def test_what_would_be_unsafe_is_refused(
    run: Run, lot: Path, words: tuple[str, ...], facts: tuple[str, ...]
) -> None:
    code, out, err = run("serve", "--gallery", lot, *words)
    assert (code, out) == (1, "")
    assert all(fact in " ".join(err.split()) for fact in facts)


def test_a_service_needs_a_gallery(run: Run, tmp_path: Path) -> None:
    assert run("serve")[0] == 2
    code, _, err = run("serve", "--gallery", tmp_path)
    assert (code, says(err, "'platefree gallery create'")) == (1, True)


def test_accounts_come_and_go(run: Run, lot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = PasswordHasher(1, 64, 1)
    monkeypatch.setattr("platefree.service.accounts.PasswordHasher", lambda: quick)

    def accounts(*words: str, password: str = PASSWORD) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
        return run("serve", "accounts", *words, "--gallery", lot)

    assert accounts("add", "anna", "--role", "analyst")[0] == 0
    assert accounts("add", "berta")[0] == 0
    assert json.loads(accounts("list", "--json")[1]) == [
        {"name": "anna", "role": "analyst"},
        {"name": "berta", "role": "viewer"},
    ]
    code, _, err = accounts("add", "carla", password="hush5")  # noqa: S106
    assert (code, says(err, 5, 12), "hush5" in err) == (1, True, False)
    assert accounts("role", "berta", "--role", "administrator")[0] == 0
    assert accounts("password", "berta")[0] == 0
    assert len(accounts("token", "anna")[1].strip()) > 40
    assert accounts("remove", "berta")[0] == 0
    for verb in ("remove", "password", "token"):
        code, _, err = accounts(verb, "berta")
        assert (code, says(err, "'berta'")) == (1, True)
    actions = [each.action.partition(".")[2] for each in read_entries(lot / "service", 9)]
    assert actions == ["added", "added", "role", "password", "token", "removed"]
    log = (lot / "service" / "audit.jsonl").read_text()
    assert PASSWORD not in log


def test_an_audit_log_is_verified(run: Run, lot: Path) -> None:
    from platefree.audit.audit_log import AuditLog

    log = AuditLog(lot / "service")
    for number in range(3):
        log.add("anna", "search", f"case {number}")
    found = json.loads(run("audit", "verify", lot, "--json")[1])
    assert (found["entries"], found["note"]) == (3, f"3:{found['hash']}")
    log.add("anna", "export")
    assert run("audit", "verify", lot, "--noted", found["note"])[0] == 0
    code, _, err = run("audit", "verify", lot, "--noted", f"3:{'0' * 64}")
    assert (code, says(err, 3)) == (1, True)
    assert run("audit", "verify", lot, "--noted", "nonsense")[0] == 1
    shown = run("audit", "show", lot, "-n", "2")[1]
    assert says(shown, "anna", "export", "case 2")
    assert "case 1" not in shown
    log.path.write_bytes(log.path.read_bytes().replace(b"case 1", b"case 7"))
    code, _, err = run("audit", "verify", lot)
    assert (code, says(err, "line 2", "changed")) == (1, True)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("serve", "--gallery", "{lot}"), 1),
        (("serve", "accounts", "list", "--gallery", "{lot}"), 1),
        (("serve", "--help"), 0),
        (("audit", "show", "{lot}"), 0),
        (("audit", "verify", "{lot}"), 0),
    ],
)
def test_without_the_packages_of_a_service(lot: Path, words: tuple[str, ...], code: int) -> None:
    from platefree.audit.audit_log import AuditLog

    AuditLog(lot / "service").add("anna", "search")
    command = [sys.executable, "-c", WITHOUT_SERVE, *(word.format(lot=lot) for word in words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    if code:
        assert "pip install 'platefree[serve]'" in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr
