"""A gallery that the command line opens: its audit log says so, and why."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from platefree.gallery.stored_gallery import Gallery

ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why: the audit log keeps it.")
]


def opened(place: str | Path, model: str | None = None, reason: str = "") -> "Gallery":
    """Open a gallery.

    Args:
        place: its folder or address.
        model: that made it, if it was moved.
        reason: why something is asked, where there is an audit log.

    Raises:
        DataError: there is no gallery, or it is damaged.
    """
    from platefree.gallery.audit_trail import trail_of
    from platefree.gallery.stored_gallery import Gallery

    gallery = Gallery(place, model)
    trail = trail_of(gallery.folder, "command line")
    if trail is not None:
        gallery.audit = replace(trail, reason=" ".join(reason.split()))
    return gallery
