"""A service that really listens, on a thread of its own."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platefree.gallery.stored_gallery import Gallery
from platefree.inference.detector import Detector
from platefree.service.rules import Rules
from platefree.service.running_service import Service
from platefree.service.serving import Place, server_of
from platefree.service.shield import UPLOADS

TOKEN = "a-token-of-the-tests"  # noqa: S105
BY_TOKEN = {"Authorization": f"Bearer {TOKEN}"}


@dataclass
class Answered:
    """An answer: its status, headers in lower case, and content."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401
        return json.loads(self.content)

    @property
    def error(self) -> str:
        """The sentence of a refusal."""
        assert self.status >= 400, self.content
        assert set(self.json) == {"error"}
        said: str = self.json["error"]
        assert "\n" not in said
        assert "Traceback" not in said
        return said


@dataclass
class Live:
    """The service, and where it listens."""

    service: Service
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        content: object = None,
        headers: dict[str, str] | None = None,
        *,
        body: bytes | None = None,
    ) -> Answered:
        """Ask as a program of anybody may, with the token unless other headers are given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = dict(BY_TOKEN if headers is None else headers)
        if content is not None:
            body = json.dumps(content).encode()
        if body is not None and path != UPLOADS:
            headers.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Answered(answer.status, named, answer.read())
        finally:
            connection.close()


@contextmanager
def live(
    gallery: Path,
    rules: Rules | None = None,
    folder: Path | None = None,
    detector: Detector | None = None,
    place: Place = Place(port=0),  # noqa: B008 - frozen
) -> Iterator[Live]:
    """Within the block it listens."""
    rules = rules or Rules(token=TOKEN, unmasked_frames=True)
    service = Service(
        Gallery(gallery), rules, folder, None if detector is None else lambda: detector
    )
    listens, ports = threading.Event(), []

    def listening(port: int) -> None:
        ports.append(port)
        listens.set()

    server = server_of(service, place, listening)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert listens.wait(60)
        yield Live(service, ports[0])
    finally:
        server.should_exit = True
        thread.join(60)
