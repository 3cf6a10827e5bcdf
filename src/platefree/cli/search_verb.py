"""The verb ``search``, in every kind of gallery."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from platefree.cli.audited_gallery import ReasonOption, opened
from platefree.cli.console import (
    DeviceName,
    DeviceOption,
    Json,
    ModelOption,
    RootOption,
    Workers,
    done,
    refuse_given,
    work_of,
)
from platefree.cli.search_printing import show
from platefree.cli.search_question import asked, cut
from platefree.cli.searches import Searched, checked, search_again, search_gallery, search_pictures
from platefree.storage.files import check_writable

if TYPE_CHECKING:
    from platefree.types import Sightings


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
            help="Pictures of one vehicle, or FILM@SECOND.",
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
            help="expand, rerank, camera, time, tracks.",
        ),
    ] = "none",
    yes: Annotated[
        str,
        typer.Option(metavar="NUMBERS", help="Sightings that show it: search for more like them."),
    ] = "",
    no: Annotated[
        str,
        typer.Option(
            metavar="NUMBERS", help="Sightings that do not: search away from and hide them."
        ),
    ] = "",
    box: Annotated[
        str,
        typer.Option(
            metavar="X,Y,W,H",
            help="Its box; or, of several found, a number or largest.",
        ),
    ] = "",
    detector: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Finds vehicles on whole pictures and films."),
    ] = None,
    again: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Repeat a gallery search that --json printed."),
    ] = None,
    camera: Annotated[
        str, typer.Option(metavar="NAME", help="Camera of the query, for the step camera.")
    ] = "",
    time: Annotated[str, typer.Option(metavar="TIME", help="Time of the query (ISO 8601).")] = "",
    root: RootOption = None,
    reason: ReasonOption = "",
    *,
    workers: Workers = -1,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Find pictures of the same vehicle, the most similar first.

    With several query pictures, a gallery picture ranks by the nearest of them.
    """
    from platefree.gallery.gallery_places import is_gallery

    if sheet is not None:
        _check_sheet(sheet)
    if is_gallery(gallery) and root is not None:
        raise typer.BadParameter("a gallery keeps small pictures of its own", param_hint="--root")
    if reason and not is_gallery(gallery):
        raise typer.BadParameter("only a gallery has an audit log", param_hint="--reason")
    if again is not None:
        refuse_given(context, _OF_THE_ANSWER, "the answer says what was asked")
        searched = search_again(again, opened(gallery, model, reason), work_of(device, workers))
        queries = searched.document["queries"]
        post, where = ",".join(searched.document["asked"]["post"]["steps"]) or post, ""
    else:
        queries = queries or []
        if not queries and not is_gallery(gallery):
            raise typer.BadParameter("give a picture of the vehicle", param_hint="QUERY")
        if not queries and sheet is not None:
            needs = "a sheet shows a picture and its hits: give a picture, or leave out --sheet"
            raise typer.BadParameter(needs, param_hint="--sheet")
        said = (yes, no)
        question = asked(queries, where, top, post, camera=camera, time=time, box=box, said=said)
        question = replace(question, pictures=cut(question.pictures, box, detector, device))
        if is_gallery(gallery):
            stored = opened(gallery, model, reason)
            searched = search_gallery(question, stored, work_of(device, workers))
        elif question.feedback:
            raise typer.BadParameter("only the hits of a gallery have numbers", param_hint="--yes")
        else:
            searched = search_pictures(question, gallery, model, root, (device, workers))
    searched = checked(searched, device)
    show(searched, queries, (post, where), as_json=as_json)
    if sheet is not None:
        done(_draw(searched, queries, gallery, sheet), "contact sheet")


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


def _draw(searched: Searched, queries: list[str], gallery: Path, sheet: Path) -> Path:
    """Draw the hits beside what asked for them."""
    from platefree.data.listed_text import many
    from platefree.reports.contact_sheet import contact_sheet

    names = ", ".join(Path(query).name for query in queries)
    count = many(searched.gallery["pictures"], "picture")
    name, fingerprint = searched.model["name"], searched.model["fingerprint"]
    about = (
        f"{names} in {gallery}, {count}, {searched.described}",
        f"model {name} ({fingerprint}), {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    )
    small, hits = _small_pictures(searched), searched.found.hits
    query: Sightings | list[Path] | int = searched.queries
    if searched.number is not None and searched.number in small:
        query = searched.number
    elif searched.pictures is not None:
        query = searched.pictures
    return contact_sheet(query, hits, sheet, about=about, small=small)


def _small_pictures(searched: Searched) -> dict[int, bytes]:
    """The pictures that the gallery keeps of what is drawn, by number."""
    import numpy as np

    if searched.stored is None:
        return {}
    asked = [] if searched.number is None else [searched.number]
    named = [*asked, *(hit.number for hit in searched.found.hits if hit.number is not None)]
    numbers = np.array(sorted(set(named)), np.int64)
    with searched.stored.store.snapshot() as now:
        numbers = numbers[now.has(numbers)]
        crops = now.crops(numbers)
    return {number: crop for number, crop in zip(numbers.tolist(), crops, strict=True) if crop}


def _check_sheet(sheet: Path) -> None:
    from platefree.reports.contact_sheet import FORMATS

    if sheet.suffix.lower() not in FORMATS:
        raise typer.BadParameter(f"{sheet} should end in .jpg or .png", param_hint="--sheet")
    check_writable(sheet)
