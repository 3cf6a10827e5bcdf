"""Find the parts on all pictures of a table; results are cached by the hash of the picture."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from platefree.batches.loader import UsePictures, use_loader
from platefree.data.content import read_content
from platefree.data.image import PICTURE, read_header
from platefree.data.listed_text import many
from platefree.data.part_boxes import PARTS, PartBoxes, PictureBoxes
from platefree.data.part_files import write_part_boxes
from platefree.errors import DataError, ImageError, Interrupted
from platefree.inference.model import Model
from platefree.inputs.plain_files import GB, Expected, open_input
from platefree.methods.part_detector import THRESHOLD, PartDetector
from platefree.nets.pyramid_detector import joined
from platefree.recipes.ranges import Rate
from platefree.storage.files import append_text, write_text
from platefree.storage.locks import only_writer_of
from platefree.types import Sightings
from platefree.work import DEFAULT_WORK, Work

_BATCH = 32
_KEY = 24  # digits of a picture's content that name its results on disk
_RESULTS = Expected("results of a part detector", 4 * GB)  # 300 bytes a picture
Row = tuple[list[float], int, float]
"""A box as fractions of width and height, its part, its score."""


def find_parts(
    model: Model,
    table: Sightings,
    *,
    work: Work = DEFAULT_WORK,
) -> tuple[PictureBoxes, list[str]]:
    """Find the parts on the pictures of a table.

    Args:
        model: a part detector.
        table: the pictures.
        work: device, workers and progress.

    Returns:
        Boxes of any score by row, and why some pictures were skipped (they cannot be read).

    Raises:
        DataError: the model is no part detector.
    """
    seen = np.zeros(len(table), np.bool_)
    skipped: list[str] = []
    columns: list[tuple[NDArray[Any], ...]] = []
    for rows, found, reasons in _batches(model, table, work):
        seen[rows] = True
        columns.append(found)
        skipped += reasons
        work.progress(len(rows) + len(reasons))
    row, part, edges, score = (
        np.concatenate([each[n] for each in columns]) if columns else np.zeros(0) for n in range(4)
    )
    edges = edges.reshape(-1, 4)
    order = np.argsort(row, kind="stable")
    found_parts = PictureBoxes(
        seen,
        row[order].astype(np.int64),
        part[order].astype(np.int64),
        edges[order],
        score[order],
    )
    return found_parts, skipped


def write_parts(
    model: Model,
    table: Sightings,
    out: str | Path,
    *,
    threshold: float = THRESHOLD,
    work: Work = DEFAULT_WORK,
) -> tuple[PartBoxes, list[str]]:
    """Write the parts of all pictures of a table as a file of part boxes.

    Results are saved next to the file, by the hash of the picture and the fingerprint of the
    model, as soon as they are known: a stopped run can be continued, and no picture is processed
    twice, even under another name.

    Args:
        model: a part detector.
        table: the pictures.
        out: a ``.csv`` file; training reads ``parts.csv`` next to the table by default.
        threshold: boxes of a lower score are not written.
        work: device, workers and progress.

    Returns:
        The boxes, and why some pictures were left out (they cannot be read).

    Raises:
        DataError: the model is no part detector, the name does not end in ``.csv``, or a row is a
            box in a picture.
        ImageError: no picture can be read.
        StorageError: a file cannot be written.
        Interrupted: stopped by Ctrl-C; results so far are saved.
    """
    out = Path(os.path.abspath(out))
    if out.suffix.lower() != ".csv":
        raise DataError(f"{out}: part boxes are written as .csv")
    _require_detector(model)
    _require_whole_pictures(table)
    results = out.with_name(f".{out.stem}-{model.fingerprint}.jsonl")
    with only_writer_of(results):
        known = _Known(results)
        hashes, skipped = _hashes(table)
        asked = _unknown_rows(hashes, known.found)
        if len(asked) < len(table):
            work.progress(len(table) - len(asked))
        try:
            for rows, found, reasons in _batches(model, table.take(asked), work):
                known.add({hashes[asked[row]]: _rows_of(found, row) for row in rows})
                skipped += reasons
                work.progress(len(rows) + len(reasons))
        except KeyboardInterrupt:
            done = len(known.found.keys() & set(hashes))
            raise Interrupted(
                f"stopped with {done} of {many(len(set(hashes)), 'picture')} done: run the same "
                "command again to continue"
            ) from None
        boxes = _part_boxes(table, hashes, known.found).at_least(threshold)
        write_part_boxes(boxes, out)
    return boxes, skipped


_Edges = Annotated[list[Rate], Field(min_length=4, max_length=4)]


class _Found(BaseModel):
    """One line of the file of results so far."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    picture: str
    boxes: list[tuple[_Edges, Annotated[int, Field(ge=0, lt=len(PARTS))], Rate]]


class _Known:
    """The file of results so far: one line for each picture, added as soon as it is known."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: dict[str, list[Row]] = {}
        if path.exists():
            with open_input(path, _RESULTS) as file:
                content = file.read()
            whole = b"".join(line + b"\n" for line in content.splitlines() if self._take(line))
            if whole != content:  # a line was cut short by a kill; its picture is looked at again
                write_text(path, whole.decode())

    def _take(self, line: bytes) -> bool:
        """Take the result of a line, if it is whole."""
        try:
            found = _Found.model_validate_json(line)
        except ValidationError:
            return False
        self.found[found.picture] = list(found.boxes)
        return True

    def add(self, found: Mapping[str, list[Row]]) -> None:
        self.found |= found
        lines = [json.dumps({"picture": key, "boxes": rows}) for key, rows in found.items()]
        append_text(self.path, "".join(f"{line}\n" for line in lines))


def _require_detector(model: Model) -> PartDetector:
    if not isinstance(model.method, PartDetector):
        raise DataError(
            f"{model.name} is a {model.recipe.model.method} model and finds no parts; give a part "
            "detector, trained by 'platefree train part_detector'"
        )
    return model.method


def _require_whole_pictures(table: Sightings) -> None:
    """Boxes are written in pixels of a picture, and saved by its bytes: for one vehicle in it."""
    boxed = int((~np.isnan(table.box[:, 0])).sum())
    if boxed:
        raise DataError(
            f"the table has {many(boxed, 'row')} with a box in a picture, expected whole pictures: "
            "save what is in the boxes as pictures of their own, and list these"
        )


def _batches(
    model: Model, table: Sightings, work: Work
) -> Iterator[tuple[list[int], tuple[NDArray[Any], ...], list[str]]]:
    """Rows that were read; row, part, box and score of each detection; why others were not read."""
    method = _require_detector(model)
    method.eval()
    size = np.array([model.transform.width, model.transform.height] * 2, np.float64)
    pictures = UsePictures(table, model.transform)
    for batch in use_loader(pictures, batch_size=_BATCH, workers=work.workers):
        columns: tuple[NDArray[Any], ...] = (np.zeros(0, np.int64),) * 2
        columns += (np.zeros((0, 4)), np.zeros(0))
        if batch.images is not None:
            with torch.inference_mode():
                images = model.transform.normalise(batch.images.to(model.device))
                place, found = joined(method.find(images))
            box = found.box.double().numpy().clip(0.0, size) / size
            rows = np.array(batch.rows)[place.numpy()]
            columns = (rows, found.kind.numpy(), box, found.score.double().numpy())
        yield batch.rows, columns, batch.unreadable


def _rows_of(found: tuple[NDArray[Any], ...], row: int) -> list[Row]:
    own = found[0] == row
    part, edges, score = (column[own].tolist() for column in found[1:])
    return list(zip(edges, part, score, strict=True))


def _hashes(table: Sightings) -> tuple[list[str], list[str]]:
    """The hash of the bytes of each picture, empty if it cannot be read; and the reasons."""
    hashes, reasons = [], []
    for row in range(len(table)):
        try:
            hashes.append(read_content(table.path(row), PICTURE).hex()[:_KEY])
        except ImageError as error:
            hashes.append("")
            reasons.append(str(error))
    if reasons and len(reasons) == len(hashes):
        raise ImageError(f"none of {many(len(hashes), 'picture')} can be read; first: {reasons[0]}")
    return hashes, reasons


def _unknown_rows(hashes: list[str], known: Mapping[str, Any]) -> NDArray[np.int64]:
    """The first row of each hash without a result."""
    first = {key: row for row, key in reversed(list(enumerate(hashes)))}
    return np.array([row for key, row in first.items() if key and key not in known][::-1], np.int64)


def _part_boxes(table: Sightings, hashes: list[str], known: Mapping[str, list[Row]]) -> PartBoxes:
    rows = [row for row, key in enumerate(hashes) if key in known]
    picture, part, box, score = list[int](), list[int](), list[list[float]](), list[float]()
    for place, row in enumerate(rows):
        found = known[hashes[row]]
        header = read_header(table.path(row)) if found else None
        for edges, kind, certainty in found:
            assert header is not None  # noqa: S101
            size = (header.width, header.height) * 2
            box.append([edge * length for edge, length in zip(edges, size, strict=True)])
            picture.append(place)
            part.append(kind)
            score.append(certainty)
    return PartBoxes(
        table.root,
        table.image[np.array(rows, np.int64)],
        np.array(picture, np.int64),
        np.array(part, np.int64),
        np.array(box, np.float64).reshape(-1, 4),
        np.array(score, np.float64),
    )


def parts_found(boxes: PartBoxes) -> dict[str, int]:
    """Number of pictures on which each part was found."""
    return {
        name: len(np.unique(boxes.picture[boxes.part == number]))
        for number, name in enumerate(PARTS)
    }
