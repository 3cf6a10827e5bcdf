"""Processes that have loaded torch and the package already, so that starting one is quick.

They are forked from a server that loads both once for all tests of a process; what else they do is
what ``python -c CODE ARGUMENTS`` does.
"""

import io
import os
import signal
import socket
import sys
import traceback
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection

_LOADED = ("training.loop", "methods.catalogue", "experiments.ablation_run", "ingestion.intake")
_SERVING = ("service.running_service", "service.serving")

forkserver = get_context("forkserver")
"""Starts processes that have loaded the above."""

# Only what is installed can be named: the server does not look for modules where pytest does.
forkserver.set_forkserver_preload([f"platefree.{name}" for name in (*_LOADED, *_SERVING)])


class Started:
    """A process.

    Attributes:
        pid: its number.
        stdout: what it prints.
    """

    stdout: io.TextIOWrapper

    def __init__(self, code: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        ours, theirs = os.pipe()
        output = Connection(theirs, readable=False)
        work = (code, [*arguments], {**os.environ, **environment}, [*sys.path], output)
        self._process = forkserver.Process(target=_work, args=work)
        self._process.start()
        output.close()  # else what it prints would never end
        self.pid = self._process.pid or 0
        self.stdout = os.fdopen(ours, errors="replace")

    def poll(self) -> int | None:
        """Its exit code, negative after a signal; None while it runs."""
        return self._process.exitcode

    def end(self) -> tuple[int, str]:
        """Wait until it ends: its exit code, and what it has printed, a few lines at most."""
        self._process.join(240)
        code = self._process.exitcode
        assert code is not None, "it still runs"
        os.set_blocking(self.stdout.fileno(), False)  # also if one that it started lives on
        with self.stdout:
            return code, (self.stdout.buffer.read() or b"").decode(errors="replace")

    def kill(self) -> None:
        """End it as ``kill -9`` does."""
        self._process.kill()
        self._process.join()
        self.stdout.close()


def start(code: str, *arguments: object, environment: Mapping[str, str] | None = None) -> Started:
    """Start a process that runs code; an environment is added to that of this one."""
    return Started(code, [*map(str, arguments)], environment or {})


def run_as_torchrun(code: str, *arguments: object) -> str:
    """Run code in two training processes, with what torchrun tells them; what they print."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    shared |= {"LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "tests"}
    each = [
        start(code, *arguments, environment={**shared, "RANK": rank, "LOCAL_RANK": rank})
        for rank in ("0", "1")
    ]
    ended = [process.end() for process in each]
    assert [code for code, _ in ended] == [0, 0], ended
    return "".join(output for _, output in ended)


def _work(
    code: str,
    arguments: list[str],
    environment: dict[str, str],
    path: list[str],
    output: Connection,
) -> None:
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(output.fileno(), 1)
    output.close()
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:], sys.argv = path, ["-c", *arguments]
    try:
        exec(compile(code, "-c", "exec"), {"__name__": "__main__"})  # noqa: S102
    except Exception:
        sys.stdout.write(traceback.format_exc())
        raise
    finally:
        sys.stdout.flush()
