"""The records of a CSV file with their line numbers, which errors name too."""

import csv
import io
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from platefree.data.formula_cells import unguarded
from platefree.data.listed_text import many
from platefree.data.table_cells import NOT_TEXT, TABLE
from platefree.errors import DataError
from platefree.inputs.plain_files import open_input

_LONGEST_LINE = 1_000_000

_log = logging.getLogger(__name__)


def csv_records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The records that are not blank, each with the line it starts on; the first is the header.

    Raises:
        DataError: the file cannot be read, is not UTF-8 or not CSV, or a record and the header
            differ in their number of cells.
    """
    # Bytes that are not UTF-8 are escaped here and refused in `_lines`, which knows the line.
    with open_input(path, TABLE) as opened:
        file = io.TextIOWrapper(opened, "utf-8-sig", errors="surrogateescape", newline="")
        reader = csv.reader(_lines(path, file), strict=True)
        header: list[str] = []
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise DataError(
                    f"{path}, line {line}: not CSV ({error}): separate cells by commas, close "
                    "every quote, and write a quote inside a cell twice"
                ) from error
            header = header or cells
            if cells and len(cells) != len(header):
                raise DataError(
                    f"{path}, line {line}: {many(len(cells), 'cell')}, expected {len(header)} as "
                    "in the header: a comma inside a cell needs quotes around the cell"
                )
            if cells:
                yield line, cells


def csv_rows(
    path: Path, columns: Sequence[str], what: str, optional: Sequence[str] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    """The records as column -> cell, each with its line; names of columns are in lower case.

    A note in the log names the columns that are not used.

    Args:
        path: of the file.
        columns: that it must have.
        what: what the file should hold, for the message about a missing column.
        optional: columns that it may have.

    Raises:
        DataError: a column is missing, or as for `csv_records`.
    """
    records = csv_records(path)
    header = [name.strip().lower() for name in next(records, (0, list[str]()))[1]]
    missing = [name for name in columns if name not in header]
    if missing:
        raise DataError(f"{path} lacks the column {missing[0]!r}; {what}")
    unused = [name for name in header if name not in (*columns, *optional)]
    if unused:
        shown = ", ".join(repr(name[:40]) for name in unused[:20])
        _log.warning("note: columns of %s: not used: %s", path, shown)
    for line, cells in records:
        yield line, dict(zip(header, map(text_of, cells), strict=True))


def text_of(cell: str) -> str:
    """The text of a cell: without white space around it, and without the guard of a formula."""
    text = cell.strip()
    return unguarded(text) if text[:1] == "'" else text


def _lines(path: Path, file: TextIO) -> Iterator[str]:
    number = 0
    while line := file.readline(_LONGEST_LINE):
        number += 1
        # Most lines are plain ASCII, for which the search is not needed.
        if ("\0" in line or not line.isascii()) and NOT_TEXT.search(line):
            raise DataError(f"{path}, line {number}: not UTF-8 text, save the table as UTF-8")
        if len(line) == _LONGEST_LINE:
            raise DataError(
                f"{path}, line {number}: longer than {_LONGEST_LINE:,} characters, "
                "expected a CSV table"
            )
        yield line
