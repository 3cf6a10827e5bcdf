"""Load pictures as batches, in worker processes; each item depends only on its key."""

import sys
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from platefree.batches.samplers import Sampler
from platefree.batches.transforms import InputTransform, TrainingTransform
from platefree.data.image_source import TableImages
from platefree.data.input_pictures import InputPictures
from platefree.data.part_boxes import PictureBoxes
from platefree.data.vehicle_boxes import BoxFractions
from platefree.errors import ImageError
from platefree.machine import can_share_memory, cpu_count, leave_stopping_to_the_parent
from platefree.types import Sightings


class Key(NamedTuple):
    """One training item: its row, and the seed of its augmentation."""

    row: int
    seed: int


class Item(NamedTuple):
    """A row and its picture.

    Attributes:
        row: of the table.
        picture: (3, h, w) uint8, or the reason why it cannot be read.
        boxes: (n, 4) float32 pixels of the picture, if there are part boxes.
        parts: (n,) int64, the part of each box.
    """

    row: int
    picture: Tensor | str
    boxes: Tensor | None = None
    parts: Tensor | None = None


class Boxes(NamedTuple):
    """The part boxes of a batch of pictures.

    Attributes:
        box: (n, 4) float32, left, top, right, bottom in pixels of the batch's pictures; boxes
            without area are to be ignored.
        picture: (n,) int64, index of the picture in the batch.
        part: (n,) int64, index in `platefree.data.part_boxes.PARTS`.
    """

    box: Tensor
    picture: Tensor
    part: Tensor

    def to(self, device: torch.device) -> "Boxes":
        """The same on a device."""
        return Boxes(*(each.to(device, non_blocking=True) for each in self))


class PictureBatch(NamedTuple):
    """The readable pictures of a batch, and why other pictures cannot be read.

    Attributes:
        rows: table rows of ``images``.
        images: (b, 3, h, w) uint8, or None if no picture could be read.
        unreadable: reasons.
        boxes: of parts, if there are any.
    """

    rows: list[int]
    images: Tensor | None
    unreadable: list[str]
    boxes: Boxes | None = None


class TrainingPictures(Dataset[Item]):
    """Augmented training pictures by `Key`, with their part boxes."""

    def __init__(
        self,
        sightings: Sightings,
        transform: TrainingTransform,
        boxes: PictureBoxes | None = None,
    ) -> None:
        self.sightings, self.transform, self.boxes = sightings, transform, boxes

    def __getitem__(self, key: Key) -> Item:
        size = None  # as it is stored, where a part of it may be wanted
        if not self.transform.zoom:
            size = (self.transform.fixed.width, self.transform.fixed.height)
        try:
            picture = TableImages(self.sightings).read(key.row, size)
        except ImageError as error:
            return Item(key.row, str(error))
        if self.boxes is None:
            return Item(key.row, self.transform(picture, key.seed))
        box, part = (torch.from_numpy(each) for each in self.boxes.of(key.row))
        return Item(key.row, *self.transform.with_boxes(picture, box, key.seed), part)


class StepBatches:
    """The keys of each step from ``start`` to ``stop``, as a batch sampler.

    Args:
        sampler: makes the rows of an epoch.
        seed: of the run.
        start: first step.
        stop: step after the last.
        shard: (process, processes): this process takes one of ``processes`` consecutive parts of
            each batch.
    """

    def __init__(
        self, sampler: Sampler, *, seed: int, start: int, stop: int, shard: tuple[int, int] = (0, 1)
    ) -> None:
        self.sampler, self.seed, self.start, self.stop = sampler, seed, start, stop
        self.shard = shard

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[list[Key]]:
        rows, current = np.empty((0, 0), dtype=np.int64), -1
        process, processes = self.shard
        for step in range(self.start, self.stop):
            epoch, place = divmod(step, self.sampler.batches_per_epoch)
            if epoch != current:
                rows, current = self.sampler.epoch(self.seed, epoch), epoch
            seeds = np.random.SeedSequence((2, self.seed, step)).generate_state(rows.shape[1])
            keys = [Key(int(row), int(seed)) for row, seed in zip(rows[place], seeds, strict=True)]
            size = len(keys) // processes
            yield keys[process * size : (process + 1) * size]


def training_loader(
    pictures: TrainingPictures, batches: StepBatches, *, workers: int, pin_memory: bool
) -> DataLoader[PictureBatch]:
    """A loader of the `PictureBatch` of each step of ``batches``, with worker processes."""
    return DataLoader(
        pictures,  # type: ignore[arg-type]
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=_collate,
        pin_memory=pin_memory,
        worker_init_fn=start_worker,
    )


class UsePictures(Dataset[Item]):
    """Pictures for embedding, by row, after the fixed transform.

    Args:
        sightings: the n pictures.
        transform: of a model.
        boxes: (n, 4) fractions of width and height that they are cut to; by default none.
    """

    def __init__(
        self,
        sightings: Sightings,
        transform: InputTransform,
        boxes: BoxFractions | None = None,
    ) -> None:
        self.pictures = InputPictures(sightings, transform.width, transform.height, boxes)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, row: int) -> Item:
        try:
            return Item(row, torch.from_numpy(self.pictures.read(row)))
        except ImageError as error:
            return Item(row, str(error))


def use_loader(
    pictures: UsePictures,
    *,
    batch_size: int,
    workers: int,
    shard: tuple[int, int] = (0, 1),
    pin_memory: bool = False,
) -> DataLoader[PictureBatch]:
    """A loader of `PictureBatch` in row order.

    Args:
        pictures: all of them.
        batch_size: pictures at a time.
        workers: loading processes; -1 decides by the machine.
        shard: (process, processes): this process takes every ``processes``-th batch.
        pin_memory: for faster copies to a GPU.
    """
    process, processes = shard
    starts = range(process * batch_size, len(pictures), processes * batch_size)
    batches = [list(range(at, min(at + batch_size, len(pictures)))) for at in starts]
    return DataLoader(
        pictures,  # type: ignore[arg-type]
        batch_sampler=batches,
        num_workers=worker_count(workers, sum(map(len, batches)), processes),
        collate_fn=_collate,
        pin_memory=pin_memory,
        worker_init_fn=start_worker,
    )


def worker_count(workers: int, pictures: int, processes: int = 1) -> int:
    """How many loading processes to start: the number asked for, or what the machine allows.

    Args:
        workers: -1 decides by the machine.
        pictures: how many pictures will be loaded; few are loaded without processes.
        processes: number of processes on this machine that load at the same time.
    """
    if not can_share_memory():
        return 0
    if workers >= 0:
        return workers
    return 0 if pictures < 256 else max(1, min(8, cpu_count() // processes))


def start_worker(worker: int) -> None:
    """Prepare a worker process: one thread, and the main process decides when to stop."""
    leave_stopping_to_the_parent()
    torch.set_num_threads(1)
    sys.excepthook = _unless_hung_up


def _unless_hung_up(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    # The thread of multiprocessing that hands over a batch prints what it meets by this hook; a
    # main process that stops meanwhile is nothing to report.
    if not issubclass(kind, EOFError | ConnectionError):
        sys.__excepthook__(kind, error, trace)


def _collate(items: Sequence[Item]) -> PictureBatch:
    readable = [item for item in items if isinstance(item.picture, Tensor)]
    images = [item.picture for item in readable if isinstance(item.picture, Tensor)]
    reasons = [item.picture for item in items if isinstance(item.picture, str)]
    rows = [item.row for item in readable]
    return PictureBatch(rows, torch.stack(images) if images else None, reasons, _boxes(readable))


def _boxes(items: Sequence[Item]) -> Boxes | None:
    boxes = [item.boxes for item in items if item.boxes is not None]
    parts = [item.parts for item in items if item.parts is not None]
    if not boxes:
        return None
    picture = torch.cat([torch.full_like(part, place) for place, part in enumerate(parts)])
    return Boxes(torch.cat(boxes), picture, torch.cat(parts))
