"""The plan of films of one city, made before the first frame: streets, cameras, light, traffic.

The settings alone determine it. The traffic of the whole road network is simulated at once, and
every camera films a part of it, so that a vehicle is where its drive leads it at every moment, in
whatever film it is seen.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from platefree.city.bounds import check_bounds, check_choices
from platefree.city.plan import START
from platefree.city.render.road import NOWHERE, road_of
from platefree.city.scene import CameraModel, Conditions
from platefree.city.studio import FLEETS, Studio
from platefree.city.world.driving import STEP, Driving
from platefree.city.world.fleet import Vehicle, draw_fleet
from platefree.city.world.motorists import LONG, draw_motorist
from platefree.city.world.network import Leg, RoadNetwork, draw_network
from platefree.city.world.signals import Signal, StopLine, crossing_signal, junction_signals
from platefree.city.world.sites import PlacedCamera, place_cameras
from platefree.city.world.streams import Purpose, draw_seed, stream
from platefree.city.world.trips import Passage, passages_of
from platefree.city.world.weather import LAMPS_BELOW, sun_position
from platefree.errors import DataError

FILMS_VERSION = 2
"""Increased whenever the same settings give other films."""

LIGHTS = {
    "day": (10.0, "clear"),
    "dusk": (19.35, "clear"),
    "rain": (14.0, "rain"),
    "night": (22.0, "overcast"),
}
"""Hour of the first frame, and the weather."""

PART_SECONDS = 10
"""A film is rendered in parts of so many seconds."""

WARM_UP = 150.0
"""Seconds of traffic before the first frame, so that the streets have filled."""

_NEAR_DUPLICATES = 0.2
_SHORTEST = 230.0  # metres, of a street with a camera
_VIEW = 130.0  # metres of street before a camera, where the street is long enough
_BEHIND = 60.0
_BEFORE_JUNCTION = 9.0  # metres from a stop line to the junction
_CLOCK = 1.5  # seconds, spread of what the cameras' clocks are wrong by
_LAMPS_BY_DAY, _LAMPS_IN_RAIN, _LAMPS_IN_DARK = 0.12, 0.75, 0.98


@dataclass(frozen=True)
class FilmSettings:
    """Everything that decides the films; equal settings give equal films.

    Attributes:
        seconds: how long each film is, 1 to 3600.
        cameras: how many, 1 to 64; each makes one film, of the same seconds.
        vehicles: how many drive in the city, 2 to 2000.
        seed: at least 0.
        rate: frames a second, 1 to 30.
        width: of each frame in pixels, even, 64 to 4096.
        height: of each frame in pixels, even, 64 to 4096.
        light: one of `LIGHTS`.
        fleet: the kind of vehicles, one of `platefree.city.studio.FLEETS`.
    """

    seconds: int = 60
    cameras: int = 3
    vehicles: int = 120
    seed: int = 0
    rate: int = 10
    width: int = 640
    height: int = 360
    light: str = "day"
    fleet: str = "varied"

    def __post_init__(self) -> None:
        bounds = {
            "seconds": (1, 3600),
            "cameras": (1, 64),
            "vehicles": (2, 2000),
            "seed": (0, 2**31 - 1),
            "rate": (1, 30),
            "width": (64, 4096),
            "height": (64, 4096),
        }
        check_bounds(self, bounds)
        if self.width % 2 or self.height % 2:
            raise DataError(
                f"films of {self.width} x {self.height} pixels cannot be encoded: expected even "
                "numbers"
            )
        check_choices(self, {"light": LIGHTS, "fleet": FLEETS})

    @property
    def frames(self) -> int:
        """Of each film."""
        return self.seconds * self.rate

    def to_json(self) -> dict[str, Any]:
        """Ready for ``json.dumps``, with the version of the films."""
        return {"films_version": FILMS_VERSION, **asdict(self)}


@dataclass(frozen=True)
class FilmPart:
    """A part of a film.

    Attributes:
        camera: its index.
        number: of the part.
        start: its first frame.
        frames: how many it holds.
    """

    camera: int
    number: int
    start: int
    frames: int

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.camera:03d}-{self.number:04d}"


@dataclass(frozen=True, eq=False)
class Take:
    """What one camera films.

    Attributes:
        site: the camera and its place.
        conditions: light and weather.
        passages: every vehicle that comes along its street, the earliest first; the place is the
            number of its track.
        clock_ms: what its clock is fast by, milliseconds, in whole seconds.
        crossing: the signal of the crossing before it, if there is one.
    """

    site: PlacedCamera
    conditions: Conditions
    passages: tuple[Passage, ...]
    clock_ms: int
    crossing: Signal | None

    def track(self, number: int) -> str:
        """The name of a track."""
        return f"{self.site.camera.name}-{number + 1:04d}"


@dataclass(frozen=True, eq=False)
class FilmPlan:
    """Everything about the films except their frames.

    Attributes:
        settings: they determine the rest.
        network: streets.
        takes: of each camera.
        fleet: the vehicles.
        lamps: of each vehicle, 0 or 1.
        dirt: of each vehicle, 0 to 1.
    """

    settings: FilmSettings
    network: RoadNetwork
    takes: tuple[Take, ...]
    fleet: tuple[Vehicle, ...]
    lamps: tuple[float, ...]
    dirt: tuple[float, ...]

    @property
    def start(self) -> int:
        """UTC milliseconds of the first frame of every film."""
        return START + round(LIGHTS[self.settings.light][0] * 3_600_000)

    def time(self, frame: float) -> int:
        """UTC milliseconds of a frame."""
        return self.start + round(1000 * frame / self.settings.rate)

    def step(self, frame: float) -> float:
        """The state of the traffic that a frame shows."""
        return (WARM_UP + frame / self.settings.rate) / STEP

    def parts(self) -> list[FilmPart]:
        """All parts of all films."""
        long, frames = PART_SECONDS * self.settings.rate, self.settings.frames
        return [
            FilmPart(camera, number, start, min(long, frames - start))
            for camera in range(len(self.takes))
            for number, start in enumerate(range(0, frames, long))
        ]


def plan_films(settings: FilmSettings, studio: Studio) -> FilmPlan:
    """Draw everything except the frames.

    Args:
        settings: of the films.
        studio: will draw the vehicles.
    """
    network, sites = _sites(settings)
    random = stream(Purpose.FILM, settings.seed)
    signals = stream(Purpose.SIGNAL, settings.seed)
    fleet = draw_fleet(studio, settings.vehicles, _NEAR_DUPLICATES, settings.seed)
    lines, crossings = _stop_lines(network, sites, signals)
    motorists = [
        draw_motorist(
            each.type,
            stream(Purpose.FILM, settings.seed, number),
            studio.build(each.order) if each.type in LONG else None,
        )
        for number, each in enumerate(fleet)
    ]
    watched = frozenset(site.street for site in sites)
    driving = Driving(network, lines, motorists, watched=watched, seed=settings.seed)
    trips = driving.run(WARM_UP + settings.seconds + STEP)
    first, last = WARM_UP / STEP, (WARM_UP + settings.seconds) / STEP
    takes = []
    for site, crossing in zip(sites, crossings, strict=True):
        passages = [each for trip in trips for each in passages_of(trip, network, site)]
        shown = [each for each in passages if each.first <= last and each.last >= first]
        shown.sort(key=lambda each: (each.first, each.vehicle))
        clock = 1000 * round(float(random.normal(0.0, _CLOCK)))  # MP4 keeps whole seconds
        conditions = _conditions(settings, site.bearing)
        takes.append(Take(site, conditions, tuple(shown), clock, crossing))
    lamps = _lamps(takes[0].conditions, len(fleet), random)
    dirt = tuple(float(each) for each in random.beta(1.3, 4.0, len(fleet)))
    return FilmPlan(settings, network, tuple(takes), fleet, lamps, dirt)


def _sites(settings: FilmSettings) -> tuple[RoadNetwork, list[PlacedCamera]]:
    """Streets, and cameras on those that are long enough."""
    wanted, streets = settings.cameras, 2 * settings.cameras + 2
    while True:
        network = draw_network(settings.seed, streets)
        sites = [
            site
            for site in place_cameras(network, len(network.streets), settings.seed)
            if network.streets[site.street].length >= _SHORTEST
        ]
        if len(sites) >= wanted:
            break
        streets *= 2
    digits = max(3, len(str(wanted)))
    return network, [
        _filming(site, network, settings, number, f"c{number + 1:0{digits}d}")
        for number, site in enumerate(sites[:wanted])
    ]


def _filming(
    site: PlacedCamera, network: RoadNetwork, settings: FilmSettings, number: int, name: str
) -> PlacedCamera:
    """A camera with the frame of the films, far from the junction that it looks towards."""
    camera, length = site.camera, network.streets[site.street].length
    scale = settings.width / camera.width
    camera = replace(
        camera,
        name=name,
        width=settings.width,
        height=settings.height,
        focal=camera.focal * scale,
        blur=camera.blur * scale,
    )
    if number % 2 == 0:
        camera = _at_crossing(camera)
    behind = min(_BEHIND, 0.3 * length)
    room = max(min(_VIEW, length - behind), length / 2)
    offset = min(site.offset, length - room)
    if math.cos(camera.yaw) < 0:
        offset = max(site.offset, room)
    return replace(site, camera=camera, offset=offset)


def _at_crossing(camera: CameraModel) -> CameraModel:
    """The same camera before a street with a crossing that has stop lines."""
    random = stream(Purpose.FILM, camera.seed)
    while not _has_crossing(camera):
        camera = replace(camera, seed=draw_seed(random))
    return camera


def _has_crossing(camera: CameraModel) -> bool:
    road = road_of(camera)
    ends = np.concatenate([road.crossing, road.stop])
    return bool(np.abs(ends).max() < 0.5 * NOWHERE)


def _stop_lines(
    network: RoadNetwork, sites: Sequence[PlacedCamera], random: np.random.Generator
) -> tuple[Mapping[Leg, Sequence[StopLine]], list[Signal | None]]:
    """The stop lines of every leg, and the signal of the crossing before each camera."""
    lines: dict[Leg, list[StopLine]] = {}
    for leg, signal in junction_signals(network, random).items():
        end = network.streets[leg.street].length - _BEFORE_JUNCTION
        lines.setdefault(leg, []).append(StopLine(end, signal))
    crossings: list[Signal | None] = []
    for site in sites:
        if not _has_crossing(site.camera):
            crossings.append(None)
            continue
        right, left = (float(x) for x in road_of(site.camera).stop)
        signal, length = crossing_signal(random), network.streets[site.street].length
        places = {True: site.offset + right, False: length - site.offset - left - 0.4}
        for forward, at in places.items():
            lines.setdefault(Leg(site.street, forward), []).insert(0, StopLine(at, signal))
        crossings.append(signal)
    return lines, crossings


def _conditions(settings: FilmSettings, bearing: float) -> Conditions:
    hour, weather = LIGHTS[settings.light]
    azimuth, elevation = sun_position(START + round(hour * 3_600_000))
    return Conditions(
        sun_azimuth=math.remainder(azimuth - bearing, math.tau),
        sun_elevation=elevation,
        weather=weather,
        seed=settings.seed,
    )


def _lamps(conditions: Conditions, vehicles: int, random: np.random.Generator) -> tuple[float, ...]:
    chance = _LAMPS_IN_RAIN if conditions.weather == "rain" else _LAMPS_BY_DAY
    if conditions.sun_elevation < LAMPS_BELOW:
        chance = _LAMPS_IN_DARK
    return tuple(float(each < chance) for each in random.random(vehicles))
