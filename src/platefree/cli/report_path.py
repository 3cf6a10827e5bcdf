"""The option ``--report``: a page, with files of the same name beside it."""

from pathlib import Path

import typer

from platefree.errors import DataError


def check_report(report: Path | None, *beside: str) -> None:
    """Find out before long work whether a page could be written.

    Args:
        report: its path; None if none is asked for.
        beside: the suffixes of the files that are written beside it.

    Raises:
        typer.BadParameter: it is no name of a page.
        StorageError: one of the files could not be written.
    """
    from platefree.reports.page_path import page_path
    from platefree.storage.files import check_writable

    if report is None:
        return
    try:
        page_path(report)
    except DataError as error:
        raise typer.BadParameter(str(error), param_hint="--report") from error
    for path in (report, *(report.with_suffix(suffix) for suffix in beside)):
        check_writable(path)
