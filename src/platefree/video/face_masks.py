"""Faces are masked on what is kept of a vehicle: of riders, passers-by, behind windscreens."""

from platefree.inference.face_detector import FaceDetector
from platefree.video.best_pictures import Pixels
from platefree.video.track_masks import Boxes, TrackMasks

THRESHOLD = 0.3
"""The lowest score of a face: to miss one is worse than to mask a helmet from behind."""

SIDE = 192
"""Pixels of the longer side at which a vehicle is looked at."""

LONGEST = 1280
"""Pixels of the longer side to which larger whole frames are shrunk."""


class FaceMasks(TrackMasks):
    """Finds faces on what is kept of vehicles, and masks them.

    Args:
        detector: of faces; by default the one inside.
        threshold: the lowest score of a face.
        side: pixels of the longer side at which a vehicle is looked at.
    """

    def __init__(
        self,
        detector: FaceDetector | None = None,
        threshold: float = THRESHOLD,
        side: int = SIDE,
    ) -> None:
        self._detector = FaceDetector() if detector is None else detector
        self._threshold, self._side = threshold, side

    def on_vehicle(self, crop: Pixels) -> Boxes:
        """The faces on a picture of one vehicle; see `TrackMasks.on_vehicle`."""
        return self._detector.faces(crop, self._side, self._threshold)

    def on_scene(self, scene: Pixels, known: Boxes) -> Boxes:
        """The faces on a whole frame, which is looked at in its own size, at most `LONGEST`."""
        del known
        side = min(LONGEST, max(scene.shape[:2]))
        return self._detector.faces(scene, side, self._threshold)
