"""Pinhole views: a fixed camera, or a window of its frame, as one small set of numbers.

A crop is the same camera with another principal point and focal length, so crops and full frames
share every line of the renderer. Camera space is x right, y down, z forward, metres. Pixel
coordinates are continuous: the centre of the first pixel is (0.5, 0.5).
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from platefree.city.scene import CameraModel, Crop, Floats, PlacedVehicle


class View(NamedTuple):
    """A pinhole camera that fills a picture; a tuple so that compiled code can read it.

    Attributes:
        rotation: (3, 3) float32, world to camera space; its rows are right, down and forward.
        position: (3,) float32, world metres.
        focal_x: pixels of the picture.
        focal_y: pixels of the picture; differs from ``focal_x`` if a crop is stretched.
        centre_x: principal point, pixels.
        centre_y: principal point, pixels.
        width: of the picture, pixels.
        height: of the picture, pixels.
    """

    rotation: Floats
    position: Floats
    focal_x: float
    focal_y: float
    centre_x: float
    centre_y: float
    width: int
    height: int


def full_frame(camera: CameraModel) -> Crop:
    """The crop that is the whole frame at its own size."""
    return Crop(0.0, 0.0, camera.width, camera.height, camera.width, camera.height)


def camera_axes(camera: CameraModel) -> Floats:
    """Rows right, down and forward of a camera in the world, (3, 3) float32."""
    sin_yaw, cos_yaw = math.sin(camera.yaw), math.cos(camera.yaw)
    sin_pitch, cos_pitch = math.sin(camera.pitch), math.cos(camera.pitch)
    forward = np.array([cos_yaw * cos_pitch, sin_yaw * cos_pitch, -sin_pitch])
    right = np.array([sin_yaw, -cos_yaw, 0.0])
    return np.stack([right, np.cross(forward, right), forward]).astype(np.float32)


def view_of(camera: CameraModel, crop: Crop) -> View:
    """The view that a crop of a camera's frame is."""
    scale_x, scale_y = crop.out_width / crop.width, crop.out_height / crop.height
    return View(
        camera_axes(camera),
        np.array(camera.position, np.float32),
        camera.focal * scale_x,
        camera.focal * scale_y,
        (camera.width / 2 - crop.left) * scale_x,
        (camera.height / 2 - crop.top) * scale_y,
        crop.out_width,
        crop.out_height,
    )


def scaled(view: View, factor: float) -> View:
    """The same view with ``factor`` times as many pixels a side."""
    return View(
        view.rotation,
        view.position,
        view.focal_x * factor,
        view.focal_y * factor,
        view.centre_x * factor,
        view.centre_y * factor,
        round(view.width * factor),
        round(view.height * factor),
    )


def mirrored(view: View) -> View:
    """What the view sees reflected in the ground plane; triangles turn their winding in it."""
    flip = np.array([1.0, 1.0, -1.0], np.float32)
    return view._replace(rotation=view.rotation * flip, position=view.position * flip)


def to_camera(view: View, points: Floats) -> Floats:
    """World points in camera space.

    Args:
        view: who looks.
        points: (n, 3), metres.

    Returns:
        (n, 3) float32: right, down, forward, metres.
    """
    return ((points - view.position) @ view.rotation.T).astype(np.float32)


def project(camera: CameraModel | View, points: Floats) -> NDArray[np.float64]:
    """Where world points fall in the picture.

    Args:
        camera: a camera (its full frame) or a view.
        points: (n, 3), metres.

    Returns:
        (n, 3): x and y in pixels, depth in metres. Points behind the camera have depth <= 0 and
        no meaningful x and y.
    """
    view = camera if isinstance(camera, View) else view_of(camera, full_frame(camera))
    relative = np.asarray(points, np.float64) - view.position.astype(np.float64)
    right, down, depth = view.rotation.astype(np.float64) @ relative.T
    safe = np.where(np.abs(depth) < 1e-9, 1e-9, depth)
    x = view.centre_x + view.focal_x * right / safe
    y = view.centre_y + view.focal_y * down / safe
    return np.stack([x, y, depth], axis=1)


def ground_homography(camera: CameraModel | View) -> NDArray[np.float64]:
    """(3, 3) matrix from ground points (x, y, 1) to picture points (x, y, 1) times depth."""
    view = camera if isinstance(camera, View) else view_of(camera, full_frame(camera))
    rotation = view.rotation.astype(np.float64)
    shift = rotation @ -view.position.astype(np.float64)
    intrinsic = np.array(
        [[view.focal_x, 0, view.centre_x], [0, view.focal_y, view.centre_y], [0, 0, 1.0]]
    )
    return intrinsic @ np.stack([rotation[:, 0], rotation[:, 1], shift], axis=1)


def pixel_to_ground(camera: CameraModel | View, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ground points under picture points.

    Args:
        camera: a camera (its full frame) or a view.
        pixels: (n, 2).

    Returns:
        (n, 2) world metres; nan for pixels at or over the horizon.
    """
    inverse = np.linalg.inv(ground_homography(camera))
    homogeneous = np.column_stack([pixels, np.ones(len(pixels))]) @ inverse.T
    ahead = homogeneous[:, 2:] > 0  # 1 / depth
    return np.where(ahead, homogeneous[:, :2] / np.where(ahead, homogeneous[:, 2:], 1), np.nan)


def body_to_world(vehicle: PlacedVehicle) -> tuple[Floats, Floats]:
    """Rotation (3, 3) and shift (3,) from a vehicle's body frame to the world."""
    sin, cos = math.sin(vehicle.heading), math.cos(vehicle.heading)
    rotation = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], np.float32)
    return rotation, np.array([*vehicle.position, 0.0], np.float32)


def azimuth_elevation(camera: CameraModel, vehicle: PlacedVehicle) -> tuple[float, float]:
    """From where a vehicle is seen.

    Args:
        camera: who looks.
        vehicle: what is seen; its middle is half its height over its origin.

    Returns:
        Azimuth in [0, 360) degrees: 0 front, 90 left, 180 rear, 270 right; and elevation in
        degrees over the vehicle's horizon.
    """
    east = camera.position[0] - vehicle.position[0]
    north = camera.position[1] - vehicle.position[1]
    rise = camera.position[2] - vehicle.asset.size[2] / 2
    azimuth = math.degrees(math.atan2(north, east) - vehicle.heading) % 360.0
    return azimuth, math.degrees(math.atan2(rise, math.hypot(east, north)))
