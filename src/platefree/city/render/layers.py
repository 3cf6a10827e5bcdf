"""Laying what was shaded over what lies behind it."""

import numpy as np

from platefree.city.render.compiled import kernel
from platefree.city.render.staging import Layer
from platefree.city.scene import Floats


@kernel
def _cover_with(radiance, color, weight):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    for y in range(weight.shape[0]):
        for x in range(weight.shape[1]):
            fraction = min(weight[y, x], np.float32(1.0))
            if fraction > 0.0:
                for n in range(3):
                    radiance[y, x, n] = radiance[y, x, n] * (1 - fraction) + color[y, x, n]


def lay_over(radiance: Floats, layer: Layer) -> None:
    """Lay a premultiplied layer over a picture, in place."""
    _cover_with(radiance, layer.color, layer.weight)
