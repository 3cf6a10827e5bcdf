"""The cases of a service, from a program."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from platefree.service.client_connection import Connection
from platefree.service.limits import MOST_PUT


class ClientCases:
    """Named sets of sightings with marks and notes, as a service keeps them.

    Every method raises a `ServiceError` where the service refuses or cannot be reached.

    Args:
        connection: to the service.
        stated: the reason that is stated where this one is given; None is the client's own.
    """

    def __init__(self, connection: Connection, stated: Callable[[str | None], str]) -> None:
        self._connection, self._stated = connection, stated

    def all(self) -> list[dict[str, Any]]:
        """All cases, the one that was changed last first."""
        found: list[dict[str, Any]] = self._connection.json("GET", "/api/cases")
        return found

    def find(self, key: str) -> dict[str, Any]:
        """A case with its sightings.

        Args:
            key: its ``case``.
        """
        return self._asked("GET", key)

    def make(self, name: str, note: str = "", *, reason: str | None = None) -> dict[str, Any]:
        """Make a case; its ``case`` is what it is found by."""
        asked = {"name": name, "note": note, "reason": self._stated(reason)}
        found: dict[str, Any] = self._connection.json("POST", "/api/cases", asked)
        return found

    def change(self, key: str, name: str | None = None, note: str | None = None) -> dict[str, Any]:
        """Give a case another name or note."""
        return self._asked("PATCH", key, "", {"name": name, "note": note})

    def put(
        self, key: str, numbers: Sequence[int], mark: str | None = None, note: str | None = None
    ) -> dict[str, Any]:
        """Put sightings into a case, or say something else of those that are in it.

        Many are sent in several requests; if a later one is refused, the earlier ones are in it.

        Args:
            key: of the case.
            numbers: of sightings.
            mark: ``yes``, ``no``, ``similar``, or empty; None leaves it.
            note: None leaves it.
        """
        said = [{"number": int(each), "mark": mark, "note": note} for each in numbers]
        parts = [said[start : start + MOST_PUT] for start in range(0, len(said) or 1, MOST_PUT)]
        return [self._asked("PUT", key, "/sightings", {"sightings": part}) for part in parts][-1]

    def take_out(self, key: str, number: int) -> dict[str, Any]:
        """Take a sighting out of a case."""
        return self._asked("DELETE", key, f"/sightings/{int(number)}")

    def delete(self, key: str) -> None:
        """Delete a case."""
        self._connection.ask("DELETE", f"/api/cases/{quote(key)}")

    def export(self, key: str, place: str | Path, reason: str | None = None) -> int:
        """Write a case to a ZIP archive here: a page to print, tables, pictures, hashes of all.

        Returns:
            How many sightings it has.
        """
        route = f"/api/cases/{quote(key)}/export"
        return self._connection.fetched(route, {"reason": self._stated(reason)}, place)

    def _asked(
        self,
        method: str,
        key: str,
        more: str = "",
        content: Any = None,  # noqa: ANN401
    ) -> dict[str, Any]:
        route = f"/api/cases/{quote(key)}{more}"
        found: dict[str, Any] = self._connection.json(method, route, content)
        return found
