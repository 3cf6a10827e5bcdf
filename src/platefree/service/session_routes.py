"""Routes: log in and out, and who one is."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from platefree.service.accounts import LogInRefused
from platefree.service.answer_models import SessionAnswer
from platefree.service.callers import (
    COOKIE,
    LOCAL,
    Caller,
    Here,
    address_of,
    caller_of,
    refuse_foreign_origin,
)
from platefree.service.request_models import LogInRequest
from platefree.service.running_service import Service
from platefree.service.sessions import LONGEST

routes = APIRouter(prefix="/api", tags=["session"])

Anybody = Annotated[Caller, Depends(caller_of)]


@routes.post("/session")
def log_in(asked: LogInRequest, request: Request, response: Response, here: Here) -> SessionAnswer:
    """Begin a session of the page, by a name and password, or by the token of the service."""
    refuse_foreign_origin(request)
    address = address_of(request)
    here.take(here.rates.log_ins, address)
    try:
        caller = _opened(asked, here)
    except LogInRefused as error:
        here.audit.add(_shown(asked), "log-in.refused", address=address, why=type(error).__name__)
        raise
    here.audit.add(caller.name, "log-in", address=address)
    response.set_cookie(
        COOKIE,
        caller.cookie,
        max_age=int(LONGEST),
        secure=here.rules.secure,
        httponly=True,
        samesite="strict",
    )
    return _session(caller, here)


@routes.get("/session")
def who_am_i(caller: Anybody, here: Here) -> SessionAnswer:
    """Who asks, and what it may do."""
    return _session(caller, here)


@routes.delete("/session")
def log_out(caller: Anybody, response: Response, here: Here) -> SessionAnswer:
    """End a session of the page."""
    if caller.cookie:
        here.token_sessions.end(caller.cookie)
        here.sessions.end(caller.cookie)
        here.audit.add(caller.name, "log-out")
    response.delete_cookie(COOKIE, secure=here.rules.secure, httponly=True, samesite="strict")
    return _session(caller, here)


def _opened(asked: LogInRequest, here: Service) -> Caller:
    """Who logs in, with a new session."""
    if asked.token:
        if not here.is_token(asked.token):
            raise LogInRefused("the token is wrong: take the one that the service printed")
        return Caller(LOCAL, "administrator", here.token_sessions.begin())
    account = here.accounts.check(asked.name, asked.password)
    return Caller(account.name, account.role, here.sessions.begin(account.name, "page"))


def _session(caller: Caller, here: Service) -> SessionAnswer:
    return SessionAnswer(
        name=caller.name,
        role=caller.role,
        csrf=caller.csrf,
        reason_required=here.rules.reason_required,
    )


def _shown(asked: LogInRequest) -> str:
    return LOCAL if asked.token else asked.name[:64] or "nobody"
