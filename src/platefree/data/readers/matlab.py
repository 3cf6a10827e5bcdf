"""Cell arrays of texts in MATLAB files, in which CompCars keeps its names.

Decided: read here, for scipy's reader ends the whole process on some damaged files. Source: MATLAB,
MAT-File Format, level 5; only what a cell array of texts and numbers needs.
"""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from platefree.errors import DataError
from platefree.inputs.plain_files import MB, Expected, read_input

MATLAB = Expected("a MATLAB file of names", 16 * MB)  # that of CompCars has 0.1
"""What such a file can be."""

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_CELL, _CHARS = 1, 4  # classes of arrays
_ENCODINGS = {2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16"}
_NUMBERS = {1: "b", 2: "B", 3: "h", 4: "H", 5: "i", 6: "I", 7: "f", 9: "d", 12: "q", 13: "Q"}
_MOST_UNPACKED = 64 * MB
_MOST_CELLS = 1_000_000


def read_cells(path: Path, name: str) -> list[list[str]]:
    """A cell array as rows of texts; an empty cell is ``""``.

    Raises:
        DataError: the file is damaged, or holds no array of that name.
    """
    content = read_input(path, MATLAB)
    try:
        return _File(content).cells(name)
    except (ValueError, IndexError, LookupError, struct.error, zlib.error) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"{path} is not a MATLAB file with an array {name!r} ({reason}): unpack it "
            "again, or save it in MATLAB with '-v7'"
        ) from error


@dataclass(frozen=True)
class _Array:
    """An array that is not unpacked yet: its class, shape, name, and what follows."""

    kind: int
    shape: tuple[int, ...]
    name: str
    parts: "list[tuple[int, bytes]]"


class _File:
    """The elements of a MATLAB file.

    Args:
        content: of the file.
    """

    def __init__(self, content: bytes) -> None:
        mark = content[_HEADER - 2 : _HEADER]
        if mark not in (b"IM", b"MI"):
            raise ValueError("it has no header of level 5")
        self.order = "<" if mark == b"IM" else ">"
        self.content = content[_HEADER:]

    def cells(self, name: str) -> list[list[str]]:
        """The texts of the cell array of a name, row by row."""
        for kind, body in self._elements(self.content):
            if kind == _COMPRESSED:
                unpack = zlib.decompressobj()
                inner = unpack.decompress(body, _MOST_UNPACKED)
                if unpack.unconsumed_tail:
                    raise ValueError(f"it unpacks to more than {_MOST_UNPACKED:,} bytes")
                ((kind, body),) = self._elements(inner)
            array = self._array(body) if kind == _MATRIX else None
            if array is not None and array.name == name:
                return self._rows(array)
        raise ValueError("it is not there")

    def _rows(self, array: _Array) -> list[list[str]]:
        rows, columns = array.shape
        if array.kind != _CELL or rows * columns != len(array.parts):
            raise ValueError(f"{len(array.parts):,} cells, expected {rows:,} x {columns:,}")
        texts = [self._text(body) for _, body in array.parts]  # column after column
        return [texts[row::rows] for row in range(rows)]

    def _text(self, body: bytes) -> str:
        """The text in a cell, or the first of its numbers."""
        if not body:
            return ""
        array = self._array(body)
        if not array.parts or 0 in array.shape:
            return ""
        kind, data = array.parts[0]
        if array.kind == _CHARS:
            encoding = _ENCODINGS[kind]
            if encoding == "utf-16":
                encoding = "utf-16-le" if self.order == "<" else "utf-16-be"
            return data.decode(encoding).strip()
        if kind not in _NUMBERS:
            raise ValueError(f"a cell holds an array of kind {array.kind}, expected a text")
        (number,) = struct.unpack_from(self.order + _NUMBERS[kind], data)
        return str(number)

    def _array(self, body: bytes) -> _Array:
        (_, flags), (_, shape), (_, name), *parts = self._elements(body)
        (kind,) = struct.unpack_from(self.order + "I", flags)
        sides = struct.unpack(f"{self.order}{len(shape) // 4}i", shape)
        if any(side < 0 for side in sides):
            raise ValueError(f"an array of shape {sides}")
        return _Array(kind & 0xFF, sides, name.decode("latin-1"), parts)

    def _elements(self, data: bytes) -> list[tuple[int, bytes]]:
        """Kind and content of the elements that lie one behind the other."""
        elements, place = list[tuple[int, bytes]](), 0
        while place + 8 <= len(data):
            kind, size = struct.unpack_from(self.order + "II", data, place)
            if kind >> 16:  # a small element: size and kind in four bytes, content in four
                kind, size, start, end = kind & 0xFFFF, kind >> 16, place + 4, place + 8
            else:
                start = place + 8
                end = start + size + (0 if kind == _COMPRESSED else -size % 8)
            if start + size > len(data) or len(elements) > _MOST_CELLS:
                raise ValueError("it is cut short")
            elements.append((kind, data[start : start + size]))
            place = end
        return elements
