"""What the API says of itself, and how the files of the page are asked for again."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live import TOKEN, Live, live

from platefree.service.page_routes import PAGE
from platefree.service.rules import Rules

PRELOADED = re.compile(rb'<link rel="modulepreload" href="/page/(.*?)">\n')


@pytest.fixture(scope="module")
def served(drawn_lot: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(drawn_lot, Rules(token=TOKEN), tmp_path_factory.mktemp("state")) as found:
        yield found


def at(place: str, content: Any) -> Any:  # noqa: ANN401
    """What a JSON pointer names."""
    for part in place.removeprefix("/").split("/"):
        content = content[int(part) if isinstance(content, list) else part]
    return content


def test_its_links_lead_to_what_was_answered(served: Live) -> None:
    paths = served.ask("GET", "/api/openapi.json").json["paths"]
    by_name = {
        route["operationId"]: (method, path)
        for path, methods in paths.items()
        for method, route in methods.items()
    }
    person = {"name": "anna", "role": "viewer", "password": "a long password"}
    asked = {"/api/cases": {"name": "van"}, "/api/search": {"top": 1}, "/api/accounts": person}
    followed = 0
    for start, content in {**asked, "/api/exports": {}}.items():
        answer = served.ask("POST", start, content)
        said = paths[start]["post"]["responses"][str(answer.status)]
        for name, link in said["links"].items():
            method, path = by_name[name]
            ((key, place),) = link["parameters"].items()
            value = at(place.removeprefix("$response.body#"), answer.json)
            path = path.replace(f"{{{key.removeprefix('path.')}}}", str(value))
            if method == "get" and "{" not in path and not path.endswith(("/film", "/file")):
                found = served.ask("GET", path)
                assert found.status == 200 or path.endswith("/frame"), (path, found.content)
                followed += 1
    assert followed == 6


def test_another_method_is_told_all_that_there_are(served: Live) -> None:
    paths = served.ask("GET", "/api/openapi.json").json["paths"]
    for path, methods in paths.items():
        answer = served.ask("OPTIONS", re.sub(r"\{.*?\}", "1", path))
        assert answer.status == 405, path
        assert answer.headers["allow"].lower().split(", ") == sorted(methods), path


@pytest.mark.parametrize("name", ["", *sorted(path.name for path in PAGE.iterdir())])
def test_a_file_of_the_page_is_sent_once(served: Live, name: str) -> None:
    path = f"/page/{name}" if name else "/"
    first = served.ask("GET", path, headers={})
    assert PRELOADED.sub(b"", first.content) == (PAGE / (name or "index.html")).read_bytes()
    tag, kept = first.headers["etag"], first.headers["cache-control"]
    assert kept == "no-cache"  # kept, and asked for each time
    for known in (tag, f'"another", W/{tag}', "*"):
        again = served.ask("GET", path, headers={"If-None-Match": known})
        assert (again.status, again.content, again.headers["etag"]) == (304, b"", tag)
    changed = served.ask("GET", path, headers={"If-None-Match": '"another"'})
    assert (changed.status, changed.content) == (200, first.content)


def test_the_page_names_the_modules_that_it_needs(served: Live) -> None:
    needed, found = ["main.js"], set[str]()
    while needed:
        module = served.ask("GET", f"/page/{needed.pop()}", headers={}).content.decode()
        new = set(re.findall(r'^(?:import|export)[^;]*?"\./(.*?)";', module, re.M | re.S)) - found
        needed += new
        found |= new
    page = served.ask("GET", "/", headers={}).content
    assert {each.decode() for each in PRELOADED.findall(page)} >= found > {"store.js"}
