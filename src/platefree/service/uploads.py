"""Pictures that were uploaded to be searched with: kept for a while, for whoever brought them."""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from platefree.errors import PlatefreeError
from platefree.service.decoder import Decoded, Decoder
from platefree.service.limits import Limits
from platefree.storage.files import new_file, remove


class NoSuchPicture(PlatefreeError):
    """A picture is asked for that nobody brought, or that is kept no longer."""


@dataclass(frozen=True)
class Upload:
    """A picture that can be searched with.

    Attributes:
        key: its name, which nobody can guess.
        owner: the account that brought it, which alone may use it.
        path: of its file.
        sha256: of the bytes of the file, hexadecimal.
        size: of the file in bytes.
        decoded: width, height and format.
        used: seconds of the clock when it was last used.
    """

    key: str
    owner: str
    path: Path
    sha256: str
    size: int
    decoded: Decoded
    used: float


class Uploads:
    """Keeps pictures in a folder that goes with the service.

    Args:
        folder: of their files, which nobody else may read.
        decoder: decodes each before it is kept.
        limits: how many bytes are kept, and for how long.
        clock: seconds.
    """

    def __init__(
        self,
        folder: Path,
        decoder: Decoder,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._decoder, self._limits, self._clock = folder, decoder, limits, clock
        self._lock = threading.Lock()
        self._kept: dict[str, Upload] = {}  # the longest unused first

    def keep(self, owner: str, content: bytes) -> Upload:
        """Keep a picture.

        Args:
            owner: the account.
            content: of its file, at most as many bytes as the limits say.

        Raises:
            ImageError: it is no picture that can be decoded.
            Busy: others are being decoded.
        """
        key = secrets.token_hex(16)
        path = self._folder / key
        with new_file(path) as file:
            file.write(content)
        try:
            decoded = self._decoder.decode(path)
        except BaseException:
            remove(path)
            raise
        digest = hashlib.sha256(content).hexdigest()
        found = Upload(key, owner, path, digest, len(content), decoded, self._clock())
        with self._lock:
            self._kept[key] = found
            self._tidy()
        return found

    def find(self, owner: str, key: str) -> Upload:
        """A picture that this account brought.

        Raises:
            NoSuchPicture: it brought none of this name, or it is kept no longer.
        """
        with self._lock:
            self._tidy()
            found = self._kept.pop(key, None)
            if found is not None:
                self._kept[key] = replace(found, used=self._clock())
        if found is None or found.owner != owner:
            raise NoSuchPicture(
                "there is no such picture, or it is no longer kept: upload it again"
            )
        return found

    def tidy(self) -> None:
        """Remove what is unused for long, and the longest unused beyond the bytes to keep."""
        with self._lock:
            self._tidy()

    def _tidy(self) -> None:
        oldest = self._clock() - self._limits.kept_seconds
        total = sum(each.size for each in self._kept.values())
        for key, each in list(self._kept.items()):
            if each.used > oldest and total <= self._limits.kept_bytes:
                return
            total -= each.size
            del self._kept[key]
            remove(each.path)
