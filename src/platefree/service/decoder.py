"""Pictures from strangers are decoded in processes of their own before anything else sees them.

A picture that would hang, fill the memory or crash its decoder costs such a process, and is refused
in one sentence. What was decoded once, whole and in time, is decoded again where it is searched.
"""

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platefree.errors import ImageError, OversizedImage, PlatefreeError
from platefree.service.limits import Limits

_PROCESSES = 2
_PICTURES = 500  # after which a process is replaced, and with it whatever it leaked


@dataclass(frozen=True)
class Decoded:
    """A picture that can be decoded.

    Attributes:
        width: in pixels, as displayed.
        height: in pixels.
        format: Pillow's name of the file format.
    """

    width: int
    height: int
    format: str


class Busy(PlatefreeError):
    """Too much is asked for at once; the same may be asked for again."""


class Decoder:
    """Processes that decode; use `close` at the end.

    Args:
        limits: of a picture, in pixels, seconds and memory.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._turns = threading.Semaphore(_PROCESSES)
        self._idle: list[_Process] = []

    def decode(self, path: Path) -> Decoded:
        """Decode a picture in another process, and forget its pixels.

        Raises:
            ImageError: it cannot be decoded, or not in time.
            OversizedImage: it has too many pixels, or takes too much memory.
            Busy: others are being decoded, for long.
        """
        if not self._turns.acquire(timeout=2 * self._limits.decode_seconds):
            raise Busy("too many pictures are being decoded: try again later")
        try:
            said = self._ask(path)
        finally:
            self._turns.release()
        if "error" in said:
            raise (OversizedImage if said["oversized"] else ImageError)(said["error"])
        return Decoded(**said)

    def warm_up(self) -> None:
        """Start a process, so that the first picture need not wait for it."""
        self._idle.append(_Process(self._limits))

    def close(self) -> None:
        """End the processes."""
        while self._idle:
            self._idle.pop().kill()

    def _ask(self, path: Path) -> dict[str, Any]:
        process = self._idle.pop() if self._idle else _Process(self._limits)
        if process.has_ended:
            process.kill()  # which closes its pipes
            process = _Process(self._limits)
        said = process.ask(path)
        if said is not None and process.asked < _PICTURES:
            self._idle.append(process)
            return said
        late = process.is_late
        process.kill()
        if said is not None:
            return said
        if late:
            seconds = f"{self._limits.decode_seconds:g}"
            raise ImageError(f"the picture took more than {seconds} s to decode: scale it down")
        raise ImageError("the picture crashed its decoder: save it again in another format")


class _Process:
    """One of them."""

    def __init__(self, limits: Limits) -> None:
        self._seconds = limits.decode_seconds
        self.asked, self.is_late = 0, False
        words = (str(limits.upload_pixels), str(limits.decode_bytes))
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "platefree.service.decoding_worker", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            text=True,
            start_new_session=os.name == "posix",  # a Ctrl-C is for its parent
        )

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def ask(self, path: Path) -> dict[str, Any] | None:
        """What is said of a picture; None if nothing is, because the process ended."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101
        assert stdout is not None  # noqa: S101
        patience = self._seconds if self.asked else self._seconds + 20  # to start
        timer = threading.Timer(patience, self._kill_late)
        timer.daemon = True
        timer.start()
        try:
            stdin.write(json.dumps(str(path)) + "\n")
            stdin.flush()
            line = stdout.readline()
        except (OSError, ValueError):
            return None
        finally:
            timer.cancel()
        self.asked += 1
        found: dict[str, Any] | None = json.loads(line) if line.endswith("\n") else None
        return None if self.is_late else found

    def kill(self) -> None:
        """End it; what it still had to say is lost."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()

    def _kill_late(self) -> None:
        self.is_late = True
        self._process.kill()
