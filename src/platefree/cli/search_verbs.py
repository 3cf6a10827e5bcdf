"""The verbs ``search``, ``compare`` and ``embed``."""

from pathlib import Path
from typing import Annotated

import typer

from platefree.cli.console import (
    DeviceName,
    DeviceOption,
    Json,
    ModelOption,
    Processes,
    Workers,
    done,
    notes,
    out,
    picture_progress,
    print_json,
)
from platefree.errors import CheckpointError

FLOOR = "color_stripes"
"""Needs no training, so a search works before any model exists."""


def search(
    query: Annotated[Path, typer.Argument(help="A picture of one vehicle.")],
    gallery: Annotated[
        Path,
        typer.Option("--gallery", "-g", help="A folder, a table, or what 'platefree embed' wrote."),
    ],
    model: ModelOption = None,
    top: Annotated[int, typer.Option("--top", "-k", min=1, help="How many hits.")] = 20,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", help="Also draw the answer to a .jpg or .png.")
    ] = None,
    post: Annotated[
        str,
        typer.Option("--post", help="rerank: the nearest 100 in k-reciprocal order; or none."),
    ] = "none",
    *,
    workers: Workers = -1,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Find where else a vehicle was seen: similarity, camera, time and path, best first."""
    from platefree.cli.tables import hits_table
    from platefree.gallery.search import CANDIDATES, RERANK, check_search_post, open_gallery
    from platefree.gallery.search import search as run_search
    from platefree.inference.model import load_model

    check_search_post(post)
    loaded = load_model(_chosen(model, gallery), device=device.value)
    with picture_progress("embedding the gallery", None) as advance:
        opened, skipped = open_gallery(gallery, loaded, workers=workers, on_batch=advance)
    _tell_skipped(skipped)
    hits = run_search(loaded, query, opened, top=top, post=post)
    told = "not re-ranked"
    if post == RERANK:
        told = f"the nearest {max(top, CANDIDATES)} re-ranked: {loaded.recipe.post.rerank}"
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
                "post": {"steps": post, "told": told},
                "skipped": skipped,
                "hits": answer,
            }
        )
    else:
        title = f"{query.name} in {len(opened)} pictures, exact, {told}, model {loaded.name}"
        out.print(hits_table(hits, title))
    if sheet is not None:
        from platefree.reports.contact_sheet import contact_sheet

        done(contact_sheet(query, hits, sheet), "contact sheet")


def compare(
    first: Annotated[Path, typer.Argument(help="A picture of a vehicle.", metavar="A")],
    second: Annotated[Path, typer.Argument(help="Another picture.", metavar="B")],
    model: ModelOption = None,
    *,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Say how alike the vehicles of two pictures are, as cosine similarity in [-1, 1]."""
    from platefree.inference.model import compare as run_comparison
    from platefree.inference.model import load_model

    loaded = load_model(_chosen(model, None), device=device.value)
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
        Path, typer.Option("--out", "-o", help="Folder for the embeddings; replaced if it is one.")
    ],
    model: ModelOption = None,
    *,
    workers: Workers = -1,
    processes: Processes = 1,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Embed pictures once, so that every later search is instant."""
    from platefree.data.table import read_table
    from platefree.gallery.stored import save_embeddings
    from platefree.inference.model import load_model

    table = read_table(data)
    loaded = load_model(_chosen(model, None), device=device.value, processes=processes)
    with picture_progress("embedding", len(table)) as advance:
        embeddings, skipped = loaded.embed(
            table, unreadable="skip", workers=workers, on_batch=advance
        )
    _tell_skipped(skipped)
    remembered = Path(loaded.name).resolve() if Path(loaded.name).exists() else loaded.name
    save_embeddings(embeddings, out_folder, model_path=str(remembered))
    if as_json:
        spaces = {name: rows.shape[1] for name, rows in embeddings.spaces.items()}
        print_json({"pictures": len(embeddings), "spaces": spaces, "skipped": skipped})
    done(out_folder, f"{len(embeddings)} embeddings")


def _chosen(model: str | None, gallery: Path | None) -> str:
    """The model asked for, else the one that made the gallery, else colors alone."""
    if model is not None:
        return model
    if gallery is not None:
        from platefree.gallery.stored import stored_model_path

        stored = stored_model_path(gallery)
        if stored is not None and stored != FLOOR and not Path(stored).exists():
            raise CheckpointError(
                f"{gallery} was made with the model at {stored}, which is not there now; "
                "say where it is with --model"
            )
        if stored is not None:
            return stored
    notes.print(f"no --model given: comparing colors alone ({FLOOR})")
    return FLOOR


def _tell_skipped(skipped: list[str]) -> None:
    for reason in skipped[:5]:
        notes.print(f"skipped: {reason}", soft_wrap=True)
    if len(skipped) > 5:
        notes.print(f"... and {len(skipped) - 5} more pictures that cannot be read")
