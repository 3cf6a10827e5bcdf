"""A client of a service, whose methods are those of a `platefree.Gallery`."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields, replace
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import numpy as np

from platefree.data.image import PICTURE
from platefree.errors import PlatefreeError
from platefree.gallery.feedback import NO_FEEDBACK, Feedback
from platefree.gallery.filters import EVERYTHING, Filter
from platefree.gallery.gallery_answer import GalleryAnswer
from platefree.gallery.journeys import Conflict, Journey, Journeys, Leg, Stop
from platefree.gallery.search import Answer, Box
from platefree.inputs.plain_files import read_input
from platefree.service.client_cases import ClientCases
from platefree.service.client_connection import Connection, answered_json
from platefree.types import Hit


class Client:
    """Asks a service that ``platefree serve`` started.

    Attributes:
        reason: why you ask.
        cases: the cases of the service.

    Args:
        address: such as ``http://127.0.0.1:8000``, also with the ``#token=`` that it printed.
        token: that it printed, or of an account.
        reason: why you ask, which the service's audit log keeps; each method may give another.
        certificate: file of the certificate of who signed the service's, if no system knows it.
        timeout: seconds to wait for an answer; the first search may load the model.

    Raises:
        PlatefreeError: it is no such address.
    """

    def __init__(
        self,
        address: str,
        token: str = "",
        *,
        reason: str = "",
        certificate: str | Path | None = None,
        timeout: float = 60.0,
    ) -> None:
        self._connection = Connection(address, token, certificate, timeout)
        self.reason, self.cases = reason, ClientCases(self._connection, self._stated)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def search(
        self,
        query: str | Path | Sequence[str | Path] | int | None = None,
        *,
        where: Filter = EVERYTHING,
        top: int = 20,
        post: str = "none",
        feedback: Feedback = NO_FEEDBACK,
        box: Box | None = None,
        p_at_least: float | None = None,
        reason: str | None = None,
    ) -> GalleryAnswer:
        """The sightings most like the query, nearest first; see `Gallery.search`.

        Args:
            query: pictures, which are uploaded; the number of a stored sighting; or none, for the
                latest sightings that meet the conditions.
            where: conditions that every hit meets; those on files are left to the service.
            top: the largest number of hits, at most 1,000.
            post: steps on the nearest candidates.
            feedback: which stored sightings show the vehicle, and which do not.
            box: of the vehicle in the picture, of which there is one.
            p_at_least: the least probability of a hit, of a calibrated model.
            reason: why it is asked.

        Returns:
            The answer. Pictures of hits are names: `crop` and `frame` fetch them.

        Raises:
            ServiceError: the service refuses, or cannot be reached.
            ImageError: a picture cannot be read.
        """
        paths: list[str | Path] = []
        if isinstance(query, str | Path):
            paths = [query]
        elif query is not None and not isinstance(query, int):
            paths = list(query)
        if box is not None and len(paths) != 1:
            raise PlatefreeError(f"a box is in one picture, and {len(paths)} are given")
        pictures = [{"upload": self.upload(path)["upload"]} for path in paths]
        if box is not None:
            pictures[0]["box"] = [float(edge) for edge in box]
        asked = {
            "pictures": pictures,
            "number": query if isinstance(query, int) else None,
            "where": _conditions(where),
            "top": top,
            "post": post,
            "yes": list(feedback.yes),
            "no": list(feedback.no),
            "p_at_least": p_at_least,
            "reason": self._stated(reason),
        }
        return _answer(self._connection.json("POST", "/api/search", asked), paths)

    def latest(
        self, where: Filter = EVERYTHING, *, page: int = 100, reason: str | None = None
    ) -> Iterator[Hit]:
        """The latest sightings that meet the conditions, fetched page by page as they are needed.

        Raises:
            ServiceError: the service refuses, or cannot be reached.
        """
        ranks, after, asked = count(1), "", {"where": _conditions(where), "top": page}
        while True:
            asked |= {"after": after, "reason": self._stated(reason)}
            content = self._connection.json("POST", "/api/search", asked)
            for hit in _answer(content, []).hits:
                yield replace(hit, rank=next(ranks))
            if not (after := content["next"]):
                return

    def upload(self, path: str | Path) -> dict[str, Any]:
        """Bring a picture; what the service says of it, such as the ``vehicles`` on it.

        Raises:
            ServiceError: the service refuses it.
            ImageError: it cannot be read.
        """
        content = read_input(path, PICTURE)
        found: dict[str, Any] = answered_json(self._connection.ask("POST", "/api/uploads", content))
        return found

    def journeys(self, found: Answer | Sequence[Hit], *, reason: str | None = None) -> Journeys:
        """Where the vehicle of some hits went, if they are all of one; see `Gallery.journeys`.

        Raises:
            ServiceError: the service refuses, or cannot be reached.
        """
        hits = found.hits if isinstance(found, Answer) else list(found)
        if not hits:
            return Journeys((), ())
        asked = [{"number": hit.number, "similarity": _known(hit.similarity)} for hit in hits]
        content = {"hits": asked, "reason": self._stated(reason)}
        return _journeys(self._connection.json("POST", "/api/journeys", content), hits)

    def sighting(self, number: int) -> dict[str, Any]:
        """What is known of a sighting.

        Raises:
            ServiceError: there is none, or the service cannot be reached.
        """
        found: dict[str, Any] = self._connection.json("GET", f"/api/sightings/{int(number)}")
        return found

    def crop(self, number: int) -> bytes:
        """The small picture of a sighting, as JPEG.

        Raises:
            ServiceError: there is none, or the service cannot be reached.
        """
        return self._connection.ask("GET", f"/api/sightings/{int(number)}/crop")

    def frame(self, number: int, longest: int = 1920) -> bytes:
        """The whole picture that a sighting is on, as JPEG.

        Raises:
            ServiceError: it is gone, or the service cannot be reached.
        """
        return self._connection.ask(
            "GET", f"/api/sightings/{int(number)}/frame?longest={int(longest)}"
        )

    def track(self, number: int) -> dict[str, Any]:
        """The track of a sighting: its way, its first and last time, and its neighbours.

        Raises:
            ServiceError: there is none, or the service cannot be reached.
        """
        found: dict[str, Any] = self._connection.json("GET", f"/api/sightings/{int(number)}/track")
        return found

    def film(self, number: int, seconds: float = 8.0) -> Iterator[tuple[dict[str, Any], bytes]]:
        """The seconds of film around a sighting: what is known of each picture, and its JPEG.

        Raises:
            ServiceError: the film is gone, or the service cannot be reached.
        """
        place = f"/api/sightings/{int(number)}/film"
        for each in self._connection.json("GET", f"{place}?{urlencode({'seconds': seconds})}")[
            "frames"
        ]:
            yield each, self._connection.ask("GET", f"{place}/{each['frame']}")

    def info(self) -> dict[str, Any]:
        """What the gallery holds.

        Raises:
            ServiceError: the service refuses, or cannot be reached.
        """
        found: dict[str, Any] = self._connection.json("GET", "/api/gallery")
        return found

    def forget(self, where: Filter, *, reason: str | None = None) -> int:
        """Forget sightings, and remove them from the disk; see `Gallery.forget`.

        Returns:
            How many.

        Raises:
            ServiceError: the service refuses, or it failed.
        """
        conditions = _conditions(where)
        asked = {"where": conditions, "everything": not conditions, "reason": self._stated(reason)}
        done = self._connection.done(self._connection.json("POST", "/api/forget", asked))
        return int(done["result"]["forgotten"])

    def export(
        self,
        place: str | Path,
        where: Filter = EVERYTHING,
        *,
        numbers: Sequence[int] | None = None,
        hits: Sequence[Hit] | None = None,
        reason: str | None = None,
    ) -> int:
        """Write sightings to a file here.

        Args:
            place: of the file: a ``.csv`` or ``.json`` is a table alone, anything else a ZIP
                archive of a table, their small pictures, and hashes of all.
            where: conditions that they meet, where neither numbers nor hits are given.
            numbers: of sightings; of an empty list none is written.
            hits: of a search, with their similarities; of an empty list none is written.
            reason: why it is asked.

        Returns:
            How many were written.

        Raises:
            ServiceError: the service refuses, or it failed.
            StorageError: the file cannot be written.
        """
        ending = Path(place).suffix.lower().removeprefix(".")
        asked = {
            "where": _conditions(where),
            "numbers": None if numbers is None else [int(each) for each in numbers],
            "hits": None if hits is None else [_exported(hit) for hit in hits],
            "format": ending if ending in ("csv", "json") else "zip",
            "reason": self._stated(reason),
        }
        return self._connection.fetched("/api/exports", asked, place)

    def choices(self) -> dict[str, Any]:
        """What conditions can ask for: values of labels with counts, and the span of times.

        Raises:
            ServiceError: the service refuses, or cannot be reached.
        """
        found: dict[str, Any] = self._connection.json("GET", "/api/choices")
        return found

    def state(self) -> dict[str, Any]:
        """Films that are taken in, storage, retention, and the model with its limits.

        Raises:
            ServiceError: the service refuses, or cannot be reached.
        """
        found: dict[str, Any] = self._connection.json("GET", "/api/state")
        return found

    def cameras(self) -> dict[str, Any]:
        """The cameras with their places on a map, and the ways between them.

        Raises:
            ServiceError: the service refuses, or cannot be reached.
        """
        found: dict[str, Any] = self._connection.json("GET", "/api/cameras")
        return found

    def heat_map(
        self, query: str | Path | int, number: int, *, reason: str | None = None
    ) -> dict[str, Any]:
        """Which parts of a query and of a hit made them alike, as rows of numbers from 0 to 1.

        Args:
            query: a picture, which is uploaded, or the number of a stored sighting.
            number: of the hit.
            reason: why it is asked.

        Raises:
            ServiceError: the service refuses, or cannot be reached.
            ImageError: the picture cannot be read.
        """
        asked: dict[str, Any] = {"number": int(number), "reason": self._stated(reason)}
        if isinstance(query, int):
            asked["query_number"] = query
        else:
            asked["query"] = {"upload": self.upload(query)["upload"]}
        found: dict[str, Any] = self._connection.json("POST", "/api/heat-maps", asked)
        return found

    def audit(self, newest: int = 100) -> dict[str, Any]:
        """The newest entries of the audit log, and whether it is as it was written.

        Raises:
            ServiceError: only an administrator may ask.
        """
        found: dict[str, Any] = self._connection.json(
            "GET", f"/api/audit?{urlencode({'newest': newest})}"
        )
        return found

    def _stated(self, reason: str | None) -> str:
        return self.reason if reason is None else reason


def _exported(hit: Hit) -> dict[str, Any]:
    return {
        "number": hit.number,
        "similarity": _known(hit.similarity),
        "p_same": hit.p_same,
    }


def _known(similarity: float) -> float | None:
    return None if math.isnan(similarity) else similarity


def _conditions(where: Filter) -> dict[str, Any]:
    """A filter as JSON, without what it does not ask."""
    defaults = {each.name: each.default for each in fields(Filter)}
    found = {name: value for name, value in asdict(where).items() if value != defaults[name]}
    if found.pop("not_files", ()):
        raise PlatefreeError(
            "not_files cannot be asked of a service, which knows no files of yours: leave it out"
        )
    return {
        name: list(value) if isinstance(value, tuple | list) else value
        for name, value in found.items()
        if value not in ((), [])
    }


def _answer(content: dict[str, Any], queries: Sequence[str | Path]) -> GalleryAnswer:
    hits = [
        Hit(
            each["rank"],
            math.nan if each["similarity"] is None else each["similarity"],
            Path(each["image"]),
            each["labels"],
            each["space"],
            None if each["query"] is None else Path(queries[each["query"]]),
            each["number"],
            each["p_same"],
            each["in_words"],
        )
        for each in content["hits"]
    ]
    return GalleryAnswer(
        hits,
        [Path(name) for name in content["left_out"]],
        content["cautions"],
        content["searched"],
        content["candidates"],
        content["compared"],
        model=content["model"],
        version=content["version"],
        exact=content["exact"],
        seconds=content["seconds"],
        stored=content["stored"],
    )


def _journeys(content: dict[str, Any], hits: Sequence[Hit]) -> Journeys:
    known = {hit.number: hit for hit in hits}
    return Journeys(
        tuple(
            Journey(
                tuple(
                    Stop(
                        stop["camera"],
                        _moment(stop["first"]),
                        _moment(stop["last"]),
                        tuple(known[number] for number in stop["numbers"]),
                    )
                    for stop in each["stops"]
                ),
                tuple(Leg(**leg) for leg in each["legs"]),
                tuple(Conflict(**conflict) for conflict in each["conflicts"]),
            )
            for each in content["journeys"]
        ),
        tuple(known[number] for number in content["untimed"]),
    )


def _moment(text: str) -> np.datetime64:
    return np.datetime64(text.removesuffix("Z"), "ms")
