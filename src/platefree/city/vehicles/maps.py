"""The canvas of the five projection maps: inks, antialiased shapes, and wrapping around corners.

Everything is drawn in metres. What is painted on the front or rear can be carried over to the
neighbouring maps through the depth of the body, so that lamps and glass continue around a corner
whatever map the renderer happens to read there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from platefree.city.scene import SIDES, Bytes, Floats, Mesh, Part, Surface
from platefree.jit import njit

Side = str  # one of SIDES
Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 1024, 512
_SHIFT = 4  # fractional bits of polygon corners
_AXES = {"left": (0, 2), "right": (0, 2), "front": (1, 2), "rear": (1, 2), "top": (0, 1)}
_DEPTH = {"left": (1, 1), "right": (1, -1), "front": (0, 1), "rear": (0, -1), "top": (2, 1)}


@dataclass(frozen=True)
class Ink:
    """What a drawn shape is made of.

    Attributes:
        color: sRGB of what is not paint.
        paint: 1 takes the body color.
        glass: 1 is see-through.
        roughness: 0 mirror to 1 matt.
        metal: 0 or 1.
        head: head-lamp glow.
        tail: tail-lamp glow.
        part: label; None keeps what is below.
        opacity: of the whole shape.
    """

    color: tuple[int, int, int] = (18, 18, 19)
    paint: float = 0.0
    glass: float = 0.0
    roughness: float = 0.6
    metal: float = 0.0
    head: float = 0.0
    tail: float = 0.0
    part: Part | None = None
    opacity: float = 1.0

    def values(self) -> Floats:
        """The nine channels in 0 to 255."""
        look = (self.paint, self.glass, self.roughness, self.metal, self.head, self.tail)
        return np.array([*self.color, *(255.0 * value for value in look)], dtype=np.float32)


@njit(cache=True)
def _blend(
    values: Bytes, alpha: Bytes, part: Bytes, mask: Bytes, ink: Floats, opacity: float, label: int
) -> None:
    for row in range(mask.shape[0]):
        for column in range(mask.shape[1]):
            cover = mask[row, column] * opacity / 255.0
            if cover <= 0.0:
                continue
            for channel in range(9):
                below = values[row, column, channel]
                values[row, column, channel] = int(below + (ink[channel] - below) * cover + 0.5)
            here = alpha[row, column]
            alpha[row, column] = int(here + (255 - here) * cover + 0.5)
            if label >= 0 and mask[row, column] > 127:
                part[row, column] = label


class Canvas:
    """Five maps being painted.

    Attributes:
        extent: (5, 4) metres, as in `Surface`.
        values: (5, h, w, 9) albedo and cover channels.
        alpha: (5, h, w) how much has been drawn over the ground.
        part: (5, h, w) labels.
    """

    def __init__(self, extent: Floats, ground: Ink, size: tuple[int, int]) -> None:
        height, width = size
        self.extent = extent
        self.values = np.empty((5, height, width, 9), dtype=np.uint8)
        self.values[:] = np.clip(ground.values() + 0.5, 0, 255).astype(np.uint8)
        self.alpha = np.zeros((5, height, width), dtype=np.uint8)
        self.part = np.full((5, height, width), int(ground.part or Part.NONE), dtype=np.uint8)

    def _pixels(self, index: int, points: Points) -> NDArray[np.float64]:
        left, right, low, high = (float(value) for value in self.extent[index])
        height, width = self.part.shape[1:]
        place = np.asarray(points, dtype=np.float64)
        column = (place[:, 0] - left) / (right - left) * width - 0.5
        row = (high - place[:, 1]) / (high - low) * height - 0.5
        return np.stack((column, row), axis=1)

    def _draw(self, index: int, pixels: NDArray[np.float64], ink: Ink, clip: Points | None) -> None:
        height, width = self.part.shape[1:]
        low = np.maximum(np.floor(pixels.min(axis=0)).astype(int) - 2, 0)
        high = np.minimum(np.ceil(pixels.max(axis=0)).astype(int) + 3, (width, height))
        if (high <= low).any():
            return
        mask = self._mask(pixels, low, high)
        if clip is not None:
            mask = np.minimum(mask, self._mask(self._pixels(index, clip), low, high))
        window = (index, slice(low[1], high[1]), slice(low[0], high[0]))
        label = -1 if ink.part is None else int(ink.part)
        _blend(
            self.values[window],
            self.alpha[window],
            self.part[window],
            mask,
            ink.values(),
            ink.opacity,
            label,
        )

    @staticmethod
    def _mask(
        pixels: NDArray[np.float64], low: NDArray[np.int64], high: NDArray[np.int64]
    ) -> Bytes:
        mask = np.zeros((high[1] - low[1], high[0] - low[0]), dtype=np.uint8)
        corners = np.round((pixels - low) * 2**_SHIFT).astype(np.int32)
        cv2.fillPoly(mask, [corners], (255,), lineType=cv2.LINE_AA, shift=_SHIFT)
        return mask

    def polygon(self, side: Side, points: Points, ink: Ink, clip: Points | None = None) -> None:
        """Fill a polygon, if given only where ``clip`` covers it."""
        index = SIDES.index(side)
        self._draw(index, self._pixels(index, points), ink, clip)

    def line(
        self, side: Side, points: Points, width: float, ink: Ink, clip: Points | None = None
    ) -> None:
        """Draw connected straight strokes, ``width`` metres wide."""
        for start, end in pairwise(points):
            along = np.subtract(end, start)
            length = float(np.hypot(*along))
            if length < 1e-6:
                continue
            across = np.array([-along[1], along[0]]) / length * width / 2
            ends = along / length * width / 2
            a, b = np.array(start) - ends, np.array(end) + ends
            corners = [tuple(p) for p in (a + across, b + across, b - across, a - across)]
            self.polygon(side, corners, ink, clip)

    def ellipse(
        self, side: Side, centre: tuple[float, float], radii: tuple[float, float], ink: Ink
    ) -> None:
        """Fill an upright ellipse."""
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        x, y = centre[0] + radii[0] * np.cos(angle), centre[1] + radii[1] * np.sin(angle)
        self.polygon(side, list(zip(x.tolist(), y.tolist(), strict=True)), ink)

    def mask(self, side: Side, cover: Floats, ink: Ink) -> None:
        """Fill where ``cover`` (h, w) in 0 to 1 says."""
        index = SIDES.index(side)
        label = -1 if ink.part is None else int(ink.part)
        mask = (np.clip(cover, 0, 1) * 255 + 0.5).astype(np.uint8)
        _blend(
            self.values[index],
            self.alpha[index],
            self.part[index],
            mask,
            ink.values(),
            ink.opacity,
            label,
        )

    def texels(self, side: Side) -> tuple[Floats, Floats]:
        """Coordinates (h, w) of the map's texel centres."""
        left, right, low, high = (float(value) for value in self.extent[SIDES.index(side)])
        height, width = self.part.shape[1:]
        u = left + (np.arange(width, dtype=np.float32) + 0.5) / width * (right - left)
        v = high - (np.arange(height, dtype=np.float32) + 0.5) / height * (high - low)
        return np.broadcast_to(u, (height, width)), np.broadcast_to(v[:, None], (height, width))

    def lay(
        self,
        above: "Canvas",
        source: Side,
        target: Side,
        depth: "Depth | None" = None,
        allowed: NDArray[np.bool_] | None = None,
    ) -> None:
        """Lay one map of another canvas over a map of this one.

        Args:
            above: what is laid; where its alpha is 0 nothing changes.
            source: which of its maps.
            target: where it goes; if it is not ``source``, through the body's depth.
            depth: of the body seen from the ``target`` side.
            allowed: (h, w) where it may go.
        """
        s, t = SIDES.index(source), SIDES.index(target)
        values, alpha, part = above.values[s], above.alpha[s], above.part[s]
        if depth is not None:
            column, row = self._sources(source, target, depth)
            alpha = cv2.remap(alpha, column, row, cv2.INTER_LINEAR, borderValue=0)
            alpha = np.where(depth.facing(source), alpha, 0).astype(np.uint8)
            rgb = [
                cv2.remap(np.ascontiguousarray(values[..., i : i + 3]), column, row, 1)
                for i in (0, 3, 6)
            ]
            values = np.concatenate(rgb, axis=-1)
            part = cv2.remap(part, column, row, cv2.INTER_NEAREST, borderValue=255)
        if allowed is not None:
            alpha = np.where(allowed, alpha, 0).astype(np.uint8)
        cover = alpha[..., None].astype(np.float32) / 255
        rows = np.flatnonzero(alpha.any(axis=1))
        if not len(rows):
            return
        band = slice(rows[0], rows[-1] + 1)
        below = self.values[t, band].astype(np.float32)
        self.values[t, band] = below + (values[band] - below) * cover[band] + 0.5
        strong = (alpha > 127) & (part != 255)
        self.part[t][strong] = part[strong]
        self.alpha[t] = np.maximum(self.alpha[t], alpha)

    def _sources(self, source: Side, target: Side, depth: "Depth") -> tuple[Floats, Floats]:
        u, v = self.texels(target)
        known = {_AXES[target][0]: u, _AXES[target][1]: v, _DEPTH[target][0]: depth.values}
        left, right, low, high = (float(value) for value in self.extent[SIDES.index(source)])
        height, width = self.part.shape[1:]
        column = (known[_AXES[source][0]] - left) / (right - left) * width - 0.5
        row = (high - known[_AXES[source][1]]) / (high - low) * height - 0.5
        return column.astype(np.float32), row.astype(np.float32)

    def shrunk(self) -> "Canvas":
        """The canvas at half its resolution."""
        small = Canvas.__new__(Canvas)
        small.extent = self.extent
        wide = self.values.astype(np.uint16)
        total = wide[:, ::2, ::2] + wide[:, 1::2, ::2] + wide[:, ::2, 1::2] + wide[:, 1::2, 1::2]
        small.values = ((total + 2) // 4).astype(np.uint8)
        small.alpha = self.alpha[:, ::2, ::2].copy()
        small.part = self.part[:, ::2, ::2].copy()
        return small

    def copied(self) -> "Canvas":
        """A canvas that can be painted without changing this one."""
        other = Canvas.__new__(Canvas)
        other.extent = self.extent
        other.values, other.alpha = self.values.copy(), self.alpha.copy()
        other.part = self.part.copy()
        return other

    def surface(self) -> Surface:
        """The finished maps."""
        albedo = np.ascontiguousarray(self.values[..., :3])
        cover = np.ascontiguousarray(self.values[..., 3:])
        return Surface(albedo, cover, self.part.copy(), self.extent)


@dataclass(frozen=True, eq=False)
class Depth:
    """A body seen along one axis.

    Attributes:
        values: (h, w) the coordinate along the axis of what is seen.
        normal_x: (h, w) how far it faces forward.
    """

    values: Floats
    normal_x: Floats

    def facing(self, source: Side) -> NDArray[np.bool_]:
        """Where the surface leans towards the front or rear map at all."""
        sign = 1.0 if source == "front" else -1.0
        seen: NDArray[np.bool_] = sign * self.normal_x > 0.04
        return seen


@njit(cache=True)
def _seen(
    u: Floats, v: Floats, depth: Floats, forward: Floats, triangles: NDArray[np.int32], size: int
) -> tuple[Floats, Floats]:
    values = np.full((size // 2, size), np.float32(-1e6))
    faces = np.zeros((size // 2, size), dtype=np.float32)
    for index in range(triangles.shape[0]):
        a, b, c = triangles[index]
        area = (u[b] - u[a]) * (v[c] - v[a]) - (v[b] - v[a]) * (u[c] - u[a])
        if abs(area) < 1e-9:
            continue
        first = max(int(min(u[a], u[b], u[c])), 0)
        last = min(int(max(u[a], u[b], u[c])) + 1, size - 1)
        top = max(int(min(v[a], v[b], v[c])), 0)
        bottom = min(int(max(v[a], v[b], v[c])) + 1, size // 2 - 1)
        for row in range(top, bottom + 1):
            for column in range(first, last + 1):
                p = ((u[b] - column) * (v[c] - row) - (v[b] - row) * (u[c] - column)) / area
                q = ((u[c] - column) * (v[a] - row) - (v[c] - row) * (u[a] - column)) / area
                r = 1 - p - q
                if p < -1e-4 or q < -1e-4 or r < -1e-4:
                    continue
                near = p * depth[a] + q * depth[b] + r * depth[c]
                if near > values[row, column]:
                    values[row, column] = near
                    faces[row, column] = p * forward[a] + q * forward[b] + r * forward[c]
    return values, faces


def depth_of(mesh: Mesh, canvas: Canvas, side: Side) -> Depth:
    """What of a mesh is seen from one side, for `Canvas.lay`."""
    axis, sign = _DEPTH[side]
    small = WIDTH // 4
    left, right, low, high = (float(value) for value in canvas.extent[SIDES.index(side)])
    u = (mesh.vertices[:, _AXES[side][0]] - left) / (right - left) * small - 0.5
    v = (high - mesh.vertices[:, _AXES[side][1]]) / (high - low) * (small // 2) - 0.5
    values, faces = _seen(
        u, v, sign * mesh.vertices[:, axis], mesh.normals[:, 0], mesh.triangles, small
    )
    empty = (values < -1e5).astype(np.uint8)
    # Beyond the outline the nearest seen place counts, so that edges can be interpolated.
    _, labels = cv2.distanceTransformWithLabels(
        empty, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    by_label = np.zeros(int(labels.max()) + 1, dtype=np.int64)
    by_label[labels[empty == 0]] = np.flatnonzero(empty.ravel() == 0)
    nearest = by_label[labels]
    height, width = canvas.part.shape[1:]
    filled = [
        cv2.resize(np.ascontiguousarray(layer.ravel()[nearest]), (width, height))
        for layer in (sign * values, faces)
    ]
    return Depth(*[layer.astype(np.float32) for layer in filled])
