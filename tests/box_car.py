"""A car of a few boxes, for tests of the renderer that need no real vehicle."""

from collections.abc import Sequence

import numpy as np

from platefree.city.render.roadside import _BOX, Triple
from platefree.city.scene import Material, Mesh, Paint, Part, Surface, VehicleAsset

_MATERIALS = (
    Material((0.02, 0.02, 0.02), 0.8, part=Part.WHEEL),
    Material((0.1, 0.08, 0.06), 0.8),
)


def boxes(items: Sequence[tuple[Triple, Triple, int]], occlusion: float = 1.0) -> Mesh:
    """A mesh of upright boxes (low, high, material)."""
    corners, normals, triangles = _BOX
    parts = [(np.array(low) + corners * (np.array(high) - low), m) for low, high, m in items]
    count = len(corners)
    return Mesh(
        np.concatenate([p for p, _ in parts]).astype(np.float32),
        np.tile(normals, (len(parts), 1)).astype(np.float32),
        np.full(count * len(parts), occlusion, np.float32),
        np.concatenate([triangles + i * count for i in range(len(parts))]).astype(np.int32),
        np.repeat([m for _, m in parts], len(triangles)).astype(np.int16),
    )


def box_car(color: Triple = (0.6, 0.05, 0.04)) -> VehicleAsset:
    """4.4 x 1.8 x 1.45 metres; windows, lamps and plates painted on."""
    wheels = [
        ((x - 0.32, y - 0.1, 0.0), (x + 0.32, y + 0.1, 0.64), 0)
        for x in (-1.35, 1.35)
        for y in (-0.82, 0.82)
    ]
    exterior = boxes(
        [
            ((-2.2, -0.9, 0.2), (2.2, 0.9, 0.85), -1),
            ((-1.6, -0.8, 0.85), (0.7, 0.8, 1.45), -1),
            *wheels,
        ]
    )
    interior = boxes([((-1.4, -0.7, 0.5), (-0.2, 0.7, 1.1), 1)])
    shape = (5, 64, 128)
    albedo = np.full((*shape, 3), 30, np.uint8)
    cover = np.zeros((*shape, 6), np.uint8)
    part = np.full(shape, Part.BODY, np.uint8)
    cover[..., 0], cover[..., 2] = 255, 80
    extent = np.array([[-2.4, 2.4, 0.0, 1.6]] * 2 + [[-1, 1, 0, 1.6]] * 2 + [[-2.4, 2.4, -1, 1]])
    for side in range(4):
        cover[side, 8:27, 5:-5, 0], cover[side, 8:27, 5:-5, 1] = 0, 255
        part[side, 8:27, 5:-5] = Part.WINDOW
    for side, channel in ((2, 4), (3, 5)):
        for columns in (slice(8, 28), slice(-28, -8)):
            albedo[side, 34:42, columns] = (230, 230, 230) if side == 2 else (150, 10, 10)
            cover[side, 34:42, columns, 0], cover[side, 34:42, columns, channel] = 0, 255
            part[side, 34:42, columns] = Part.LIGHT
    return VehicleAsset(
        exterior,
        interior,
        Surface(albedo, cover, part, extent.astype(np.float32)),
        _MATERIALS,
        Paint(color, 0.2, "red"),
        (4.4, 1.8, 1.45),
    )
