"""A real Milvus server for tests, in a network of its own.

``python tests/gallery/milvus_server.py COMMAND ...`` runs a command where a server listens at the
address in ``PLATEFREE_TEST_MILVUS``. Command and server see no network but their own. Where the
server cannot be installed or started, it says why and ends with `SKIPPED`.

The server's binary comes from the package ``milvus``, which wants an environment of its own: it is
made in ``~/.cache/platefree-tests`` (or ``PLATEFREE_TEST_CACHE``) once.
"""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from contextlib import suppress
from pathlib import Path

PACKAGE = "milvus==2.3.5"
ADDRESS, FOLDER = "PLATEFREE_TEST_MILVUS", "PLATEFREE_TEST_MILVUS_FOLDER"
SKIPPED = 75
"""The exit code where there is no server (EX_TEMPFAIL)."""

_INSIDE = "PLATEFREE_TEST_MILVUS_INSIDE"
_PATIENCE = 120.0  # seconds for a server to start
_ENVIRONMENT = {"DEPLOY_MODE": "STANDALONE", "METRICS_PORT": "9091"}
_READY = "http://127.0.0.1:9091/healthz"
_SETTINGS = {
    "proxy.timeTickInterval": 40,  # ms: so long reads wait for writes
    "queryCoord.checkInterval": 100,  # and new collections for being loaded
    "queryCoord.distPullInterval": 100,
    "common.session.ttl": 5,  # s: what one that was killed held is free again
}
_UNSHARE = ("unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
_STARTED: list["subprocess.Popen[bytes]"] = []  # they outlive the tests that started them


class NoServer(Exception):
    """The server cannot be installed or started; the message says why."""


class MilvusServer:
    """A server with its data in a folder.

    Only one runs in a network, since some of its ports are always the same.

    Args:
        folder: of its data and logs; what is there already is served again.
    """

    port = 19530

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        programs = environment() / "programs"  # unpacked once
        programs.mkdir(exist_ok=True)
        if not (self.folder / "bin").exists():
            (self.folder / "bin").symlink_to(programs)
        with (self.folder / "output.txt").open("ab") as output:
            process = subprocess.Popen(
                self._command(),
                cwd=self.folder,
                env={**os.environ, **_ENVIRONMENT, "LD_LIBRARY_PATH": str(programs)},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        _STARTED.append(process)
        self._number.write_text(str(process.pid))
        end = time.monotonic() + _PATIENCE
        while not _answers():
            if process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise NoServer(f"the server did not start, see {self.folder}")
            time.sleep(0.2)

    def stop(self) -> None:
        """End it at once, as a machine that fails does, whoever started it."""
        if not self._number.exists():
            return
        number = int(self._number.read_text())
        self._number.unlink()
        with suppress(ProcessLookupError):
            os.killpg(number, signal.SIGKILL)
        while _listens(self.port):
            time.sleep(0.1)

    def _command(self) -> list[str]:
        """The first time by the package, which writes the settings.

        It would take other ports while the connections of a server that ended are still counted.
        """
        if (self.folder / "configs" / "milvus.yaml").exists():
            return [str(self.folder / "bin" / "milvus"), "run", "standalone"]
        words = [str(environment() / "bin" / "milvus-server"), "--data", str(self.folder)]
        words += ["--proxy-port", str(self.port)]
        for name, value in _SETTINGS.items():
            words += ["--extra-config", f"{name}={value}"]
        return words

    @property
    def _number(self) -> Path:
        return self.folder / "process.txt"


def environment() -> Path:
    """The environment with the server, which is made if need be."""
    cache = Path(os.environ.get("PLATEFREE_TEST_CACHE") or Path.home() / ".cache/platefree-tests")
    made = cache / PACKAGE
    if not (made / "complete").exists():
        shutil.rmtree(made, ignore_errors=True)
        venv.create(made, with_pip=True)
        pip = [str(made / "bin" / "python"), "-m", "pip", "install", "-q"]
        wanted = [*pip, "--disable-pip-version-check", "setuptools<70", PACKAGE]
        done = subprocess.run(wanted, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
            raise NoServer(f"{PACKAGE} cannot be installed: {last}")
        (made / "complete").touch()
    return made


def main(command: list[str]) -> int:
    """Run a command beside a server."""
    try:
        if _INSIDE not in os.environ:
            if importlib.util.find_spec("pymilvus") is None:
                raise NoServer("pymilvus is not installed (pip install '.[milvus]')")
            environment()  # while there is a network
            return _enter(command)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            server = MilvusServer(Path(folder) / "server")
            try:
                server.start()
                where = {ADDRESS: f"milvus://127.0.0.1:{server.port}", FOLDER: str(server.folder)}
                return subprocess.run(command, env={**os.environ, **where}, check=False).returncode
            finally:
                server.stop()
    except NoServer as error:
        print(f"skipped, no Milvus server: {error}")
        return SKIPPED


def _enter(command: list[str]) -> int:
    """Run this script in a network of its own."""
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    enter = [*_UNSHARE, *as_root]
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        raise NoServer("a network of its own needs the programs unshare and ip")
    tried = subprocess.run([*enter, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        raise NoServer(f"no network of its own can be made here: {tried.stderr.strip()}")
    words = [*enter, sys.executable, __file__, *command]
    return subprocess.run(words, env={**os.environ, _INSIDE: "1"}, check=False).returncode


def _listens(port: int) -> bool:
    """Whether anything listens at a port."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def _answers() -> bool:
    """Whether the server says that it is ready."""
    try:
        with urllib.request.urlopen(_READY, timeout=5) as answer:
            return b"OK" in answer.read()
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
