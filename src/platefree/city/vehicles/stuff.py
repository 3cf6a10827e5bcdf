"""The names of the materials that every vehicle has."""

from enum import IntEnum

Color = tuple[float, float, float]
"""Linear RGB."""


class Stuff(IntEnum):
    """Index into the materials of every vehicle."""

    WELL = 0
    TYRE = 1
    RIM = 2
    WHEEL_DARK = 3
    TRIM = 4
    CHROME = 5
    MIRROR = 6
    PANEL = 7  # body color
    SEAT = 8
    CABIN = 9
    SKIN = 10
    TOP = 11
    LEGS = 12
    HELMET = 13
    VISOR = 14
    PACK = 15
    SHOES = 16
    HEAD_LAMP = 17
    TAIL_LAMP = 18
    AMBER = 19
    PLATE = 20
    ITEM = 21
    OTHER_ITEM = 22
    TAG = 23
    LOAD = 24
    OTHER_LOAD = 25
    RACK = 26
    ENGINE = 27
    PASSENGER_TOP = 28
    PASSENGER_LEGS = 29
    PASSENGER_HELMET = 30
    HAIR = 31
    CASE = 32  # a motorcycle's top box
    SADDLE = 33
    BADGE = 34
    STRIPE = 35
    SCREEN = 36
    STRAP = 37
    OTHER_PANEL = 38  # second color of a motorcycle's panels
    BOX_WALL = 39  # of a truck's load box
    LINER = 40  # of a pickup's bed


def linear(srgb: tuple[int, int, int]) -> Color:
    """Linear RGB of an 8-bit sRGB color."""
    r, g, b = ((value / 255) ** 2.2 for value in srgb)
    return r, g, b
