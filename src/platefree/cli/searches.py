"""How a question of the command line is searched, in every kind of gallery."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from platefree.cli.console import DeviceName, note_skipped, notes, picture_progress, work_of
from platefree.cli.search_question import Asked
from platefree.cli.usual_model import FLOOR, usual_model
from platefree.errors import CheckpointError, DataError

if TYPE_CHECKING:
    from platefree.gallery.gallery_answer import GalleryAnswer
    from platefree.gallery.search import Answer
    from platefree.gallery.stored_embedder import StoredEmbeddings
    from platefree.gallery.stored_gallery import Gallery
    from platefree.recipes.post import Post
    from platefree.types import Sightings
    from platefree.work import Work


@dataclass(frozen=True)
class Searched:
    """What a search found, and how it was done.

    Attributes:
        found: the answer.
        model: its name and fingerprint.
        gallery: where, how many pictures, and whether every distance was computed.
        queries: the pictures that asked.
        described: which steps were done, in words.
        skipped: why some pictures were left out.
        document: what is needed to repeat it.
        pictures: the query pictures, as far as they are no stored sightings.
        number: of the stored sighting that asked.
        stored: the gallery, if it is one that grows.
    """

    found: "Answer"
    model: dict[str, str]
    gallery: dict[str, Any]
    queries: list[Path]
    described: str
    skipped: list[str] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)
    pictures: "Sightings | None" = None
    number: int | None = None
    stored: "Gallery | None" = None


def _described(steps: "Post", found: "Answer") -> str:
    """Which steps were done, in words."""
    if not steps.steps:
        return "not post-processed"
    return f"the nearest {found.candidates:,} post-processed: {steps.describe()}"


def search_pictures(
    asked: Asked,
    place: Path,
    model: str | None,
    root: Path | None,
    where: tuple[DeviceName, int],
) -> Searched:
    """Search in a folder, a table, or stored embeddings."""
    from platefree.data.table import read_table
    from platefree.gallery.opening import open_embedder
    from platefree.gallery.search import answer, open_gallery
    from platefree.gallery.stored import is_embeddings_folder
    from platefree.types import Sightings

    chosen = _chosen(model, place, asked.pictures, root)
    loaded = open_embedder(chosen, work_of(where[0]))
    loaded.embed(asked.pictures, work=work_of(*where))  # refused before the long work
    is_stored = is_embeddings_folder(place)
    table = place if is_stored or root is not None else read_table(place)
    with picture_progress(
        "embedding the gallery", len(table) if isinstance(table, Sightings) else 0
    ) as advance:
        opened, skipped = open_gallery(
            table, loaded, root=root, work=work_of(*where, progress=advance)
        )
    note_skipped(skipped)
    found = answer(
        loaded, asked.pictures, opened, top=asked.top, post=asked.post, where=asked.where
    )
    return Searched(
        found,
        {"name": loaded.name, "fingerprint": loaded.fingerprint},
        {"path": str(place), "pictures": len(opened), "search": "exact"},
        _paths(asked.pictures),
        _described(loaded.post.with_steps(asked.post), found),
        skipped,
        pictures=asked.pictures,
    )


def search_gallery(asked: Asked, gallery: "Gallery", work: "Work") -> Searched:
    """Search in a gallery that grows; without a picture, its latest sightings."""
    table = asked.pictures
    query: Sightings | int | None = table if len(table) else None
    if len(table) == 1 and (name := str(table.image[0])).isdecimal() and not Path(name).exists():
        query = int(name)
        if table.knows("box"):
            raise typer.BadParameter("a stored sighting has its own box", param_hint="--box")
    found = gallery.search(
        query,
        where=asked.where,
        top=asked.top,
        post=asked.post,
        feedback=asked.feedback,
        work=work,
    )
    return _of_gallery(found, gallery)


def search_again(answer: Path, gallery: "Gallery", work: "Work") -> Searched:
    """Repeat a search of a gallery, and say whether it finds the same."""
    repeated = gallery.search_again(answer, work=work)
    question = repeated.answer.question
    named = [] if question.number is None else [str(question.number)]
    if question.pictures is not None:
        named = [str(path) for path in _paths(question.pictures)]
    for sentence in repeated.sentences():
        notes.print(f"again: {sentence}", soft_wrap=True)
    searched = _of_gallery(repeated.answer, gallery)
    return replace(
        searched,
        document={**searched.document, "queries": named, "again": repeated.to_json()},
    )


def _of_gallery(found: "GalleryAnswer", gallery: "Gallery") -> Searched:
    """An answer of a gallery with all that is needed to repeat it."""
    import numpy as np

    from platefree.gallery.recorded_answer import record

    document = record(found, gallery.card)
    path = gallery.card.model_path
    model = {"name": path or gallery.card.model, **document.pop("model")}
    held = {"path": str(gallery.folder), "pictures": gallery.store.count()}
    question, table = found.question, found.question.pictures
    if question.number is not None:
        with suppress(DataError):  # forgotten meanwhile
            table = gallery.store.get(np.array([question.number])).sightings
    return Searched(
        found,
        model,
        {**held, **document.pop("gallery")},
        [] if table is None else _paths(table),
        _described(question.post, found),
        document=document,
        pictures=question.pictures,
        number=question.number,
        stored=gallery,
    )


def _paths(table: "Sightings") -> list[Path]:
    return [table.path(row) for row in range(len(table))]


def _chosen(
    model: str | None, gallery: Path, query: "Sightings", root: Path | None
) -> "str | StoredEmbeddings":
    """The model asked for, else one that fits the gallery, else colors alone.

    If the query is among stored embeddings, these are enough; otherwise the model that made the
    embeddings is used.
    """
    from platefree.gallery.stored import is_embeddings_folder, stored_model_path
    from platefree.gallery.stored_embedder import load_stored
    from platefree.inference.loading import can_run_without_torch

    if model is not None:
        same = root is not None and is_embeddings_folder(model) and Path(model) == gallery
        return load_stored(model, root=root) if same else model
    if not is_embeddings_folder(gallery):
        return usual_model()
    stored = stored_model_path(gallery)
    exported = stored is not None and can_run_without_torch(stored)
    is_there = stored is not None and (stored == FLOOR or exported or Path(stored).exists())
    has_network = exported or (is_there and _can_embed())
    if not has_network and (opened := load_stored(gallery, root=root)).knows(query):
        return opened
    if stored is not None and not is_there:
        raise CheckpointError(
            f"{gallery} was made with the model at {stored}, which does not exist now; "
            "give its path with --model"
        )
    return stored or usual_model()


def _can_embed() -> bool:
    """Whether torch is installed, so that a network can run."""
    return find_spec("torch") is not None


def checked(searched: Searched, device: DeviceName) -> Searched:
    """With a note on query pictures without a vehicle, if a detector is inside the package."""
    from platefree.gallery.query_vehicles import without_vehicle
    from platefree.inference.detector_loading import load_detector
    from platefree.inference.shipped import detector_inside

    if searched.pictures is None or detector_inside() is None:
        return searched
    empty = without_vehicle(load_detector(device=device.value), searched.pictures)
    found = replace(searched.found, cautions=[*empty, *searched.found.cautions])
    return replace(searched, found=found)
