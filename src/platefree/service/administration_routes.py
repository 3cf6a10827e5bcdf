"""Routes of administrators: accounts, the audit log, and what the service counts of itself."""

import shutil
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import PlainTextResponse

from platefree.audit.audit_check import read_entries, verify_audit
from platefree.errors import DataError
from platefree.service.answer_models import AccountAnswer, AuditAnswer
from platefree.service.callers import Administrator, Here, Viewer
from platefree.service.refusals import Refused
from platefree.service.request_models import AccountRequest

routes = APIRouter(prefix="/api", tags=["administration"])

Name = Annotated[str, Path(max_length=64)]


@routes.get("/accounts")
def accounts(caller: Administrator, here: Here) -> list[AccountAnswer]:
    """All accounts."""
    del caller
    return [AccountAnswer(name=each.name, role=each.role) for each in here.accounts.all()]


@routes.post("/accounts", status_code=201)
def add_account(asked: AccountRequest, caller: Administrator, here: Here) -> AccountAnswer:
    """Make an account."""
    with here.register.together():
        made = here.accounts.add(asked.name, asked.role, asked.password)
        here.audit.add(caller.name, "account.added", account=made.name, role=made.role)
    return AccountAnswer(name=made.name, role=made.role)


@routes.delete("/accounts/{name}", status_code=204)
def remove_account(name: Name, caller: Administrator, here: Here) -> Response:
    """Remove an account; its sessions end."""
    if here.accounts.find(name) is None:
        raise Refused(404, "there is no such account")
    with here.register.together():
        here.accounts.remove(name)
        here.audit.add(caller.name, "account.removed", account=name)
    return Response(status_code=204)


@routes.get("/audit")
def audit(
    caller: Administrator, here: Here, newest: Annotated[int, Query(ge=1, le=10_000)] = 100
) -> AuditAnswer:
    """The newest entries, and whether the whole log is as it was written."""
    here.audit.add(caller.name, "audit.read", newest=newest)
    end, fault = here.audit.end(), ""
    try:
        verify_audit(here.folder)
        entries = read_entries(here.folder, newest)
    except DataError as error:
        fault, entries = str(error), []
    return AuditAnswer(
        entries=end.entries,
        hash=end.hash,
        fault=fault,
        newest=[each.model_dump() for each in entries],
    )


@routes.get("/metrics", tags=["service"], response_class=PlainTextResponse)
def metrics(caller: Viewer, here: Here) -> PlainTextResponse:
    """What the service counts of itself, for Prometheus."""
    del caller
    jobs = [each.state for each in here.jobs.all()]
    gauges = {
        "free_bytes": shutil.disk_usage(here.folder).free,
        "sightings": here.gallery.store.count(),
        "audit_entries": here.audit.end().entries,
        "jobs_waiting": jobs.count("waiting"),
        "jobs_running": jobs.count("running"),
    }
    text = here.counts.text(gauges)
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")
