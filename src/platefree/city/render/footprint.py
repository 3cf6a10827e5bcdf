"""Effects of a vehicle on the ground around it: contact shadow, cast shadow, light of its lamps.

The contact shadow comes from the height of the vehicle's underside over the ground, seen from
straight above; it belongs to the asset and is worked out once.
"""

from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from platefree.city.render.compiled import kernel
from platefree.city.render.ground import Surroundings
from platefree.city.render.raster import draw_heights
from platefree.city.render.shadows import Shadow, shaded
from platefree.city.render.sky import Light
from platefree.city.render.staging import Place
from platefree.city.scene import Floats, VehicleAsset

_CELL = 0.08  # metres
_REACH = 2.0  # metres around the body that lie in its contact shadow
_CEILING = 10.0  # metres; heights are drawn upside down below it


class Contact(NamedTuple):
    """How much sky the ground under and around a vehicle sees, in the body frame.

    Attributes:
        hidden: (h, w) float32, fraction of the sky that the vehicle hides; row 0 is the lowest y.
        low: (2,) float32, metres, the corner of the first cell.
        high: (2,) float32, metres, the last corner.
    """

    hidden: Floats
    low: Floats
    high: Floats


_CONTACTS: WeakKeyDictionary[VehicleAsset, Contact] = WeakKeyDictionary()


def contact_of(asset: VehicleAsset) -> Contact:
    """The contact shadow of an asset."""
    if asset not in _CONTACTS:
        _CONTACTS[asset] = _contact(asset)
    return _CONTACTS[asset]


def _contact(asset: VehicleAsset) -> Contact:
    vertices = asset.exterior.vertices
    low = vertices[:, :2].min(axis=0) - _REACH
    high = vertices[:, :2].max(axis=0) + _REACH
    columns, rows = np.ceil((high - low) / _CELL).astype(int).tolist()
    depth = np.zeros((rows, columns), np.float32)
    plane = ((vertices[:, :2] - low) / _CELL).astype(np.float32)
    triangles = np.ascontiguousarray(asset.exterior.triangles[:, ::-1])  # seen from below
    draw_heights(depth, plane, _CEILING - vertices[:, 2], triangles)
    height = np.where(depth > 0, _CEILING - depth, np.inf)
    near = _blurred(np.exp(-((height / 0.5) ** 2)), 0.13)
    # Beside a wall as high as a car about a third of the sky is gone, half a metre away a sixth.
    beside = _blurred((depth > 0).astype(np.float64), 0.55)
    hidden = 1 - (1 - 0.92 * near) * (1 - 0.7 * beside)
    return Contact(
        np.ascontiguousarray(hidden, np.float32),
        low.astype(np.float32),
        (low + np.array([columns, rows]) * _CELL).astype(np.float32),
    )


def _blurred(values: NDArray[np.float64], metres: float) -> NDArray[np.float64]:
    """Blurred by a Gaussian of this standard deviation."""
    spread = metres / _CELL
    offsets = np.arange(-int(3 * spread) - 1, int(3 * spread) + 2)
    kernel = np.exp(-0.5 * (offsets / spread) ** 2)
    kernel /= kernel.sum()
    rows = np.apply_along_axis(np.convolve, 1, values, kernel, "same")
    return np.apply_along_axis(np.convolve, 0, rows, kernel, "same")


@kernel
def _beam(ahead, side, width):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Light of two head lamps on the ground ``ahead`` of the bumper."""
    if not 0.0 < ahead < 30.0 or abs(side) > 6.0:
        return 0.0
    spread = 0.55 + 0.16 * ahead
    apart = min(0.35 * width, 0.65)
    left, right = (side - apart) / spread, (side + apart) / spread
    shape = np.exp(-left * left) + np.exp(-right * right)
    return shape * min(ahead / 2.5, 1.0) * np.exp(-ahead / 7.0)


@kernel
def _mark(around, contact, shadow, place, light, strength, width):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    rows, columns = contact.hidden.shape
    long = contact.high[0] - contact.low[0]
    scale = columns / long
    reach = (long + contact.high[1] - contact.low[1]) * 0.5 + 3.0
    reach += 4.0 * max(abs(shadow.shear[0]), abs(shadow.shear[1]))
    beam = place.lamps * light.beam
    if beam > 0.0:
        reach = max(reach, 34.0)
    front, rear = contact.high[0] - _REACH, contact.low[0] + _REACH
    for row in range(around.place.shape[0]):
        for column in range(around.place.shape[1]):
            x, y = around.place[row, column, 0], around.place[row, column, 1]
            east, north = x - place.x, y - place.y
            if not (abs(east) < reach and abs(north) < reach):
                continue
            around.open_sun[row, column] *= 1.0 - strength * shaded(shadow, x, y, 0.0)
            bx, by = place.cos * east + place.sin * north, place.cos * north - place.sin * east
            u, v = (bx - contact.low[0]) * scale - 0.5, (by - contact.low[1]) * scale - 0.5
            if 0.0 <= u < columns - 1.0 and 0.0 <= v < rows - 1.0:
                j, i = int(u), int(v)
                p, q = u - j, v - i
                top = contact.hidden[i, j] * (1 - p) + contact.hidden[i, j + 1] * p
                bottom = contact.hidden[i + 1, j] * (1 - p) + contact.hidden[i + 1, j + 1] * p
                hidden = top * (1 - q) + bottom * q
                around.open_sky[row, column] *= 1.0 - hidden
                around.open_sun[row, column] *= 1.0 - hidden * hidden
            if beam > 0.0 or place.brake > 0.0:
                white = 1.1 * beam * _beam(bx - front, by, width)
                red = 0.0
                behind = rear - bx
                if 0.0 < behind < 6.0:
                    red = 0.35 * light.beam * (0.3 * place.lamps + place.brake)
                    red *= min(behind, 1.0) * np.exp(
                        -behind / 1.3 - by * by / (0.3 + width * width * 0.4)
                    )
                around.extra[row, column, 0] += white + red
                around.extra[row, column, 1] += 0.94 * white + 0.05 * red
                around.extra[row, column, 2] += 0.82 * white + 0.03 * red


def mark_ground(
    around: Surroundings,
    asset: VehicleAsset,
    place: Place,
    shadow: Shadow,
    light: Light,
) -> None:
    """Add one vehicle's effect on the ground.

    Args:
        around: written in place.
        asset: the vehicle.
        place: where it stands.
        shadow: that it throws.
        light: of the picture.
    """
    _mark(around, contact_of(asset), shadow, place, light, 1.0, float(asset.size[1]))
