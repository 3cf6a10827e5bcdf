"""Embeddings stored in a folder, memory-mapped when read and safe to load from anyone.

    <space>.npy         (n, d) float32, one file per space, memory-mapped when loaded
    sightings.parquet   the n rows that they describe: image, labels, time
    embeddings.json     the card: model, spaces, how they are compared, number of rows, root and
                        hash of the table

Nothing is pickled. The folder is written completely or not at all.
"""

import json
import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    StringConstraints,
    ValidationError,
)

from platefree.data.vehicle_boxes import BoxFractions
from platefree.errors import DataError, ImageError, StorageError
from platefree.inference.embedder import Unreadable
from platefree.ranking.comparison import ONLY_SPACE, Comparison
from platefree.ranking.described import read_comparison
from platefree.recipes.post import Post
from platefree.storage import atomic_folder, new_file, storage_errors
from platefree.types import LABELS, Embeddings, Floats, Indices, Sightings, Text
from platefree.work import DEFAULT_WORK, Work

CARD = "embeddings.json"
TABLE = "sightings.parquet"
FORMAT: Final = "platefree-embeddings"
VERSION: Final = 2

_FORMER = {"6c663b972314": "2a4ed9b0713e"}
"""Fingerprints of models that are the same, as they were before: color_stripes of version 0.1."""

_AGAIN = "run 'platefree embed' again"

SpaceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class _Card(BaseModel):
    """The content of ``embeddings.json``."""

    model_config = ConfigDict(strict=True, frozen=True)

    format: Literal["platefree-embeddings"] = FORMAT
    version: Literal[1, 2] = VERSION
    model: str
    comparison: dict[str, Any] | None = None  # version 1 had none
    model_path: str | None
    spaces: Annotated[dict[SpaceName, PositiveInt], Field(min_length=1)]
    rows: NonNegativeInt
    root: str
    table: str


def save_embeddings(
    embeddings: Embeddings,
    folder: str | Path,
    comparison: Comparison = ONLY_SPACE,
    *,
    model_path: str | None = None,
) -> Path:
    """Write embeddings to a folder, which replaces an embeddings folder of that name.

    Args:
        embeddings: what to write.
        folder: missing, empty, or an embeddings folder to replace.
        comparison: how their spaces combine, of the model that made them; without it, several
            spaces are only searched with that model.
        model_path: where the model was loaded from, used by later searches of the folder.

    Returns:
        The folder.

    Raises:
        StorageError: the folder holds anything else, or cannot be written.
        DataError: the name of a space cannot be the name of a file.
    """
    folder = Path(folder)
    _check_replaceable(folder)
    card = _make_card(embeddings, comparison, model_path)
    with atomic_folder(folder) as temporary:
        for name, rows in embeddings.spaces.items():
            with new_file(temporary / f"{name}.npy") as file:
                np.save(file, np.ascontiguousarray(rows), allow_pickle=False)
        with new_file(temporary / TABLE) as file:
            pq.write_table(_make_table(embeddings.sightings), file)
        with new_file(temporary / CARD) as file:
            file.write(f"{card.model_dump_json(indent=2)}\n".encode())
    return folder


def load_embeddings(folder: str | Path) -> Embeddings:
    """Read an embeddings folder; the spaces are memory-mapped and read-only.

    Raises:
        DataError: the folder is missing, damaged, of a newer version, or no embeddings folder.
    """
    folder = Path(folder)
    card = _read_card(folder)
    return Embeddings(
        spaces={
            name: _read_space(folder / f"{name}.npy", card.rows, dimensions)
            for name, dimensions in card.spaces.items()
        },
        sightings=_read_sightings(folder / TABLE, card),
        model=_FORMER.get(card.model, card.model),
    )


class StoredEmbeddings:
    """A folder of embeddings as an `Embedder` of the pictures it holds, without the network.

    Args:
        embeddings: the content of the folder.
        comparison: how their spaces combine.
        name: what reports call it; the folder, if it was loaded from one.
    """

    learns = "vehicle"
    post = Post()

    def __init__(self, embeddings: Embeddings, comparison: Comparison, name: str) -> None:
        self.embeddings, self.comparison, self.name = embeddings, comparison, name
        self.fingerprint = embeddings.model
        self.claims: Mapping[str, float] = {}
        self.metadata: Mapping[str, Text] = {}

    def knows(self, sightings: Sightings) -> bool:
        """Whether the embeddings of all rows of a table are stored."""
        return bool((self._rows_of(sightings) >= 0).all())

    def class_names(self, column: str) -> tuple[str, ...]:
        """Refused: it predicts nothing."""
        raise DataError(
            f"{self.name} holds stored embeddings, which predict no {column}; give the model"
        )

    def describe(self) -> dict[str, str]:
        """What it is, for a report."""
        return {"name": self.name, "method": "stored embeddings", "fingerprint": self.fingerprint}

    def describe_use(self) -> dict[str, str]:
        """How pictures were embedded, for a report."""
        return {"input": "embedded before"}

    def embed(
        self,
        sightings: Sightings,
        *,
        boxes: BoxFractions | None = None,
        unreadable: Unreadable = "refuse",
        work: Work = DEFAULT_WORK,
    ) -> tuple[Embeddings, list[str]]:
        """The stored embeddings of these pictures, with the labels of the table.

        A picture is found by its path, and by its frame and box where it has them.

        Raises:
            DataError: boxes are given.
            ImageError: a picture is not stored (with ``refuse``), or none is.
        """
        if boxes is not None:
            raise DataError(f"{self.name} holds stored embeddings of whole pictures, not of boxes")
        rows = self._rows_of(sightings)
        missing = [
            f"{sightings.path(row)} is not among the {len(self.embeddings)} pictures of "
            f"{self.name}; embed it too ('platefree embed'), or give the model (--model)"
            for row in np.flatnonzero(rows < 0).tolist()
        ]
        if missing and (unreadable == "refuse" or len(missing) == len(sightings)):
            raise ImageError(missing[0])
        work.progress(len(sightings))
        known = rows >= 0
        spaces = {name: space[rows[known]] for name, space in self.embeddings.spaces.items()}
        kept = sightings if known.all() else sightings.take(known)
        return Embeddings(spaces, kept, self.fingerprint), missing

    @cached_property
    def _rows_named(self) -> Mapping[str, list[int]]:
        """The stored rows of each file name."""
        rows: dict[str, list[int]] = {}
        for row, image in enumerate(self.embeddings.sightings.image.tolist()):
            rows.setdefault(os.path.basename(image), []).append(row)
        return rows

    def _rows_of(self, sightings: Sightings) -> Indices:
        """(n,) the stored row of each row of a table, -1 where it is not stored."""
        names = set(map(os.path.basename, sightings.image.tolist()))
        rows = [row for name in names for row in self._rows_named.get(name, ())]
        suspects = self.embeddings.sightings.take(np.array(rows, np.int64))
        row_of = dict(zip(_identities(suspects), rows, strict=True))
        return np.array([row_of.get(each, -1) for each in _identities(sightings)], np.int64)


def load_stored(folder: str | Path) -> StoredEmbeddings:
    """Open a folder of embeddings in place of their model, to search and score without a network.

    Raises:
        DataError: the folder is missing, damaged or no embeddings folder, or of an older version
            of platefree, which did not store how several spaces combine.
    """
    card = _read_card(Path(folder))
    if card.comparison is not None:
        comparison = read_comparison(card.comparison)
    elif len(card.spaces) == 1:
        comparison = ONLY_SPACE
    else:
        raise DataError(
            f"{folder} does not say how its spaces {', '.join(card.spaces)} combine, as "
            f"embeddings of an older platefree do not: give the model (--model), or {_AGAIN}"
        )
    return StoredEmbeddings(load_embeddings(folder), comparison, str(folder))


def is_embeddings_folder(folder: str | Path) -> bool:
    """Whether this is a folder of embeddings, damaged or not."""
    return (Path(folder) / CARD).is_file()


def stored_model_path(folder: str | Path) -> str | None:
    """Path of the model of an embeddings folder; None if it is unknown or there is no such folder.

    Raises:
        DataError: the embeddings folder is damaged.
    """
    return _read_card(Path(folder)).model_path if is_embeddings_folder(folder) else None


def _make_card(embeddings: Embeddings, comparison: Comparison, model_path: str | None) -> _Card:
    is_unknown = comparison == ONLY_SPACE and len(embeddings.spaces) > 1
    described = None if is_unknown else comparison.to_json()
    try:
        return _Card(
            model=embeddings.model,
            comparison=described,
            model_path=model_path,
            spaces={name: rows.shape[1] for name, rows in embeddings.spaces.items()},
            rows=len(embeddings),
            root=str(embeddings.sightings.root.absolute()),
            table=embeddings.sightings.fingerprint(),
        )
    except ValidationError as error:
        raise DataError(f"these embeddings cannot be stored: {_first_problem(error)}") from error


def _schema(version: int) -> pa.Schema:
    text: dict[str, pa.DataType] = dict.fromkeys(("image", *LABELS), pa.string())
    columns = text | {"time": pa.timestamp("ms")}
    if version == 1:  # before sightings could be cut from the frame of a video
        return pa.schema(columns)
    return pa.schema(columns | {"frame": pa.int64(), "box": pa.list_(pa.float32(), 4)})


def _make_table(sightings: Sightings) -> pa.Table:
    schema = _schema(VERSION)
    flat = pa.array(sightings.box.reshape(-1), pa.float32())
    columns = [
        pa.array(getattr(sightings, field.name), field.type)
        for field in schema
        if field.name != "box"
    ]
    return pa.Table.from_arrays(
        [*columns, pa.FixedSizeListArray.from_arrays(flat, 4)], schema=schema
    )


def _check_replaceable(folder: Path) -> None:
    """Refuse to replace anything but an embeddings folder."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise StorageError(f"{folder} is a file; choose another folder for the embeddings")
    with storage_errors(folder):
        foreign = sorted({entry.name for entry in folder.iterdir()} - _own_files(folder))
    if foreign:
        raise StorageError(
            f"{folder} holds files that are not embeddings ({foreign[0]}) and would be lost; "
            "choose another folder, or remove it first"
        )


def _own_files(folder: Path) -> set[str]:
    """The files of an embeddings folder; none if its card is not one of platefree."""
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        return set()
    spaces = card.get("spaces")
    return {CARD, TABLE, *(f"{name}.npy" for name in (spaces if isinstance(spaces, dict) else ()))}


def _read_card(folder: Path) -> _Card:
    path = folder / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            f"{folder} is no embeddings folder: {CARD} cannot be read ({error.strerror}); "
            "'platefree embed' makes one"
        ) from error
    except ValueError as error:
        raise DataError(f"{path} is damaged: not JSON; remove the folder and {_AGAIN}") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise DataError(
            f"{path} is not the card of an embeddings folder; 'platefree embed' makes one"
        )
    version = card.get("version")
    if isinstance(version, int) and version > VERSION:
        raise DataError(
            f"{path} has version {version}, this platefree reads up to {VERSION}: "
            f"upgrade platefree, or {_AGAIN}"
        )
    try:
        return _Card.model_validate(card)
    except ValidationError as error:
        raise DataError(f"{path} is damaged: {_first_problem(error)}; {_AGAIN}") from error


def _read_space(path: Path, rows: int, dimensions: int) -> Floats:
    try:
        space: Floats = np.lib.format.open_memmap(path, mode="r")
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); {_AGAIN}") from error
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} is damaged or cut short ({reason}); {_AGAIN}") from error
    if space.shape != (rows, dimensions) or space.dtype != np.float32:
        raise DataError(
            f"{path} is {space.dtype} {space.shape}, its card says float32 {(rows, dimensions)}; "
            f"{_AGAIN}"
        )
    return space


def _read_sightings(path: Path, card: _Card) -> Sightings:
    try:
        with pq.ParquetFile(path) as file:
            table = file.read()
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} cannot be read ({reason}); {_AGAIN}") from error
    names = ["color" if name == "colour" else name for name in table.column_names]  # version 1
    table = table.rename_columns(names)
    schema = _schema(card.version)
    if not table.schema.equals(schema) or table.num_rows != card.rows:
        raise DataError(
            f"{path} has {table.num_rows} rows of {table.column_names}, expected {card.rows} of "
            f"{schema.names}, text and a time in milliseconds; {_AGAIN}"
        )
    columns: dict[str, Any] = {
        name: table.column(name).to_numpy() for name in table.column_names if name != "box"
    }
    if "box" in table.column_names:
        boxes: Any = table.column("box").combine_chunks()  # pyarrow's stubs lack its kind of array
        columns["box"] = boxes.flatten().to_numpy().reshape(-1, 4)
    sightings = Sightings.from_columns(Path(card.root), columns)
    if sightings.fingerprint() != card.table:
        raise DataError(
            f"{path} is table {sightings.fingerprint()}, its card says {card.table}; {_AGAIN}"
        )
    return sightings


def _identities(table: Sightings) -> Iterator[tuple[str, int, tuple[float, ...]]]:
    """What tells each row from others: absolute path, frame and box."""
    boxes = np.nan_to_num(table.box, nan=-np.inf).tolist()  # NaN is not equal to itself
    for row, (frame, box) in enumerate(zip(table.frame.tolist(), boxes, strict=True)):
        yield os.path.normpath(table.path(row).absolute()), frame, tuple(box)


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    place = ".".join(str(part) for part in problem["loc"])
    return f"{place}: {problem['msg']}"
