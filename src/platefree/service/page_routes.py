"""Routes of the page: files of this package, read once; there is no path to look for.

A browser keeps them and asks each time whether they are still the same, so a service that was
upgraded is never met with the old page; what is the same is not sent again.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from platefree.inputs.plain_files import MB, Expected, read_input
from platefree.service.refusals import Refused

PAGE = Path(__file__).parent / "page"
"""Where the files are."""

INDEX = "index.html"
"""The page itself."""

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
    """A file of the page.

    Attributes:
        content: its bytes.
        kind: what they are, as HTTP names it.
        tag: that tells them from others.
    """

    content: bytes
    kind: str
    tag: str


def page_files(folder: Path = PAGE) -> dict[str, PageFile]:
    """The files of the page, by name."""
    paths = [path for path in sorted(folder.iterdir()) if path.suffix in _TYPES]
    contents = {path.name: read_input(path, _FILE) for path in paths}
    if INDEX in contents:
        contents[INDEX] = _with_modules(contents)
    return {name: _page_file(each, _TYPES[Path(name).suffix]) for name, each in contents.items()}


def _with_modules(contents: dict[str, bytes]) -> bytes:
    """The page with the names of its modules, which a browser would find only one by another."""
    named = sorted(set(re.findall(rb'from "\./([a-z_]+\.js)"', b"".join(contents.values()))))
    links = b"".join(b'<link rel="modulepreload" href="/page/%s">\n' % name for name in named)
    return contents[INDEX].replace(b"</head>", links + b"</head>", 1)


def _page_file(content: bytes, kind: str) -> PageFile:
    return PageFile(content, kind, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def page_routes(files: dict[str, PageFile]) -> APIRouter:
    """The routes of these files.

    Args:
        files: by name.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    async def index(request: Request) -> Response:
        if INDEX not in files:
            return RedirectResponse("/page/api.html")
        return _answer(files[INDEX], request)

    @routes.get("/page/{name}")
    async def file(name: str, request: Request) -> Response:
        if name not in files:
            raise Refused(404, "there is no such page")
        return _answer(files[name], request)

    return routes


def _answer(file: PageFile, request: Request) -> Response:
    headers = {"cache-control": "no-cache", "etag": file.tag}
    known = request.headers.get("if-none-match", "").split(",")
    if {file.tag, "*"} & {each.strip().removeprefix("W/") for each in known}:  # a proxy adds W/
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.kind, headers=headers)
