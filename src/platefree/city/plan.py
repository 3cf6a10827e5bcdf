"""The plan of a city, made before the first picture: vehicles, cameras, passes, shards.

The settings alone determine the plan. It is divided into shards of whole vehicles, sorted by model,
so that each vehicle is built once and each model by few processes. The size of shards depends on
the plan, never on the number of processes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from platefree.city.bounds import check_bounds, check_choices
from platefree.city.studio import FLEETS, Order, Studio
from platefree.city.world.demand import draw_demand
from platefree.city.world.fleet import Vehicle, draw_fleet, model_fractions
from platefree.city.world.network import RoadNetwork, draw_network
from platefree.city.world.roads import ROADS
from platefree.city.world.sites import MOUNTINGS, PlacedCamera, place_cameras
from platefree.city.world.streams import Purpose, draw_seed, stream
from platefree.city.world.traffic import Pass, Traffic
from platefree.city.world.weather import Climate, draw_climate

CITY_VERSION = 2
"""Increased whenever the same settings give different bytes."""

START = 1_777_852_800_000
"""The first midnight of every city: Monday, 2026-05-04, in UTC milliseconds."""

_SHARD_PICTURES = (16, 256)
_SHARDS = 24  # a small city has about this many, so that several processes can work on it
_FEWEST_BYSTANDERS = 4
_LARGEST = 100_000  # number of cameras; of vehicles ten times that


@dataclass(frozen=True)
class CitySettings:
    """Everything that decides a city; equal settings give equal bytes.

    Attributes:
        vehicles: how many, at least 4.
        cameras: how many, at least 2.
        images: how many, at least two for each vehicle.
        seed: at least 0.
        days: how many days are filmed, at least 1.
        size: longest side of a picture in pixels, 32 to 1024.
        near_duplicates: fraction of the vehicles that share model and color with another, 0 to 1.
        preset: the name of the preset that they started from.
        mounting: of all cameras, one of `platefree.city.world.sites.MOUNTINGS`, or ``any``.
        roads: the kind of traffic, one of `platefree.city.world.roads.ROADS`.
        fleet: the kind of vehicles, one of `platefree.city.studio.FLEETS`.
    """

    vehicles: int = 20
    cameras: int = 4
    images: int = 200
    seed: int = 0
    days: int = 2
    size: int = 128
    near_duplicates: float = 0.5
    preset: str = "tiny"
    mounting: str = "any"
    roads: str = "town"
    fleet: str = "plain"

    def __post_init__(self) -> None:
        bounds = {
            "vehicles": (4, 10 * _LARGEST),
            "cameras": (2, _LARGEST),
            "images": (2 * self.vehicles, 10**9),
            "seed": (0, 2**31 - 1),
            "days": (1, 366),
            "size": (32, 1024),
            "near_duplicates": (0, 1),
        }
        check_bounds(self, bounds)
        check_choices(self, {"mounting": ("any", *MOUNTINGS), "roads": ROADS, "fleet": FLEETS})

    def to_json(self) -> dict[str, Any]:
        """Ready for ``json.dumps``, with the version of the city."""
        content = {"city_version": CITY_VERSION, **asdict(self)}
        # As before these settings existed, so that older cities can be continued.
        for name in ("mounting", "roads", "fleet"):
            if content[name] == getattr(CitySettings, name):
                del content[name]
        return content


PRESETS = {
    "tiny": CitySettings(),
    "small": CitySettings(500, 20, 10_000, days=3, size=128, preset="small"),
    "views": CitySettings(300, 20, 6_000, days=3, near_duplicates=0.8, preset="views"),
    "models": CitySettings(600, 16, 7_200, size=96, near_duplicates=0.6, preset="models"),
    "streets": CitySettings(
        12_000,
        60,
        72_000,
        days=7,
        size=144,
        near_duplicates=0.3,
        preset="streets",
        roads="overpass",
        fleet="varied",
    ),
    "veri": CitySettings(776, 20, 49_357, days=7, size=256, preset="veri"),
    "wild": CitySettings(40_671, 174, 416_314, days=30, size=256, preset="wild"),
}
"""``veri`` and ``wild`` have the numbers of VeRi-776 and VERI-Wild. ``views`` is for methods that
know of views: most vehicles have a twin, and are seen from front, rear and side. ``models`` is for
methods that know of vehicle models: about eight vehicles of each, and most of them have a twin.
``streets`` teaches models that will be used on real streets: very many vehicles on busy roads,
mostly motorcycles, and mostly seen from behind."""


@dataclass(frozen=True)
class Journey:
    """One vehicle and all its passes, earliest first."""

    vehicle: Vehicle
    passes: tuple[Pass, ...]

    @property
    def pictures(self) -> int:
        """How many pictures are taken of it."""
        return sum(each.pictures for each in self.passes)


@dataclass(frozen=True, eq=False)
class CityPlan:
    """Everything about a city except its pictures.

    Attributes:
        settings: they determine the rest.
        network: streets.
        cameras: on them.
        climate: light and weather.
        journeys: of every vehicle.
        shards: indices of the journeys in each shard.
        bystanders: the vehicles that stand near others and are never labelled.
    """

    settings: CitySettings
    network: RoadNetwork
    cameras: tuple[PlacedCamera, ...]
    climate: Climate
    journeys: tuple[Journey, ...]
    shards: tuple[tuple[int, ...], ...]
    bystanders: tuple[Order, ...]


def plan_city(settings: CitySettings, studio: Studio) -> CityPlan:
    """Draw everything except the pictures.

    Args:
        settings: of the city.
        studio: will draw the vehicles.
    """
    network = draw_network(settings.seed, settings.cameras)
    roads = ROADS[settings.roads]
    cameras = place_cameras(network, settings.cameras, settings.seed, settings.mounting, roads)
    demands = draw_demand(settings.vehicles, settings.cameras, settings.images, settings.seed)
    fleet = draw_fleet(studio, settings.vehicles, settings.near_duplicates, settings.seed, roads)
    traffic = Traffic(
        network, cameras, start=START, days=settings.days, seed=settings.seed, roads=roads
    )
    journeys = tuple(
        Journey(vehicle, traffic.passes(index, demand, slim=vehicle.type == "motorcycle"))
        for index, (vehicle, demand) in enumerate(zip(fleet, demands, strict=True))
    )
    return CityPlan(
        settings=settings,
        network=network,
        cameras=cameras,
        climate=draw_climate(settings.seed, START, settings.days, roads),
        journeys=journeys,
        shards=tuple(_shards(journeys, settings.images)),
        bystanders=_bystanders(settings, studio),
    )


def _shards(journeys: Sequence[Journey], images: int) -> Iterator[tuple[int, ...]]:
    low, high = _SHARD_PICTURES
    wanted = min(max(images // _SHARDS, low), high)
    shard: list[int] = []
    pictures = 0
    for index in sorted(range(len(journeys)), key=lambda i: journeys[i].vehicle.order.model):
        shard.append(index)
        pictures += journeys[index].pictures
        if pictures >= wanted:
            yield tuple(shard)
            shard, pictures = [], 0
    if shard:
        yield tuple(shard)


def _bystanders(settings: CitySettings, studio: Studio) -> tuple[Order, ...]:
    roads = ROADS[settings.roads]
    count = min(max(settings.vehicles // 20, _FEWEST_BYSTANDERS), roads.bystanders)
    random = stream(Purpose.BYSTANDER, settings.seed)
    fractions = model_fractions(studio.models(), roads)
    return tuple(
        Order(int(random.choice(len(fractions), p=fractions)), draw_seed(random))
        for _ in range(count)
    )
