"""The verbs ``search``, ``compare`` and ``embed``."""

from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from platefree.cli.console import (
    DeviceName,
    DeviceOption,
    Json,
    ModelOption,
    ModelOrColors,
    Processes,
    RootOption,
    Workers,
    done,
    notes,
    out,
    picture_progress,
    print_json,
    work_of,
)
from platefree.errors import CheckpointError
from platefree.storage.files import check_writable

if TYPE_CHECKING:
    from platefree.gallery.search import Answer
    from platefree.gallery.stored_embedder import StoredEmbeddings
    from platefree.types import Sightings

FLOOR = "color_stripes"
"""The method for searches without a trained model."""

_COLORS_ALONE = (
    f"only colors are compared ({FLOOR}), so other vehicles of a like color come first; for "
    "better hits train a model, such as on a rendered city: 'platefree city CITY --preset small', "
    "'platefree train strong_baseline/small --data CITY --out runs/first', and give "
    "--model runs/first/best"
)


def search(
    queries: Annotated[
        list[Path],
        typer.Argument(help="A picture of one vehicle, or several of the same.", metavar="QUERY"),
    ],
    gallery: Annotated[
        Path,
        typer.Option("--gallery", "-g", metavar="PATH", help="Folder, table or stored embeddings."),
    ],
    model: ModelOption = None,
    top: Annotated[
        int, typer.Option("--top", "-k", min=1, max=100_000, metavar="N", help="Number of hits.")
    ] = 20,
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
    from platefree.cli.tables import hits_table, print_whole
    from platefree.data.listed_text import many
    from platefree.data.table import read_table
    from platefree.gallery.opening import open_embedder
    from platefree.gallery.search import (
        CANDIDATES,
        answer,
        check_search_post,
        open_gallery,
        query_pictures,
    )
    from platefree.gallery.stored import is_embeddings_folder
    from platefree.recipes.post import Post
    from platefree.types import Sightings

    check_search_post(Post().with_steps(post))
    if sheet is not None:
        _check_sheet(sheet)
    pictures = query_pictures(queries, camera=camera, time=time)
    chosen = _chosen(model, gallery, pictures, root)
    loaded = open_embedder(chosen, work_of(device))
    loaded.embed(pictures, work=work_of(device, workers))  # refused before the long work
    is_stored = is_embeddings_folder(gallery)
    place = gallery if is_stored or root is not None else read_table(gallery)
    with picture_progress(
        "embedding the gallery", len(place) if isinstance(place, Sightings) else 0
    ) as advance:
        opened, skipped = open_gallery(
            place, loaded, root=root, work=work_of(device, workers, progress=advance)
        )
    _note_skipped(skipped)
    found = answer(loaded, pictures, opened, top=top, post=post)
    steps = loaded.post.with_steps(post)
    done_so = "not post-processed"
    if steps.steps:
        done_so = f"the nearest {max(top, CANDIDATES)} post-processed: {steps.describe()}"
    several = "by the nearest of the query pictures" if len(queries) > 1 else ""
    names = ", ".join(query.name for query in queries)
    if as_json:
        hits = [
            {
                "rank": h.rank,
                "similarity": h.similarity,
                "image": str(h.image),
                "exists": h.image.exists(),
                **({"query": str(h.query)} if h.query else {}),
                **({"space": h.space} if h.space else {}),
                **h.labels,
            }
            for h in found.hits
        ]
        print_json(
            {
                "queries": [str(query) for query in queries],
                "combined": several or None,
                "model": {"name": loaded.name, "fingerprint": loaded.fingerprint},
                "gallery": {"path": str(gallery), "pictures": len(opened), "search": "exact"},
                "post": {"steps": post, "described": done_so},
                "skipped": skipped,
                "left_out": [str(path) for path in found.left_out],
                "cautions": found.cautions,
                "hits": hits,
            }
        )
    else:
        how = ", ".join(part for part in ("exact", several, done_so) if part)
        title = f"{names} in {many(len(opened), 'picture')}, {how}, model {loaded.name}"
        print_whole(hits_table(found.hits, title))
    _note_answer(found, gallery, loaded.name)
    if sheet is not None:
        from platefree.reports.contact_sheet import contact_sheet

        about = (
            f"{names} in {gallery}, {many(len(opened), 'picture')}, {done_so}",
            f"model {loaded.name} ({loaded.fingerprint}), {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        )
        done(contact_sheet(queries, found.hits, sheet, about=about), "contact sheet")


def compare(
    first: Annotated[Path, typer.Argument(help="A picture of a vehicle.", metavar="A")],
    second: Annotated[Path, typer.Argument(help="Another picture.", metavar="B")],
    model: ModelOrColors = None,
    *,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Compare the vehicles of two pictures.

    The answer is their cosine similarity, from -1 to 1.
    """
    from platefree.inference.loading import load_model
    from platefree.inference.picture_comparison import compare as run_comparison

    loaded = load_model(model or _default(), device=device.value)
    result = run_comparison(loaded, first, second)
    if as_json:
        print_json(
            {
                "a": str(first),
                "b": str(second),
                "similarity": result.similarity,
                "model": {"name": loaded.name, "fingerprint": result.model},
            }
        )
    else:
        out.print(f"similarity {result.similarity:.4f}  (model {loaded.name}@{result.model})")


def embed(
    data: Annotated[Path, typer.Argument(help="Table or folder of pictures.")],
    out_folder: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Folder of the embeddings.")
    ],
    model: ModelOrColors = None,
    *,
    workers: Workers = -1,
    processes: Processes = 1,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Embed pictures once, so that later searches are fast."""
    from platefree.data.listed_text import many
    from platefree.data.table import read_table
    from platefree.gallery.embeddings_card import check_replaceable
    from platefree.gallery.stored import write_embeddings
    from platefree.inference.loading import load_model
    from platefree.storage.locks import only_writer

    check_replaceable(out_folder)
    table = read_table(data)
    loaded = load_model(model or _default(), device=device.value)
    with only_writer(out_folder):
        with picture_progress("embedding", len(table)) as advance:
            work = work_of(device, workers, processes, advance)
            embeddings, skipped = loaded.embed(table, unreadable="skip", work=work)
        _note_skipped(skipped)
        remembered = Path(loaded.name).resolve() if Path(loaded.name).exists() else loaded.name
        write_embeddings(embeddings, out_folder, loaded.comparison, str(remembered))
    if as_json:
        spaces = {name: rows.shape[1] for name, rows in embeddings.spaces.items()}
        print_json({"pictures": len(embeddings), "spaces": spaces, "skipped": skipped})
    done(out_folder, many(len(embeddings), "embedding"))


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
        return _default()
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
    return stored or _default()


def _default() -> str:
    """The model that is inside the package; without one, colors alone, with a note."""
    from platefree.inference.shipped import embedder_inside

    if (inside := embedder_inside()) is not None:
        return inside
    notes.print(f"no --model was given: {_COLORS_ALONE}", soft_wrap=True)
    return FLOOR


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

    missing = [hit.image for hit in found.hits if not hit.image.exists()]
    if missing:
        notes.print(
            f"{many(len(missing), 'hit')} without a file, such as {missing[0]}: if the pictures of "
            f"{gallery} were moved, give their folder with --root",
            soft_wrap=True,
        )
    for path in found.left_out[:5]:
        notes.print(f"left out, since it is a query picture itself: {path}", soft_wrap=True)
    if len(found.left_out) > 5:
        notes.print(f"... and {len(found.left_out) - 5} more copies of the query")
    for caution in found.cautions:
        notes.print(f"note: {caution}", soft_wrap=True)
    notes.print(
        "A similarity is no probability: 1 is the same picture, and the first hit need not be the "
        "same vehicle.",
        soft_wrap=True,
    )
    if model == FLOOR:
        notes.print(f"note: {_COLORS_ALONE}", soft_wrap=True)


def _note_skipped(skipped: list[str]) -> None:
    from platefree.data.listed_text import many

    for reason in skipped[:5]:
        notes.print(f"skipped: {reason}", soft_wrap=True)
    if len(skipped) > 5:
        notes.print(f"... and {many(len(skipped) - 5, 'more picture')} that cannot be read")
