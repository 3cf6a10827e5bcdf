"""A case as one archive that anybody can read in years.

``index.html`` is a page to read and to print, without scripts and without other files; ``case.csv``
and ``case.json`` have a row for each sighting; ``pictures`` are the small pictures of the gallery,
``frames`` the whole ones, with masked plates, where they are still there and may be shown.
``about.json`` says who asked, when and why, and the SHA-256 of every other file.
"""

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from platefree.errors import ImageError
from platefree.reports.drawing import clean
from platefree.reports.skeleton import html_page
from platefree.service.cases import Case
from platefree.service.hashed_archive import hashed_archive
from platefree.service.job_table import Job
from platefree.service.running_service import Service
from platefree.service.sighting_table import COLUMNS, Row, csv_of, json_of, rows_of
from platefree.service.whole_frames import whole_frame
from platefree.types import Embeddings

_COLUMNS = (*COLUMNS, "mark", "note", "who", "at")
_CELLS = ("number", "camera", "time", "type", "color", "view", "track", "mark", "note")
_QUALITY = 88


@dataclass(frozen=True)
class _Entry:
    """A sighting of a case: its row, and its pictures as JPEG, empty where there is none."""

    row: Row
    picture: bytes
    frame: bytes


def write_case(case: Case, path: Path, asked: dict[str, Any], here: Service, job: Job) -> int:
    """Write a case to a ZIP archive.

    Args:
        case: with sightings that are stored.
        path: of the archive.
        asked: who asked, and why.
        here: the service.
        job: which shows how far it is.

    Returns:
        How many sightings were written.

    Raises:
        StorageError: the archive cannot be written.
    """
    about = {"asked": asked, "model": here.gallery.card.model, "case": case.name}
    entries = []
    with hashed_archive(path, about) as put:
        for place, entry in enumerate(_entries(case, here)):
            job.advance(place, len(case.sightings))
            number = entry.row["number"]
            if entry.picture:
                put(f"pictures/{number}.jpg", entry.picture)
            if entry.frame:
                put(f"frames/{number}.jpg", entry.frame)
            entries.append(_Entry(entry.row, entry.picture, b""))  # frames are large
        rows = [each.row for each in entries]
        put("case.csv", csv_of(_COLUMNS, rows))
        put("case.json", json_of({**_described(case), "sightings": rows}))
        put("index.html", _page(case, entries, asked).encode("utf-8", "replace"))
    job.advance(len(entries), len(entries))
    return len(entries)


def moment(seconds: float) -> str:
    """A moment in UTC, ISO 8601.

    Args:
        seconds: since 1970.
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _entries(case: Case, here: Service) -> Iterator[_Entry]:
    with here.gallery.store.snapshot() as now:
        there = now.has(np.array([each.number for each in case.sightings], np.int64))
        for said, is_there in zip(case.sightings, there.tolist(), strict=True):
            if not is_there:  # forgotten meanwhile
                continue
            numbers = np.array([said.number], np.int64)
            (row,), (picture,) = rows_of(now, numbers), now.crops(numbers)
            more = {"mark": said.mark, "note": said.note, "who": said.who, "at": moment(said.at)}
            frame = _frame(now.get(numbers), here) if here.shows_frames else b""
            yield _Entry({**row, **more}, picture, frame)


def _frame(stored: Embeddings, here: Service) -> bytes:
    try:
        with here.turn():
            picture = whole_frame(stored, here)
    except ImageError:
        return b""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def _described(case: Case) -> dict[str, Any]:
    return {
        "name": case.name,
        "note": case.note,
        "made by": case.maker,
        "made": moment(case.made),
        "changed": moment(case.changed),
        "forgotten since": case.gone,
    }


def _page(case: Case, entries: Sequence[_Entry], asked: dict[str, Any]) -> str:
    facts = {**_described(case), "exported by": asked["by"], "reason": asked["reason"]}
    listed = "".join(
        f"<dt>{clean(name)}</dt><dd>{clean(str(value))}</dd>"
        for name, value in facts.items()
        if value and name != "name"
    )
    header = f"<h1>{clean(case.name)}</h1><dl>{listed}</dl>"
    rows = "".join(_table_row(each) for each in entries)
    heads = "".join(f"<th>{name}</th>" for name in ("picture", *_CELLS))
    body = f'<table class="texts"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    return html_page(case.name, header, body)


def _table_row(entry: _Entry) -> str:
    picture = ""
    if entry.picture:
        content = base64.b64encode(entry.picture).decode()
        alternative = clean(f"sighting {entry.row['number']}")
        picture = f'<img alt="{alternative}" src="data:image/jpeg;base64,{content}">'
    cells = "".join(
        f'<td data-column="{name}">{clean(entry.row.get(name, ""))}</td>' for name in _CELLS
    )
    return f"<tr><td>{picture}</td>{cells}</tr>"
