"""Views that mirroring a picture exchanges: left and right."""

import re
from collections.abc import Sequence

from platefree.errors import TrainingError

_OTHER_SIDE = {"left": "right", "right": "left"}


def refuse_mirror_images(views: Sequence[str]) -> None:
    """Refuse views that a network which sees mirrored pictures cannot tell apart.

    Args:
        views: their names.

    Raises:
        TrainingError: one is the mirror image of another by its name, as rear_left of rear_right.
    """
    for view in views:
        other = re.sub("left|right", lambda side: _OTHER_SIDE[side[0]], view)
        if other != view and other in views:
            raise TrainingError(
                f"the views {view} and {other} are mirror images of each other, and pictures are "
                "mirrored: set augment.flip=0 and input.test_time_flip=off, or give both one name"
            )
