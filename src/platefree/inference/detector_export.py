"""Make a model folder of a trained detector: ONNX and a card, which run without torch."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from platefree.data.box_overlap import overlap
from platefree.data.frame_boxes import KINDS
from platefree.data.image import read_image
from platefree.data.listed_text import many
from platefree.inference.box_decoding import (
    LONGEST,
    THRESHOLD,
    Floats,
    boxes_of,
    letterboxed,
    positions,
    scores_of,
)
from platefree.inference.detection_graph import detection_onnx
from platefree.inference.detector_card import Apart, DetectorCard
from platefree.inference.detector_page import detector_page
from platefree.inference.embedding_graph import to_bytes
from platefree.inference.export import NOT_STATED
from platefree.inference.exported_card import (
    exported_fingerprint,
    learnt_without_places,
    without_places,
)
from platefree.inference.frame_detection import MEAN, detector_of, normalised
from platefree.inference.model import Model
from platefree.inference.model_card import FileCard, Precision, learnt_bytes
from platefree.inference.model_folder import check_replaceable, write_model_folder
from platefree.inference.networks import load_network
from platefree.inference.onnx_detector import OnnxDetector, open_detector_folder
from platefree.inference.parity import check_parity
from platefree.methods.vehicle_detector import VehicleDetector
from platefree.nets.light_detector import BINS, STRIDES, LightDetector
from platefree.types import Sightings, check_some

TOLERANCE: dict[Precision, float] = {
    "fp32": 1e-3,
    "fp16": 2e-2,
    "int8": 0.5,
    "int8-weights": 0.2,
}
"""The largest difference of a score, and of 1 - intersection over union of a box, from torch."""

Part = Literal["scores", "boxes"]

_FRAMES = 100  # of a table; every fifth is compared, the others are for the ranges of int8
_DRAWN = (64, 96), (96, 160), (50, 41)  # height and width of noise, without a table
_SURE = 0.2  # score in torch of the positions that are compared; without any, the surest of each
_SUREST = 10


@dataclass(frozen=True, eq=False)
class _Trials:
    compared: list[Floats]
    calibrating: list[Floats]
    described: str


def export_detector(
    model: Model | str | Path,
    out: str | Path,
    *,
    precision: Precision = "fp32",
    frames: Sightings | None = None,
    threshold: float = THRESHOLD,
    licence: str = NOT_STATED,
    tolerance: float | None = None,
) -> OnnxDetector:
    """Export a detector to a folder that runs on ONNX Runtime, after comparing it with torch.

    Args:
        model: of the method ``vehicle_detector``; a loaded one or a checkpoint folder.
        out: the new folder; only an exported model is replaced.
        precision: ``fp32``, ``fp16`` (half the size), ``int8`` (a quarter), or
            ``int8-weights`` (a quarter, computed in fp32).
        frames: whole pictures such as it will be used on. The ranges of int8 are taken from four
            fifths of 100 of them, and the parity is measured on the others; without any, on noise.
        threshold: the score from which a box counts, unless another one is asked for in use.
        licence: under which the weights may be used.
        tolerance: the largest difference from torch; by default `TOLERANCE`.

    Returns:
        The exported detector, whose ``card`` has the parity.

    Raises:
        CheckpointError: the model cannot be loaded.
        DataError: it is no detector, or int8 is asked for without frames, or the table of frames
            has no rows.
        ImageError: one of the frames cannot be read.
        MismatchError: it is too far from torch.
        StorageError: it cannot be written; nothing is changed.
    """
    out = Path(out)
    check_replaceable(out)
    loaded = model if isinstance(model, Model) else load_network(model, device="cpu")
    detector_of(loaded)  # refused if it is none
    network = _on_cpu(loaded)
    trials = _trials(frames)
    content = _graph(network, precision, trials, loaded.name)
    learnt = learnt_bytes(loaded.learnt)
    card = _card(loaded, network.strides, content, learnt, precision, threshold, licence)
    what = f"{loaded.name}, {precision},"
    runs = OnnxDetector(content, card, name=what, learnt=loaded.learnt, device="cpu")
    parity = _parity(network, runs, trials.compared)
    limit = TOLERANCE[precision] if tolerance is None else tolerance
    check_parity(parity, limit, what, compared="its {}", calibrated_with="frames")
    card = card.model_copy(update={"parity": parity, "compared": trials.described})
    write_model_folder(out, card, [content, learnt], detector_page(card))
    return open_detector_folder(out, device="cpu")


def _on_cpu(model: Model) -> LightDetector:
    method = model.method if model.device.type == "cpu" else copy.deepcopy(model.method).cpu()
    assert isinstance(method, VehicleDetector)  # noqa: S101 - checked by detector_of
    return method.network.eval()


def _trials(table: Sightings | None) -> _Trials:
    """Frames of a table, spread over it, of its training rows where it has any; or noise."""
    if table is None:
        random = np.random.default_rng(0)
        noise = [random.integers(0, 256, (*size, 3), np.uint8) for size in _DRAWN]
        return _Trials([_levels(each) for each in noise], [], f"{len(noise)} frames of noise")
    check_some(table, "to try the export on")
    training = np.flatnonzero(table.split == "train")
    usable = training if len(training) else np.arange(len(table))
    rows = usable[np.linspace(0, len(usable) - 1, min(len(usable), _FRAMES)).astype(int)]
    paths = list(dict.fromkeys(table.path(int(row)) for row in rows))
    frames = [_levels(np.asarray(read_image(path, at_least=(LONGEST, LONGEST)))) for path in paths]
    compared, rest = frames[::5], [each for place, each in enumerate(frames) if place % 5]
    described = f"{len(compared)} of {many(len(table), 'frame')} of {table.root.name or 'a table'}"
    return _Trials(compared, rest, described)


def _levels(frame: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> Floats:
    taken = letterboxed(frame, longest=LONGEST, multiple=STRIDES[-1], mean=_mean())
    return taken.levels


def _mean() -> list[float]:
    return [255 * each for each in MEAN]


def _graph(network: LightDetector, precision: Precision, trials: _Trials, what: str) -> bytes:
    graph = detection_onnx(network, what)
    if precision != "fp32":
        from platefree.inference.lower_precision import lowered

        graph = lowered(graph, precision, trials.calibrating, whole=True)
    return to_bytes(graph)


def _parity(
    network: LightDetector, exported: OnnxDetector, frames: Sequence[Floats]
) -> dict[Part, Apart]:
    """Over the positions of each frame that may hold something, or the surest if none does."""
    scores, boxes = list[Floats](), list[Floats]()
    for levels in frames:
        quality, sides = exported.raw(levels)
        with torch.inference_mode():
            raw = network(normalised(torch.from_numpy(levels)))
        wanted, found = scores_of(raw.quality[0].numpy()), scores_of(quality[0])
        best = wanted.max(axis=1)
        rows = np.flatnonzero(best >= _SURE)
        rows = rows if len(rows) else np.argsort(-best, kind="stable")[:_SUREST]
        places = positions(levels.shape[2], levels.shape[3], network.strides)[rows]
        scores.append(np.abs(wanted - found)[rows].max(axis=1))
        ours, theirs = (boxes_of(each[0][rows], places) for each in (sides, raw.sides.numpy()))
        boxes.append((1 - overlap(ours, theirs, empty=1.0)).astype(np.float32))
    both: dict[Part, Floats] = {"scores": np.concatenate(scores), "boxes": np.concatenate(boxes)}
    whole = {part: np.nan_to_num(each, nan=1.0).clip(0, 1) for part, each in both.items()}
    return {
        part: Apart(worst=float(each.max()), mean=float(each.mean()))
        for part, each in whole.items()
    }


def _card(
    model: Model,
    strides: Sequence[int],
    content: bytes,
    learnt: bytes,
    precision: Precision,
    threshold: float,
    licence: str,
) -> DetectorCard:
    file = FileCard.of("network", content)
    return DetectorCard(
        fingerprint=exported_fingerprint(model, [file], precision),
        method=model.recipe.model.method,
        precision=precision,
        learns=model.learns,
        about=_about(model),
        use={"frames": f"shrunk to {LONGEST} pixels if the longer side has more, else as they are"},
        recipe=without_places(model.recipe.model_dump()),
        learnt=learnt_without_places(model.learnt),
        learnt_file=FileCard.of("learnt", learnt),
        licence=licence,
        limits=_LIMITS,
        name=model.recipe.name,
        file=file,
        classes=list(KINDS),
        longest=LONGEST,
        multiple=STRIDES[-1],
        mean=_mean(),
        strides=list(strides),
        bins=BINS,
        threshold=threshold,
    ).sealed()


def _about(model: Model) -> dict[str, str]:
    about, data = {"recipe": model.recipe.name}, model.card.get("data")
    if data:
        about["trained on"] = (
            f"{Path(data['path']).name} ({data['fingerprint']}), {many(data['images'], 'frame')}"
        )
        about["steps"] = f"{model.card['step']} of {model.card['total_steps']}"
        about["training seed"] = str(model.card["seed"])
    return about


_LIMITS = [
    "On other cameras, countries, seasons and kinds of vehicles than it learnt from it is worse, "
    "and how much worse is unknown until it is measured there.",
    "A score is no probability.",
]
