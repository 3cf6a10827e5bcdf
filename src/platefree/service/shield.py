"""What stands before every route: the names of the host, how often, how much, and safe headers."""

import asyncio
import logging
import math
import time
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from platefree.service.running_service import Service

UPLOADS: Final = "/api/uploads"

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""What a page of the service may load and do: nothing from elsewhere, no script within a page."""

HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
"""Headers of every answer that does not say otherwise."""

_TLS = ("strict-transport-security", "max-age=31536000")
_log = logging.getLogger(__name__)


class Shield:
    """Wraps an application.

    Args:
        app: that answers what is let through.
        service: its rules and counts.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let it through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": self._headers(message["headers"])}
            await send(message)

        try:
            refused = self._refusal(scope)
            app = self._app if refused is None else refused
            await app(scope, self._bounded(scope, receive), sent)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            seconds = time.perf_counter() - began
            method = scope["method"] if scope.get("route") else "other"
            self._service.counts.answered(method, route, status, seconds)
            _log.info("%s %s %d %.3f s", method, route, status, seconds)  # never what was asked

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        """Why a request is not let through; None if it is."""
        headers = dict(scope["headers"])
        host = _host_of(headers.get(b"host", b"").decode("latin-1"))
        if host not in self._service.rules.names:
            said = "this host is not one of the service's names: see 'platefree serve --name'"
            return JSONResponse({"error": said}, 421)
        address = scope["client"][0] if scope.get("client") else "unknown"
        if wait := self._service.rates.requests.take(address):
            seconds = math.ceil(wait)
            said = f"too many requests: try again in {seconds} s"
            return JSONResponse({"error": said}, 429, {"retry-after": str(seconds)})
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length[:19]) > self._most(scope):
            return JSONResponse({"error": self._too_large(scope)}, 413)
        return None

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """The body of a request, as long as it is small enough and comes in time."""
        total, limits = 0, self._service.rules.limits
        end = time.monotonic() + limits.body_seconds
        is_over = False

        async def received() -> Message:
            nonlocal total, is_over
            if is_over:  # what comes then is that the other side has gone
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(end - time.monotonic(), 0))
            except TimeoutError:
                said = f"the request took more than {limits.body_seconds:g} s to arrive"
                raise HTTPException(408, said) from None
            total += len(message.get("body", b""))
            is_over = not message.get("more_body", False)
            if total > self._most(scope):
                raise HTTPException(413, self._too_large(scope))
            return message

        return received

    def _most(self, scope: Scope) -> int:
        limits = self._service.rules.limits
        return limits.upload_bytes if scope["path"] == UPLOADS else limits.body_bytes

    def _too_large(self, scope: Scope) -> str:
        return f"the request is too large, expected at most {self._most(scope):,} bytes"

    def _headers(self, given: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        named = {name.lower() for name, _ in given}
        ours = [*HEADERS.items(), *([_TLS] if self._service.rules.secure else [])]
        more = [(name.encode(), value.encode()) for name, value in ours]
        return [*given, *(each for each in more if each[0] not in named)]


def _host_of(header: str) -> str:
    """The name in the header ``Host``, without the port."""
    name, colon, port = header.rpartition(":")
    return (name if colon and port.isdigit() else header).lower()
