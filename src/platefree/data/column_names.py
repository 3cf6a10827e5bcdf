"""Which column of a table is which: names, their usual spellings, and what to say of the others.

A name that can mean only one thing is read as that, and a note says so; one that can mean several
things is refused while the column that it may be is missing; every other one is named in the note.
"""

import difflib
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from platefree.data.frame_columns import EDGES, FRAME_COLUMNS, require_edges
from platefree.errors import DataError
from platefree.types import LABELS

_COLUMNS = ("image", *LABELS, "time", *FRAME_COLUMNS)
_SPELLINGS = {"colour": "color"}

_ALIASES = {
    "image": (
        "img images imgs path file filepath filename imagepath imagefile imagefilename imagename "
        "imgpath imgfile imgfilename imgname picture picturepath picturefile photo photopath "
        "photofile photoname fullpath relpath relativepath"
    ),
    "vehicle": (
        "vehicleid vehicleids vehid vehiclename vehiclenumber pid carid identity identityid "
        "vehicleidentity"
    ),
    "camera": "camid cameraid cameraids cam cid cameraname cameranumber camname camnumber camno",
    "track": "trackid tid tracklet trackletid trackno tracknumber trajectory trajectoryid",
    "make": "brand manufacturer vehiclemake carmake makename",
    "model": "vehiclemodel carmodel modelname modelid",
    "model_year": "modelyear vehiclemodelyear carmodelyear",
    "type": "vehicletype cartype bodytype bodystyle typename typeid",
    "color": "vehiclecolor vehiclecolour carcolor carcolour colorname colourname colorid colourid",
    "view": "viewpoint viewid viewname viewpointid vehicleview",
    "split": "subset partition",
    "source": "dataset datasetname sourcename",
    "time": (
        "timestamp datetime capturetime capturedat captured takenat takentime recordedat timeutc "
        "utctime utc datetimeutc datetimeoriginal isotime"
    ),
}
"""Column -> other names of it, as `_plain` writes them."""

_UNCLEAR = {
    **dict.fromkeys(("id", "ids", "label", "labels", "class", "target", "vid", "car"), "vehicle"),
    "ts": "time",
}
"""Names that may be a column or something else: the number of a row, the class of a detector."""

_BOXES = (
    ("x1", "y1", "x2", "y2"),
    ("left", "top", "right", "bottom"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("minx", "miny", "maxx", "maxy"),
    ("bboxx1", "bboxy1", "bboxx2", "bboxy2"),
    ("bboxx0", "bboxy0", "bboxx1", "bboxy1"),
    ("bboxleft", "bboxtop", "bboxright", "bboxbottom"),
    ("bboxxmin", "bboxymin", "bboxxmax", "bboxymax"),
    ("boxx1", "boxy1", "boxx2", "boxy2"),
)
"""Other names of `EDGES`, which count only together."""

_OTHER_BOXES = (
    *(("bbox",), ("box",), ("boundingbox",), ("bboxes",), ("xyxy",), ("xywh",)),
    *((*corner, *size)
      for corner in (("x", "y"), ("left", "top"), ("xmin", "ymin"))
      for size in (("w", "h"), ("width", "height"))),
    *(("bboxx", "bboxy", *size) for size in (("bboxw", "bboxh"), ("bboxwidth", "bboxheight"))),
    ("bboxleft", "bboxtop", "bboxwidth", "bboxheight"),
)  # fmt: skip
"""Boxes that are stored in another way."""

EMBEDDED_SPACE = "space_"
"""What the columns of embeddings begin with, in a table that has some."""

_NAMED = 40  # columns in a note; a table can have thousands
_MOST = 5000  # columns; looking for misspelt names takes a second by then

_log = logging.getLogger(__name__)


def known_columns(path: Path, header: Sequence[str]) -> dict[str, int]:
    """The columns of a table that this header has, with their positions.

    A note in the log says which names were read as another, and which columns are not used.

    Raises:
        DataError: there is no ``image``, a column stands there twice or may be one of two, a name
            may mean several things or looks misspelled, or a box lacks one of its four columns.
    """
    if len(header) > _MOST:
        raise DataError(
            f"{path} has {len(header):,} columns, expected at most {_MOST:,}: keep those that "
            f"describe a picture ({', '.join(_COLUMNS[:4])} ...)"
        )
    names = [name.strip().lower() for name in header]
    names = [_SPELLINGS.get(name, name) for name in names]
    boxed = _edges(names)
    found = {name: place for place, name in enumerate(names) if name in _COLUMNS}
    found = {name: place for name, place in found.items() if not (boxed and name in EDGES)} | boxed
    for name in found:
        if names.count(name) > 1:
            raise DataError(f"{path} has {names.count(name)} columns {name!r}: keep one of them")
    renamed = _renamed(path, header, found)
    found |= renamed
    others = [name for place, name in enumerate(names) if place not in found.values()]
    if "image" not in found:
        raise DataError(f"{path} {_no_image(header, [name for name in others if name])}")
    require_edges(path, found)
    _refuse_unclear(path, others, found)
    _note(path, header, renamed | boxed, found)
    return found


def is_embedded(name: str, header: Sequence[str]) -> bool:
    """Whether a column belongs to the embeddings of a table (`gallery.embedded_tables`)."""
    if "fingerprint" not in header:
        return False
    return name in ("fingerprint", "content") or name.startswith(EMBEDDED_SPACE)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower())


def _edges(names: Sequence[str]) -> dict[str, int]:
    """The columns of a box under other names; none if it has the usual ones, or no such."""
    plain = [_plain(name) for name in names]
    if {"x0", "y0"} & set(plain):
        return {}
    for edges in _BOXES:
        if all(plain.count(edge) == 1 for edge in edges):
            return {ours: plain.index(theirs) for ours, theirs in zip(EDGES, edges, strict=True)}
    return {}


def _renamed(path: Path, header: Sequence[str], found: Mapping[str, int]) -> dict[str, int]:
    """The missing columns that the header has under another name."""
    plain = [_plain(name) for name in header]
    renamed: dict[str, int] = {}
    for column, text in _ALIASES.items():
        aliases = text.split()
        places = [place for place, name in enumerate(plain) if name in aliases]
        if column in found or not places:
            continue
        if len(places) > 1:
            shown = " and ".join(repr(header[place].strip()[:40]) for place in places)
            raise DataError(
                f"{path} has the columns {shown}, and each may be {column!r}: rename the one that "
                f"is to {column!r}"
            )
        renamed[column] = places[0]
    return renamed


def _refuse_unclear(path: Path, others: Sequence[str], found: Mapping[str, int]) -> None:
    # Many tables have columns like "frames" or "x" of their own, so these are not guessed, and the
    # year of a model resembles every other column about models.
    not_guessed = ("model_year", *FRAME_COLUMNS)
    missing = [name for name in _COLUMNS if name not in found and name not in not_guessed]
    for other in others:
        unclear = _UNCLEAR.get(_plain(other))
        misspelt = [] if _is_alias(other) else difflib.get_close_matches(other, missing, 1, 0.75)
        near = [unclear] if unclear in missing else misspelt
        if near:
            raise DataError(
                f"{path} has a column {other!r}; did you mean {near[0]!r}? Rename it (if it is "
                "something else, give it a less similar name, such as 'row')"
            )
    plain = {_plain(other) for other in others}
    for names in _OTHER_BOXES:
        if EDGES[0] not in found and plain.issuperset(names):
            raise DataError(
                f"{path} has a box in the columns {', '.join(names)}, expected {', '.join(EDGES)} "
                "(left, top, right, bottom in pixels): write it so, or rename what is no box"
            )


def _is_alias(name: str) -> bool:
    return any(_plain(name) in text.split() for text in _ALIASES.values())


def _no_image(header: Sequence[str], others: Sequence[str]) -> str:
    for delimiter, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(header) == 1 and delimiter in header[0]:
            return f"separates its columns by {name}, expected commas: save it with commas"
    shown = ", ".join(repr(name[:40]) for name in header[:20])
    near = difflib.get_close_matches("image", others, 1, 0.5)
    hint = f"did you mean {near[0]!r}? Rename it" if near else "rename the column of the paths"
    return f"has no column 'image', only {shown}: {hint}"


def _note(
    path: Path, header: Sequence[str], renamed: Mapping[str, int], found: Mapping[str, int]
) -> None:
    used = set(found.values())
    used |= {place for place, name in enumerate(header) if is_embedded(name, header)}
    read = [f"{header[place].strip()!r} is read as {name!r}" for name, place in renamed.items()]
    names = [repr(name.strip()[:40]) if name.strip() else "one without a name" for name in header]
    unused = [name for place, name in enumerate(names) if place not in used]
    if unused:
        more = f" and {len(unused) - _NAMED} more" if len(unused) > _NAMED else ""
        read.append(f"not used: {', '.join(unused[:_NAMED])}{more}")
    if read:
        _log.warning("note: columns of %s: %s", path, "; ".join(read))
