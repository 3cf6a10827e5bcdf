"""Find the vehicle on each picture for a tight crop, by any COCO detector of torchvision.

VehicleNet (TMM 2020, section IV-C) re-detects vehicles by Mask R-CNN. Decided: of several vehicles
on a picture, the one with the largest box counts, since the picture was cropped for it.
"""

import difflib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.models import detection as detectors
from torchvision.models import get_model, get_model_weights, list_models
from torchvision.transforms.v2 import functional

from platefree.batches.loader import Item, start_worker, worker_count
from platefree.data.image_source import TableImages
from platefree.data.vehicle_boxes import BoxFractions, largest
from platefree.errors import ImageError, RecipeError, TrainingError
from platefree.inference.embedding_network import choose_device
from platefree.nets.weight_files import read_tensor_file
from platefree.types import Sightings
from platefree.work import DEFAULT_WORK, Device, Work

PUBLISHED = "published"
"""The name of the weights published by torchvision."""

_MARK = "torchvision:"
_VEHICLES = (3, 4, 6, 8)  # car, motorcycle, bus and truck, as torchvision numbers COCO
_BATCH = 8
_ENOUGH = (1333, 1333)  # torchvision's detectors shrink pictures to at most this many pixels


class TorchvisionDetector:
    """A `VehicleFinder`: any COCO detector of torchvision.

    Args:
        name: see `load_detector`.
        weights: ``published`` or a file.
        threshold: boxes of a lower score are dropped.
        device: where to run.
    """

    def __init__(self, name: str, weights: str, threshold: float, device: Device) -> None:
        self._device = choose_device(device)
        self._network = load_detector(name, weights).to(self._device)
        self._threshold = threshold

    def find(self, sightings: Sightings, work: Work = DEFAULT_WORK) -> BoxFractions:
        """The largest vehicle of each picture, see `find_vehicles`."""
        return find_vehicles(
            self._network, sightings, threshold=self._threshold, device=self._device, work=work
        )


def load_detector(name: str, weights: str = PUBLISHED) -> nn.Module:
    """A detector of the 91 COCO classes, ready to use.

    Args:
        name: such as ``torchvision:fasterrcnn_mobilenet_v3_large_320_fpn``.
        weights: ``published`` (downloaded once, then in torchvision's cache), or a local file of
            tensors (``.safetensors``, or ``.pth`` as torchvision publishes it).

    Raises:
        RecipeError: torchvision has no such detector.
        TrainingError: the weights cannot be loaded or do not fit.
    """
    bare = name.removeprefix(_MARK)
    known = [each for each in list_models(module=detectors) if not each.startswith("keypoint")]
    if not name.startswith(_MARK) or bare not in known:
        near = difflib.get_close_matches(bare, known, n=1) or known[:1]
        raise RecipeError(
            f"post.crop.model {name!r} is not a detector; did you mean '{_MARK}{near[0]}'? "
            f"There are {', '.join(known)}"
        )
    detector: nn.Module = get_model(bare, weights=None, weights_backbone=None)
    try:
        detector.load_state_dict(_tensors(bare, weights))
    except RuntimeError as error:
        raise TrainingError(
            f"weights {weights} do not fit {bare}: {' '.join(str(error).split())[:200]}"
        ) from error
    return detector.eval()


def find_vehicles(
    detector: Callable[[list[Tensor]], Sequence[Mapping[str, Tensor]]],
    table: Sightings,
    *,
    threshold: float = 0.5,
    device: torch.device | None = None,
    work: Work = DEFAULT_WORK,
) -> BoxFractions:
    """The largest box of a car, motorcycle, bus or truck on each picture.

    Args:
        detector: from `load_detector`, on the device: lists of (3, h, w) float32 pictures in
            [0, 1] in, for each ``boxes`` (pixels), ``labels`` and ``scores`` out, as torchvision.
        table: the n pictures.
        threshold: boxes of a lower score are dropped.
        device: where the detector is; by default the CPU.
        work: device, workers and progress.

    Returns:
        (n, 4) left, top, right, bottom as fractions of width and height; NaN without a vehicle.

    Raises:
        ImageError: a picture cannot be read.
    """
    rows, parts = [np.zeros(0, np.int64)], [np.zeros((0, 4))]
    for items in DataLoader(
        _WholePictures(table),
        batch_size=_BATCH,
        num_workers=worker_count(work.workers, len(table)),
        collate_fn=list,
        worker_init_fn=start_worker,
    ):
        pictures = [_readable(item).to(device or "cpu").float() / 255 for item in items]
        with torch.inference_mode():
            found = detector(pictures)
        for item, picture, boxes in zip(items, pictures, found, strict=True):
            fractions = _vehicles(boxes, picture.shape[-2:], threshold)
            rows.append(np.full(len(fractions), item.row))
            parts.append(fractions)
        work.progress(len(items))
    return largest(np.concatenate(parts), np.concatenate(rows), len(table))


class _WholePictures(Dataset[Item]):
    """Pictures at their original sizes, or large ones at a fraction of them, by row."""

    def __init__(self, sightings: Sightings) -> None:
        self.sightings = sightings

    def __len__(self) -> int:
        return len(self.sightings)

    def __getitem__(self, row: int) -> Item:
        try:
            picture = TableImages(self.sightings).read(row, _ENOUGH)
            return Item(row, functional.pil_to_tensor(picture))
        except ImageError as error:
            return Item(row, str(error))


def _readable(item: Item) -> Tensor:
    if isinstance(item.picture, str):
        raise ImageError(item.picture)
    return item.picture


def _vehicles(found: Mapping[str, Tensor], size: torch.Size, threshold: float) -> BoxFractions:
    """(n, 4) boxes of vehicles on one picture, best first, without boxes of no area."""
    kind = torch.isin(found["labels"], torch.tensor(_VEHICLES, device=found["labels"].device))
    kept = found["boxes"][kind & (found["scores"] >= threshold)].cpu().double().numpy()
    height, width = size
    fractions = (kept / np.array([width, height, width, height])).clip(0.0, 1.0)
    return np.asarray(fractions[(fractions[:, :2] < fractions[:, 2:]).all(axis=1)])


def _tensors(name: str, weights: str) -> Mapping[str, Tensor]:
    if weights != PUBLISHED:
        if not Path(weights).is_file():
            raise TrainingError(
                f"post.crop.weights {weights}: no such file; give {PUBLISHED} or a file of tensors"
            )
        return read_tensor_file(Path(weights))
    try:
        published = get_model_weights(name)["DEFAULT"]
        tensors: Mapping[str, Tensor] = published.get_state_dict(
            progress=False, check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError) as error:
        raise TrainingError(
            f"cannot get torchvision's weights of {name} ({error}); without internet, download "
            "the file elsewhere and set post.crop.weights=FILE"
        ) from error
    return tensors
