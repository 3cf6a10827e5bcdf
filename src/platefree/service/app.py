"""The application: all routes behind the shield, and every error as one sentence."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Thread
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from platefree.errors import PlatefreeError
from platefree.service import (
    administration_routes,
    case_routes,
    heat_map_routes,
    job_routes,
    search_routes,
    session_routes,
    sighting_routes,
    state_routes,
    track_routes,
)
from platefree.service.answer_models import Problem
from platefree.service.api_links import with_links
from platefree.service.page_routes import page_files, page_routes
from platefree.service.refusals import status_of
from platefree.service.running_service import Service
from platefree.service.shield import Shield

OPENAPI = "/api/openapi.json"
"""Where the API describes itself; ``/page/api.html`` shows it."""

_PARTS = (
    search_routes,
    heat_map_routes,
    sighting_routes,
    track_routes,
    state_routes,
    session_routes,
    job_routes,
    case_routes,
    administration_routes,
)
_MOST = 3  # faults of a request that are named
_STATUSES = (400, 401, 403, 404, 408, 409, 413, 421, 422, 429, 500, 501, 503)


_REFUSED = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
"""Of every route and status: by its name, since a model would be built for each, at the start."""


class _Application(FastAPI):
    """An application whose description has links, and says what a refusal is."""

    def openapi(self) -> dict[str, Any]:
        described = super().openapi()
        described["components"]["schemas"]["Problem"] = Problem.model_json_schema()
        return with_links(described)


def create_app(service: Service) -> FastAPI:
    """The application of a service.

    Args:
        service: which the application closes when it ends.
    """
    app = _Application(
        title="platefree",
        summary="Find the same vehicle across cameras without reading its plate.",
        version="1",
        openapi_url=OPENAPI,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        responses=dict.fromkeys(_STATUSES, _REFUSED),
    )
    app.state.service = service
    app.include_router(page_routes(page_files()))  # first: it is asked first, and quick to prepare
    for part in _PARTS:
        app.include_router(part.routes)
    app.add_exception_handler(PlatefreeError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(Exception, _faulty)
    app.add_middleware(Shield, service=service)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    for task in (service.warm_up, service.retain_daily, service.tidy_uploads):
        Thread(target=task, name=task.__name__, daemon=True).start()
    try:
        yield
    finally:
        await run_in_threadpool(service.close)


def _problem(status: int, said: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": " ".join(said.split())}, status, headers)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, PlatefreeError)  # noqa: S101
    status, wait = status_of(error), getattr(error, "wait", 0.0)
    headers = {"retry-after": str(max(math.ceil(wait), 1))} if status in (429, 503) else {}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    return _problem(status, str(error), headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """What is wrong with a request, without what it says: that may be a password."""
    assert isinstance(error, RequestValidationError)  # noqa: S101
    faults: list[Any] = list(error.errors())
    said = [f"{_place(each['loc'])}: {_why(each)}" for each in faults[:_MOST]]
    more = [f"and {len(faults) - _MOST} more"] if len(faults) > _MOST else []
    return _problem(422, "; ".join([*said, *more]))


def _place(parts: tuple[Any, ...]) -> str:
    return ".".join(str(part)[:60] for part in parts[1:]) or str(parts[0])


def _why(fault: dict[str, Any]) -> str:
    return str(fault["msg"]).removeprefix("Value error, ")


async def _of_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    headers = dict(error.headers or {})
    if error.status_code == 405 and (allowed := _allowed(request)):
        headers["allow"] = ", ".join(sorted(allowed))
    return _problem(error.status_code, str(error.detail), headers)


def _allowed(request: Request) -> set[str]:
    """The methods of all routes of a path; the framework tells those of one of them."""
    return {
        method
        for part in _PARTS
        for route in part.routes.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }


async def _faulty(request: Request, error: Exception) -> JSONResponse:
    return _problem(
        500, "an internal error of platefree, described in its log; the service goes on"
    )
