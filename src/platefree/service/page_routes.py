"""Routes of the page: files of this package, read once; there is no path to look for."""

from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from platefree.inputs.plain_files import MB, Expected, read_input
from platefree.service.refusals import Refused

PAGE = Path(__file__).parent / "page"
"""Where the files are."""

_FILE = Expected("a file of the page", 16 * MB)
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True)
class PageFile:
    """A file of the page: its bytes, and what they are."""

    content: bytes
    kind: str


def page_files(folder: Path = PAGE) -> dict[str, PageFile]:
    """The files of the page, by name."""
    paths = [path for path in sorted(folder.iterdir()) if path.suffix in _TYPES]
    return {path.name: PageFile(read_input(path, _FILE), _TYPES[path.suffix]) for path in paths}


def page_routes(files: dict[str, PageFile]) -> APIRouter:
    """The routes of these files.

    Args:
        files: by name.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    def index() -> Response:
        if "index.html" not in files:
            return RedirectResponse("/page/api.html")
        return _answer(files["index.html"])

    @routes.get("/page/{name}")
    def file(name: str) -> Response:
        if name not in files:
            raise Refused(404, "there is no such page")
        return _answer(files[name])

    return routes


def _answer(file: PageFile) -> Response:
    return Response(file.content, media_type=file.kind, headers={"cache-control": "no-cache"})
