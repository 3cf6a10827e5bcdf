"""The boxes of all vehicles and plates on a whole frame, from its geometry and its masks.

A vehicle's box is tight around its outline within the frame, also where something stands before
it. **hidden** is the fraction of the vehicle that is not to be seen: what others hide of its
outline, and what is outside the frame. A box is in question (`ignore`) if more than `MOST_HIDDEN`
is hidden or its longer side is shorter than `SMALLEST`. A plate's box is around its visible
pixels; one that is shorter than `SMALLEST_PLATE` is in question too.
"""

import numpy as np
from numpy.typing import NDArray

from platefree.city.optics import View, body_to_world, full_frame, scaled, view_of
from platefree.city.output.label_files import Box, box_round
from platefree.city.render.raster import NEAR, draw, empty_samples
from platefree.city.scene import Part, Picture, PlacedVehicle, Scene
from platefree.data.frame_boxes import KINDS, OnFrame

MOST_HIDDEN = 0.6
SMALLEST = 12  # pixels
SMALLEST_PLATE = 8

_COARSE = 0.25  # pixels of the frame, where only fractions are counted

_TYPES = {"motorcycle": "motorcycle", "truck": "truck", "pickup": "truck", "bus": "bus"}


def kind_of_type(vehicle_type: str) -> str:
    """What a detector calls a vehicle of the city: everything else is a car, vans too."""
    kind = _TYPES.get(vehicle_type, "car")
    assert kind in KINDS  # noqa: S101
    return kind


def label_frame(scene: Scene, picture: Picture, types: tuple[str, ...]) -> list[OnFrame]:
    """Every vehicle of which something is within the frame, and every visible plate.

    Args:
        scene: what there is.
        picture: the whole frame.
        types: of the scene's vehicles.
    """
    view = view_of(scene.camera, full_frame(scene.camera))
    labels: list[OnFrame] = []
    for number, (vehicle, vehicle_type) in enumerate(zip(scene.vehicles, types, strict=True)):
        points = _camera_points(view, vehicle)
        outline = _outline(view, points, vehicle)
        box, own = box_round(outline), picture.vehicle == number
        if not outline.any():
            continue
        seen = float((outline & own).sum() / outline.sum()) * _share_inside(
            view, points, vehicle, box
        )
        hidden = round(1.0 - seen, 3)
        doubtful = hidden > MOST_HIDDEN or _longer(box) < SMALLEST
        labels.append(OnFrame(kind_of_type(vehicle_type), box, doubtful, hidden))
        plate = box_round(own & (picture.part == Part.PLATE))
        if _longer(plate):
            labels.append(OnFrame("plate", plate, _longer(plate) < SMALLEST_PLATE))
    return labels


def _camera_points(view: View, vehicle: PlacedVehicle) -> NDArray[np.float32]:
    """(v, 3) vertices of the exterior, right, down and forward of the camera; metres."""
    rotation, shift = body_to_world(vehicle)
    world = vehicle.asset.exterior.vertices @ rotation.T + shift
    return ((world - view.position) @ view.rotation.T).astype(np.float32)


def _outline(view: View, points: NDArray[np.float32], vehicle: PlacedVehicle) -> NDArray[np.bool_]:
    """(h, w) where the vehicle would be seen if nothing stood before it."""
    if points[:, 2].max() < NEAR:
        return np.zeros((view.height, view.width), np.bool_)
    samples = empty_samples(view.height, view.width)
    draw(samples, view, points, vehicle.asset.exterior.triangles)
    return samples.triangle >= 0


def _share_inside(
    view: View, points: NDArray[np.float32], vehicle: PlacedVehicle, box: Box
) -> float:
    """Fraction of the outline within the frame, of that in a frame of three times its sides."""
    if box[0] > 0 and box[1] > 0 and box[2] < view.width and box[3] < view.height:
        return 1.0
    small = scaled(view, _COARSE)
    wide = small._replace(
        centre_x=small.centre_x + small.width,
        centre_y=small.centre_y + small.height,
        width=3 * small.width,
        height=3 * small.height,
    )
    outline = _outline(wide, points, vehicle)
    inside = outline[small.height : -small.height, small.width : -small.width]
    return float(inside.sum() / outline.sum()) if outline.any() else 1.0


def _longer(box: Box) -> int:
    left, top, right, bottom = box
    return max(right - left, bottom - top)
