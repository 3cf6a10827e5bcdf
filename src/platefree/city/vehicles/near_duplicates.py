"""Near-duplicates: vehicles of one model and paint that can be distinguished from every side.

A newly drawn identity often differs only where a given picture does not show it. So the details
of the front, the rear and the side are drawn again, each on its own, until they differ clearly.
"""

from dataclasses import replace

from platefree.city.scene import Paint
from platefree.city.vehicles.colors import Srgb
from platefree.city.vehicles.vehicle_identity import (
    Identity,
    Sticker,
    draw_of_kind,
    varied_of_kind,
)

VIEWS = ("front", "rear", "side")

_TRIES = 1000
_GLASS: Srgb = (20, 24, 26)
_APART = 0.3  # of the area that stickers are on
_CONTRAST = 60  # levels of sRGB
_DETAILS = (
    (("side",), ("decals", "livery", "stripe_color", "roof", "dark_rims")),
    (("rear",), ("rear_stickers",)),
    (("front",), ("stickers",)),
)
_RIDER = ((VIEWS, ("rider", "variety")),)
"""Views, and the details that are drawn again until two vehicles can be distinguished there."""


def distinguishable(one: Identity, other: Identity, view: str) -> bool:
    """Whether two vehicles of one model and paint clearly look different from one side.

    Only large, visible details of a contrasting color count; the vehicles may differ in more.

    Args:
        one: an identity.
        other: another.
        view: one of `VIEWS`.
    """
    if one.kind == "motorcycle":
        pairs = zip(_clothes(one, view), _clothes(other, view), strict=True)
        return any(_contrast(ours, theirs) for ours, theirs in pairs)
    paint = _srgb(one.paint)
    if view == "front":
        return _stand_out(one.stickers, other.stickers, (_GLASS,))
    if view == "rear":
        boxes = (one.box_color, other.box_color)
        behind = boxes if one.kind == "box_truck" else (_GLASS, paint)
        return _stand_out(one.rear_stickers, other.rear_stickers, behind)
    return (
        one.dark_rims != other.dark_rims
        or max(one.roof, other.roof) > max(1, min(one.roof, other.roof))  # bars alone are thin
        or _stand_out(one.decals, other.decals, (paint,))
        or (one.livery != other.livery and _contrast(one.stripe_color, paint)
            and _contrast(other.stripe_color, paint))
    )  # fmt: skip


def _clothes(identity: Identity, view: str) -> tuple[Srgb, ...]:
    """What is seen of the people on a motorcycle."""
    if identity.variety is not None:
        person = identity.variety.crew[-1 if view == "rear" else 0]
        return person.top, person.helmet, *((person.legs,) if view != "rear" else ())
    rider = identity.rider
    if view == "rear" and rider.passenger:
        return rider.passenger_top, rider.passenger_helmet
    return (rider.top, rider.helmet) if view == "rear" else (rider.top, rider.helmet, rider.legs)


def _stand_out(
    one: tuple[Sticker, ...], other: tuple[Sticker, ...], behind: tuple[Srgb, ...]
) -> bool:
    """Whether one has a sticker that contrasts with its ground and all that the other has there."""
    return any(
        all(_contrast(sticker.color, color) for color in behind)
        and all(
            abs(sticker.place[0] - each.place[0]) > _APART or _contrast(sticker.color, each.color)
            for each in theirs
        )
        for ours, theirs in ((one, other), (other, one))
        for sticker in ours
    )


def _contrast(one: Srgb, other: Srgb) -> bool:
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) > _CONTRAST


def _srgb(paint: Paint) -> Srgb:
    red, green, blue = (round(255 * float(value) ** (1 / 2.2)) for value in paint.color)
    return red, green, blue


def draw_near_duplicate(identity: Identity, seed: int, *others: Identity) -> Identity:
    """Draw another vehicle of the same model and paint.

    Args:
        identity: the vehicle it resembles.
        seed: of the new vehicle.
        others: further vehicles that it must differ from.

    Returns:
        An identity that can be distinguished from each of them, from every side
        (`distinguishable`).
    """
    draw = draw_of_kind if identity.variety is None else varied_of_kind
    new = replace(draw(identity.kind, seed), paint=identity.paint)
    rounds = _RIDER if identity.kind == "motorcycle" else _DETAILS
    for views, names in rounds:
        attempt = 0
        while not all(
            distinguishable(new, each, view) for each in (identity, *others) for view in views
        ):
            attempt += 1
            assert attempt < _TRIES, f"{_TRIES} draws looked the same"  # noqa: S101
            again = draw(identity.kind, seed + attempt * 1_000_003)
            new = replace(new, **{name: getattr(again, name) for name in names})
    return new
