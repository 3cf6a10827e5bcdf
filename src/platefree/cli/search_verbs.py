"""The verb ``search``, in every kind of gallery."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from platefree.cli.console import (
    DeviceName,
    DeviceOption,
    Json,
    ModelOption,
    RootOption,
    Workers,
    done,
    note_skipped,
    notes,
    out,
    picture_progress,
    print_json,
    work_of,
)
from platefree.cli.usual_model import COLORS_ALONE, FLOOR, usual_model
from platefree.errors import CheckpointError, DataError
from platefree.storage.files import check_writable

if TYPE_CHECKING:
    from platefree.gallery.feedback import Feedback
    from platefree.gallery.filters import Filter
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
    """

    found: "Answer"
    model: dict[str, str]
    gallery: dict[str, Any]
    queries: list[Path]
    described: str
    skipped: list[str] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)
    pictures: "Sightings | None" = None


def search(
    context: typer.Context,
    gallery: Annotated[
        Path,
        typer.Option(
            "--gallery", "-g", metavar="PATH", help="Gallery, folder, table or stored embeddings."
        ),
    ],
    queries: Annotated[
        list[str] | None,
        typer.Argument(
            help="A picture of one vehicle, or several of the same; or FILM@SECOND.",
            metavar="QUERY",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = None,
    top: Annotated[
        int, typer.Option("--top", "-k", min=1, max=100_000, metavar="N", help="Number of hits.")
    ] = 20,
    where: Annotated[
        str,
        typer.Option(
            "--where", metavar="WORDS", help='Such as "camera:gate,ramp since:2026-05-01 type:van".'
        ),
    ] = "",
    sheet: Annotated[
        Path | None,
        typer.Option("--sheet", metavar="FILE", help="Also draw the hits (.jpg, .png)."),
    ] = None,
    post: Annotated[
        str,
        typer.Option(
            "--post",
            metavar="STEPS",
            help="Some of expand, rerank, camera, time, tracks, on the nearest 100.",
        ),
    ] = "none",
    yes: Annotated[
        str, typer.Option(metavar="NUMBERS", help="Sightings that show it: looks for their like.")
    ] = "",
    no: Annotated[
        str, typer.Option(metavar="NUMBERS", help="Others: looks away, and shows them no more.")
    ] = "",
    box: Annotated[
        str,
        typer.Option(
            metavar="X,Y,W,H",
            help="Where in the picture it is, in pixels; of those found: a number, or largest.",
        ),
    ] = "",
    detector: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Finds the vehicles on whole pictures and frames of films."
        ),
    ] = None,
    again: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Repeat what --json printed of a gallery."),
    ] = None,
    camera: Annotated[
        str, typer.Option(metavar="NAME", help="Camera of the query, for that step.")
    ] = "",
    time: Annotated[str, typer.Option(metavar="TIME", help="Time of the query (ISO 8601).")] = "",
    root: RootOption = None,
    *,
    workers: Workers = -1,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Find pictures of the same vehicle, the most similar first.

    Of several query pictures, the one nearest to a gallery picture decides.
    """
    from platefree.gallery.gallery_places import is_gallery

    if sheet is not None:
        _check_sheet(sheet)
    if is_gallery(gallery) and root is not None:
        raise typer.BadParameter("a gallery keeps small pictures of its own", param_hint="--root")
    if again is not None:
        _refuse_others(context)
        searched = _search_again(again, gallery, model, work_of(device, workers))
        queries = searched.document["queries"]
        post, where = ",".join(searched.document["asked"]["post"]["steps"]) or post, ""
    else:
        queries = queries or []
        if not queries and (not is_gallery(gallery) or sheet is not None):
            raise typer.BadParameter("give a picture of the vehicle", param_hint="QUERY")
        asked = _asked(queries, where, top, post, camera=camera, time=time, box=box, said=(yes, no))
        asked = replace(asked, pictures=_cut(asked.pictures, box, detector, device))
        if is_gallery(gallery):
            searched = _search_gallery(asked, gallery, model, work_of(device, workers))
        elif asked.feedback:
            raise typer.BadParameter("only the hits of a gallery have numbers", param_hint="--yes")
        else:
            searched = _search_pictures(asked, gallery, model, root, (device, workers))
    searched = _checked(searched, device)
    _show(searched, queries, (post, where), as_json=as_json)
    if sheet is not None:
        from platefree.data.listed_text import many
        from platefree.reports.contact_sheet import contact_sheet

        names = ", ".join(Path(query).name for query in queries)
        count = many(searched.gallery["pictures"], "picture")
        name, fingerprint = searched.model["name"], searched.model["fingerprint"]
        about = (
            f"{names} in {gallery}, {count}, {searched.described}",
            f"model {name} ({fingerprint}), {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        )
        drawn = contact_sheet(searched.queries, searched.found.hits, sheet, about=about)
        done(drawn, "contact sheet")


_OF_THE_ANSWER = (
    "queries",
    "top",
    "where",
    "post",
    "yes",
    "no",
    "box",
    "detector",
    "camera",
    "time",
)


def _refuse_others(context: typer.Context) -> None:
    """An answer says itself what was asked."""
    for name in _OF_THE_ANSWER:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = "QUERY" if name == "queries" else f"--{name}"
            raise typer.BadParameter(f"the answer says what was asked: leave {option} out")


def _asked(
    queries: list[str],
    where: str,
    top: int,
    post: str,
    *,
    camera: str,
    time: str,
    box: str,
    said: tuple[str, str],
) -> "_Asked":
    """What the words of the command line ask for."""
    from platefree.gallery.feedback import Feedback
    from platefree.gallery.filter_words import filter_of
    from platefree.gallery.search import check_search_post, query_picture, query_pictures
    from platefree.recipes.post import Post

    check_search_post(Post().with_steps(post))
    feedback = Feedback(_numbers(said[0], "--yes"), _numbers(said[1], "--no"))
    if box and len(queries) != 1:
        raise typer.BadParameter("a box is in one query picture", param_hint="--box")
    if box and not _names_one(box):
        picture = query_picture(queries[0], camera=camera, time=time, box=_edges(box))
        return _Asked(picture, filter_of(where), top, post, feedback)
    pictures = query_pictures(queries, camera=camera, time=time)
    return _Asked(pictures, filter_of(where), top, post, feedback)


def _names_one(box: str) -> bool:
    """Whether it is one of the vehicles that a detector finds, not a place."""
    from platefree.gallery.query_vehicles import LARGEST

    return box == LARGEST or box.isdecimal()


def _cut(pictures: "Sightings", box: str, detector: str | None, device: DeviceName) -> "Sightings":
    """The query pictures, whole frames cut to the vehicle that is meant."""
    from platefree.gallery.query_vehicles import with_vehicles
    from platefree.inference.detector_loading import load_detector
    from platefree.inference.shipped import detector_inside

    frames = bool((pictures.frame >= 0).any()) and not pictures.knows("box")
    if detector is None and not frames and not _names_one(box):
        return pictures
    if detector is None and detector_inside() is None:
        raise DataError(
            "a whole frame may show several vehicles, or none: say where it is (--box X,Y,W,H), or "
            "what finds vehicles (--detector MODEL), since no detector is inside platefree yet"
        )
    loaded = load_detector(detector, device=device.value)
    found, said = with_vehicles(loaded, pictures, box if _names_one(box) else "")
    for sentence in said:
        notes.print(sentence, soft_wrap=True)
    return found


def _numbers(text: str, option: str) -> list[int]:
    """The numbers of sightings, as they are typed."""
    words = text.split(",") if text else []
    if not all(word.strip().isdecimal() for word in words):
        raise typer.BadParameter(f"{text!r}, expected numbers such as 12,15", param_hint=option)
    return [int(word) for word in words]


def _edges(text: str) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a box that is typed as its corner and size."""
    try:
        left, top, width, height = map(float, text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"{text!r}, expected the left, top, width and height such as 120,80,200,150",
            param_hint="--box",
        ) from None
    return left, top, left + width, top + height


@dataclass(frozen=True)
class _Asked:
    """What is looked for."""

    pictures: "Sightings"
    where: "Filter"
    top: int
    post: str
    feedback: "Feedback"


def _described(steps: "Post", found: "Answer") -> str:
    """Which steps were done, in words."""
    if not steps.steps:
        return "not post-processed"
    return f"the nearest {found.candidates:,} post-processed: {steps.describe()}"


def _search_pictures(
    asked: _Asked,
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


def _search_gallery(asked: _Asked, place: Path, model: str | None, work: "Work") -> Searched:
    """Search in a gallery that grows; without a picture, its latest sightings."""
    from platefree.gallery.stored_gallery import Gallery

    gallery, table = Gallery(place, model), asked.pictures
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


def _search_again(answer: Path, place: Path, model: str | None, work: "Work") -> Searched:
    """Repeat a search of a gallery, and say whether it finds the same."""
    from platefree.gallery.stored_gallery import Gallery

    gallery = Gallery(place, model)
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
    )


def _paths(table: "Sightings") -> list[Path]:
    return [table.path(row) for row in range(len(table))]


def _checked(searched: Searched, device: DeviceName) -> Searched:
    """With a note on query pictures without a vehicle, if a detector is inside the package."""
    from platefree.gallery.query_vehicles import without_vehicle
    from platefree.inference.detector_loading import load_detector
    from platefree.inference.shipped import detector_inside

    if searched.pictures is None or detector_inside() is None:
        return searched
    empty = without_vehicle(load_detector(device=device.value), searched.pictures)
    found = replace(searched.found, cautions=[*empty, *searched.found.cautions])
    return replace(searched, found=found)


def _show(
    searched: Searched,
    queries: list[str],
    asked: tuple[str, str],
    *,
    as_json: bool,
) -> None:
    """Print the hits, and what to know before they are believed."""
    from platefree.cli.tables import hits_table, print_whole
    from platefree.data.listed_text import many
    from platefree.gallery.conclusion import conclusion
    from platefree.gallery.recorded_answer import recorded_hit

    (post, where), gallery, found = asked, searched.gallery, searched.found
    several = "by the nearest of the query pictures" if len(queries) > 1 else ""
    if as_json:
        print_json(
            {
                **searched.document,
                "queries": queries,
                "combined": several or None,
                "model": searched.model,
                "gallery": gallery,
                "where": where,
                "post": {"steps": post, "described": searched.described},
                "skipped": searched.skipped,
                "left_out": [str(path) for path in found.left_out],
                "cautions": found.cautions,
                "nothing_likely": found.nothing_likely,
                "hits": [recorded_hit(hit, found.compared) for hit in found.hits],
            }
        )
    else:
        how = (gallery["search"], several, searched.described)
        names = ", ".join(Path(query).name for query in queries) or "the latest"
        title = (
            f"{names} in {many(gallery['pictures'], 'picture')}, "
            f"{', '.join(part for part in how if part)}, model {searched.model['name']}"
        )
        print_whole(hits_table(found.hits, title))
    _note_answer(found, Path(gallery["path"]), searched.model["name"], post)
    if not as_json and (last := conclusion(found.hits)):
        out.print(last)


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


def _check_sheet(sheet: Path) -> None:
    from platefree.reports.contact_sheet import FORMATS

    if sheet.suffix.lower() not in FORMATS:
        raise typer.BadParameter(f"{sheet} should end in .jpg or .png", param_hint="--sheet")
    check_writable(sheet)


def _note_answer(found: "Answer", gallery: Path, model: str, post: str) -> None:
    """What to know before the hits are believed."""
    from platefree.data.listed_text import many
    from platefree.gallery.conclusion import what_p_same_is
    from platefree.gallery.gallery_places import is_gallery
    from platefree.recipes.post import NONE

    missing = [hit.image for hit in found.hits if not hit.image.exists()]
    if missing:
        remedy = f"if the pictures of {gallery} were moved, give their folder with --root"
        if is_gallery(gallery):
            remedy = "'platefree gallery export' writes the small pictures that the gallery keeps"
        notes.print(
            f"{many(len(missing), 'hit')} without a file, such as {missing[0]}: {remedy}",
            soft_wrap=True,
        )
    for path in found.left_out[:5]:
        notes.print(f"left out, since it is a query picture itself: {path}", soft_wrap=True)
    if len(found.left_out) > 5:
        notes.print(f"... and {len(found.left_out) - 5} more copies of the query")
    for caution in found.cautions:
        notes.print(f"note: {caution}", soft_wrap=True)
    if not any(hit.similarity == hit.similarity for hit in found.hits):
        return  # nothing was compared
    said = (
        "A similarity is no probability: 1 is the same picture, and the first hit need not be the "
        "same vehicle."
    )
    if any(hit.in_words for hit in found.hits):
        said = what_p_same_is(found.compared, post_processed=post != NONE)
    notes.print(said, soft_wrap=True)
    if model == FLOOR:
        notes.print(f"note: {COLORS_ALONE}", soft_wrap=True)
