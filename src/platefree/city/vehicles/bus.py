"""What only buses have: passenger doors, a destination display, a roof unit, lower flaps."""

from dataclasses import replace

import numpy as np

from platefree.city.scene import Mesh, Part
from platefree.city.vehicles.body import Body
from platefree.city.vehicles.glazing import BLACK_TRIM, FRIT, GAP, SIDE_FRIT, SIDE_GLASS
from platefree.city.vehicles.maps import Canvas, Ink
from platefree.city.vehicles.meshes import join
from platefree.city.vehicles.shapes import Style
from platefree.city.vehicles.solids import block, soft_mesh
from platefree.city.vehicles.stuff import Stuff
from platefree.city.vehicles.wells import top_at

_DISPLAY = replace(FRIT, part=Part.BODY)
_LETTERS = Ink((255, 176, 40), roughness=0.6, head=0.25, part=Part.BODY)


def _door(canvas: Canvas, body: Body, middle: float) -> None:
    shape = body.shape
    low, high = shape.sill + 0.06, shape.height - 0.42
    frame = [
        (middle - 0.66, low),
        (middle + 0.66, low),
        (middle + 0.66, high),
        (middle - 0.66, high),
    ]
    canvas.polygon("right", frame, BLACK_TRIM)
    for leaf in (middle - 0.32, middle + 0.32):
        pane = [
            (leaf - 0.26, low + 0.10),
            (leaf + 0.26, low + 0.10),
            (leaf + 0.26, high - 0.08),
            (leaf - 0.26, high - 0.08),
        ]
        canvas.polygon("right", pane, SIDE_GLASS)
        canvas.line("right", [(leaf - 0.26, 1.25), (leaf + 0.26, 1.25)], 0.05, SIDE_FRIT)


def paint_bus(canvas: Canvas, faces: Canvas, body: Body, style: Style) -> None:
    """Add to the sides and the front of a bus, in place."""
    shape = body.shape
    _door(canvas, body, shape.front_x - 1.15)
    if style.seed % 3:
        _door(canvas, body, 0.15)
    if style.seed % 2:
        _door(canvas, body, shape.axles[1] - shape.arch_radius - 0.9)
    for side in ("left", "right"):
        for x in np.arange(shape.rear_x + 0.6, shape.front_x - 1.9, 1.3):
            canvas.line(side, [(x, shape.sill + 0.06), (x, shape.belt - 0.12)], 0.014, GAP)
        middle = (shape.sill + shape.belt) / 2 - 0.1
        canvas.line(side, [(shape.rear_x + 0.1, middle), (shape.front_x - 0.4, middle)], 0.012, GAP)
        top = shape.height - 0.36
        canvas.line(side, [(shape.rear_x + 0.3, top), (shape.front_x - 0.5, top)], 0.02, SIDE_FRIT)
    z = shape.height - 0.27
    half = 0.62 * shape.half_width
    faces.polygon(
        "front",
        [(-half, z - 0.15), (half, z - 0.15), (half, z + 0.12), (-half, z + 0.12)],
        _DISPLAY,
    )
    rng = np.random.default_rng([style.seed, 31])
    for y in np.arange(-0.8 * half, 0.8 * half, 0.085):
        if rng.random() < 0.8:
            tilt = float(rng.uniform(-0.03, 0.03))
            faces.line("front", [(y, z - 0.08), (y + tilt, z + 0.06)], 0.03, _LETTERS)


def roof_unit(body: Body, style: Style) -> Mesh:
    """Air conditioning on the roof."""
    x = 1.2 if style.seed % 2 else -1.5
    z = top_at(body, x, 0.0)
    unit = block((x, 0.0, z + 0.04), (1.25, 0.72, 0.13), Stuff.PANEL, 0.0, 0.08)
    parts = [soft_mesh([unit], 0.07)]
    if style.seed % 3 == 0:
        hatch = block((-x, 0.0, z), (0.4, 0.4, 0.05), Stuff.TRIM, 0.0, 0.03)
        parts.append(soft_mesh([hatch], 0.05))
    return join(parts)
