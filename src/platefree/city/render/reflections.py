"""Vehicles mirrored in wet ground."""

import numpy as np

from platefree.city.optics import View, mirrored
from platefree.city.render.actors import Actor, draw_all, painted, window_of
from platefree.city.render.compiled import kernel
from platefree.city.render.shading import shade_vehicle
from platefree.city.render.staging import Setting, empty_layer
from platefree.city.scene import Floats


def streak_of(height: int) -> int:
    """Rows by which a rough wet surface draws reflections out, up and down."""
    return max(1, height // 40)


def reflections_of(view: View, actors: list[Actor], setting: Setting, reach: int) -> Floats:
    """The reflection of vehicles in wet ground.

    Args:
        view: of the picture.
        actors: the vehicles.
        setting: of the picture.
        reach: see `streak_of`.

    Returns:
        (h, w, 4) float32, premultiplied color and weight.
    """
    view = mirrored(view)
    setting = setting._replace(view=view, factor=1)
    outside, inside, shells, _ = draw_all(view, actors, 1)
    layer = empty_layer(view.height, view.width)
    parts = np.zeros((view.height, view.width), np.uint8)
    for actor, pair in zip(actors, shells, strict=True):
        window = window_of(pair[0].points, view)
        shade_vehicle((outside, inside), painted(actor, pair), setting, window, layer, parts)
    both = np.concatenate([layer.color, layer.weight[:, :, None]], axis=2)
    out = np.empty_like(both)
    _streak(both, reach, out)
    return out


@kernel
def _streak(source, reach, out):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Blur up and down, as a rough wet surface draws reflections out."""
    height, width, channels = source.shape
    scale = np.float32(1.0 / (2 * reach + 1))
    for y in range(height):
        for x in range(width):
            for n in range(channels):
                total = np.float32(0.0)
                for i in range(y - reach, y + reach + 1):
                    total += source[min(max(i, 0), height - 1), x, n]
                out[y, x, n] = total * scale
