"""Who asks: a token or a cookie, what it stands for, and what that may do.

A cookie is sent by the browser whoever made the page, so an unsafe request that comes with one has
to bring ``X-CSRF-Token`` as well, which another site's page cannot know; and a request that names
another site as its origin is refused in every case.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Depends, Request

from platefree.service.accounts import ROLES, Role
from platefree.service.refusals import Refused
from platefree.service.running_service import Service

COOKIE: Final = "platefree_session"
CSRF: Final = "X-CSRF-Token"

LOCAL: Final = "local"
"""The name of whoever has the token that the service printed."""

_SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes:
        name: of the account, or `LOCAL`.
        role: what it may do.
        cookie: the secret of its session, if a cookie brought it.
    """

    name: str
    role: Role
    cookie: str = ""

    @property
    def csrf(self) -> str:
        """What unsafe requests with its cookie have to bring; empty without one."""
        return csrf_of(self.cookie) if self.cookie else ""

    def may(self, role: Role) -> bool:
        """Whether it may do what this role may."""
        return ROLES.index(self.role) >= ROLES.index(role)


def csrf_of(secret: str) -> str:
    """What a page has to send with the cookie of this session."""
    return hashlib.sha256(f"csrf {secret}".encode()).hexdigest()


def service_of(request: Request) -> Service:
    """The service that a request is for."""
    service = request.app.state.service
    assert isinstance(service, Service)  # noqa: S101
    return service


Here = Annotated[Service, Depends(service_of)]
"""The service, in a route."""


def caller_of(request: Request, here: Here) -> Caller:
    """Who asks.

    Raises:
        Refused: nobody who may, or from another site's page.
    """
    refuse_foreign_origin(request)
    found = _by_token(request, here) or _by_cookie(request, here)
    if found is None and here.rules.access == "open":
        return Caller("anybody", "administrator")
    if found is None:
        raise Refused(401, "log in first, or send a token (Authorization: Bearer TOKEN)")
    given = request.headers.get(CSRF, "")
    if found.cookie and request.method not in _SAFE and not _same(given, found.csrf):
        raise Refused(403, f"{CSRF} is missing or wrong: reload the page")
    return found


def at_least(role: Role) -> Callable[[Request, Service, Caller], Caller]:
    """A dependency of routes: who asks, if that may do what this role may."""

    def allowed(
        request: Request, here: Here, caller: Annotated[Caller, Depends(caller_of)]
    ) -> Caller:
        return must_be(role, caller, here, getattr(request.scope.get("route"), "path", ""))

    return allowed


def must_be(role: Role, caller: Caller, here: Service, what: str) -> Caller:
    """Who asks, if that may do what this role may.

    Raises:
        Refused: it may not, which is audited.
    """
    if not caller.may(role):
        here.audit.add(caller.name, "denied", what=what, role=caller.role)
        raise Refused(
            403, f"{caller.name} has the role {caller.role}, and this needs {role} or a higher one"
        )
    return caller


Viewer = Annotated[Caller, Depends(at_least("viewer"))]
Analyst = Annotated[Caller, Depends(at_least("analyst"))]
Administrator = Annotated[Caller, Depends(at_least("administrator"))]


def address_of(request: Request) -> str:
    """The address that a request comes from."""
    return request.client.host if request.client else "unknown"


def refuse_foreign_origin(request: Request) -> None:
    """Refuse what the page of another site asks.

    Raises:
        Refused: it is from one.
    """
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    if origin is not None and _host_of(origin) != request.headers.get("host"):
        raise Refused(
            403, "the request comes from a page of another site: open the page of this service"
        )
    if request.method not in _SAFE and site not in ("same-origin", "none"):
        raise Refused(
            403, "the request comes from a page of another site: open the page of this service"
        )


def _host_of(origin: str) -> str:
    """The name and port of an origin; empty if it is none, as ``null``."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _by_token(request: Request, here: Service) -> Caller | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not scheme:
        return None
    if scheme.lower() == "bearer" and token:
        if here.is_token(token):
            return Caller(LOCAL, "administrator")
        found = here.sessions.find(token)
        if found is not None and found[1] == "program":
            return Caller(found[0].name, found[0].role)
    raise Refused(401, "the token is wrong, or has expired")


def _by_cookie(request: Request, here: Service) -> Caller | None:
    secret = request.cookies.get(COOKIE, "")
    if not secret:
        return None
    if here.rules.access == "token" and here.token_sessions.find(secret):
        return Caller(LOCAL, "administrator", secret)
    found = here.sessions.find(secret)
    if found is None or found[1] != "page":
        return None
    return Caller(found[0].name, found[0].role, secret)


def _same(given: str, right: str) -> bool:
    return secrets.compare_digest(given.encode("utf-8", "replace"), right.encode())
