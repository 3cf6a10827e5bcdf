"""Links of the API's description: which answers hold what the path of another request names.

Tools follow them (OpenAPI 3.1, "Link Object"), and so get to cases, jobs and sightings that exist.
"""

from typing import Any, Final, NamedTuple


class _Held(NamedTuple):
    """What the answers of a route hold: the start of other routes' paths, and where it is."""

    method: str
    route: str
    status: str
    place: str
    start: str


_HELD: Final = (
    _Held("post", "/api/cases", "201", "/case", "/api/cases/{key}"),
    _Held("post", "/api/cases/{key}/export", "202", "/job", "/api/jobs/{key}"),
    _Held("post", "/api/exports", "202", "/job", "/api/jobs/{key}"),
    _Held("post", "/api/accounts", "201", "/name", "/api/accounts/{name}"),
    _Held("post", "/api/search", "200", "/hits/0/number", "/api/sightings/{number}"),
)


def with_links(description: dict[str, Any]) -> dict[str, Any]:
    """A description with the links.

    Args:
        description: of the API, as OpenAPI has it; it is changed.
    """
    paths = description["paths"]
    for held in _HELD:
        name = held.start.rpartition("{")[2].rstrip("}")
        paths[held.route][held.method]["responses"][held.status]["links"] = {
            route["operationId"]: {
                "operationId": route["operationId"],
                "parameters": {f"path.{name}": f"$response.body#{held.place}"},
            }
            for path, methods in paths.items()
            for route in methods.values()
            if f"{path}/".startswith(f"{held.start}/")
        }
    return description
