"""The painted maps of a closed body, put together from its sides, faces and top."""

import numpy as np

from platefree.city.scene import Floats, Mesh
from platefree.city.vehicles.body import Body
from platefree.city.vehicles.bus import paint_bus
from platefree.city.vehicles.faces import paint_front, paint_rear
from platefree.city.vehicles.glazing import PAINT, paint_sides, paint_top
from platefree.city.vehicles.maps import HEIGHT, WIDTH, Canvas, Ink, Side, depth_of
from platefree.city.vehicles.shapes import Style

_MARGIN = 0.03
BUS_HALF_WIDTH = 1.1  # nothing else is as wide


def extent_of(mesh: Mesh) -> Floats:
    """What each of the five maps covers, so that all of a mesh lies on them."""
    low = mesh.vertices.min(axis=0) - _MARGIN
    high = mesh.vertices.max(axis=0) + _MARGIN
    low[2] = min(low[2], 0.0)
    side = (low[0], high[0], low[2], high[2])
    face = (low[1], high[1], low[2], high[2])
    top = (low[0], high[0], low[1], high[1])
    return np.array([side, side, face, face, top], dtype=np.float32)


def paint_body(body: Body, style: Style, painted: Mesh | None = None) -> Canvas:
    """Paint all that vehicles of one model share.

    Args:
        body: what is painted.
        style: how.
        painted: everything that reads the maps, if that is more than the body.

    Returns:
        The maps at final resolution.
    """
    extent = extent_of(body.mesh if painted is None else painted)
    canvas = Canvas(extent, PAINT, (HEIGHT, WIDTH))
    faces = Canvas(extent, Ink(), (HEIGHT, WIDTH))
    paint_sides(canvas, body, style)
    paint_top(canvas, body, style)
    paint_front(faces, body, style)
    paint_rear(faces, body, style)
    if body.shape.half_width > BUS_HALF_WIDTH:
        paint_bus(canvas, faces, body, style)
    wrap_faces(canvas, faces, body)
    return canvas.shrunk()


def wrap_faces(canvas: Canvas, faces: Canvas, body: Body, rear: bool = True) -> None:
    """Lay front and rear over a canvas and around the corners of the body.

    Args:
        canvas: what is painted on.
        faces: its front and rear maps.
        body: whose corners they are.
        rear: the body has a rear of its own.
    """
    shape = body.shape
    canvas.lay(faces, "front", "front")
    if rear:
        canvas.lay(faces, "rear", "rear")
    targets: tuple[Side, ...] = ("left", "right", "top")
    for target in targets:
        depth = depth_of(body.mesh, canvas, target)
        x, v = canvas.texels(target)
        z = depth.values if target == "top" else v
        reach = 0.30 if target == "top" else 0.52
        near = (x > shape.front_x - reach) | (z > shape.cowl_z - 0.03)
        canvas.lay(faces, "front", target, depth, near)
        if rear and (shape.bed == 0 or target != "top"):
            reach = 0.06 if target == "top" else 0.30
            near = (x < shape.rear_x + reach) | (z > shape.tail_z + 0.04)
            canvas.lay(faces, "rear", target, depth, near & (x < 0.3 * shape.roof_x))
