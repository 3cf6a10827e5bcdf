"""Wheels: a lathed tyre and rim with spokes, a steel rim or a hub cap."""

import numpy as np

from platefree.city.scene import Mesh
from platefree.city.vehicles.meshes import join, lathe, mesh_of, outward, rotated

RIMS = 7  # five, seven, ten spokes, double spokes, steel, hub cap, disc


def _spoke(inner: float, outer: float, root: float, tip: float, y: float, material: int) -> Mesh:
    """One spoke along +x: a ridge whose face looks outward (+y)."""
    thick = 0.02
    points = np.array(
        [
            (inner, y, -root),
            (inner, y, root),
            (outer, y - 0.012, tip),
            (outer, y - 0.012, -tip),
            (inner, y - thick, -root - 0.01),
            (inner, y - thick, root + 0.01),
            (outer, y - 0.012 - thick, tip + 0.01),
            (outer, y - 0.012 - thick, -tip - 0.01),
        ]
    )
    normals = np.array([(0, 1, -0.3), (0, 1, 0.3), (0, 1, 0.3), (0, 1, -0.3)] * 2, dtype=float)
    normals[4:] = [(0, 0.2, -1), (0, 0.2, 1), (0, 0.2, 1), (0, 0.2, -1)]
    faces = [(0, 1, 2), (0, 2, 3), (1, 5, 6), (1, 6, 2), (0, 3, 7), (0, 7, 4)]
    return outward(mesh_of(points, np.array(faces, dtype=np.int32), normals, material, 0.9))


def wheel(
    radius: float,
    width: float,
    family: int,
    tyre: int,
    rim: int,
    dark: int,
    cap_missing: bool = False,
) -> Mesh:
    """A wheel around the origin whose outside looks to +y.

    Args:
        radius: of the tyre.
        width: of the tyre.
        family: of the rim, 0 to `RIMS` - 1.
        tyre: material of rubber.
        rim: material of the rim.
        dark: material of what is behind the spokes.
        cap_missing: the bare steel rim where a hub cap belongs.
    """
    half = width / 2
    hole = radius * 0.66
    rubber = [
        (hole, half - 0.015),
        (hole + 0.01, half - 0.002),
        (radius - 0.045, half),
        (radius - 0.014, half - 0.012),
        (radius, half - 0.045),
        (radius, -half + 0.045),
        (radius - 0.014, -half + 0.012),
        (radius - 0.05, -half),
        (hole, -half),
    ]
    parts = [lathe(rubber[::-1], tyre, 36)]
    face = half - 0.02
    lip = [
        (hole + 0.006, face + 0.010),
        (hole - 0.012, face + 0.012),
        (hole - 0.022, face - 0.02),
        (hole - 0.03, face - 0.08),
    ]
    parts.append(lathe(lip, rim, 32))
    parts.append(lathe([(hole, face - 0.075), (0.001, face - 0.075)], dark, 24, 0.5))
    parts.append(lathe([(0.6 * hole, face - 0.06), (0.2 * hole, face - 0.055)], rim, 24, 0.35))
    hub = [
        (0.22 * hole, face - 0.03),
        (0.2 * hole, face),
        (0.1 * hole, face + 0.008),
        (0.001, face + 0.01),
    ]
    steel = family == 4 or cap_missing
    if steel:
        bowl = [
            (hole - 0.015, face - 0.02),
            (0.75 * hole, face - 0.045),
            (0.6 * hole, face - 0.015),
            (0.35 * hole, face - 0.02),
            (0.3 * hole, face - 0.045),
            (0.001, face - 0.045),
        ]
        parts.append(lathe(bowl, dark if cap_missing else rim, 28))
        parts += _studs(0.22 * hole, face - 0.04, rim)
        return join(parts)
    parts.append(lathe(hub, rim, 20))
    if family == 5:  # hub cap with slots
        dish = [
            (hole - 0.01, face + 0.002),
            (0.85 * hole, face + 0.008),
            (0.5 * hole, face - 0.004),
            (0.001, face + 0.006),
        ]
        parts.append(lathe(dish, rim, 28))
        parts += [
            _slot(0.72 * hole, 0.9 * hole, face + 0.011, k * 2 * np.pi / 9, dark) for k in range(9)
        ]
        return join(parts)
    if family == 6:  # aerodynamic disc
        dish = [
            (hole - 0.01, face),
            (0.9 * hole, face + 0.01),
            (0.3 * hole, face + 0.004),
            (0.001, face + 0.012),
        ]
        parts.append(lathe(dish, rim, 32))
        parts += [
            _slot(0.35 * hole, 0.88 * hole, face + 0.013, k * 2 * np.pi / 5, dark) for k in range(5)
        ]
        return join(parts)
    count, root, tip = (
        (5, 0.032, 0.024),
        (7, 0.024, 0.018),
        (10, 0.018, 0.014),
        (10, 0.016, 0.012),
    )[family]
    for k in range(count):
        angle = 2 * np.pi * k / count
        if family == 3:  # in pairs
            angle += 0.12 * (1 if k % 2 else -1)
        spoke = _spoke(0.12 * hole, hole - 0.01, root, tip, face - 0.004, rim)
        parts.append(rotated(spoke, 1, -angle))
    return join(parts)


def _slot(inner: float, outer: float, y: float, angle: float, material: int) -> Mesh:
    spread = 0.10
    corners = [(inner, -spread * 0.7), (outer, -spread), (outer, spread), (inner, spread * 0.7)]
    points = np.array(
        [(r * np.cos(angle + a), y, r * np.sin(angle + a)) for r, a in corners], dtype=float
    )
    normals = np.tile([0.0, 1.0, 0.0], (4, 1))
    faces = np.array([(0, 1, 2), (0, 2, 3)], dtype=np.int32)
    return outward(mesh_of(points, faces, normals, material, 0.6))


def _studs(radius: float, y: float, material: int) -> list[Mesh]:
    studs = []
    for k in range(5):
        angle = 2 * np.pi * k / 5
        stud = lathe([(0.012, y), (0.01, y + 0.015), (0.001, y + 0.016)], material, 6)
        shift = np.array([radius * np.cos(angle), 0, radius * np.sin(angle)], dtype=np.float32)
        studs.append(
            Mesh(stud.vertices + shift, stud.normals, stud.occlusion, stud.triangles, stud.material)
        )
    return studs
