"""What an identity paints on the maps of its model: stickers, decals, livery, scratches, dirt."""

import cv2
import numpy as np

from platefree.city.scene import SIDES, Floats, Mesh
from platefree.city.vehicles.body import Body
from platefree.city.vehicles.faces import (
    cabin_half_width,
    front_plate_z,
    rear_face,
    rear_plate_z,
)
from platefree.city.vehicles.glazing import PAINT, doors_of
from platefree.city.vehicles.maps import Canvas, Ink, Points, Side
from platefree.city.vehicles.plates import paint_text_plate
from platefree.city.vehicles.shapes import Style
from platefree.city.vehicles.trims import paint_trim
from platefree.city.vehicles.variety import Variety
from platefree.city.vehicles.vehicle_identity import Identity, Sticker


def paint_sticker(canvas: Canvas, side: Side, place: tuple[float, float], sticker: Sticker) -> None:
    """Paint a sticker around a place of one map, in place."""
    u, v = place
    a, b = sticker.size
    ink = Ink(sticker.color, roughness=0.5)
    mark = Ink((30, 30, 34) if sum(sticker.color) > 380 else (228, 228, 224), roughness=0.5)
    if sticker.shape == 1:
        radius = min(a, max(b, 0.6 * a))
        canvas.ellipse(side, (u, v), (radius, radius), ink)
        canvas.ellipse(side, (u, v), (0.45 * radius, 0.45 * radius), mark)
    elif sticker.shape == 2:
        b *= 0.6
        canvas.polygon(side, [(u - a, v - b), (u + a, v - b), (u + a, v + b), (u - a, v + b)], ink)
    elif sticker.shape == 3:
        flame: Points = [
            (u - a, v - b),
            (u + 0.2 * a, v - 0.6 * b),
            (u + a, v),
            (u + 0.1 * a, v + b),
            (u + 0.3 * a, v + 0.1 * b),
            (u - 0.6 * a, v + 0.5 * b),
        ]
        canvas.polygon(side, flame, ink)
    else:
        canvas.polygon(side, [(u - a, v - b), (u + a, v - b), (u + a, v + b), (u - a, v + b)], ink)
        for up in (-0.35, 0.25):
            canvas.line(side, [(u - 0.7 * a, v + up * b), (u + 0.7 * a, v + up * b)], 0.3 * b, mark)


def _on_screens(canvas: Canvas, body: Body, style: Style, identity: Identity) -> None:
    shape = body.shape
    low, high = shape.cowl_z + 0.10, shape.height - 0.12
    for sticker in identity.stickers:
        z = low + sticker.place[1] * (high - low)
        reach = cabin_half_width(body, z) - 0.15
        paint_sticker(canvas, "front", ((2 * sticker.place[0] - 1) * reach, z), sticker)
    if body.shape.rear_x > -0.5:  # a cab: those are on the box behind it
        return
    plate = rear_plate_z(shape, style)
    below = plate - 0.08 if not style.plate_low else rear_face(shape, style).lamp_z - 0.06
    # A load or the doors' panels may hide what is on glass.
    on_glass = not style.panel_side and shape.bed == 0
    for number, sticker in enumerate(identity.rear_stickers):
        if number % 2 == 0 and on_glass:
            z = shape.tail_z + 0.10 + 0.5 * sticker.place[1] * (shape.height - shape.tail_z - 0.25)
        else:
            z = below - sticker.size[1] - 0.02 * sticker.place[1]
        y = (2 * sticker.place[0] - 1) * (shape.half_width - 0.38)
        paint_sticker(canvas, "rear", (y, z), sticker)


def _on_sides(canvas: Canvas, body: Body, style: Style, identity: Identity) -> None:
    shape = body.shape
    doors = doors_of(shape, style)
    low = shape.sill + 0.26
    high = shape.belt - 0.12 if not style.panel_side else shape.height - 0.45
    rear, front = max(shape.axles[1] + 0.5, shape.rear_x + 0.2), doors.front - 0.1
    if front - rear < 0.3:
        rear, front = shape.rear_x + 0.1, shape.front_x - 0.2
    for sticker in identity.decals:
        x = rear + sticker.place[0] * (front - rear)
        z = low + sticker.place[1] * (high - low)
        for side in ("left", "right"):
            paint_sticker(canvas, side, (x, z), sticker)
        if style.panel_side or identity.kind == "bus":
            paint_sticker(canvas, "rear", (0.25, shape.belt - 0.12), sticker)


def _livery(canvas: Canvas, body: Body, style: Style, identity: Identity) -> None:
    if identity.livery == 0:
        return
    shape = body.shape
    ink = Ink(identity.stripe_color, roughness=0.3)
    low, high = shape.sill + 0.2, shape.belt - 0.06
    back, ahead = shape.rear_x - 0.1, shape.front_x - 0.45
    outline: Points
    if identity.livery == 1:
        outline = [(back, low + 0.15), (ahead, low + 0.15), (ahead, low + 0.38), (back, low + 0.38)]
    elif identity.livery == 2:
        cut = 0.4 * back + 0.6 * ahead
        outline = [(back, low), (cut, low), (cut - 0.5, high), (back, high)]
    elif identity.livery == 3:
        xs = np.linspace(back, ahead, 20)
        wave = [0.5 * (low + high) + 0.16 * float(np.sin(1.3 * x)) for x in xs]
        outline = [*zip(xs.tolist(), wave, strict=True), (ahead, low), (back, low)]
    else:
        outline = [(back, high - 0.10), (ahead, high - 0.10), (ahead, high), (back, high)]
    for side in ("left", "right"):
        canvas.polygon(side, outline, ink)
        if identity.livery == 4:
            canvas.polygon(side, [(x, z - 0.25) for x, z in outline], ink)


def _damage(canvas: Canvas, body: Body, identity: Identity) -> None:
    shape = body.shape
    for number, damage in enumerate(identity.damage):
        if not damage.scratch:
            continue
        side = SIDES[damage.side]
        rng = np.random.default_rng([identity.dirt, number, 5])
        z = damage.place[1] * (shape.belt - 0.1)
        if damage.side < 2:
            u = shape.rear_x + damage.place[0] * (shape.front_x - shape.rear_x)
        else:
            u = (2 * damage.place[0] - 1) * (shape.half_width - 0.3)
            z = 0.6 * z
        for _ in range(3):
            slope = float(rng.uniform(-0.15, 0.15))
            shift = float(rng.uniform(-0.04, 0.04))
            stroke: Points = [
                (u + shift, z + shift),
                (u + shift + damage.length, z + shift + slope * damage.length),
            ]
            ink = Ink((190, 190, 186), roughness=0.8, opacity=0.8)
            canvas.line(side, stroke, 0.012, ink)
        canvas.line(
            side,
            [(u, z), (u + 0.6 * damage.length, z)],
            0.02,
            Ink((70, 68, 66), roughness=0.9, opacity=0.6),
        )


def _noise(seed: int, height: int, width: int) -> Floats:
    rng = np.random.default_rng([seed, 9])
    total = np.zeros((height, width), dtype=np.float32)
    for cells, weight in ((6, 0.5), (18, 0.3), (60, 0.2)):
        coarse = rng.random((cells, 2 * cells)).astype(np.float32)
        total += weight * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return total


def _dirt(canvas: Canvas, identity: Identity) -> None:
    amount = identity.dirt_amount
    if amount < 0.12:
        return
    ink = Ink((112, 100, 84), roughness=0.95, opacity=0.75)
    for number, side in enumerate(("left", "right", "front", "rear")):
        _, z = canvas.texels(side)
        pattern = _noise(identity.dirt + number, *z.shape)
        low = np.clip((0.25 + 0.7 * amount - z) / 0.45, 0, 1)
        cover = np.clip((pattern - 0.62 + 0.45 * amount) * 3.0, 0, 1) * low * amount
        canvas.mask(side, cover.astype(np.float32), ink)


def _varied(canvas: Canvas, body: Body, style: Style, variety: Variety) -> None:
    shape, trim = body.shape, variety.trim
    if trim is not None:
        paint_trim(canvas, body, style, trim)
    if shape.rear_x <= -0.5:  # the plate of a truck is on its frame
        below_spare = trim is not None and trim.spare is not None
        z = shape.sill + 0.21 if below_spare else rear_plate_z(shape, style)
        paint_text_plate(canvas, "rear", (0.0, z), variety.plate)
    paint_text_plate(canvas, "front", (0.0, front_plate_z(shape, style)), variety.plate)


def paint_identity(canvas: Canvas, body: Body, style: Style, identity: Identity) -> None:
    """Paint the small things that set a vehicle apart from others of its model, in place."""
    _livery(canvas, body, style, identity)
    if identity.variety is not None:
        _varied(canvas, body, style, identity.variety)
    if identity.missing_badge:
        face = rear_face(body.shape, style)
        z = face.lamp_z + 0.015
        cover = [(-0.075, z - 0.06), (0.075, z - 0.06), (0.075, z + 0.07), (-0.075, z + 0.07)]
        canvas.polygon("rear", cover, PAINT)
    _on_sides(canvas, body, style, identity)
    _on_screens(canvas, body, style, identity)
    _damage(canvas, body, identity)
    _dirt(canvas, identity)


def dented(mesh: Mesh, body: Body, identity: Identity) -> Mesh:
    """A body's mesh with the identity's dents pressed in."""
    shape = body.shape
    dents = [damage for damage in identity.damage if not damage.scratch]
    if not dents:
        return mesh
    vertices, normals = mesh.vertices.copy(), mesh.normals.copy()
    for damage in dents:
        z = damage.place[1] * shape.belt
        if damage.side < 2:
            axis, sign = 1, 1.0 if damage.side == 0 else -1.0
            u = shape.rear_x + damage.place[0] * (shape.front_x - shape.rear_x)
        else:
            axis, sign = 0, 1.0 if damage.side == 2 else -1.0
            u = (2 * damage.place[0] - 1) * 0.7 * shape.half_width
        along = vertices[:, 1 - axis] - u
        up = vertices[:, 2] - z
        radius = 0.5 * damage.length
        near = np.exp(-(along**2 + (1.4 * up) ** 2) / (2 * (0.5 * radius) ** 2))
        near *= np.clip(2.0 * sign * normals[:, axis] - 0.8, 0, 1)
        near = near.astype(np.float32)
        depth = 0.12 * radius
        vertices[:, axis] -= sign * depth * near
        slope = depth / (0.5 * radius) ** 2
        normals[:, 1 - axis] -= 1.5 * slope * along * near
        normals[:, 2] -= 1.5 * slope * up * near
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Mesh(vertices, normals, mesh.occlusion, mesh.triangles, mesh.material)
