"""A gallery that the command line opens: its audit log says so, and why."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from platefree.gallery.stored_gallery import Gallery

ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why you ask, for the audit log.")
]


LedgerOption = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", show_default="in the gallery", help="Record of films taken in."),
]


def opened(
    place: str | Path,
    model: str | None = None,
    reason: str = "",
    ledger: Path | None = None,
) -> "Gallery":
    """Open a gallery.

    Args:
        place: its folder or address.
        model: that made it, if it was moved.
        reason: why something is asked, where there is an audit log.
        ledger: the folder of the ledger of films, which is there, if it is not in the gallery.

    Raises:
        DataError: there is no gallery, or it is damaged; or no ledger where one is said to be.
    """
    from platefree.errors import DataError
    from platefree.gallery.audit_trail import trail_of
    from platefree.gallery.ledger import LEDGER
    from platefree.gallery.stored_gallery import Gallery

    if ledger is not None and not (ledger / LEDGER).exists():
        raise DataError(
            f"no ledger in {ledger}, expected the folder that 'platefree ingest --ledger' was given"
        )
    gallery = Gallery(place, model, ledger)
    trail = trail_of(gallery.folder, "command line")
    if trail is not None:
        gallery.audit = replace(trail, reason=" ".join(reason.split()))
    return gallery
