"""Render continuous films of the cameras of one road network, with the truth about every vehicle.

    OUT/films.json        the settings; a folder is only continued with the same settings
    OUT/parts/            the finished parts; gone when the films are
    OUT/CAMERA.mp4        the film of a camera, H.264
    OUT/truth/CAMERA/     its truth, see `platefree.city.output.film_truth`
    OUT/tracks.csv        every pass of a vehicle by a camera
    OUT/images.csv        a table of them, with the best picture of each in OUT/crops
    OUT/cameras.json      place, view, lens and clock of each camera
    OUT/graph.json        the streets, and the least time between cameras
    OUT/card.json         settings and counts; written last

The same settings give the same truth, byte for byte, and the same pictures, whatever the number of
processes and however often the work was interrupted.
"""

import json
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from platefree.city.film_plan import FilmPart, FilmPlan, FilmSettings, plan_films
from platefree.city.generate import require_space
from platefree.city.output.claim import claim_folder
from platefree.city.output.film_parts import PARTS, FilmRoom
from platefree.city.output.film_truth import finish_films
from platefree.city.output.pool import Progress, render_shards
from platefree.city.studio import Studio
from platefree.errors import Interrupted
from platefree.inputs.documents import read_json
from platefree.inputs.plain_files import MB, Expected
from platefree.machine import cpu_count
from platefree.storage.disk import make_folder
from platefree.storage.files import remove, write_text
from platefree.storage.locks import only_writer

_PLAN, _CARD = "films.json", "card.json"
_SETTINGS = Expected("the settings of films", MB)
_BYTES = 0.16  # of a coded pixel and its truth, twice while parts are joined


def generate_films(
    out: str | Path,
    settings: FilmSettings,
    *,
    workers: int | None = None,
    studio: Studio | None = None,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """Render films into a folder, or continue where a run was stopped.

    Args:
        out: the folder; new, empty, or an unfinished one of the same settings.
        settings: how many films, how long, of which size.
        workers: processes; by default one for each core.
        studio: who draws; by default the city's own renderer.
        on_progress: called with the number of finished frames and the number of all frames.

    Returns:
        What the folder holds, as in its ``card.json``: settings, and how many tracks, vehicles,
        pictures, and boxes of each kind.

    Raises:
        DataError: the folder holds something else.
        StorageError: another run is writing into the folder, the disk is too small, or a file
            cannot be written.
        Interrupted: stopped by Ctrl-C; finished parts are kept.
    """
    folder = Path(out)
    with only_writer(folder):
        claim_folder(folder / _PLAN, settings.to_json(), _SETTINGS, "films")
        if not (folder / _CARD).is_file():
            plan, studio = None, studio or _own_studio(settings)
            try:
                plan = plan_films(settings, studio)
                _render(folder, plan, studio, workers or cpu_count(), on_progress)
                _finish(folder, plan)
            except KeyboardInterrupt:
                raise Interrupted(_stopped(folder, plan)) from None
        remove(folder / PARTS)
        card: dict[str, Any] = read_json(folder / _CARD, _SETTINGS)
        return card


def _own_studio(settings: FilmSettings) -> Studio:
    from platefree.city.atelier import Atelier  # compiles and loads the renderer

    return Atelier(settings.fleet)


def _missing(folder: Path, plan: FilmPlan) -> list[FilmPart]:
    return [part for part in plan.parts() if not (folder / PARTS / part.name).is_dir()]


def _stopped(folder: Path, plan: FilmPlan | None) -> str:
    what = "stopped before the first part"
    if plan is not None:
        what = f"stopped with {len(_missing(folder, plan))} of {len(plan.parts())} parts missing"
    return f"{what}: run the same command again to go on"


def _render(
    folder: Path, plan: FilmPlan, studio: Studio, workers: int, on_progress: Progress | None
) -> None:
    make_folder(folder / PARTS)
    settings, missing = plan.settings, _missing(folder, plan)
    left = sum(part.frames for part in missing)
    require_space(folder, round(_BYTES * left * settings.width * settings.height))
    total = settings.frames * settings.cameras
    done = total - left
    room = partial(FilmRoom, folder, studio, plan)
    for count in chain([0], render_shards(room, missing, workers)):
        done += count
        if on_progress is not None:
            on_progress(done, total)


def _finish(folder: Path, plan: FilmPlan) -> None:
    counts = finish_films(folder, plan)
    card = {
        **plan.settings.to_json(),
        "tracks": counts.tracks,
        "vehicles_seen": len(counts.vehicles),
        "pictures": counts.pictures,
        "boxes": counts.boxes,
        "fingerprint": counts.fingerprint,
    }
    write_text(folder / _CARD, json.dumps(card, indent=2) + "\n")
