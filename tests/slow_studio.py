"""A studio that takes its time, so that a test can kill it in the middle."""

import time

from fake_studio import BlockStudio

from platefree.city.scene import Crop, Picture, Scene


class SlowStudio(BlockStudio):
    """Five milliseconds a picture more."""

    def render(self, scene: Scene, crop: Crop) -> Picture:
        time.sleep(0.005)
        return super().render(scene, crop)
