"""Routes: cases, which are named sets of sightings with marks and notes, for all analysts."""

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Path, Response

from platefree.service.answer_models import CaseAnswer, CaseSightingAnswer, CaseSummary, JobAnswer
from platefree.service.callers import Analyst, Here
from platefree.service.case_archive import moment, write_case
from platefree.service.cases import Case, CaseSighting, Saying
from platefree.service.job_routes import job_answer
from platefree.service.job_table import Job
from platefree.service.refusals import Refused
from platefree.service.request_models import (
    CaseChangeRequest,
    CaseExportRequest,
    CaseRequest,
    CaseSightingsRequest,
)
from platefree.service.running_service import Service, about
from platefree.service.search_routes import refuse_unknown
from platefree.service.sighting_routes import Number
from platefree.types import Sightings

Key = Annotated[str, Path(max_length=64, description="Of a case.")]

routes = APIRouter(prefix="/api", tags=["cases"])


@routes.get("/cases")
def cases(caller: Analyst, here: Here) -> list[CaseSummary]:
    """All cases, the one that was changed last first."""
    del caller
    here.tidy_cases()
    return [CaseSummary(**_plain(each), sightings=len(each.sightings)) for each in here.cases.all()]


@routes.post("/cases", status_code=201)
def make_case(asked: CaseRequest, caller: Analyst, here: Here) -> CaseAnswer:
    """Make a case."""
    reason = " ".join(asked.reason.split())
    with here.register.together():
        made = here.cases.make(asked.name, asked.note, caller.name)
        here.audit.add(caller.name, "case.made", reason, case=made.key, name=made.name)
    return _shown(made, here)


@routes.get("/cases/{key}")
def case(key: Key, caller: Analyst, here: Here) -> CaseAnswer:
    """A case with its sightings; those that the gallery has forgotten are no longer in it."""
    del caller
    here.tidy_cases()
    return _shown(here.cases.find(key), here)


@routes.patch("/cases/{key}")
def change_case(key: Key, asked: CaseChangeRequest, caller: Analyst, here: Here) -> CaseAnswer:
    """Give a case another name or note."""
    said = about({"name": asked.name, "note": asked.note})
    with here.register.together():
        changed = here.cases.change(key, asked.name, asked.note)
        here.audit.add(caller.name, "case.changed", case=key, **said)
    return _shown(changed, here)


@routes.put("/cases/{key}/sightings")
def put_sightings(key: Key, asked: CaseSightingsRequest, caller: Analyst, here: Here) -> CaseAnswer:
    """Put sightings into a case, or change their marks and notes; what is not given stays."""
    with here.gallery.store.snapshot() as now:
        refuse_unknown(now, [each.number for each in asked.sightings])
    said = [Saying(each.number, each.mark, each.note) for each in asked.sightings]
    details = [each.model_dump(exclude_none=True) for each in asked.sightings]
    with here.register.together():
        changed = here.cases.put(key, said, caller.name)
        here.audit.add(caller.name, "case.sightings", case=key, sightings=details)
    return _shown(changed, here)


@routes.delete("/cases/{key}/sightings/{number}")
def take_out(key: Key, number: Number, caller: Analyst, here: Here) -> CaseAnswer:
    """Take a sighting out of a case; it stays in the gallery."""
    with here.register.together():
        changed = here.cases.take_out(key, number)
        here.audit.add(caller.name, "case.taken-out", case=key, number=number)
    return _shown(changed, here)


@routes.delete("/cases/{key}", status_code=204)
def delete_case(key: Key, caller: Analyst, here: Here) -> Response:
    """Delete a case; its maker may, and an administrator."""
    found = here.cases.find(key)
    if found.maker != caller.name and not caller.may("administrator"):
        raise Refused(
            403, f"only {found.maker}, who made the case, or an administrator may delete it"
        )
    with here.register.together():
        here.cases.delete(key)
        here.audit.add(caller.name, "case.deleted", case=key, name=found.name)
    return Response(status_code=204)


@routes.post("/cases/{key}/export", status_code=202)
def export_case(key: Key, asked: CaseExportRequest, caller: Analyst, here: Here) -> JobAnswer:
    """Write a case to an archive: a page to print, tables, pictures, frames, and hashes of all."""
    reason = here.stated(asked.reason)
    here.tidy_cases()
    found = here.cases.find(key)
    numbers = [each.number for each in found.sightings]
    here.audit.add(caller.name, "export", reason, case=key, numbers=numbers)

    def task(job: Job) -> dict[str, Any]:
        job.file = here.files / f"{job.key}.zip"
        about_it = {"by": caller.name, "reason": reason}
        return {"sightings": write_case(found, job.file, about_it, here, job)}

    return job_answer(here.jobs.add("case", caller.name, task))


def _plain(found: Case) -> dict[str, Any]:
    return {
        "case": found.key,
        "name": found.name,
        "note": found.note,
        "by": found.maker,
        "made": moment(found.made),
        "changed": moment(found.changed),
        "gone": found.gone,
    }


def _shown(found: Case, here: Service) -> CaseAnswer:
    """A case, with what is known of its sightings that are stored."""
    with here.gallery.store.snapshot() as now:
        numbers = np.array([each.number for each in found.sightings], np.int64)
        there = now.has(numbers)
        known = [each for each, is_there in zip(found.sightings, there, strict=True) if is_there]
        table = now.get(numbers[there]).sightings if len(known) else None
    sightings = [] if table is None else [_said(*each, table) for each in enumerate(known)]
    return CaseAnswer(**_plain(found), sightings=sightings)


def _said(row: int, said: CaseSighting, table: Sightings) -> CaseSightingAnswer:
    return CaseSightingAnswer(
        number=said.number,
        mark=said.mark,
        note=said.note,
        by=said.who,
        at=moment(said.at),
        image=table.path(row).name,
        labels=table.labels(row),
    )
