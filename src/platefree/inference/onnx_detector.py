"""An exported detector in use: the `Detector` that runs on ONNX Runtime, without torch."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from platefree.checkpoint import read_unreplaced
from platefree.data.frame_boxes import KINDS, PLATE
from platefree.data.learnt import Learnt
from platefree.errors import CheckpointError
from platefree.inference.box_decoding import (
    Floats,
    Letterboxed,
    boxes_of,
    kept,
    letterboxed,
    positions,
    scores_of,
)
from platefree.inference.detector import FoundOnFrame, Frame
from platefree.inference.detector_card import DetectorCard, read_detector_card
from platefree.inference.model_card import read_file, read_learnt_file
from platefree.inference.onnx_content import check_onnx
from platefree.inference.onnx_network import PICTURES
from platefree.inference.onnx_session import open_session, providers_of, run_session
from platefree.machine import cpu_count
from platefree.work import Device

QUALITY, SIDES = "quality", "sides"
"""The names of the graph's outputs."""


class OnnxDetector:
    """A detector, ready to use.

    Args:
        content: the ONNX file.
        card: what it is said to be.
        name: shown in messages and reports.
        learnt: what it learnt from.
        device: where it runs; ``auto`` is the CPU.
        threads: of a processor; by default all of this process.

    Raises:
        CheckpointError: it is damaged, needs more than standard operators, or is not what its card
            says.
        MissingPackage: ONNX Runtime does not run on the device.
    """

    def __init__(
        self,
        content: bytes,
        card: DetectorCard,
        *,
        name: str,
        learnt: Learnt,
        device: Device = "auto",
        threads: int | None = None,
    ) -> None:
        check_onnx(content, name)
        self.card, self.name, self.learnt = card, name, learnt
        self.fingerprint, self.threshold = card.fingerprint, card.threshold
        self.longest = card.longest
        self.session = open_session(content, providers_of(device), name, threads or cpu_count())
        self._kinds = np.array([KINDS.index(each) for each in card.classes])
        self._check_card()

    def __repr__(self) -> str:
        return f"<OnnxDetector {self.name}: {self.card.precision}@{self.fingerprint[:4]}>"

    def detect(self, frames: Sequence[Frame], threshold: float | None = None) -> list[FoundOnFrame]:
        """The boxes on each frame; see `platefree.inference.detector.Detector.detect`."""
        lowest = self.threshold if threshold is None else threshold
        return [self._found(frame, lowest) for frame in frames]

    def raw(self, levels: Floats) -> tuple[Floats, Floats]:
        """What the network predicts.

        Args:
            levels: (b, 3, h, w) of `platefree.inference.box_decoding.letterboxed`.

        Returns:
            (b, n, classes) logits of quality and (b, n, 4, bins) of sides.

        Raises:
            CheckpointError: it cannot run, or makes something else than its card says.
        """
        quality, sides = run_session(self.session, [QUALITY, SIDES], {PICTURES: levels}, self.name)
        height, width = levels.shape[2:]
        count = sum((height // each) * (width // each) for each in self.card.strides)
        shape = (len(levels), count)
        if quality.shape[:2] != shape or sides.shape[:2] != shape:
            raise CheckpointError(
                f"{self.name} made {quality.shape[1]} qualities and {sides.shape[1]} boxes of a "
                f"frame of {height} x {width} pixels, expected {count} of both"
            )
        return quality, sides

    def _found(self, frame: Frame, lowest: float) -> FoundOnFrame:
        height, width, _ = frame.shape
        card = self.card
        taken: Letterboxed = letterboxed(
            frame, longest=card.longest, multiple=card.multiple, mean=card.mean
        )
        quality, sides = self.raw(taken.levels)
        scores = scores_of(quality[0])
        best = scores.argmax(axis=1)
        score = scores[np.arange(len(best)), best]
        if np.isnan(score).any():
            raise CheckpointError(f"{self.name} is damaged: a score is NaN; copy it again")
        sure = np.flatnonzero(score >= lowest)
        down, across = taken.levels.shape[2:]
        places = positions(down, across, card.strides)[sure]
        boxes: NDArray[np.float64] = boxes_of(sides[0][sure], places) / np.array([*taken.scale] * 2)
        boxes = boxes.clip(0, [width, height, width, height])
        return kept(boxes, self._kinds[best[sure]], score[sure], plate=PLATE)

    def _check_card(self) -> None:
        """Refuse a network whose inputs and outputs are not those of its card."""
        wanted_in = {PICTURES: ("tensor(float)", 4, {1: 3})}
        wanted_out = {
            QUALITY: ("tensor(float)", 3, {2: len(self.card.classes)}),
            SIDES: ("tensor(float)", 4, {2: 4, 3: self.card.bins}),
        }
        for noun, nodes, wanted in (
            ("takes", self.session.get_inputs(), wanted_in),
            ("makes", self.session.get_outputs(), wanted_out),
        ):
            found = {node.name: (node.type, list(node.shape or ())) for node in nodes}
            fits = found.keys() == wanted.keys() and all(
                found[name][0] == kind
                and len(found[name][1]) == count
                and all(found[name][1][place] == size for place, size in fixed.items())
                for name, (kind, count, fixed) in wanted.items()
            )
            if not fits:
                described = ", ".join(
                    f"{name[:60]} {kind} {shape}" for name, (kind, shape) in found.items()
                )
                raise CheckpointError(
                    f"{self.name} is not what its card says: it {noun} {described[:300]}, expected "
                    f"{', '.join(wanted)} of {len(self.card.classes)} classes and "
                    f"{self.card.bins} bins; use an unchanged copy, or export it again"
                )


def open_detector_folder(folder: Path, *, device: Device = "auto", name: str = "") -> OnnxDetector:
    """The detector of a folder that 'platefree export' made.

    Args:
        folder: with its card.
        device: where to run, see `OnnxDetector`.
        name: shown in messages and reports; by default the folder.

    Raises:
        CheckpointError: a file is missing or damaged, or not what the card says, or the model is no
            detector.
        MissingPackage: ONNX Runtime does not run on the device.
    """

    def opened(card: DetectorCard) -> OnnxDetector:
        return OnnxDetector(
            read_file(folder, card.file),
            card,
            name=name or str(folder),
            learnt=read_learnt_file(folder, card),
            device=device,
        )

    return read_unreplaced(partial(read_detector_card, folder), opened)
