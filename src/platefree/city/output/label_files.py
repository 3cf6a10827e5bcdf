"""Every label of a finished picture, from its masks and from its scene.

Definitions, all in pixels of the finished picture unless said otherwise:

- **azimuth** 0 is the front, 90 the vehicle's left side, 180 the rear, 270 the right side;
  **elevation** is the angle of the camera above the vehicle's horizon. Degrees.
- **view**: front where the azimuth is less than `FRONT_WITHIN` degrees from 0, rear where it is
  less than that from 180, else side. **view8**: the sector of 45 degrees around 0, 45, 90 ...
- **vehicle box**: around the visible pixels of the subject. The **frame box** is the tight box of
  its whole geometry in the camera's full frame, cut off only at the frame's border.
- **part boxes** of windows and lights: one around each 8-connected group of visible pixels of that
  part of at least `SMALLEST_PART` pixels and `SMALLEST_FRACTION` of the visible vehicle. They are
  the parts of part-regularized re-ID (He et al. 2019, section 3.2): windows are the windscreen and
  the rear window, no side windows. A box of a light reaches down to the bottom of the vehicle box.
  A group of lights whose middle is in the upper `HIGH_LAMP` of the vehicle box is a high brake lamp
  or a marker lamp and gets no box.
- **brand box**: the head or rear area, in views of front or rear. It spans the light boxes of that
  end, from the outermost ones' top down to the bottom; if all are on one side of the end's middle,
  they are mirrored there. Without a light there is none.
- **occlusion**: fraction of the subject's silhouette within the picture that something else hides.
- **inside**: fraction of the subject's whole box that is inside the camera's frame.

A box is (left, top, right, bottom); right and bottom are exclusive.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platefree.city.optics import azimuth_elevation, body_to_world, project, view_of
from platefree.city.scene import Part, Picture
from platefree.city.world.shots import Shot
from platefree.jit import njit

FRONT_WITHIN = 60.0
SMALLEST_PART = 6
SMALLEST_FRACTION = 0.002
HIGH_LAMP = 0.33
_LIGHTS_WITHIN = 0.2  # of the length: the lights of an end are not farther from it

VIEWS8 = (
    *("front", "front-left", "left", "rear-left"),
    *("rear", "rear-right", "right", "front-right"),
)

Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class ShotLabels:
    """Labels of one picture besides its vehicle, camera, track and time.

    Attributes:
        width: of the picture.
        height: of the picture.
        azimuth: degrees, [0, 360).
        elevation: degrees.
        view: front, rear or side.
        view8: one of `VIEWS8`.
        weather: clear, overcast, rain or fog.
        sun_elevation: degrees; below 0 is dusk and night.
        occlusion: 0 nothing of the subject is hidden, 1 all of it.
        inside: fraction of the subject that is inside the frame.
        vehicle_box: around its visible pixels; all 0 where none is visible.
        frame_box: pixels of the camera's full frame.
        crop_box: the crop in pixels of the full frame.
        windows: boxes.
        lights: boxes, down to the bottom of the vehicle.
        brand: box of the head or rear area, or none.
    """

    width: int
    height: int
    azimuth: float
    elevation: float
    view: str
    view8: str
    weather: str
    sun_elevation: float
    occlusion: float
    inside: float
    vehicle_box: Box
    frame_box: tuple[float, float, float, float]
    crop_box: tuple[float, float, float, float]
    windows: tuple[Box, ...]
    lights: tuple[Box, ...]
    brand: tuple[Box, ...]

    def to_row(self) -> dict[str, Any]:
        """Plain values by column name; boxes are lists."""
        row = asdict(self)
        row["vehicle_box"], row["frame_box"] = list(self.vehicle_box), list(self.frame_box)
        row["crop_box"] = list(self.crop_box)
        for part in ("windows", "lights", "brand"):
            row[part] = [list(box) for box in row[part]]
        return row


def label_shot(shot: Shot, picture: Picture) -> ShotLabels:
    """All labels of a picture.

    Args:
        shot: scene and crop.
        picture: its masks.
    """
    scene, crop = shot.scene, shot.crop
    azimuth, elevation = azimuth_elevation(scene.camera, scene.vehicles[0])
    own = picture.vehicle == 0
    vehicle = box_round(own)
    smallest = max(SMALLEST_PART, round(SMALLEST_FRACTION * int(own.sum())))
    windows, lamps = (
        part_boxes(own & (picture.part == part), smallest) for part in (Part.WINDOW, Part.LIGHT)
    )
    lights, view = _down_to_the_bottom(lamps, vehicle), view_of_azimuth(azimuth)
    height, width = own.shape
    frame_box = [round(float(edge), 2) for edge in shot.box]
    return ShotLabels(
        width=width,
        height=height,
        azimuth=round(azimuth, 2) % 360.0,
        elevation=round(elevation, 2),
        view=view,
        view8=view8_of_azimuth(azimuth),
        weather=scene.conditions.weather,
        sun_elevation=round(float(np.degrees(scene.conditions.sun_elevation)), 2),
        occlusion=round(occlusion(picture), 4),
        inside=round(shot.inside, 4),
        vehicle_box=vehicle,
        frame_box=(frame_box[0], frame_box[1], frame_box[2], frame_box[3]),
        crop_box=(crop.left, crop.top, crop.left + crop.width, crop.top + crop.height),
        windows=windows,
        lights=lights,
        brand=() if view == "side" else head_area(lights, vehicle, *_end_of(shot, view)),
    )


def view_of_azimuth(azimuth: float) -> str:
    """Front, rear or side by degrees of azimuth."""
    from_front = abs((azimuth + 180.0) % 360.0 - 180.0)
    if from_front < FRONT_WITHIN:
        return "front"
    return "rear" if from_front > 180.0 - FRONT_WITHIN else "side"


def view8_of_azimuth(azimuth: float) -> str:
    """One of `VIEWS8` by degrees of azimuth."""
    return VIEWS8[int((azimuth + 22.5) % 360.0 // 45.0)]


def occlusion(picture: Picture) -> float:
    """Fraction of the subject's silhouette that something else hides; 1 where there is none."""
    whole = int(picture.silhouette.sum())
    seen = int((picture.silhouette & (picture.vehicle == 0)).sum())
    return 1.0 - seen / whole if whole else 1.0


def _down_to_the_bottom(lights: tuple[Box, ...], vehicle: Box) -> tuple[Box, ...]:
    low = vehicle[1] + HIGH_LAMP * (vehicle[3] - vehicle[1])
    return tuple(
        (left, top, right, vehicle[3])
        for left, top, right, bottom in lights
        if (top + bottom) / 2 >= low
    )


def head_area(
    lights: tuple[Box, ...], vehicle: Box, end: tuple[float, float], middle: float
) -> tuple[Box, ...]:
    """The box of the head or the rear, where its lights are; none without a light.

    Args:
        lights: boxes, which reach down to the bottom of the vehicle.
        vehicle: its box.
        end: from where to where the lights of this end are, in pixels from left to right.
        middle: of this end, in pixels from the left.
    """
    own = sorted(box for box in lights if end[0] <= (box[0] + box[2]) / 2 <= end[1])
    if not own:
        return ()
    left, right = own[0][0], max(box[2] for box in own)
    outermost = own[0], max(own, key=lambda box: box[2])  # between them may be a brake lamp
    top = min(box[1] for box in outermost)
    if len({(box[0] + box[2]) / 2 < middle for box in own}) == 1:
        left, right = min(left, round(2 * middle - right)), max(right, round(2 * middle - left))
    return ((max(left, vehicle[0]), top, min(right, vehicle[2]), vehicle[3]),)


def _end_of(shot: Shot, view: str) -> tuple[tuple[float, float], float]:
    """From where to where the front or the rear is in the picture, and its middle, pixels."""
    subject = shot.scene.vehicles[0]
    length, width, height = subject.asset.size
    along = subject.asset.exterior.vertices[:, 0]
    tip, inward = (along.max(), -1.0) if view == "front" else (along.min(), 1.0)
    behind = tip + inward * _LIGHTS_WITHIN * length
    corners = [
        (x, y, z) for x in (tip, behind) for y in (-width / 2, width / 2) for z in (0.0, height / 2)
    ]
    points = np.array([*corners, (tip, 0.0, height / 4)])
    rotation, shift = body_to_world(subject)
    places = project(view_of(shot.scene.camera, shot.crop), points @ rotation.T + shift)[:, 0]
    return (float(places[:-1].min()), float(places[:-1].max())), float(places[-1])


def box_round(mask: Mask) -> Box:
    """The tight box around the pixels of a mask; all 0 where there are none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def part_boxes(mask: Mask, smallest: int) -> tuple[Box, ...]:
    """Boxes around the 8-connected groups of a mask of at least so many pixels, largest first."""
    found = _groups(np.ascontiguousarray(mask))
    kept = sorted((row for row in found.tolist() if row[4] >= smallest), key=lambda row: -row[4])
    return tuple((left, top, right, bottom) for left, top, right, bottom, _ in kept)


@njit(cache=True)
def _groups(mask: Mask) -> NDArray[np.int64]:
    """(n, 5) left, top, right, bottom and size of each 8-connected group, by its first pixel."""
    height, width = mask.shape
    left_over = mask.copy()
    found = np.empty((int(mask.sum()), 5), np.int64)
    stack = np.empty((int(mask.sum()), 2), np.int64)
    count = 0
    for row in range(height):
        for column in range(width):
            if not left_over[row, column]:
                continue
            left_over[row, column] = False
            stack[0, 0], stack[0, 1] = row, column
            depth, size = 1, 0
            left, top, right, bottom = column, row, column + 1, row + 1
            while depth:
                depth -= 1
                y, x = stack[depth, 0], stack[depth, 1]
                size += 1
                left, right = min(left, x), max(right, x + 1)
                top, bottom = min(top, y), max(bottom, y + 1)
                for near_y in range(max(y - 1, 0), min(y + 2, height)):
                    for near_x in range(max(x - 1, 0), min(x + 2, width)):
                        if left_over[near_y, near_x]:
                            left_over[near_y, near_x] = False
                            stack[depth, 0], stack[depth, 1] = near_y, near_x
                            depth += 1
            found[count] = np.array([left, top, right, bottom, size])
            count += 1
    return found[:count]
