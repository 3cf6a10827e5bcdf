"""Make a city: plan it, render its shards in parallel, and describe the result.

    OUT/plan.json       the settings; a folder is only continued with the same settings
    OUT/images/NNNNN/   the shards, each complete or absent
    OUT/images.csv      the table that `platefree.data.table.read_table` reads, with splits
    OUT/labels.parquet  every label of every picture, in the same order
    OUT/cameras.json    place, view and lens of each camera
    OUT/card.json       settings and counts; written last

The same settings give the same bytes, whatever the number of processes and however often the
work was interrupted.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypedDict, Unpack

from platefree.city.output.card import CARD, CityCard, finish_city
from platefree.city.output.claim import claim_folder
from platefree.city.output.pool import Progress, render_shards
from platefree.city.output.shards import PICTURES, Darkroom, Shard, Surroundings
from platefree.city.plan import PRESETS, CityPlan, CitySettings, plan_city
from platefree.city.studio import Studio
from platefree.errors import DataError, Interrupted, StorageError
from platefree.inputs.plain_files import MB, Expected
from platefree.machine import cpu_count
from platefree.storage.disk import make_folder
from platefree.storage.locks import only_writer

_PLAN = "plan.json"
_SETTINGS = Expected("the settings of a city", MB)
_BYTES = (
    4096,
    0.12,
)  # of a picture: a fixed part, and one for each pixel of a square of its longest side
_SPARE = 64 * 2**20  # bytes of the disk that stay free


class CityNumbers(TypedDict, total=False):
    """The fields of `CitySettings` that a caller of `generate_city` may change, by name."""

    vehicles: int
    cameras: int
    images: int
    days: int
    size: int
    near_duplicates: float
    mounting: str
    roads: str
    fleet: str


def generate_city(
    out: str | Path,
    preset: str | CitySettings = "tiny",
    *,
    seed: int | None = None,
    workers: int | None = None,
    studio: Studio | None = None,
    on_progress: Progress | None = None,
    **changes: Unpack[CityNumbers],
) -> CityCard:
    """Render a city's pictures and labels into a folder, or continue where a run was stopped.

    ``generate_city("my-city", vehicles=360, cameras=10, images=4000)`` starts from the preset
    ``tiny``; ``generate_city("my-city", "views", days=7)`` from ``views``.

    Args:
        out: the folder; new, empty, or an unfinished city of the same settings.
        preset: what to start from: tiny, small, views, models, streets, veri or wild (see
            `PRESETS`), or settings of your own.
        seed: the same seed gives the same city; by default that of the settings, which is 0 in
            every preset.
        workers: processes; by default one for each core.
        studio: who draws; by default the city's own renderer.
        on_progress: called with the number of finished pictures and the number of all pictures.
        changes: fields of `CitySettings` that differ from the preset.

    Returns:
        What the city holds, as in its ``card.json``.

    Raises:
        DataError: a number, the mounting, the roads or the fleet are not possible, or the folder
            holds something else.
        StorageError: another run is writing into the folder, the disk is too small, or a file
            cannot be written.
        Interrupted: stopped by Ctrl-C; finished shards are kept.
    """
    settings = _settings(preset, seed, changes)
    folder = Path(out)
    with only_writer(folder):
        return _generate(folder, settings, studio, workers or cpu_count(), on_progress)


def estimated_bytes(images: int, size: int) -> int:
    """The approximate size of the pictures of a city on disk.

    Args:
        images: how many.
        size: longest side in pixels.
    """
    fixed, by_pixel = _BYTES
    return round(images * (fixed + by_pixel * size * size))


def require_space(folder: Path, needed: int, free: Callable[[Path], int] | None = None) -> None:
    """Check that the disk has enough space.

    Args:
        folder: where the city is written.
        needed: bytes.
        free: returns the free bytes of a folder's disk; by default the system is asked.

    Raises:
        StorageError: there is too little space.
    """
    available = (free or _free_bytes)(folder)
    if available < needed + _SPARE:
        raise StorageError(
            f"{folder} needs about {_gigabytes(needed)} and its disk has {_gigabytes(available)} "
            "free: choose another folder, fewer pictures (--images) or smaller ones (--size)"
        )


def _settings(preset: str | CitySettings, seed: int | None, changes: CityNumbers) -> CitySettings:
    if isinstance(preset, str):
        if preset not in PRESETS:
            raise DataError(f"preset {preset!r} is unknown, expected {', '.join(PRESETS)}")
        preset = PRESETS[preset]
    return replace(preset, seed=preset.seed if seed is None else seed, **changes)


def _own_studio(settings: CitySettings) -> Studio:
    from platefree.city.atelier import Atelier  # compiles and loads the renderer

    return Atelier(settings.fleet)


def _generate(
    folder: Path,
    settings: CitySettings,
    studio: Studio | None,
    workers: int,
    on_progress: Progress | None,
) -> CityCard:
    claim_folder(folder / _PLAN, settings.to_json(), _SETTINGS, "city")
    if (folder / CARD).is_file():
        return CityCard.read(folder / CARD)
    studio = studio or _own_studio(settings)
    plan = plan_city(settings, studio)
    try:
        _render(folder, plan, studio, workers, on_progress)
    except KeyboardInterrupt:
        done = len(plan.shards) - len(_missing(folder, plan))
        raise Interrupted(
            f"stopped with {done} of {len(plan.shards)} shards done: run the same command again "
            "to go on"
        ) from None
    return finish_city(folder, plan)


def _missing(folder: Path, plan: CityPlan) -> list[Shard]:
    shards = (
        Shard(index, tuple(plan.journeys[row] for row in rows))
        for index, rows in enumerate(plan.shards)
    )
    return [shard for shard in shards if not (folder / PICTURES / shard.name).is_dir()]


def _render(
    folder: Path, plan: CityPlan, studio: Studio, workers: int, on_progress: Progress | None
) -> None:
    make_folder(folder / PICTURES)
    missing = _missing(folder, plan)
    left = sum(shard.pictures for shard in missing)
    total = plan.settings.images
    require_space(folder, estimated_bytes(left, plan.settings.size))
    surroundings = Surroundings(
        folder, studio, plan.cameras, plan.climate, plan.bystanders, plan.settings.size
    )
    done = total - left
    if on_progress is not None:
        on_progress(done, total)
    for count in render_shards(partial(Darkroom, surroundings), missing, workers):
        done += count
        if on_progress is not None:
            on_progress(done, total)


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
