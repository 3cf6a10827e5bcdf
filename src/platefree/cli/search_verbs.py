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
    Workers,
    done,
    notes,
    out,
    picture_progress,
    print_json,
    work_of,
)
from platefree.errors import CheckpointError

if TYPE_CHECKING:
    from platefree.gallery.stored_embedder import StoredEmbeddings
    from platefree.types import Sightings

FLOOR = "color_stripes"
"""The method for searches without a trained model."""


def search(
    query: Annotated[Path, typer.Argument(help="A picture of one vehicle.")],
    gallery: Annotated[
        Path,
        typer.Option("--gallery", "-g", metavar="PATH", help="Folder, table or stored embeddings."),
    ],
    model: ModelOption = None,
    top: Annotated[
        int, typer.Option("--top", "-k", min=1, metavar="N", help="Number of hits.")
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
    *,
    workers: Workers = -1,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Find pictures of the same vehicle, the most similar first."""
    from platefree.cli.tables import hits_table
    from platefree.data.listed_text import many
    from platefree.gallery.opening import open_embedder
    from platefree.gallery.search import CANDIDATES, check_search_post, open_gallery, query_picture
    from platefree.gallery.search import search as run_search
    from platefree.recipes.post import Post

    check_search_post(Post().with_steps(post))
    picture = query_picture(query, camera=camera, time=time)
    loaded = open_embedder(_chosen(model, gallery, picture), work_of(device))
    with picture_progress("embedding the gallery", None) as advance:
        opened, skipped = open_gallery(
            gallery, loaded, work=work_of(device, workers, progress=advance)
        )
    _note_skipped(skipped)
    hits = run_search(loaded, picture, opened, top=top, post=post)
    steps = loaded.post.with_steps(post)
    done_so = "not post-processed"
    if steps.steps:
        done_so = f"the nearest {max(top, CANDIDATES)} post-processed: {steps.describe()}"
    if as_json:
        answer = [
            {
                "rank": h.rank,
                "similarity": h.similarity,
                "image": str(h.image),
                **({"space": h.space} if h.space else {}),
                **h.labels,
            }
            for h in hits
        ]
        print_json(
            {
                "query": str(query),
                "model": {"name": loaded.name, "fingerprint": loaded.fingerprint},
                "gallery": {"path": str(gallery), "pictures": len(opened), "search": "exact"},
                "post": {"steps": post, "described": done_so},
                "skipped": skipped,
                "hits": answer,
            }
        )
    else:
        title = (
            f"{query.name} in {many(len(opened), 'picture')}, exact, {done_so}, model {loaded.name}"
        )
        out.print(hits_table(hits, title))
    if sheet is not None:
        from platefree.reports.contact_sheet import contact_sheet

        about = (
            f"{query.name} in {gallery}, {many(len(opened), 'picture')}, {done_so}",
            f"model {loaded.name} ({loaded.fingerprint}), {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        )
        done(contact_sheet(query, hits, sheet, about=about), "contact sheet")


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
    from platefree.inference.model import compare as run_comparison

    loaded = load_model(model or _floor(), device=device.value)
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
    from platefree.gallery.stored import save_embeddings
    from platefree.inference.loading import load_model

    table = read_table(data)
    loaded = load_model(model or _floor(), device=device.value)
    with picture_progress("embedding", len(table)) as advance:
        work = work_of(device, workers, processes, advance)
        embeddings, skipped = loaded.embed(table, unreadable="skip", work=work)
    _note_skipped(skipped)
    remembered = Path(loaded.name).resolve() if Path(loaded.name).exists() else loaded.name
    save_embeddings(embeddings, out_folder, loaded.comparison, model_path=str(remembered))
    if as_json:
        spaces = {name: rows.shape[1] for name, rows in embeddings.spaces.items()}
        print_json({"pictures": len(embeddings), "spaces": spaces, "skipped": skipped})
    done(out_folder, many(len(embeddings), "embedding"))


def _chosen(model: str | None, gallery: Path, query: "Sightings") -> "str | StoredEmbeddings":
    """The model asked for, else one that fits the gallery, else colors alone.

    If the query is among stored embeddings, these are enough; otherwise the model that made the
    embeddings is used.
    """
    if model is not None:
        return model
    from platefree.gallery.stored import is_embeddings_folder, stored_model_path
    from platefree.gallery.stored_embedder import load_stored

    if not is_embeddings_folder(gallery):
        return _floor()
    stored = stored_model_path(gallery)
    is_there = stored is not None and (stored == FLOOR or Path(stored).exists())
    has_network = is_there and _can_embed()
    if not has_network and (opened := load_stored(gallery)).knows(query):
        return opened
    if stored is not None and not is_there:
        raise CheckpointError(
            f"{gallery} was made with the model at {stored}, which does not exist now; "
            "give its path with --model"
        )
    return stored or _floor()


def _floor() -> str:
    notes.print(f"no --model given: comparing colors alone ({FLOOR})")
    return FLOOR


def _can_embed() -> bool:
    """Whether torch is installed, so that a network can run."""
    return find_spec("torch") is not None


def _note_skipped(skipped: list[str]) -> None:
    for reason in skipped[:5]:
        notes.print(f"skipped: {reason}", soft_wrap=True)
    if len(skipped) > 5:
        notes.print(f"... and {len(skipped) - 5} more pictures that cannot be read")
