"""What is on the back of a jacket, painted on projection maps: prints, panels, words, folds."""

from dataclasses import replace

import numpy as np

from platefree.city.scene import SIDES, Mesh, Part, Surface
from platefree.city.vehicles.colors import Srgb
from platefree.city.vehicles.maps import Canvas, Ink
from platefree.city.vehicles.meshes import PAINTED
from platefree.city.vehicles.rider import folds
from platefree.city.vehicles.wardrobe import PRINTS, Person

_MAP = (128, 256)
_FACES = ("rear", "left", "right", "front")


def jacket_surface(crew: Mesh, person: Person, seed: int) -> Surface:
    """The maps of a jacket.

    Args:
        crew: the painted triangles, and others.
        person: who wears it.
        seed: of folds and of where prints are.
    """
    used = np.unique(crew.triangles[crew.material == PAINTED])
    vertices = crew.vertices[used]
    low, high = vertices.min(axis=0) - 0.03, vertices.max(axis=0) + 0.03
    side = (low[0], high[0], low[2], high[2])
    face = (low[1], high[1], low[2], high[2])
    extent = np.array([side, side, face, face, (low[0], high[0], low[1], high[1])], np.float32)
    canvas = Canvas(extent, _cloth(person.top, Part.RIDER), _MAP)
    _Back(canvas, person, float(low[2]) + 0.10, float(high[2]) - 0.05, seed).paint()
    for index in range(5):
        shaded = canvas.values[index, ..., :3] * folds(_MAP, seed + index)[..., None]
        canvas.values[index, ..., :3] = np.clip(shaded, 0, 255).astype(np.uint8)
    return canvas.surface()


def _cloth(color: Srgb, part: Part | None = None) -> Ink:
    return Ink(color, roughness=0.9, part=part)


class _Back:
    """Paints one jacket whose back reaches from ``low`` to ``high``, metres."""

    def __init__(self, canvas: Canvas, person: Person, low: float, high: float, seed: int) -> None:
        self._canvas, self._person, self._low, self._high = canvas, person, low, high
        self._span = high - low
        self._ink, self._other = _cloth(person.print_color), _cloth(person.other_color)
        self._rng = np.random.default_rng([seed, 23])

    def paint(self) -> None:
        """Paint the person's print."""
        name = PRINTS[self._person.print_kind]
        if name != "plain":
            getattr(self, f"_{name}")()

    def _at(self, fraction: float) -> float:
        return self._low + fraction * self._span

    def _around(self, bottom: float, top: float, ink: Ink) -> None:
        """A band around the body between two heights."""
        for side in _FACES:
            self._canvas.polygon(side, [(-2, bottom), (2, bottom), (2, top), (-2, top)], ink)

    def _block(self, half: float, bottom: float, top: float, ink: Ink) -> None:
        corners = [(-half, bottom), (half, bottom), (half, top), (-half, top)]
        self._canvas.polygon("rear", corners, ink)

    def _band(self) -> None:
        z = self._at(self._rng.uniform(0.3, 0.75))
        self._around(z, z + float(self._rng.uniform(0.08, 0.3)) * self._span, self._ink)

    def _hem(self) -> None:
        self._around(self._low - 0.4, self._at(self._rng.uniform(0.15, 0.5)), self._ink)

    def _stripes(self) -> None:
        step = float(self._rng.uniform(0.05, 0.12))
        for z in np.arange(self._low - 0.2, self._high + 0.2, step):
            self._around(z, z + 0.45 * step, self._ink)

    def _check(self) -> None:
        step = float(self._rng.uniform(0.05, 0.1))
        ink = replace(self._ink, opacity=0.7)
        for z in np.arange(self._low - 0.2, self._high + 0.2, step):
            self._around(z, z + 0.35 * step, ink)
        for y in np.arange(-0.5, 0.5, step):
            for side in (*_FACES, "top"):
                up = [(y, self._low - 0.3), (y, self._high + 0.3)]
                line = up if side != "top" else [(-1.0, y), (1.0, y)]
                self._canvas.line(side, line, 0.35 * step, ink)

    def _yoke(self) -> None:
        z = self._at(self._rng.uniform(0.5, 0.75))
        drop = float(self._rng.uniform(-0.08, 0.04))
        up, edge = self._high + 0.4, [(-1.0, z), (0.0, z + drop), (1.0, z)]
        for side in _FACES:
            self._canvas.polygon(side, [*edge, (1, up), (-1, up)], self._ink)
        self._canvas.polygon("top", [(-2, -2), (2, -2), (2, 2), (-2, 2)], self._ink)

    def _panels(self) -> None:
        half = float(self._rng.uniform(0.07, 0.14))
        for sign in (-1.0, 1.0):
            strip = [(sign * half, -1), (sign, -1), (sign, 3), (sign * half, 3)]
            self._canvas.polygon("rear", strip, self._ink)
        for side in ("left", "right"):
            self._canvas.polygon(side, [(-2, -1), (2, -1), (2, 3), (-2, 3)], self._ink)

    def _square(self) -> None:
        half, z = float(self._rng.uniform(0.06, 0.14)), self._at(self._rng.uniform(0.45, 0.7))
        tall = half * float(self._rng.uniform(0.5, 1.3))
        self._block(half, z - tall, z + tall, self._ink)
        self._write(z + 0.2 * tall, 0.8 * half, 0.5 * tall, self._other)

    def _disc(self) -> None:
        radius, z = float(self._rng.uniform(0.06, 0.13)), self._at(self._rng.uniform(0.45, 0.7))
        self._canvas.ellipse("rear", (0.0, z), (radius, radius), self._ink)
        self._canvas.ellipse("rear", (0.0, z), (0.6 * radius, 0.6 * radius), self._other)

    def _words(self) -> None:
        z, half = self._at(self._rng.uniform(0.5, 0.78)), float(self._rng.uniform(0.07, 0.17))
        tall = float(self._rng.uniform(0.025, 0.06))
        self._write(z, half, tall, self._ink)
        if self._rng.random() < 0.5:
            self._write(z - 1.5 * tall - 0.02, 0.7 * half, 0.6 * tall, self._other)

    def _write(self, z: float, half: float, tall: float, ink: Ink) -> None:
        """Strokes that look like a word, between ``-half`` and ``half``."""
        letters = int(self._rng.integers(3, 9))
        wide = 2 * half / letters
        for number in range(letters):
            y = half - (number + 0.5) * wide
            for _ in range(2):
                a, b = self._rng.uniform(-0.32, 0.32, 2) * wide
                self._canvas.line("rear", [(y + a, z), (y + b, z + tall)], 0.2 * wide, ink)

    def _vest(self) -> None:
        """A reflective vest: a band round the body and two over the shoulders."""
        z = self._at(0.3)
        self._around(z, z + 0.05, self._ink)
        for sign in (-1.0, 1.0):
            for side in ("rear", "front"):
                self._canvas.line(side, [(0.11 * sign, z), (0.11 * sign, 3)], 0.05, self._ink)

    def _harness(self) -> None:
        """Crossed straps."""
        for sign in (-1.0, 1.0):
            ends = [(0.2 * sign, self._high), (-0.2 * sign, self._low)]
            self._canvas.line("rear", ends, 0.05, self._ink)

    def _dots(self) -> None:
        radius = float(self._rng.uniform(0.012, 0.035))
        self._scatter(int(1.2 / radius), (radius, radius))

    def _camouflage(self) -> None:
        self._scatter(26, (0.08, 0.04))

    def _scatter(self, count: int, radii: tuple[float, float]) -> None:
        for number in range(count):
            side = ("rear", "rear", "left", "right", "top")[number % 5]
            u, z = self._rng.uniform(-0.42, 0.42), self._rng.uniform(self._low, self._high)
            v = z if side != "top" else self._rng.uniform(-0.3, 0.3)
            left, right, _, _ = self._canvas.extent[SIDES.index(side)]
            place = (float(0.5 * (left + right) + u), float(v))
            self._canvas.ellipse(side, place, radii, self._ink if number % 2 else self._other)
