"""The verb ``ingest``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from platefree.cli.console import (
    DeviceName,
    DeviceOption,
    Json,
    done,
    refuse_given,
    work_of,
)
from platefree.errors import DataError, Interrupted
from platefree.work import MOST_PROCESSES

if TYPE_CHECKING:
    from platefree.gallery.stored_gallery import Gallery
    from platefree.ingestion.cameras import Camera

_LIST = ".toml"
_OF_ONE = ("camera", "start", "zone", "every")


class _OneCamera(NamedTuple):
    """What the options say of the camera."""

    name: str
    start: str
    zone: str
    detector: str | None
    every: float


def ingest(
    context: typer.Context,
    places: Annotated[
        list[str],
        typer.Argument(metavar="FILM", help="Films, folders of them, or a .toml list of cameras."),
    ],
    place: Annotated[
        str,
        typer.Option(
            "--gallery", "-g", metavar="GALLERY", help="Made if it is missing; or milvus://..."
        ),
    ],
    camera: Annotated[
        str, typer.Option(metavar="NAME", show_default="as listed", help="Camera of these films.")
    ] = "",
    start: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            show_default="as the film says",
            help="2026-05-01T07:00+07:00, gate-%Y%m%d-%H%M%S, or unknown.",
        ),
    ] = "",
    zone: Annotated[
        str,
        typer.Option(metavar="HH:MM", show_default="the start's, or UTC", help="Such as +07:00."),
    ] = "",
    detector: Annotated[
        str | None,
        typer.Option(metavar="MODEL", show_default="the built-in one", help="Finds vehicles."),
    ] = None,
    every: Annotated[
        float,
        typer.Option(
            min=0.0, max=86_400.0, metavar="SECONDS", help="Time between frames; 0: every frame."
        ),
    ] = 0.1,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", metavar="MODEL", show_default="the gallery's", help="Embeds vehicles."
        ),
    ] = None,
    ledger: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", show_default="in the gallery", help="Record of films taken in."
        ),
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, max=MOST_PROCESSES, metavar="N", help="Films at a time.")
    ] = 1,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Also take in new films, until Ctrl-C.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Take finished films in again.")] = False,
    keep_plates: Annotated[
        bool, typer.Option("--keep-plates", help="Do not mask plates; the audit log says so.")
    ] = False,
    keep_faces: Annotated[
        bool, typer.Option("--keep-faces", help="Do not mask faces; the audit log says so.")
    ] = False,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Add a sighting of each vehicle on films to a gallery.

    Run the same command again to continue.
    """
    from platefree.cli.ingest_run import IngestRun
    from platefree.ingestion.camera_films import open_intake
    from platefree.ingestion.intake_plan import films_of, open_detectors
    from platefree.video.track_masks import Masked

    cameras = _cameras(context, places, _OneCamera(camera, start, zone, detector, every))
    for each in () if watch else cameras:
        films_of(each)  # before a gallery is made
    detectors = open_detectors(cameras, device.value)
    with open_intake(
        _gallery(place, model, ledger),
        cameras,
        detectors=detectors,
        masked=Masked(plates=not keep_plates, faces=not keep_faces),
        work=work_of(device, processes=processes),
        by="command line",
    ) as intake:
        if again:
            intake.forget(cameras)
        run = IngestRun(intake, cameras)
        try:
            run.watch() if watch else run.once()
        except KeyboardInterrupt:
            run.tell(as_json=as_json)
            raise Interrupted(
                f"stopped; what is done is in {place}: run the same command again to continue"
            ) from None
        run.tell(as_json=as_json)
    if not run.taken.films:
        raise DataError("no film was taken in: see the notes above")
    done(place, run.last_words())


def _cameras(context: typer.Context, places: list[str], one: "_OneCamera") -> "list[Camera]":
    """The cameras of a list, or the one that the options describe."""
    from platefree.ingestion.cameras import Camera, read_cameras

    lists = [place for place in places if place.lower().endswith(_LIST)]
    if lists:
        refuse_given(context, _OF_ONE, "the list of cameras sets it for each camera")
        if len(places) > 1:
            raise typer.BadParameter(
                f"{lists[0]} says which films are of which camera: give it alone"
            )
        return read_cameras(Path(lists[0]), one.detector)
    if not one.name:
        raise typer.BadParameter("say which camera took the films", param_hint="--camera")
    return [Camera(one.name, places, one.start, one.zone, detector=one.detector, every=one.every)]


def _gallery(place: str, model: str | None, ledger: Path | None) -> "Gallery":
    """The gallery, which is made if there is nothing."""
    from platefree.gallery.gallery_card import is_free
    from platefree.gallery.gallery_places import is_gallery
    from platefree.gallery.stored_gallery import Gallery

    is_new = not is_gallery(place) and is_free(Path(place))
    if is_new:
        return Gallery.create(place, model, ledger=ledger)
    return Gallery(place, model, ledger)
