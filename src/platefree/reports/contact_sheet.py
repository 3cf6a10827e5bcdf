"""A contact sheet: the hits of one search as one picture, to print or to send."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from platefree.errors import DataError
from platefree.reports.sheet_pictures import of_hit, of_kept, of_query
from platefree.storage.files import atomic_file
from platefree.types import Hit, Sightings

FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}
"""The file formats of a contact sheet by suffix."""

_PICTURE = (192, 144)
_GAP, _LINE, _FRAME = 20, 19, 4
_LINES = 4  # of text below a picture
_CELL = (_PICTURE[0] + _GAP, _PICTURE[1] + _LINES * _LINE + 14 + _GAP)
_LARGEST_SIDE = 65_000  # JPEG allows 65,535 pixels
_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Arial.ttf")
_INK, _MUTED, _PAPER, _EMPTY = "#1c2127", "#5a6370", "#ffffff", "#eceef0"

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


class _Cell(NamedTuple):
    caption: tuple[str, ...]
    picture: Callable[[], Image.Image | None]  # read one by one: a sheet may show thousands


def contact_sheet(
    query: Path | Sequence[Path] | Sightings | int,
    hits: Sequence[Hit],
    path: Path,
    columns: int = 5,
    *,
    about: Sequence[str] = (),
    small: Mapping[int, bytes] = MappingProxyType({}),
) -> Path:
    """Draw the query and its hits, nearest first, and save them as one picture.

    Each hit is captioned with rank, similarity (and how sure it is, if that is known), camera, time
    and file name. A picture that cannot be read is drawn as an empty frame that says so.

    Args:
        query: the query picture, or several; a table of them, whose boxes are drawn; or the number
            of a stored sighting, which is drawn as in ``small``.
        hits: in the order to draw; may be empty.
        path: the file to write; its suffix, .jpg or .png, decides the format.
        columns: pictures in a row; the query pictures come first.
        about: lines above the pictures, such as the model, the gallery and the date.
        small: pictures that a gallery keeps, as JPEG, by the number of the sighting: drawn for
            films, and where a file cannot be read.

    Returns:
        ``path``.

    Raises:
        DataError: the suffix is neither, ``columns`` is below 1, or there are too many hits for one
            picture.
        StorageError: the file cannot be written.
    """
    format_name = FORMATS.get(path.suffix.lower())
    if format_name is None:
        raise DataError(
            f"{path}: a contact sheet is written as {', '.join(FORMATS)}, choose one of these"
        )
    cells = [*_queries(query, small), *(_hit(hit, small) for hit in hits)]
    asked = len(cells) - len(hits)
    width = _size(len(cells), columns)[0]
    heading = [line for text in about for line in _wrapped(text, _font(14), width - 2 * _GAP)]
    above = _GAP + len(heading) * _LINE if heading else 0
    sheet = _blank(len(cells), columns, above)
    pen = ImageDraw.Draw(sheet)
    for number, line in enumerate(heading):
        pen.text((_GAP, _GAP + number * _LINE), line, fill=_INK, font=_font(14))
    for index, cell in enumerate(cells):
        row, column = divmod(index, columns)
        left, top = _GAP + column * _CELL[0], above + _GAP + row * _CELL[1]
        _draw_picture(sheet, pen, cell.picture(), left, top)
        _draw_caption(pen, cell.caption, left, top + _PICTURE[1] + 10)
        if index < asked:
            _frame_query(pen, left, top)
    with atomic_file(path) as file:
        sheet.save(file, format_name, quality=90)
    return path


def _queries(
    query: Path | Sequence[Path] | Sightings | int, small: Mapping[int, bytes]
) -> list[_Cell]:
    if isinstance(query, int):
        draw = partial(of_kept, small.get(query, b""), _PICTURE)
        return [_Cell(("query", "", "", f"sighting {query}"), draw)]
    if not isinstance(query, Sightings):
        paths = [query] if isinstance(query, Path) else query
        query = Sightings.from_columns(Path(), {"image": list(map(str, paths))})
    return [
        _Cell(("query", "", "", query.path(row).name), partial(of_query, query, row, _PICTURE))
        for row in range(len(query))
    ]


def _hit(hit: Hit, small: Mapping[int, bytes]) -> _Cell:
    kept = small.get(hit.number, b"") if hit.number is not None else b""
    return _Cell(_caption(hit), partial(of_hit, hit, _PICTURE, kept))


def _size(pictures: int, columns: int) -> tuple[int, int]:
    """Width and height in pixels, without the lines above."""
    if columns < 1:
        raise DataError(f"a contact sheet of {columns} columns, expected 1 or more")
    return _GAP + min(columns, pictures) * _CELL[0], _GAP + -(-pictures // columns) * _CELL[1]


def _blank(pictures: int, columns: int, above: int) -> Image.Image:
    width, height = _size(pictures, columns)
    height += above
    if max(width, height) > _LARGEST_SIDE:
        raise DataError(
            f"a contact sheet of {pictures:,} pictures in {columns:,} columns would have "
            f"{width:,} x {height:,} pixels, expected at most {_LARGEST_SIDE:,} a side; "
            "ask for fewer hits"
        )
    return Image.new("RGB", (width, height), _PAPER)


def _caption(hit: Hit) -> tuple[str, ...]:
    first = f"{hit.rank}: similarity {hit.similarity:.3f}"
    if hit.in_words:
        first = f"{hit.rank}: {hit.similarity:.3f}, {hit.in_words}"
    time = hit.labels.get("time", "").replace("T", " ")
    return first, hit.labels.get("camera", ""), time, hit.image.name


def _draw_picture(
    sheet: Image.Image, pen: ImageDraw.ImageDraw, small: Image.Image | None, left: int, top: int
) -> None:
    if small is not None:
        # At the bottom of its box, so that every caption is directly below its picture.
        corner = left + (_PICTURE[0] - small.width) // 2, top + _PICTURE[1] - small.height
        sheet.paste(small, corner)
        return
    right, bottom = left + _PICTURE[0] - 1, top + _PICTURE[1] - 1
    pen.rectangle((left, top, right, bottom), fill=_EMPTY, outline=_MUTED)
    pen.line((left, top, right, bottom), fill="#d5d9dd")
    pen.line((left, bottom, right, top), fill="#d5d9dd")
    middle = (left + right) / 2, (top + bottom) / 2
    pen.text(middle, "cannot be read", fill=_INK, font=_font(14), anchor="mm")


def _draw_caption(pen: ImageDraw.ImageDraw, lines: Sequence[str], left: int, top: int) -> None:
    for number, text in enumerate(line for line in lines if line):
        font = _font(15 if number == 0 else 13)
        shown = _shortened(text, font, _PICTURE[0])
        pen.text((left, top + number * _LINE), shown, fill=_MUTED if number else _INK, font=font)


def _frame_query(pen: ImageDraw.ImageDraw, left: int, top: int) -> None:
    margin = _GAP // 2
    right, bottom = left + _PICTURE[0] + margin - 1, top + _CELL[1] - margin - 1
    pen.rectangle((left - margin, top - margin, right, bottom), outline=_INK, width=_FRAME)


@cache
def _font(size: int) -> _Font:
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def _wrapped(text: str, font: _Font, width: int) -> list[str]:
    """The text in lines of this width, broken after spaces and slashes."""
    lines = [""]
    for part in re.split(r"(?<=[ /])", text):
        if lines[-1] and font.getlength(lines[-1] + part) > width:
            lines.append("")
        lines[-1] += part
    return [_shortened(line, font, width) for line in lines]


def _shortened(text: str, font: _Font, width: int) -> str:
    """The text on one line; the middle of a long text is left out, since names end differently."""
    line = " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
    shown, kept = line, len(line)
    while kept > 2 and font.getlength(shown) > width:
        kept -= 1
        shown = f"{line[: kept - kept // 2]}…{line[-(kept // 2) :]}"
    return shown
