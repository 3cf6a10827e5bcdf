"""The verb ``search``, in every kind of gallery."""

from dataclasses import dataclass, field
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
    picture_progress,
    print_json,
    work_of,
)
from platefree.cli.usual_model import COLORS_ALONE, FLOOR, usual_model
from platefree.errors import CheckpointError
from platefree.storage.files import check_writable

if TYPE_CHECKING:
    from platefree.gallery.filters import Filter
    from platefree.gallery.search import Answer
    from platefree.gallery.stored_embedder import StoredEmbeddings
    from platefree.recipes.post import Post
    from platefree.types import Hit, Sightings
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
    """

    found: "Answer"
    model: dict[str, str]
    gallery: dict[str, Any]
    queries: list[Path]
    described: str
    skipped: list[str] = field(default_factory=list)


def search(
    gallery: Annotated[
        Path,
        typer.Option(
            "--gallery", "-g", metavar="PATH", help="Gallery, folder, table or stored embeddings."
        ),
    ],
    queries: Annotated[
        list[str] | None,
        typer.Argument(
            help="A picture of one vehicle, or several of the same.",
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
    from platefree.gallery.filter_words import filter_of
    from platefree.gallery.gallery_places import is_gallery
    from platefree.gallery.search import check_search_post, query_pictures
    from platefree.recipes.post import Post

    check_search_post(Post().with_steps(post))
    if sheet is not None:
        _check_sheet(sheet)
    queries, conditions = queries or [], filter_of(where)
    if not queries and (not is_gallery(gallery) or sheet is not None):
        raise typer.BadParameter("give a picture of the vehicle", param_hint="QUERY")
    if is_gallery(gallery) and root is not None:
        raise typer.BadParameter("a gallery keeps small pictures of its own", param_hint="--root")
    pictures = query_pictures(queries, camera=camera, time=time)
    asked = _Asked(pictures, conditions, top, post)
    if is_gallery(gallery):
        searched = _search_gallery(asked, gallery, model, work_of(device, workers))
    else:
        searched = _search_pictures(asked, gallery, model, root, (device, workers))
    several = "by the nearest of the query pictures" if len(queries) > 1 else ""
    _show(searched, queries, (post, several, where), as_json=as_json)
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


@dataclass(frozen=True)
class _Asked:
    """What is looked for."""

    pictures: "Sightings"
    where: "Filter"
    top: int
    post: str

    def described(self, steps: "Post") -> str:
        """Which steps are done, in words."""
        from platefree.gallery.search import CANDIDATES

        if not steps.steps:
            return "not post-processed"
        nearest = max(self.top, CANDIDATES)
        return f"the nearest {nearest} post-processed: {steps.describe()}"


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
        asked.described(loaded.post.with_steps(asked.post)),
        skipped,
    )


def _search_gallery(asked: _Asked, place: Path, model: str | None, work: "Work") -> Searched:
    """Search in a gallery that grows; without a picture, its latest sightings."""
    import numpy as np

    from platefree.gallery.stored_gallery import Gallery
    from platefree.recipes.post import Post

    gallery, table = Gallery(place, model), asked.pictures
    query: Sightings | int | None = table if len(table) else None
    if len(table) == 1 and (name := str(table.image[0])).isdecimal() and not Path(name).exists():
        query = int(name)
    found = gallery.search(query, where=asked.where, top=asked.top, post=asked.post, work=work)
    steps = gallery.model.post if query is table else Post()
    about = {
        "path": str(gallery.folder),
        "pictures": gallery.store.count(),
        "search": "exact" if found.exact else "approximate",
        "version": found.version,
        "searched": found.searched,
        "seconds": round(found.seconds, 4),
    }
    described = asked.described(steps.with_steps(asked.post))
    name = gallery.card.model_path or gallery.card.model
    if isinstance(query, int):
        table = gallery.store.get(np.array([query])).sightings
    return Searched(
        found, {"name": name, "fingerprint": found.model}, about, _paths(table), described
    )


def _paths(table: "Sightings") -> list[Path]:
    return [table.path(row) for row in range(len(table))]


def _show(
    searched: Searched,
    queries: list[str],
    asked: tuple[str, str, str],
    *,
    as_json: bool,
) -> None:
    """Print the hits, and what to know before they are believed."""
    from platefree.cli.tables import hits_table, print_whole
    from platefree.data.listed_text import many

    (post, several, where), gallery = asked, searched.gallery
    if as_json:
        print_json(
            {
                "queries": queries,
                "combined": several or None,
                "model": searched.model,
                "gallery": gallery,
                "where": where,
                "post": {"steps": post, "described": searched.described},
                "skipped": searched.skipped,
                "left_out": [str(path) for path in searched.found.left_out],
                "cautions": searched.found.cautions,
                "hits": [_hit_json(hit) for hit in searched.found.hits],
            }
        )
    else:
        how = (gallery["search"], several, searched.described)
        names = ", ".join(Path(query).name for query in queries) or "the latest"
        title = (
            f"{names} in {many(gallery['pictures'], 'picture')}, "
            f"{', '.join(part for part in how if part)}, model {searched.model['name']}"
        )
        print_whole(hits_table(searched.found.hits, title))
    _note_answer(searched.found, Path(gallery["path"]), searched.model["name"])


def _hit_json(hit: "Hit") -> dict[str, Any]:
    return {
        "rank": hit.rank,
        "similarity": hit.similarity,
        "image": str(hit.image),
        "exists": hit.image.exists(),
        **({"number": hit.number} if hit.number is not None else {}),
        **({"query": str(hit.query)} if hit.query else {}),
        **({"space": hit.space} if hit.space else {}),
        **hit.labels,
    }


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


def _note_answer(found: "Answer", gallery: Path, model: str) -> None:
    """What to know before the hits are believed."""
    from platefree.data.listed_text import many
    from platefree.gallery.gallery_places import is_gallery

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
    notes.print(
        "A similarity is no probability: 1 is the same picture, and the first hit need not be the "
        "same vehicle.",
        soft_wrap=True,
    )
    if model == FLOOR:
        notes.print(f"note: {COLORS_ALONE}", soft_wrap=True)
