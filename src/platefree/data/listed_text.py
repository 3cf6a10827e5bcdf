"""Text files and folders with any encoding, line end and case of names.

Chinese data sets are encoded in gb2312 as often as in UTF-8; editors add a byte order mark,
carriage returns and blanks at the ends of lines; archives change the case of folders.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from platefree.errors import DataError
from platefree.inputs.documents import byte_order_encoding
from platefree.inputs.plain_files import MB, Expected, read_input

LISTED = Expected("a list or label file", 256 * MB)  # the largest public one has 30
"""What such a file can be."""
_SHOWN = 80  # characters of a wrong line in an error


def many(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun: ``1 picture``, ``2,000 pictures``; ``plural`` if it is irregular."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` met while looking for ``path`` or into a folder into a `DataError`."""
    try:
        yield
    except OSError as error:
        reason = " ".join(str(error.strerror or error).split())
        raise DataError(f"{path} cannot be read ({reason})") from error


def read_text(path: Path) -> str:
    """The text of a file, decoded by its byte order mark, else as UTF-8, else as gb18030.

    gb18030 contains gb2312 and gbk. An encoding named within the text is not used.

    Raises:
        DataError: it is not text, or cannot be read.
    """
    data = read_input(path, LISTED)
    for encoding in (byte_order_encoding(data), "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise DataError(f"{path} is not text, expected UTF-8 or gb2312: unpack or copy it again")


@dataclass(frozen=True)
class Lines:
    """The lines of a text file, without the white space around them.

    Attributes:
        path: the file.
        texts: all lines, also blank ones; the place of a line is its number minus one.
    """

    path: Path
    texts: list[str]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file.

        Raises:
            DataError: it is not text, or cannot be read.
        """
        text = read_text(path).replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
        return cls(path, [line.strip() for line in text.split("\n")] if text else [])

    def fields(self, counts: tuple[int, ...], expected: str) -> Iterator[tuple[int, list[str]]]:
        """The words of each line that is not blank, with the place of the line.

        Raises:
            DataError: the number of words in a line is not one of ``counts``.
        """
        for place, text in enumerate(self.texts):
            words = text.split()
            if words and len(words) not in counts:
                raise self.fault(place, expected)
            if words:
                yield place, words

    def fault(self, place: int, expected: str) -> DataError:
        """The error for a wrong line."""
        found = self.texts[place]
        shown = found if len(found) <= _SHOWN else f"{found[:_SHOWN]}..."
        return DataError(f"{self.path}, line {place + 1}: {shown!r}, expected {expected}")


class Folder:
    """A folder in which names are found regardless of case; only the folders needed are listed.

    Attributes:
        path: where it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listings: dict[Path, dict[str, str]] = {}

    def find(self, *names: str) -> Path | None:
        """The path of the first of these relative names that exists; None if none does.

        Raises:
            DataError: a folder on the way cannot be listed.
        """
        for name in names:
            path: Path | None = self.path
            for part in name.split("/"):
                path = self._below(path, part) if path is not None else None
            if path is not None:
                return path
        return None

    def names(self) -> list[str]:
        """The names in the folder itself, sorted."""
        return sorted(set(self._listing(self.path).values()))

    def _below(self, path: Path, name: str) -> Path | None:
        listing = self._listing(path)
        found = listing.get(name) or listing.get(name.lower())
        return None if found is None else path / found

    def _listing(self, path: Path) -> dict[str, str]:
        """Name, and name in lower case -> name."""
        if path not in self._listings:
            with reading(path):
                names = os.listdir(path) if path.is_dir() else []
            lower = {name.lower(): name for name in names}
            self._listings[path] = lower | {name: name for name in names}
        return self._listings[path]
