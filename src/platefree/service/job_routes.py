"""Routes: work that takes long, which is exporting, forgetting and carrying out retention."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse

from platefree.service.answer_models import JobAnswer
from platefree.service.callers import Administrator, Analyst, Caller, Here, Viewer
from platefree.service.export_archive import Exported, write_export
from platefree.service.job_table import Job
from platefree.service.refusals import Refused
from platefree.service.request_models import ExportRequest, ForgetRequest
from platefree.service.running_service import Service, about

_KINDS = {".zip": "application/zip", ".csv": "text/csv", ".json": "application/json"}

routes = APIRouter(prefix="/api", tags=["jobs"])


@routes.post("/exports", status_code=202)
def export(asked: ExportRequest, caller: Analyst, here: Here) -> JobAnswer:
    """Write sightings to an archive (a table, small pictures, hashes), or to a table alone."""
    reason, where = here.stated(asked.reason), asked.where.filter().without_query()
    chosen = _chosen(asked)
    numbers = None if chosen is None else [each.number for each in chosen]
    details = about({"numbers": numbers, "where": asked.where.said})
    here.audit.add(caller.name, "export", reason, format=asked.format, **details)

    def task(job: Job) -> dict[str, Any]:
        job.file = here.files / f"{job.key}.{asked.format}"
        about_it = {"by": caller.name, "reason": reason, **details}
        count = write_export(
            *(here.gallery, job.file, about_it, job.advance),
            where=where,
            chosen=chosen,
            format=asked.format,
        )
        return {"sightings": count}

    return job_answer(here.jobs.add("export", caller.name, task))


def _chosen(asked: ExportRequest) -> list[Exported] | None:
    """The sightings that are named; None where conditions choose."""
    if asked.hits is not None:
        return [Exported(**each.model_dump()) for each in asked.hits]
    if asked.numbers is not None:
        return [Exported(number) for number in sorted(set(asked.numbers))]
    return None


@routes.post("/forget", status_code=202)
def forget(asked: ForgetRequest, caller: Administrator, here: Here) -> JobAnswer:
    """Forget sightings, and remove them from the disk; their picture files stay."""
    reason, where = here.stated(asked.reason), asked.where.filter()
    details = {
        "where": asked.where.said,
        "everything": asked.everything,
    }
    here.audit.add(caller.name, "forget.asked", reason, **details)

    def task(job: Job) -> dict[str, Any]:
        job.advance(0, 2)
        gallery = here.writing_gallery()
        count = gallery.forget(where).count
        here.audit.add(caller.name, "forget.done", reason, count=count)
        here.tidy_cases()
        job.done = 1
        readers = gallery.compact().readers
        job.done = 2
        return {"forgotten": count, "readers": readers}

    return job_answer(here.jobs.add("forget", caller.name, task))


@routes.post("/retain", status_code=202)
def retain(caller: Administrator, here: Here) -> JobAnswer:
    """Forget what is kept no longer, by the days that the gallery was given."""
    here.audit.add(caller.name, "retain.asked")
    return job_answer(here.jobs.add("retain", caller.name, lambda _: here.carry_out_retention()))


@routes.get("/jobs")
def jobs(caller: Viewer, here: Here) -> list[JobAnswer]:
    """One's own jobs, or all for an administrator."""
    return [job_answer(each) for each in here.jobs.all() if _may(caller, each)]


@routes.get("/jobs/{key}")
def job(key: str, caller: Viewer, here: Here) -> JobAnswer:
    """How far a job is."""
    return job_answer(_job(key, caller, here))


@routes.delete("/jobs/{key}")
def cancel(key: str, caller: Viewer, here: Here) -> JobAnswer:
    """Stop a job; what it has forgotten stays forgotten."""
    found = _job(key, caller, here)
    here.jobs.cancel(found)
    here.audit.add(caller.name, "job.cancelled", kind=found.kind)
    return job_answer(found)


@routes.get(
    "/jobs/{key}/file",
    response_class=FileResponse,
    responses={200: {"content": {kind: {} for kind in _KINDS.values()}}},
)
def file(key: str, caller: Analyst, here: Here) -> FileResponse:
    """The file that a job made."""
    found = _job(key, caller, here)
    if found.state != "done" or found.file is None:
        raise Refused(404, "this job has made no file, or none yet")
    here.audit.add(caller.name, "export.fetched", sightings=found.result["sightings"])
    ending = found.file.suffix
    return FileResponse(
        found.file, media_type=_KINDS[ending], filename=f"platefree-{found.kind}{ending}"
    )


def _may(caller: Caller, job: Job) -> bool:
    return job.owner == caller.name or caller.may("administrator")


def _job(key: str, caller: Caller, here: Service) -> Job:
    found = here.jobs.find(key)
    if found is None or not _may(caller, found):
        raise Refused(404, "there is no such job, or it is no longer remembered")
    return found


def job_answer(job: Job) -> JobAnswer:
    """A job, typed."""
    return JobAnswer(
        job=job.key,
        kind=job.kind,
        state=job.state,
        done=job.done,
        of=job.of,
        result=job.result,
        error=job.error,
        has_file=job.state == "done" and job.file is not None,
    )
