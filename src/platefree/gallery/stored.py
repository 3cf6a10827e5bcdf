"""Embeddings stored in a folder, memory-mapped when read and safe to load from anyone.

    main-<hash>.npy               (n, d) float32, one file per space, memory-mapped when loaded
    sightings-<hash>.parquet      the n rows that they describe: image, labels, time
    content-<hash>.npy            (n, 16) uint8, what tells each picture from others wherever it is
    embeddings.json               the card: model, spaces, how they are compared, root, files

Nothing is pickled. The card names the files by their hashes, and replacing the card is the one
atomic commit: a folder holds the old embeddings or the new ones, and a reader never gets a mixture.
"""

import hashlib
import io
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import ValidationError

from platefree.data.content import picture_contents
from platefree.errors import DataError, StorageError
from platefree.gallery.embeddings_card import (
    AGAIN,
    CARD,
    CONTENT,
    TABLE,
    VERSION,
    EmbeddingsCard,
    check_replaceable,
    described,
    first_problem,
    own_names,
    read_card,
)
from platefree.inputs.plain_files import GB, Expected, open_input
from platefree.ranking.comparison import ONLY_SPACE, Comparison
from platefree.storage.disk import TEMPORARY
from platefree.storage.files import atomic_file, remove, write_text
from platefree.storage.locks import only_writer
from platefree.types import CONTENT_BYTES, LABELS, Embeddings, Sightings, check_unit_rows

_FORMER = {"6c663b972314": "2a4ed9b0713e"}
"""Fingerprints of models that are the same, as they were before: color_stripes of version 0.1."""

_PART = Expected("a file of stored embeddings", 1024 * GB)
_TRIES = 20  # readings of a folder that is replaced meanwhile
_SAMPLE = 20  # pictures that are looked for under a root

_log = logging.getLogger(__name__)


def save_embeddings(
    embeddings: Embeddings,
    folder: str | Path,
    comparison: Comparison = ONLY_SPACE,
    *,
    model_path: str | None = None,
) -> Path:
    """Write embeddings to a folder, in place of the embeddings that it holds.

    The contents of the pictures' files are stored too, unless the embeddings have them already:
    by these a picture is known again under another path.

    Args:
        embeddings: what to write.
        folder: missing, empty, or an embeddings folder to replace.
        comparison: how their spaces combine, of the model that made them; without it, several
            spaces are only searched with that model.
        model_path: where the model was loaded from, used by later searches of the folder.

    Returns:
        The folder.

    Raises:
        StorageError: the folder holds anything else, is being written by another process, or
            cannot be written; what it held is kept.
        DataError: the name of a space cannot be the name of a file, or a row is not finite or
            not of length 1.
    """
    folder = Path(folder)
    check_replaceable(folder)
    with only_writer(folder):
        write_embeddings(embeddings, folder, comparison, model_path)
    return folder


def write_embeddings(
    embeddings: Embeddings, folder: Path, comparison: Comparison, model_path: str | None
) -> None:
    """As `save_embeddings`, for a caller that is the only writer of an existing folder."""
    for name, rows in embeddings.spaces.items():
        check_unit_rows(rows, f"space {name!r} cannot be stored")
    card = _make_card(embeddings, comparison, model_path, folder)
    content = embeddings.content
    if content is None:
        content = picture_contents(embeddings.sightings)
    files = {name: _write_array(folder, name, rows) for name, rows in embeddings.spaces.items()}
    table_file = _write_table(folder, embeddings.sightings)
    content_file = _write_array(folder, CONTENT, content)
    named = {"space_files": files, "table_file": table_file, "content_file": content_file}
    before = own_names(folder, os.listdir(folder))
    card = card.model_copy(update={"version": VERSION, **named})
    write_text(folder / CARD, card.model_dump_json(indent=2) + "\n")
    _remove(folder, set(before) - card.own_files())


def load_embeddings(folder: str | Path, *, root: str | Path | None = None) -> Embeddings:
    """Read an embeddings folder; the spaces are memory-mapped and read-only.

    Args:
        folder: from `save_embeddings`.
        root: the folder that the pictures' paths start from, if they were moved. By default the
            one they had; if no picture is there, the one that now lies as it did beside the
            embeddings.

    Raises:
        DataError: the folder is missing, damaged, of a newer version, or no embeddings folder; or
            none of its pictures is under ``root``.
    """
    return read_stored(folder, root=root)[1]


def read_stored(
    folder: str | Path, *, root: str | Path | None = None
) -> tuple[EmbeddingsCard, Embeddings]:
    """The card of a folder and its embeddings, both of the same moment; see `load_embeddings`.

    A folder that another process replaces meanwhile is read again.
    """
    folder = Path(folder)
    card = read_card(folder)
    for _ in range(_TRIES):
        try:
            return card, _open(folder, card, None if root is None else Path(root))
        except DataError:
            newer = read_card(folder)
            if newer == card:
                raise
            card = newer
    raise DataError(f"{folder} was replaced {_TRIES} times while it was read; try again later")


def is_embeddings_folder(folder: str | Path) -> bool:
    """Whether this is a folder of embeddings, damaged or not."""
    return os.path.isfile(Path(folder) / CARD)


def stored_model_path(folder: str | Path) -> str | None:
    """Path of the model of an embeddings folder; None if it is unknown or there is no such folder.

    Raises:
        DataError: the embeddings folder is damaged.
    """
    return read_card(Path(folder)).model_path if is_embeddings_folder(folder) else None


# --- writing ----------------------------------------------------------------------------------


def _make_card(
    embeddings: Embeddings, comparison: Comparison, model_path: str | None, folder: Path
) -> EmbeddingsCard:
    """The card without the names of its files."""
    root = embeddings.sightings.root.absolute()
    try:
        return EmbeddingsCard(
            version=2,
            model=embeddings.model,
            comparison=described(comparison, embeddings),
            model_path=model_path,
            spaces={name: rows.shape[1] for name, rows in embeddings.spaces.items()},
            rows=len(embeddings),
            root=str(root),
            root_from_here=_relative(root, folder),
            table=embeddings.sightings.fingerprint(),
        )
    except ValidationError as error:
        raise DataError(f"these embeddings cannot be stored: {first_problem(error)}") from error


def _relative(root: Path, folder: Path) -> str | None:
    try:
        return os.path.relpath(root.resolve(), folder.resolve())
    except ValueError:  # another drive of Windows
        return None


def _write_array(folder: Path, name: str, rows: np.ndarray[Any, Any]) -> str:
    rows = np.ascontiguousarray(rows)
    digest = hashlib.sha256(str(rows.shape).encode())
    digest.update(rows.data.cast("B") if rows.size else b"")

    def write(file: BinaryIO) -> None:
        np.save(file, rows, allow_pickle=False)

    return _write(folder, f"{name}-{digest.hexdigest()[:16]}.npy", write)


def _write_table(folder: Path, sightings: Sightings) -> str:
    content = io.BytesIO()
    pq.write_table(_make_table(sightings), content)
    digest = hashlib.sha256(content.getbuffer()).hexdigest()[:16]
    return _write(folder, f"{TABLE}-{digest}.parquet", lambda file: file.write(content.getbuffer()))


def _write(folder: Path, name: str, write: Callable[[BinaryIO], object]) -> str:
    with atomic_file(folder / name) as file:
        write(file)
    return name


def _remove(folder: Path, names: set[str]) -> None:
    """Remove files of former embeddings; a reader that has one open keeps what it reads."""
    for name in names:
        if name.startswith(TEMPORARY):  # the lock; what killed runs left is swept with it
            continue
        try:
            remove(folder / name)
        except StorageError as error:  # Windows keeps a file that a reader has open
            _log.warning("%s; the new embeddings are whole, and the next run removes it", error)


def _schema(version: int, *, years: bool) -> pa.Schema:
    """The columns of a version; ``years`` of models are stored where any is known."""
    names = ("image", *(name for name in LABELS if years or name != "model_year"))
    text: dict[str, pa.DataType] = dict.fromkeys(names, pa.string())
    columns = text | {"time": pa.timestamp("ms")}
    if version == 1:  # before sightings could be cut from the frame of a video
        return pa.schema(columns)
    return pa.schema(columns | {"frame": pa.int64(), "box": pa.list_(pa.float32(), 4)})


def _make_table(sightings: Sightings) -> pa.Table:
    schema = _schema(VERSION, years=sightings.knows("model_year"))
    flat = pa.array(sightings.box.reshape(-1), pa.float32())
    columns = [
        pa.array(getattr(sightings, field.name), field.type)
        for field in schema
        if field.name != "box"
    ]
    return pa.Table.from_arrays(
        [*columns, pa.FixedSizeListArray.from_arrays(flat, 4)], schema=schema
    )


# --- reading ----------------------------------------------------------------------------------


def _open(folder: Path, card: EmbeddingsCard, root: Path | None) -> Embeddings:
    spaces = {}
    for name, dimensions in card.spaces.items():
        path = folder / card.file_of(name)
        spaces[name] = _read_array(path, (card.rows, dimensions), "float32")
    content = None
    if card.content_file is not None:
        path = folder / card.content_file
        content = _read_array(path, (card.rows, CONTENT_BYTES), "uint8")
    sightings = _read_sightings(folder / card.sightings_file, card)
    rooted = replace(sightings, root=_place_of_pictures(folder, card, sightings, root))
    try:
        return Embeddings(spaces, rooted, _FORMER.get(card.model, card.model), content)
    except DataError as error:
        raise DataError(f"{folder} is damaged: {error}, or {AGAIN}") from error


def _read_array(path: Path, shape: tuple[int, int], kind: str) -> Any:  # noqa: ANN401
    try:
        with open_input(path, _PART) as file:
            version = np.lib.format.read_magic(file)
            if version != (1, 0):
                raise ValueError(f"version {version} of the format")
            found, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
            if found != shape or dtype != kind or is_fortran:
                raise DataError(f"{path} is {dtype} {found}, its card says {kind} {shape}")
            return np.memmap(file, dtype, "r", file.tell(), shape)
    except DataError as error:
        raise DataError(f"{error}; {AGAIN}") from error
    except (ValueError, SyntaxError, TokenError) as error:  # numpy parses the head as Python does
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path} is damaged or cut short ({reason}); {AGAIN}") from error


def _read_sightings(path: Path, card: EmbeddingsCard) -> Sightings:
    try:
        with open_input(path, _PART) as opened, pq.ParquetFile(opened) as file:
            columns = _read_columns(path, file, card)
    except DataError as error:
        raise DataError(f"{error}; {AGAIN}") from error
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} cannot be read ({reason}); {AGAIN}") from error
    sightings = Sightings.from_columns(Path(card.root), columns)
    if sightings.fingerprint() != card.table:
        raise DataError(
            f"{path} is table {sightings.fingerprint()}, its card says {card.table[:40]}; {AGAIN}"
        )
    return sightings


def _read_columns(path: Path, file: pq.ParquetFile, card: EmbeddingsCard) -> dict[str, Any]:
    """The known columns, one after the other, so that a large table takes little memory."""
    found = file.schema_arrow
    schema = _schema(card.version, years="model_year" in found.names)
    names = ["color" if name == "colour" else name for name in found.names]  # version 1
    fits = names == schema.names and found.types == schema.types
    if not fits or file.metadata.num_rows != card.rows:
        raise DataError(
            f"{path} has {file.metadata.num_rows} rows of {names}, expected {card.rows} of "
            f"{schema.names}, text and a time in milliseconds"
        )
    columns: dict[str, Any] = {}
    for name, stored in zip(names, found.names, strict=True):
        column: Any = file.read(columns=[stored]).column(0).combine_chunks()  # pyarrow's stubs
        if column.null_count and name != "time":
            raise DataError(f"{path} lacks {column.null_count} values of the column {name!r}")
        if name == "box":
            column = column.flatten()
        rows = _labels(column) if name in LABELS else column.to_numpy(zero_copy_only=False)
        if not _is_unknown(name, rows):
            columns[name] = rows.reshape(-1, 4) if name == "box" else rows
        del column, rows
        pa.default_memory_pool().release_unused()
    return columns


def _is_unknown(name: str, rows: Any) -> bool:  # noqa: ANN401
    """Whether nothing is known in a column, which then takes no memory."""
    if name == "box":
        return bool(np.isnan(rows).all())
    return bool(name == "frame" and (rows < 0).all())


def _labels(column: "pa.Array[Any]") -> Any:  # noqa: ANN401
    """Labels, of which equal ones are one object."""
    encoded: Any = pc.dictionary_encode(column)  # pyarrow's stubs
    distinct = np.array(encoded.dictionary.to_pylist(), object)
    if len(distinct) == 1:
        return np.broadcast_to(distinct, len(column))
    return distinct[encoded.indices.to_numpy(zero_copy_only=False)]


def _place_of_pictures(
    folder: Path, card: EmbeddingsCard, sightings: Sightings, given: Path | None
) -> Path:
    """The folder that relative paths start from now, see `load_embeddings`."""
    steps = max(1, len(sightings) // _SAMPLE)
    images = [image for image in sightings.image[::steps].tolist() if not os.path.isabs(image)]
    if given is not None:
        if images and not _holds(given, images):
            raise DataError(
                f"the root {given} holds no picture of {folder}, such as {images[0]}: give the "
                "folder that these paths start from"
            )
        return given.absolute()
    then = Path(card.root)
    if not images or card.root_from_here is None or _holds(then, images):
        return then
    now = Path(os.path.normpath(folder.absolute() / card.root_from_here))
    if not _holds(now, images):
        return then
    _log.warning(
        "the pictures of %s are no longer at %s: those at %s are used, which lie as they did "
        "beside the embeddings",
        *(folder, then, now),
    )
    return now


def _holds(root: Path, images: list[str]) -> bool:
    """Whether any of these pictures is there."""
    return any(os.path.exists(root / image) for image in images)
