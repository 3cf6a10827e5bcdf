"""The verbs of ``audit``: whether a log was changed, and what it says."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from platefree.cli.console import Json, PlainHelp, done, notes, out, print_json
from platefree.errors import DataError

if TYPE_CHECKING:
    from platefree.audit.audit_log import Head

app = typer.Typer(
    cls=PlainHelp,
    help="Check who searched what, and that nobody changed the log.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Folder = Annotated[Path, typer.Argument(metavar="GALLERY", help="Its folder, or that of --state.")]


@app.command("verify")
def verify(
    folder: Folder,
    noted: Annotated[
        str, typer.Option(metavar="NUMBER:HASH", help="The line kept from an earlier run.")
    ] = "",
    *,
    as_json: Json = False,
) -> None:
    """Check that an audit log is as it was written.

    Every change and a missing end are found, with one exception: whoever can write to the folder
    can rewrite the whole log. So keep the last line elsewhere, and give it next time (--noted).
    """
    from platefree.audit.audit_check import verify_audit
    from platefree.data.listed_text import many

    found = verify_audit(_place(folder), _noted(noted) if noted else None)
    note = f"{found.end.entries}:{found.end.hash}"
    if as_json:
        parts = {"entries": found.end.entries, "hash": found.end.hash, "torn": found.torn}
        print_json({**parts, "first": found.first, "last": found.last, "note": note})
    if not found.has_head:
        notes.print(
            "note: the file that says where the log ends is gone, so a missing end is found only "
            "with a line kept from an earlier run (--noted)",
            soft_wrap=True,
        )
    if found.torn:
        notes.print(
            f"note: {many(found.torn, 'incomplete line')} of killed processes, as the entries "
            "after them say; one at the end may still be being written",
            soft_wrap=True,
        )
    if found.first:
        notes.print(f"from {found.first} to {found.last}")
    done(note, f"{many(found.end.entries, 'entry', 'entries')} as written")


@app.command("show")
def show(
    folder: Folder,
    newest: Annotated[
        int, typer.Option("--newest", "-n", min=1, max=10**6, metavar="N", help="How many.")
    ] = 20,
    *,
    as_json: Json = False,
) -> None:
    """Show the newest entries of an audit log."""
    from platefree.audit.audit_check import read_entries

    found = read_entries(_place(folder), newest)
    if as_json:
        print_json([each.model_dump() for each in found])
        return
    for each in found:
        details = json.dumps(each.details, ensure_ascii=False)
        reason = f" ({each.reason})" if each.reason else ""
        out.print(f"{each.number} {each.time} {each.who}: {each.action}{reason} {details}")


def _place(folder: Path) -> Path:
    from platefree.gallery.audit_trail import audit_folder

    return audit_folder(folder) or folder


def _noted(text: str) -> "Head":
    from platefree.audit.audit_log import Head
    from platefree.inputs.complaints import checked

    number, _, hash = text.partition(":")
    if not number.isdecimal() or len(number) > 18:
        raise DataError(f"--noted {text[:80]!r}: expected NUMBER:HASH, as 'verify' printed it")
    content = {"entries": int(number), "hash": hash}
    return checked(Head, content, "the note", error=DataError)
