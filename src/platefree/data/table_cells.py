"""The cells of a table, column by column, while its file is read in pieces.

Equal cells are stored once, and what cannot be a table of pictures is refused at the first piece
that shows it, so that no file takes much more memory than a table of its size needs.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from platefree.data.frame_columns import Place
from platefree.errors import DataError
from platefree.inputs.parquet import MOST_ROWS
from platefree.inputs.plain_files import Expected

NOT_TEXT = re.compile("[\0\ud800-\udfff]")
"""Characters that no text of a table may hold: NUL and lone surrogates."""

MOST_BYTES = 4_000_000_000
"""Of the different texts of a table, or of the whole content of a Parquet file."""

TABLE = Expected("a table", MOST_BYTES)
"""What a file of a table can be."""

_LONGEST_CELL = 1000  # characters


class TableCells:
    """Collects the cells of a table.

    Args:
        path: of the table, for messages.
        names: its columns.
        place: names the place of a row in the file, for messages.
        text_of: cell -> text.
    """

    def __init__(
        self,
        path: Path,
        names: Iterable[str],
        place: Place,
        text_of: Callable[[str], str] = str.strip,
    ) -> None:
        self.columns: dict[str, list[str]] = {name: [] for name in names}
        self.place = place
        self._path = path
        self._texts = {name: _Texts(text_of) for name in self.columns}

    def add(self, piece: Mapping[str, Iterable[str]]) -> None:
        """Add the next rows.

        Raises:
            DataError: there are too many rows, a picture has no path, or a cell holds text that is
                too long or not Unicode; the message names the place.
        """
        for name, cells in piece.items():
            column, texts = self.columns[name], self._texts[name]
            start = len(column)
            column += map(texts.__getitem__, cells)
            if texts.odd is not None:
                raise self._fault(name, column.index(texts.odd, start), texts.odd)
            if len(column) > MOST_ROWS:
                raise DataError(too_large(self._path, "more rows"))
            if name == "image" and texts.some_empty:
                row = column.index("", start)
                raise DataError(
                    f"{self._path}, {self.place(row)}: no image, expected the path of a picture"
                )
        if sum(texts.characters for texts in self._texts.values()) > MOST_BYTES:
            raise DataError(too_large(self._path, "more text"))

    def _fault(self, name: str, row: int, text: str) -> DataError:
        return DataError(
            f"{self._path}, {self.place(row)}: {name} is {text[:40]!r} ({len(text):,} "
            f"characters), expected UTF-8 text of at most {_LONGEST_CELL:,} characters"
        )


def too_large(path: Path, found: str) -> str:
    """The message that a table has more than can be read."""
    return (
        f"{path} has {found}, expected at most {MOST_ROWS:,} rows and {MOST_BYTES:,} bytes: cut "
        "the table into parts, and embed each of them"
    )


class _Texts(dict[str, str]):
    """Cell -> text, each different one kept once."""

    def __init__(self, text_of: Callable[[str], str]) -> None:
        self._text_of = text_of
        self._changed: dict[str, str] = {}
        self.characters = 0
        self.some_empty = False
        self.odd: str | None = None

    def __missing__(self, cell: str) -> str:
        text = self._text_of(cell)
        if text != cell:
            text = self._changed.setdefault(text, text)
        plain = text.isascii() and "\0" not in text  # as most are: the search takes longer
        if len(text) > _LONGEST_CELL or (not plain and NOT_TEXT.search(text)):
            self.odd = self.odd or text
        self.some_empty |= not text
        self.characters += len(text)
        self[cell] = text
        return text
