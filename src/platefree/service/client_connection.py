"""A connection to a service, which answers in JSON or in bytes, and refuses in one sentence."""

import http.client
import json
import ssl
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from platefree.errors import PlatefreeError
from platefree.storage.files import atomic_file

_UNUSED = 10.0  # seconds after which a connection is opened anew
_WAIT = 0.1  # seconds between two looks at a job


class ServiceError(PlatefreeError):
    """What a service refused, and why.

    Args:
        status: of HTTP.
        reason: in a sentence.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def answered_json(content: bytes) -> Any:  # noqa: ANN401
    """What a service answered, from JSON.

    Raises:
        ServiceError: it is none, as of something else that listens at the address.
    """
    try:
        return json.loads(content)
    except ValueError:
        said = "what answers is not JSON: is this the address of a platefree service?"
        raise ServiceError(0, said) from None


class Connection:
    """Asks a service, one question after the other, from whichever threads they come.

    Args:
        address: such as ``http://127.0.0.1:8000``, also with the ``#token=`` that it printed.
        token: that it printed, or of an account.
        certificate: file of the certificate of who signed the service's, if no system knows it.
        timeout: seconds to wait for an answer.

    Raises:
        PlatefreeError: it is no such address.
    """

    def __init__(
        self, address: str, token: str, certificate: str | Path | None, timeout: float
    ) -> None:
        try:
            parts = urlsplit(address)
            port = parts.port
        except ValueError:  # the address is not shown: what follows # is a secret
            raise PlatefreeError(
                "that is not the address of a service (its host or port is none), expected for "
                "instance http://127.0.0.1:8000"
            ) from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise PlatefreeError(
                f"{parts.scheme}://{parts.hostname or ''} is not the address of a "
                "service, expected for instance http://127.0.0.1:8000"
            )
        self._token = token or parts.fragment.removeprefix("token=")
        self._used = time.monotonic()
        self._alone = threading.Lock()  # answers come in the order of the questions
        if parts.scheme == "https":
            context = ssl.create_default_context(
                cafile=None if certificate is None else str(certificate)
            )
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                parts.hostname, port, timeout=timeout, context=context
            )
        else:
            self._connection = http.client.HTTPConnection(parts.hostname, port, timeout=timeout)

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def fetched(self, route: str, asked: dict[str, Any], place: str | Path) -> int:
        """Ask for a file, wait until it is made, and write it here; the sightings in it.

        Raises:
            ServiceError: the service refuses, or it failed.
            StorageError: the file cannot be written.
        """
        done = self.done(self.json("POST", route, asked))
        content = self.ask("GET", f"/api/jobs/{quote(done['job'])}/file")
        with atomic_file(Path(place)) as file:
            file.write(content)
        return int(done["result"]["sightings"])

    def done(self, job: dict[str, Any]) -> dict[str, Any]:
        """A job, when it is over.

        Raises:
            ServiceError: it failed, or the service cannot be reached.
        """
        while job["state"] in ("waiting", "running"):
            time.sleep(_WAIT)
            job = self.json("GET", f"/api/jobs/{quote(job['job'])}")
        if job["state"] != "done":
            raise ServiceError(500, job["error"] or f"the job was {job['state']}")
        return job

    def json(self, method: str, path: str, content: Any = None) -> Any:  # noqa: ANN401
        """Ask with JSON, or with nothing; what is answered, from JSON.

        Raises:
            ServiceError: the service refuses, or cannot be reached.
        """
        body = None if content is None else json.dumps(content, allow_nan=False).encode()
        return answered_json(self.ask(method, path, body, "application/json"))

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> bytes:
        """Ask; what is answered.

        Args:
            method: of HTTP.
            path: of the route.
            body: that is sent.
            kind: of the body; by default bytes.

        Raises:
            ServiceError: the service refuses, or cannot be reached.
        """
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        if body is not None:
            headers["Content-Type"] = kind or "application/octet-stream"
        with self._alone:
            try:
                status, content = self._exchanged(method, path, body, headers)
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                where = f"{self._connection.host}:{self._connection.port}"
                said = f"{where} does not answer ({error}): is it running?"
                raise ServiceError(0, said) from error
        if status >= 300:
            try:
                said = str(json.loads(content)["error"])
            except (ValueError, KeyError, TypeError):
                said = (
                    f"status {status} without a reason: is this the address of a platefree service?"
                )
            raise ServiceError(status, said)
        return content

    def _exchanged(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        if time.monotonic() - self._used > _UNUSED:
            self._connection.close()  # the service may have, and what is asked would be lost
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        self._used = time.monotonic()
        return answer.status, content
