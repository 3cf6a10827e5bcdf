"""The option ``--report``: a page, with files of the same name beside it."""

from pathlib import Path

import typer


def check_report(report: Path | None, *beside: str) -> None:
    """Find out before long work whether a page could be written.

    Args:
        report: its path; None if none is asked for.
        beside: the suffixes of the files that are written beside it.

    Raises:
        typer.BadParameter: it is no name of a page.
        StorageError: one of the files could not be written.
    """
    from platefree.storage.files import check_writable

    if report is None:
        return
    if report.suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter(f"{report} should end in .html", param_hint="--report")
    for path in (report, *(report.with_suffix(suffix) for suffix in beside)):
        check_writable(path)
