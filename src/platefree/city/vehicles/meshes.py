"""Small triangle meshes: joining, moving, boxes, sheets and lathed parts."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from platefree.city.scene import Mesh
from platefree.city.vehicles.curves import Doubles

PAINTED = -1  # material of triangles that the projection maps color


def mesh_of(
    vertices: Doubles,
    triangles: NDArray[np.int32],
    normals: Doubles,
    material: int | NDArray[np.int16] = PAINTED,
    occlusion: float | Doubles = 1.0,
) -> Mesh:
    """A mesh from arrays of any float type, normals brought to unit length."""
    lengths = np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    return Mesh(
        np.ascontiguousarray(vertices, dtype=np.float32),
        np.ascontiguousarray(normals / lengths, dtype=np.float32),
        np.broadcast_to(np.asarray(occlusion, np.float32), (len(vertices),)).copy(),
        np.ascontiguousarray(triangles, dtype=np.int32),
        np.broadcast_to(np.asarray(material, np.int16), (len(triangles),)).copy(),
    )


def empty_mesh() -> Mesh:
    """A mesh without triangles."""
    nothing = np.zeros((0, 3))
    return mesh_of(nothing, nothing.astype(np.int32), nothing)


def join(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh of several."""
    if not meshes:
        return empty_mesh()
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.occlusion for mesh in meshes]),
        np.concatenate(
            [mesh.triangles + np.int32(start) for mesh, start in zip(meshes, starts, strict=True)]
        ),
        np.concatenate([mesh.material for mesh in meshes]),
    )


def moved(mesh: Mesh, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Mesh:
    """The mesh at another place."""
    shift = np.array([x, y, z], dtype=np.float32)
    return Mesh(mesh.vertices + shift, mesh.normals, mesh.occlusion, mesh.triangles, mesh.material)


def scaled(mesh: Mesh, factor: float) -> Mesh:
    """The mesh made larger around the origin."""
    vertices = mesh.vertices * np.float32(factor)
    return Mesh(vertices, mesh.normals, mesh.occlusion, mesh.triangles, mesh.material)


def mirrored(mesh: Mesh) -> Mesh:
    """The mesh on the other side of the vehicle (y becomes -y)."""
    flip = np.array([1, -1, 1], dtype=np.float32)
    return Mesh(
        mesh.vertices * flip,
        mesh.normals * flip,
        mesh.occlusion,
        np.ascontiguousarray(mesh.triangles[:, ::-1]),
        mesh.material,
    )


def rotated(mesh: Mesh, axis: int, angle: float) -> Mesh:
    """The mesh turned around a coordinate axis through the origin, counter-clockwise."""
    turn = np.eye(3, dtype=np.float32)
    a, b = (axis + 1) % 3, (axis + 2) % 3
    turn[a, a] = turn[b, b] = np.cos(angle)
    turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
    return Mesh(
        mesh.vertices @ turn.T,
        mesh.normals @ turn.T,
        mesh.occlusion,
        mesh.triangles,
        mesh.material,
    )


def sheet(
    corners: Sequence[tuple[float, float, float]], material: int, occlusion: float = 1.0
) -> Mesh:
    """A flat convex polygon, seen from the side where its corners run counter-clockwise."""
    points = np.array(corners, dtype=np.float64)
    normal = np.cross(points[1] - points[0], points[2] - points[0])
    fan = [(0, i, i + 1) for i in range(1, len(points) - 1)]
    return mesh_of(
        points,
        np.array(fan, dtype=np.int32),
        np.repeat(normal[None], len(points), axis=0),
        material,
        occlusion,
    )


def box(
    low: tuple[float, float, float],
    high: tuple[float, float, float],
    material: int,
    occlusion: float = 1.0,
) -> Mesh:
    """An upright box with sharp edges."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    faces = (
        [(x1, y0, z0), (x1, y1, z0), (x1, y1, z1), (x1, y0, z1)],
        [(x0, y1, z0), (x0, y0, z0), (x0, y0, z1), (x0, y1, z1)],
        [(x1, y1, z0), (x0, y1, z0), (x0, y1, z1), (x1, y1, z1)],
        [(x0, y0, z0), (x1, y0, z0), (x1, y0, z1), (x0, y0, z1)],
        [(x0, y0, z1), (x1, y0, z1), (x1, y1, z1), (x0, y1, z1)],
        [(x0, y1, z0), (x1, y1, z0), (x1, y0, z0), (x0, y0, z0)],
    )
    return join([sheet(face, material, occlusion) for face in faces])


def lathe(
    profile: Sequence[tuple[float, float]],
    material: int,
    segments: int = 28,
    occlusion: float = 1.0,
) -> Mesh:
    """A solid of revolution around the y axis.

    Args:
        profile: (radius, y) points; the outside is on the left of their direction when y is drawn
            to the right and the radius upwards.
        material: of its triangles.
        segments: around the axis.
        occlusion: of its vertices.
    """
    points = np.array(profile, dtype=np.float64)
    along = np.gradient(points, axis=0)
    out_radius, out_y = along[:, 1], -along[:, 0]
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    sine, cosine = np.sin(angle)[:, None], np.cos(angle)[:, None]
    radius, y = points[None, :, 0], points[None, :, 1]
    vertices = np.stack((radius * cosine, y + 0 * cosine, radius * sine), axis=-1)
    normals = np.stack((out_radius * cosine, out_y + 0 * cosine, out_radius * sine), axis=-1)
    count = len(points)
    ring = np.arange(segments)[:, None] * count
    next_ring = (np.arange(segments)[:, None] + 1) % segments * count
    step = np.arange(count - 1)[None, :]
    a, b = ring + step, ring + step + 1
    c, d = next_ring + step + 1, next_ring + step
    triangles = np.concatenate(
        (np.stack((a, d, c), -1).reshape(-1, 3), np.stack((a, c, b), -1).reshape(-1, 3))
    )
    mesh = mesh_of(
        vertices.reshape(-1, 3),
        triangles.astype(np.int32),
        normals.reshape(-1, 3),
        material,
        occlusion,
    )
    return outward(mesh)


def outward(mesh: Mesh) -> Mesh:
    """The mesh with each triangle's winding turned to agree with its normals."""
    corners = mesh.vertices[mesh.triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    wrong = (face * mesh.normals[mesh.triangles].sum(axis=1)).sum(axis=1) < 0
    triangles = mesh.triangles.copy()
    triangles[wrong] = triangles[wrong][:, ::-1]
    return Mesh(mesh.vertices, mesh.normals, mesh.occlusion, triangles, mesh.material)
