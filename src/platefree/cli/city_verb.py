"""The verb ``city``: render a synthetic city with every label."""

import os
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from platefree.cli.console import Json, done, notes, out, print_json, refuse_given, stage_progress


class PresetName(StrEnum):
    """Presets of `platefree.city.plan`."""

    tiny = "tiny"
    small = "small"
    views = "views"
    models = "models"
    streets = "streets"
    veri = "veri"
    wild = "wild"


class MountingName(StrEnum):
    """Where cameras are mounted."""

    any = "any"
    gantry = "gantry"
    mast = "mast"
    across = "across"
    overpass = "overpass"


class RoadsName(StrEnum):
    """Kinds of traffic."""

    town = "town"
    overpass = "overpass"


class FleetName(StrEnum):
    """Kinds of vehicles."""

    plain = "plain"
    varied = "varied"


class LightName(StrEnum):
    """Light and weather of films."""

    day = "day"
    dusk = "dusk"
    rain = "rain"
    night = "night"


class LayoutName(StrEnum):
    """Public data sets in whose layout a city can be written."""

    vehicleid = "vehicleid"
    veri_776 = "veri-776"
    veri_wild = "veri-wild"
    cityflow = "cityflow"
    compcars = "compcars"


_OF_PICTURES = ("preset", "images", "days", "near_duplicates", "mounting", "roads", "layout")
_LEAST_OF_FRAMES, _LEAST_OF_FILMS = 88, 112  # widths whose heights are the least, 64 pixels
_LARGEST = 4096
_OF_TRAFFIC = ("vehicles", "cameras", "light", "fleet")


def city(
    context: typer.Context,
    folder: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="Folder of the city."),
    ],
    preset: Annotated[
        PresetName, typer.Option(metavar="NAME", help="Sizes, unless they are given below.")
    ] = PresetName.tiny,
    vehicles: Annotated[int | None, typer.Option(metavar="N", help="Number of vehicles.")] = None,
    cameras: Annotated[int | None, typer.Option(metavar="N", help="Number of cameras.")] = None,
    images: Annotated[int | None, typer.Option(metavar="N", help="Number of pictures.")] = None,
    days: Annotated[int | None, typer.Option(metavar="N", help="Number of days.")] = None,
    size: Annotated[
        int | None, typer.Option(metavar="N", help="Longest side of a picture in pixels.")
    ] = None,
    near_duplicates: Annotated[
        float | None, typer.Option(metavar="X", help="Fraction of vehicles that look like another.")
    ] = None,
    mounting: Annotated[
        MountingName,
        typer.Option(metavar="NAME", help="any, gantry, mast, across, overpass."),
    ] = MountingName.any,
    roads: Annotated[
        RoadsName | None,
        typer.Option(metavar="NAME", help="town, or overpass (motorcycles, from behind)."),
    ] = None,
    fleet: Annotated[
        FleetName | None,
        typer.Option(metavar="NAME", help="plain, or varied (clothes, loads, plates)."),
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10_000_000,
            metavar="N",
            help="Frames for a detector instead.",
        ),
    ] = None,
    films: Annotated[
        int | None,
        typer.Option(min=1, max=3600, metavar="N", help="Films of N seconds instead."),
    ] = None,
    light: Annotated[
        LightName, typer.Option(metavar="NAME", help="Of films: day, dusk, rain, night.")
    ] = LightName.day,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, metavar="N", help="Same seed, same bytes.")
    ] = 0,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=256,
            metavar="N",
            show_default="one per core",
            help="Processes.",
        ),
    ] = None,
    layout: Annotated[
        list[LayoutName] | None,
        typer.Option(
            metavar="NAME",
            help="As vehicleid, veri-776, veri-wild, cityflow, compcars.",
        ),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Render a synthetic city, in which every label is known.

    Repeat the command to continue. Presets, by vehicles and pictures: tiny (20, 200),
    small (500, 10,000), views (300, 6,000), models (600, 7,200), streets (12,000,
    72,000), veri (776, 49,357), wild (40,671, 416,314).
    """
    if frames is not None:
        refuse_given(
            context, (*_OF_PICTURES, *_OF_TRAFFIC, "films"), "it does not apply to --frames"
        )
        _frames(folder, frames, size, seed, workers, as_json=as_json)
        return
    if films is not None:
        refuse_given(context, _OF_PICTURES, "it does not apply to --films")
        given = {"cameras": cameras, "vehicles": vehicles, "width": size}
        numbers = {name: value for name, value in given.items() if value is not None}
        names = {"light": light.value, **({"fleet": fleet.value} if fleet else {})}
        _films(folder, {"seconds": films, "seed": seed, **numbers}, names, workers, as_json=as_json)
        return
    refuse_given(context, ["light"], "the light can be chosen for films alone (--films)")
    from platefree.city.generate import estimated_bytes, generate_city
    from platefree.city.plan import PRESETS

    start = PRESETS[preset.value]
    needed = estimated_bytes(images or start.images, size or start.size)
    notes.print(f"this takes about {needed / 1e6:,.0f} MB of disk")
    asked = {
        "vehicles": vehicles,
        "cameras": cameras,
        "images": images,
        "days": days,
        "size": size,
        "near_duplicates": near_duplicates,
        "roads": roads and roads.value,
        "fleet": fleet and fleet.value,
    }
    changes = {name: value for name, value in asked.items() if value is not None}
    settings = replace(start, seed=seed, mounting=mounting.value, **changes)  # type: ignore[arg-type]
    targets = _targets(folder, layout or [])
    with stage_progress() as report:
        card = generate_city(
            folder,
            settings,
            workers=workers,
            on_progress=lambda count, total: report("rendering", count, total),
        )
    written = _layouts(folder, targets)
    if as_json:
        print_json({"city": str(folder), **card.to_json(), "layouts": [str(p) for p in written]})
    else:
        out.print(
            f"{card.images:,} pictures of {card.vehicles:,} vehicles, captured by "
            f"{card.cameras:,} cameras in {card.tracks:,} tracks; {card.near_duplicate_rate:.0%} "
            "of the vehicles have the model and color of another"
        )
    for path, name in written.items():
        done(path, name)
    done(folder, "city")


def _frames(
    folder: Path, frames: int, width: int | None, seed: int, workers: int | None, *, as_json: bool
) -> None:
    """Whole frames, see `platefree.city.generate_frames`."""
    from platefree.city.generate_frames import FrameSettings, generate_frames

    settings = FrameSettings(frames, seed)
    if width is not None:
        _check_size(width, _LEAST_OF_FRAMES)
        settings = FrameSettings(frames, seed, width, 32 * round(width * 11 / 640))
    with stage_progress() as report:
        card = generate_frames(
            folder,
            settings,
            workers=workers,
            on_progress=lambda count, total: report("rendering", count, total),
        )
    if as_json:
        print_json({"frames_of": str(folder), **card})
    else:
        shown = ", ".join(f"{count:,} {kind}" for kind, count in card["boxes"].items())
        out.print(f"{frames:,} frames, {card['empty']:,} of them empty; boxes: {shown}")
    done(folder, "frames")


def _films(
    folder: Path,
    numbers: dict[str, int],
    names: dict[str, str],
    workers: int | None,
    *,
    as_json: bool,
) -> None:
    """Films, see `platefree.city.generate_films`."""
    from platefree.city.film_plan import FilmSettings
    from platefree.city.generate_films import generate_films

    if "width" in numbers:
        _check_size(numbers["width"], _LEAST_OF_FILMS)
        numbers["height"] = 2 * round(numbers["width"] * 9 / 32)
    settings = FilmSettings(**numbers, **names)  # type: ignore[arg-type]
    with stage_progress() as report:
        card = generate_films(
            folder,
            settings,
            workers=workers,
            on_progress=lambda count, total: report("rendering", count, total),
        )
    if as_json:
        print_json({"films_of": str(folder), **card})
    else:
        out.print(
            f"{settings.cameras:,} films of {settings.seconds:,} seconds; they show "
            f"{card['vehicles_seen']:,} vehicles in {card['tracks']:,} tracks, "
            f"{card['pictures']:,} of them large enough for a picture"
        )
    done(folder, "films")


def _check_size(width: int, least: int) -> None:
    """Refuse a width by itself: nobody gave the height that follows from it."""
    if not least <= width <= _LARGEST:
        raise typer.BadParameter(
            f"{width:,} pixels, expected {least:,} to {_LARGEST:,}", param_hint="--size"
        )


def _targets(folder: Path, names: list[LayoutName]) -> dict[LayoutName, Path]:
    """The folder of each layout, beside that of the city; refused if it may not be replaced."""
    if not names:
        return {}
    from platefree.city.output.layouts import require_replaceable

    # A folder such as . says its name only as an absolute path.
    targets = {name: Path(f"{os.path.abspath(folder)}-{name.value}") for name in names}
    for target in targets.values():
        require_replaceable(target)
    return targets


def _layouts(folder: Path, targets: dict[LayoutName, Path]) -> dict[Path, str]:
    """The root of each written data set, and its name; a layout may contain two data sets."""
    if not targets:
        return {}
    from platefree.city.output.layouts import write_layout
    from platefree.data.readers.detect import sets_in

    written: dict[Path, str] = {}
    for name, target in targets.items():
        write_layout(folder, target, name.value)
        written |= {root.path: each.name for each, root in sets_in(target)}
    return written
