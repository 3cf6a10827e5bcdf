"""The verbs of ``gallery``, from ``create`` to ``export``."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from platefree.cli.audited_gallery import LedgerOption, ReasonOption, opened
from platefree.cli.console import (
    DeviceName,
    DeviceOption,
    Json,
    ModelOrShipped,
    PlainHelp,
    Workers,
    done,
    note_skipped,
    notes,
    out,
    picture_progress,
    print_json,
    work_of,
)
from platefree.errors import Interrupted

if TYPE_CHECKING:
    from platefree.gallery.retention import Retention

_OTHERS = "; the other cameras for ever"

app = typer.Typer(
    cls=PlainHelp,
    help="Keep sightings for months: add, find, forget.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Folder = Annotated[
    str,
    typer.Argument(metavar="GALLERY", help="Its folder, or milvus://HOST:PORT/NAME on a server."),
]
Where = Annotated[
    str,
    typer.Option(
        "--where", metavar="WORDS", help='Conditions: "camera:gate,ramp since:2026-05-01 type:van".'
    ),
]


class MissingPictures(StrEnum):
    """What becomes of sightings whose picture is gone."""

    refuse = "refuse"
    small = "small"
    forget = "forget"


Keep = Annotated[
    list[str] | None,
    typer.Option(
        "--keep",
        metavar="DAYS",
        help="Days to keep sightings, such as 90, or gate:30 for a camera.",
    ),
]
GalleryModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        show_default="where it was",
        help="The gallery's model, if it was moved.",
    ),
]


@app.command("create")
def create(
    folder: Annotated[
        str,
        typer.Argument(
            metavar="GALLERY", help="Missing or empty folder, or milvus://HOST:PORT/NAME."
        ),
    ],
    model: ModelOrShipped = None,
    *,
    keep: Keep = None,
    as_json: Json = False,
) -> None:
    """Make an empty gallery for the pictures of one model."""
    from platefree.gallery.retention import Retention
    from platefree.gallery.stored_gallery import Gallery

    gallery = Gallery.create(folder, model, retention=Retention.of(keep) if keep else None)
    if as_json:
        print_json({"gallery": str(folder), "model": gallery.card.model})
    done(folder, "gallery")


@app.command("add")
def add(
    folder: Folder,
    data: Annotated[Path, typer.Argument(help="Table, folder of pictures, or embeddings.")],
    model: GalleryModel = None,
    *,
    workers: Workers = -1,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Embed pictures and keep them; those already there are passed over.

    Run the same command again to continue.
    """
    from dataclasses import asdict

    from platefree.data.listed_text import many
    from platefree.data.table import read_table
    from platefree.gallery.stored import is_embeddings_folder, load_embeddings
    from platefree.gallery.stored_gallery import Gallery

    gallery = Gallery(folder, model)
    given = load_embeddings(data) if is_embeddings_folder(data) else read_table(data)
    try:
        with picture_progress("adding", len(given)) as advance:
            found = gallery.add(given, work=work_of(device, workers, progress=advance))
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped; {many(gallery.store.count(), 'sighting')} in {folder}: run the same command "
            "again to continue"
        ) from None
    note_skipped(found.skipped)
    _note_expired(found.expired)
    if as_json:
        print_json(asdict(found))
    known = f", {found.known:,} there already" if found.known else ""
    done(folder, f"{many(found.added, 'sighting')} added{known}")


@app.command("info")
def info(folder: Folder, *, as_json: Json = False) -> None:
    """Show what a gallery holds."""
    from dataclasses import asdict

    from platefree.data.listed_text import many
    from platefree.gallery.stored_gallery import Gallery

    found = Gallery(folder).info()
    if as_json:
        print_json({**asdict(found), "path": str(found.path)})
        return
    on_disk = f"{found.megabytes:,.1f} MB, " if found.megabytes else ""
    out.print(f"{many(found.sightings, 'sighting')}, {on_disk}made {found.created}")
    out.print(f"model: {found.model_path} ({found.model})")
    if found.coming:
        out.print(f"next model: {found.coming}, {many(found.ready, 'sighting')} embedded so far")
    out.print(f"time: {found.first or 'unknown'} to {found.last or 'unknown'}")
    out.print(f"kept, days: {', '.join(found.retention) or 'for ever'}")
    for name, count in found.cameras.items():
        out.print(f"camera {name or 'unknown'}: {count:,}")
    for name, size in found.spaces.items():
        indexed = found.indexed.get(name, 0)
        how = f"{indexed:,} in an index" if indexed else "searched exactly"
        out.print(f"space {name}: {size} numbers, {how}")


@app.command("forget")
def forget(
    folder: Folder,
    where: Where = "",
    reason: ReasonOption = "",
    ledger: LedgerOption = None,
    *,
    everything: Annotated[bool, typer.Option("--everything", help="Forget all sightings.")] = False,
    as_json: Json = False,
) -> None:
    """Forget sightings, and remove them from the disk.

    Removes rows, embeddings, small pictures and passes. Files outside the gallery stay.
    """
    from platefree.data.listed_text import many
    from platefree.gallery.filter_words import filter_of

    conditions = filter_of(where).without_query()
    if bool(conditions.conditions()) == everything:
        raise typer.BadParameter(
            "give conditions or --everything, not both; time:known and a zone alone are not "
            "conditions",
            param_hint="--where",
        )
    gallery = opened(folder, reason=reason, ledger=ledger)
    found = gallery.forget(conditions)
    compacted = gallery.compact()
    if as_json:
        stay = [str(path) for path in found.files]
        print_json({"forgotten": found.count, "files": stay, "readers": compacted.readers})
    if found.files:
        notes.print(
            f"{many(len(found.files), 'picture file')} outside the gallery not touched, such as "
            f"{found.files[0]}",
            soft_wrap=True,
        )
    _note_readers(compacted.readers)
    done(folder, f"{many(found.count, 'sighting')} forgotten")


@app.command("retain")
def retain(
    folder: Folder,
    keep: Keep = None,
    ledger: LedgerOption = None,
    *,
    for_ever: Annotated[bool, typer.Option("--for-ever", help="Keep sightings for ever.")] = False,
    as_json: Json = False,
) -> None:
    """Forget sightings that are older than the gallery keeps them.

    Age counts from the time of capture. --keep first changes how many days sightings are kept, of
    one camera or of all. Sightings of unknown time are kept.
    """
    from dataclasses import asdict

    from platefree.data.listed_text import many
    from platefree.gallery.retention import Retention

    if for_ever and keep:
        raise typer.BadParameter("give --keep or --for-ever, not both")
    gallery = opened(folder, ledger=ledger)
    if for_ever or keep:
        gallery.keep(Retention.of(keep) if keep else None)
        _note_rule(gallery.card.retention)
    found = gallery.retain()
    if as_json:
        print_json(asdict(found))
    for camera, count in found.removed.items():
        notes.print(f"camera {camera or 'unknown'}: {many(count, 'sighting')} forgotten")
    if found.undated and gallery.card.retention is not None:
        notes.print(
            f"note: {many(found.undated, 'sighting')} of unknown time kept: 'platefree gallery "
            "forget --where time:unknown' forgets them",
            soft_wrap=True,
        )
    _note_readers(found.readers)
    done(folder, f"{many(sum(found.removed.values()), 'sighting')} forgotten")


def _note_rule(rule: "Retention | None") -> None:
    """Say what is kept from now on: the rule before is replaced, not added to."""
    days = ", ".join(rule.words()) if rule is not None else "for ever"
    notes.print(f"kept from now on, days: {days}" + (_OTHERS if rule and not rule.days else ""))


@app.command("reembed")
def reembed(
    folder: Folder,
    model: Annotated[
        str,
        typer.Option("--model", "-m", metavar="NEW", help="The new model, or its embeddings."),
    ],
    missing: Annotated[
        MissingPictures,
        typer.Option("--missing", help="What becomes of sightings whose picture is gone."),
    ] = MissingPictures.refuse,
    *,
    workers: Workers = -1,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Embed all sightings again, with another model.

    Until all are embedded, the gallery is searched with its old model. Run the same command again
    to continue. If a picture is gone, the gallery keeps its old model (refuse), the small picture
    is embedded instead (small), or the sighting is left out (forget).
    """
    from dataclasses import asdict

    from platefree.data.listed_text import many
    from platefree.errors import DataError
    from platefree.gallery.stored_gallery import Gallery

    gallery = Gallery(folder)
    try:
        with picture_progress("embedding again", gallery.store.count()) as advance:
            work = work_of(device, workers, progress=advance)
            found = gallery.reembed(model, missing=missing.value, work=work)
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped; {folder} still has its old model: run the same command again to continue"
        ) from None
    note_skipped(found.missing)
    if as_json:
        print_json(asdict(found))
    if not found.switched:
        raise DataError(
            f"{folder} keeps its old model: {many(len(found.missing), 'picture')} of "
            f"{many(found.embedded + len(found.missing), 'sighting')} cannot be embedded; bring "
            "them back and run it again, or embed their small pictures (--missing small), or "
            "leave them out (--missing forget)"
        )
    done(folder, f"{many(found.embedded, 'sighting')} of model {gallery.card.model}")


@app.command("compact")
def compact(folder: Folder, ledger: LedgerOption = None, *, as_json: Json = False) -> None:
    """Remove from the disk what was forgotten or superseded."""
    found = opened(folder, ledger=ledger).compact()
    if as_json:
        print_json({"before": found.before, "after": found.after, "readers": found.readers})
    _note_readers(found.readers)
    size = f"{found.before / 2**20:,.1f} MB before, {found.after / 2**20:,.1f} MB now"
    done(folder, size if found.before else "cleared up; the server frees its disks later")


@app.command("export")
def export(
    folder: Folder,
    place: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="PATH", help="A .csv, a .parquet, or a folder with pictures."
        ),
    ],
    where: Where = "",
    reason: ReasonOption = "",
    *,
    embeddings: Annotated[
        bool, typer.Option("--embeddings", help="Their embeddings too, for 'gallery import'.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write sightings as a table, or as a folder with their small pictures."""
    from platefree.data.listed_text import many
    from platefree.gallery.filter_words import filter_of

    gallery = opened(folder, reason=reason)
    count = gallery.export(place, filter_of(where), embeddings=embeddings)
    if as_json:
        print_json({"written": count, "path": str(place)})
    done(place, many(count, "sighting"))


@app.command("import")
def import_(
    folder: Folder,
    place: Annotated[
        Path, typer.Argument(metavar="FROM", help="Gallery, or export with embeddings.")
    ],
    *,
    as_json: Json = False,
) -> None:
    """Take in embedded sightings of the same model.

    They come from another gallery, an export with embeddings, or a table with embeddings. Those
    already there are passed over. Nothing is embedded, and no picture file is needed.
    """
    from dataclasses import asdict

    from platefree.data.listed_text import many
    from platefree.gallery.stored_gallery import Gallery

    found = Gallery(folder).import_from(place)
    if as_json:
        print_json(asdict(found))
    _note_expired(found.expired)
    known = f", {found.known:,} there already" if found.known else ""
    done(folder, f"{many(found.added, 'sighting')} added{known}")


def _note_expired(count: int) -> None:
    from platefree.data.listed_text import many

    if count:
        notes.print(
            f"note: {many(count, 'sighting')} forgotten, older than this gallery keeps them"
        )


def _note_readers(readers: int) -> None:
    if readers:
        notes.print(
            "note: another process is reading an older state, which stays on the disk: run "
            "'platefree gallery compact' once that process has ended",
            soft_wrap=True,
        )
