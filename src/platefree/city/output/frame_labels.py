"""The boxes of all vehicles and plates on a whole frame, from its geometry and its masks.

A vehicle's box is tight around its outline within the frame, also where something stands before
it. **hidden** is the fraction of the vehicle that is not to be seen: what others hide of its
outline, and what is outside the frame. A box is in question (`ignore`) if more than `MOST_HIDDEN`
is hidden or its longer side is shorter than `SMALLEST`. A plate's box is around its visible
pixels; one that is shorter than `SMALLEST_PLATE` is in question too.
"""

from collections.abc import Sequence
from typing import NamedTuple

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


class OnScene(NamedTuple):
    """What is to be seen of one vehicle of a scene.

    Attributes:
        number: of the vehicle in the scene.
        box: around its outline within the frame.
        hidden: fraction of it that is not to be seen.
        plate: around the visible pixels of its plate; of no area if there are none.
    """

    number: int
    box: Box
    hidden: float
    plate: Box

    @property
    def doubtful(self) -> bool:
        """Whether too much is hidden, or it is too small."""
        return self.hidden > MOST_HIDDEN or _longer(self.box) < SMALLEST


def label_frame(scene: Scene, picture: Picture, types: tuple[str, ...]) -> list[OnFrame]:
    """Every vehicle of which something is within the frame, and every visible plate.

    Args:
        scene: what there is.
        picture: the whole frame.
        types: of the scene's vehicles.
    """
    return boxes_of_labels(label_scene(scene, picture), types)


def boxes_of_labels(found: Sequence[OnScene], types: Sequence[str]) -> list[OnFrame]:
    """The same, from what `label_scene` found."""
    labels: list[OnFrame] = []
    for each in found:
        kind = kind_of_type(types[each.number])
        labels.append(OnFrame(kind, each.box, each.doubtful, each.hidden))
        if _longer(each.plate):
            labels.append(OnFrame("plate", each.plate, _longer(each.plate) < SMALLEST_PLATE))
    return labels


def label_scene(scene: Scene, picture: Picture) -> list[OnScene]:
    """Every vehicle of which something is within the frame.

    Args:
        scene: what there is.
        picture: the whole frame.
    """
    view = view_of(scene.camera, full_frame(scene.camera))
    labels: list[OnScene] = []
    for number, vehicle in enumerate(scene.vehicles):
        if _is_behind(view, vehicle):
            continue
        points = _camera_points(view, vehicle)
        left, top, right, bottom = _reach(view, points)
        if left >= right or top >= bottom:
            continue
        part = view._replace(
            centre_x=view.centre_x - left, centre_y=view.centre_y - top,
            width=right - left, height=bottom - top,
        )  # fmt: skip
        outline = _outline(part, points, vehicle)
        if not outline.any():
            continue
        own = picture.vehicle[top:bottom, left:right] == number
        box = _moved(box_round(outline), left, top)
        seen = float((outline & own).sum() / outline.sum()) * _share_inside(
            view, points, vehicle, box
        )
        plate = box_round(own & (picture.part[top:bottom, left:right] == Part.PLATE))
        labels.append(OnScene(number, box, round(1.0 - seen, 3), _moved(plate, left, top)))
    return labels


def _is_behind(view: View, vehicle: PlacedVehicle) -> bool:
    """Whether all of a vehicle is surely behind the camera; quicker than to look at its mesh."""
    middle = np.array([*vehicle.position, vehicle.asset.size[2] / 2], np.float32)
    depth = float(view.rotation[2] @ (middle - view.position))
    return depth < -sum(vehicle.asset.size)


def _reach(view: View, points: NDArray[np.float32]) -> Box:
    """The part of a frame that a mesh may cover: all of it if something is beside the lens."""
    depth = points[:, 2]
    if depth.max() < NEAR:
        return 0, 0, 0, 0
    if depth.min() < NEAR:
        return 0, 0, view.width, view.height
    x = view.centre_x + view.focal_x * points[:, 0] / depth
    y = view.centre_y + view.focal_y * points[:, 1] / depth
    return (
        max(int(x.min()) - 1, 0), max(int(y.min()) - 1, 0),
        min(int(x.max()) + 2, view.width), min(int(y.max()) + 2, view.height),
    )  # fmt: skip


def _moved(box: Box, right: int, down: int) -> Box:
    """A box within a part of a frame as one of the frame; an empty one stays empty."""
    if not _longer(box):
        return box
    return box[0] + right, box[1] + down, box[2] + right, box[3] + down


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
