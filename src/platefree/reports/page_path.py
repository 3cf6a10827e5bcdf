"""Where a page is written: files of the same name stand beside it."""

from pathlib import Path

from platefree.errors import DataError


def page_path(path: str | Path) -> Path:
    """The path of a page.

    Raises:
        DataError: it does not end as a page does, so that a file beside it could take its place.
    """
    page = Path(path)
    if page.suffix.lower() not in (".html", ".htm"):
        raise DataError(f"{page} should end in .html")
    return page
