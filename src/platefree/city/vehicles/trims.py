"""What owners and trades add to cars, vans and buses: second colors, cladding, words, signs."""

from dataclasses import dataclass

import numpy as np

from platefree.city.scene import SIDES, Floats, Mesh, Part
from platefree.city.vehicles.body import Body
from platefree.city.vehicles.colors import LIVERIES, VIVID, Srgb
from platefree.city.vehicles.dyes import Dyes
from platefree.city.vehicles.faces import rear_face
from platefree.city.vehicles.lettering import word
from platefree.city.vehicles.maps import Canvas, Ink, Points, Side
from platefree.city.vehicles.meshes import box, empty_mesh, join, lathe, moved, rotated
from platefree.city.vehicles.shapes import Style
from platefree.city.vehicles.stuff import Stuff
from platefree.city.vehicles.wardrobe import dyed
from platefree.city.vehicles.wells import top_at

NO_GARNISH, CHROME, BLACK, RED = range(4)

_PAINT, _GLASS = 3, 4  # channels of a canvas
_GREYS: tuple[Srgb, ...] = ((24, 24, 26), (70, 72, 76), (150, 152, 156), (226, 226, 224))
_FAMILY = ("estate", "suv", "mpv", "hatchback", "sedan", "pickup")
_WORKING = ("van", "bus")
_SPARE_RADIUS = 0.34


@dataclass(frozen=True)
class Trim:
    """Additions to a closed body; colors are sRGB, and None is without.

    Attributes:
        lower: second color of its lower part.
        lower_height: up to where, as a fraction of the height from sill to windows.
        cladding: height of black plastic above the sill, metres.
        roof: color of its roof.
        garnish: bar between the tail lamps: none, chrome, black or red.
        spare: cover of a spare wheel on its rear.
        rear_letters: of a word on its rear.
        side_letters: of a word on its sides.
        ink: of the words.
        wrap: an advertisement on its sides.
        sign: a sign on its roof.
        shade: a sun shade behind the rear window.
        seed: of words and places.
    """

    lower: Srgb | None = None
    lower_height: float = 0.5
    cladding: float = 0.0
    roof: Srgb | None = None
    garnish: int = NO_GARNISH
    spare: Srgb | None = None
    rear_letters: int = 0
    side_letters: int = 0
    ink: Srgb = (200, 36, 40)
    wrap: Srgb | None = None
    sign: Srgb | None = None
    shade: Srgb | None = None
    seed: int = 0


def draw_trim(rng: np.random.Generator, kind: str) -> Trim:
    """Draw the additions to a body of some type."""
    working = kind in _WORKING
    taxi = not working and rng.random() < 0.05
    lettered = taxi or rng.random() < (0.5 if working else 0.08)

    def sometimes(chance: float, colors: tuple[Srgb, ...]) -> Srgb | None:
        color = dyed(rng, colors)
        return color if rng.random() < chance else None

    two_tone = {"mpv": 0.12, "suv": 0.08, "van": 0.2, "bus": 0.4}.get(kind, 0.03)
    return Trim(
        lower=sometimes(two_tone, _GREYS + LIVERIES if working else _GREYS),
        lower_height=float(rng.uniform(0.3, 0.7)),
        cladding=float(rng.uniform(0.08, 0.3)) if rng.random() < (0.4 if kind == "suv" else 0.15)
        else 0.0,
        roof=sometimes(0.08 if kind in _FAMILY else 0.0, _GREYS),
        garnish=int(rng.choice(4, p=[0.6, 0.16, 0.14, 0.10])) if kind in _FAMILY else NO_GARNISH,
        spare=sometimes(0.15 if kind == "suv" else 0.0, _GREYS),
        rear_letters=int(rng.integers(3, 9)) if lettered else 0,
        side_letters=int(rng.integers(3, 11)) if taxi or rng.random() < (0.45 if working else 0.06)
        else 0,
        ink=dyed(rng, LIVERIES + VIVID + _GREYS),
        wrap=sometimes(0.12 if working else 0.03, LIVERIES + VIVID),
        sign=dyed(rng, VIVID) if taxi else None,
        shade=sometimes(0.08, ((190, 200, 200), (150, 156, 160), (60, 64, 66))),
        seed=int(rng.integers(2**31)),
    )  # fmt: skip


def paint_trim(canvas: Canvas, body: Body, style: Style, trim: Trim) -> None:
    """Paint all of it that is flat, in place."""
    _Painter(canvas, body, style, trim).paint()


class _Painter:
    """Paints the maps of one vehicle, only where the body color is."""

    def __init__(self, canvas: Canvas, body: Body, style: Style, trim: Trim) -> None:
        self._canvas, self._trim = canvas, trim
        self._shape, self._face = body.shape, rear_face(body.shape, style)
        self._closed = style.panel_side
        self._rng = np.random.default_rng([trim.seed, 61])

    def paint(self) -> None:
        trim, shape = self._trim, self._shape
        if trim.lower is not None:
            edge = shape.sill + trim.lower_height * (shape.belt - shape.sill)
            self._below(edge, Ink(trim.lower, roughness=0.3))
        if trim.cladding:
            self._below(shape.sill + trim.cladding, Ink((34, 34, 36), roughness=0.75))
        if trim.roof is not None:
            self._roof(Ink(trim.roof, roughness=0.2))
        if trim.wrap is not None:
            self._wrap(Ink(trim.wrap, roughness=0.4))
        self._garnish()
        self._words()
        if trim.shade is not None:
            self._fill("rear", _GLASS, None, Ink(trim.shade, roughness=0.6, opacity=0.85))

    def _fill(self, side: Side, channel: int, where: Floats | None, ink: Ink) -> None:
        """Fill what is paint (or glass), and what ``where`` (h, w) says if it is given."""
        channels = self._canvas.values[SIDES.index(side)]
        cover: Floats = (channels[..., channel] / np.float32(255)).astype(np.float32)
        if where is not None:
            cover *= where
        self._canvas.mask(side, cover, ink)

    def _below(self, height: float, ink: Ink) -> None:
        for side in ("left", "right", "front", "rear"):
            _, z = self._canvas.texels(side)
            below = np.clip((height - z) / 0.01 + 0.5, 0, 1).astype(np.float32)
            self._fill(side, _PAINT, below, ink)

    def _roof(self, ink: Ink) -> None:
        shape = self._shape
        x, _ = self._canvas.texels("top")
        inside = (x < shape.screen_x + 0.12) & (x > shape.roof_x - 0.12)
        self._fill("top", _PAINT, inside.astype(np.float32), ink)
        for side in ("left", "right", "front", "rear"):
            _, z = self._canvas.texels(side)
            self._fill(side, _PAINT, (z > shape.height - 0.09).astype(np.float32), ink)

    def _wrap(self, ink: Ink) -> None:
        """A slanted field on both sides with a word in another color."""
        low, high = self._shape.sill + 0.15, self._top()
        rear, front = self._span()
        a = rear + float(self._rng.uniform(0.0, 0.4)) * (front - rear)
        b = a + float(self._rng.uniform(0.3, 0.6)) * (front - rear)
        slant = float(self._rng.uniform(-0.2, 0.3))
        for side in ("left", "right"):
            field: Points = [(a, low), (b, low), (b + slant, high), (a + slant, high)]
            self._canvas.polygon(side, field, ink)
        self._write_sides((a + 0.1, 0.5 * (low + high)), (b, high - 0.08), 5, (236, 236, 232))

    def _garnish(self) -> None:
        face, kind = self._face, self._trim.garnish
        inks = {
            CHROME: Ink((205, 207, 210), roughness=0.12, metal=1.0),
            BLACK: Ink((14, 14, 15), roughness=0.2),
            RED: Ink((150, 12, 16), roughness=0.15, tail=0.6, part=Part.LIGHT),
        }
        if kind == NO_GARNISH:
            return
        z, half = face.lamp_z + float(self._rng.uniform(0.0, 0.05)), face.inner + 0.03
        tall = float(self._rng.uniform(0.025, 0.055))
        self._canvas.line("rear", [(-half, z), (half, z)], tall, inks[kind])

    def _words(self) -> None:
        trim, shape, face = self._trim, self._shape, self._face
        if trim.rear_letters:
            half = 0.85 * face.inner
            tall = float(self._rng.uniform(0.06, 0.13))
            low = float(
                self._rng.uniform(shape.sill + 0.35, max(shape.tail_z - 0.2, shape.sill + 0.4))
            )
            start = float(self._rng.uniform(-half, 0.2 * half))
            end = min(start + 0.10 * trim.rear_letters, half)
            for stroke in word(self._rng, trim.rear_letters, (start, low), (end, low + tall)):
                self._canvas.polygon("rear", stroke, Ink(trim.ink, roughness=0.4))
        if trim.side_letters:
            rear, front = self._span()
            tall = float(self._rng.uniform(0.10, 0.24))
            low = float(self._rng.uniform(shape.sill + 0.25, self._top() - tall))
            start = float(self._rng.uniform(rear, 0.5 * (rear + front)))
            end = min(start + 0.16 * trim.side_letters, front)
            self._write_sides((start, low), (end, low + tall), trim.side_letters, trim.ink)

    def _write_sides(
        self, low: tuple[float, float], high: tuple[float, float], letters: int, color: Srgb
    ) -> None:
        strokes = word(self._rng, letters, low, high)
        for side in ("left", "right"):
            for stroke in strokes:
                self._canvas.polygon(side, stroke, Ink(color, roughness=0.4))

    def _span(self) -> tuple[float, float]:
        """X of the doors, rear to front."""
        shape = self._shape
        return max(shape.rear_x + 0.3, shape.axles[1] + 0.2), min(
            shape.cowl_x, shape.axles[0] - 0.45
        )

    def _top(self) -> float:
        return self._shape.height - 0.4 if self._closed else self._shape.belt - 0.08


def trim_mesh(trim: Trim, body: Body, style: Style, dyes: Dyes) -> Mesh:
    """What stands out of the body: a sign on the roof, a spare wheel on the rear."""
    shape, parts = body.shape, [empty_mesh()]
    if trim.sign is not None:
        x = 0.5 * (shape.screen_x + shape.roof_x)
        z = top_at(body, x, 0.0)
        sign = dyes.of(trim.sign, 0.4, Part.BODY)
        parts.append(box((x - 0.09, -0.32, z), (x + 0.09, 0.32, z + 0.14), sign))
        parts.append(box((x - 0.1, -0.34, z - 0.02), (x + 0.1, 0.34, z + 0.02), Stuff.TRIM))
    if trim.spare is not None:
        cover = dyes.of(trim.spare, 0.35, Part.BODY)
        tyre = [(0.24, 0.09), (_SPARE_RADIUS, 0.08), (_SPARE_RADIUS, -0.08), (0.24, -0.09)]
        disc = [(0.001, 0.10), (0.80 * _SPARE_RADIUS, 0.095), (0.86 * _SPARE_RADIUS, 0.05)]
        wheel = join([lathe(tyre[::-1], Stuff.TRIM, 28), lathe(disc[::-1], cover, 28)])
        turned = rotated(wheel, 2, np.pi / 2)  # its outside looks back
        parts.append(moved(turned, shape.rear_x - 0.07, 0.0, rear_face(shape, style).lamp_z + 0.06))
    return join(parts)
