"""Pictures to unit rows, batch by batch: here, or dealt out to several processes.

Several processes take whole batches in turn and give them back in order, so that every batch holds
the pictures that it would hold in one process, and every number is the same.
"""

import copy
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from platefree.batches.loader import UsePictures, use_loader
from platefree.batches.tight import TightPictures
from platefree.data.vehicle_boxes import Shares
from platefree.errors import PlatefreeError
from platefree.methods.base import Method
from platefree.recipes.recipe import Recipe
from platefree.types import Sightings, Text

if TYPE_CHECKING:
    from platefree.inference.model import Model


class EmbeddedBatch(NamedTuple):
    """What became of a batch of pictures.

    Attributes:
        number: of the batch, from 0.
        rows: of the table, in order, of the pictures that could be read.
        spaces: (b, d) float32 unit rows by space; nothing where no picture could be read.
        unreadable: why the others could not be read.
    """

    number: int
    rows: list[int]
    spaces: dict[str, NDArray[np.float32]]
    unreadable: list[str]


def embed_batches(
    model: "Model",
    sightings: Sightings,
    boxes: Shares | None = None,
    *,
    batch_size: int,
    workers: int,
    share: tuple[int, int] = (0, 1),
) -> Iterator[EmbeddedBatch]:
    """Embed the batches of a table in this process.

    Args:
        model: that embeds.
        sightings: all pictures.
        boxes: of the vehicles in them, where only these are looked at.
        batch_size: pictures at a time.
        workers: loading processes; -1 decides by the machine.
        share: (process, processes): which batches are taken, every so manieth.
    """
    process, processes = share
    labels = model.known_labels(sightings)
    pictures = UsePictures(sightings, model.transform)
    if boxes is not None:
        pictures = TightPictures(sightings, model.transform, boxes)
    model.method.eval()
    loader = use_loader(
        pictures,
        batch_size=batch_size,
        workers=workers,
        shard=share,
        pin_memory=model.device.type == "cuda",
    )
    for number, batch in enumerate(loader):
        known = {name: codes[batch.rows] for name, codes in labels.items()}
        spaces = {} if batch.images is None else model.embed_images(batch.images, known)
        yield EmbeddedBatch(process + number * processes, batch.rows, spaces, batch.unreadable)


def embed_in_processes(
    model: "Model",
    sightings: Sightings,
    boxes: Shares | None = None,
    *,
    processes: int,
    batch_size: int,
    workers: int,
) -> Iterator[EmbeddedBatch]:
    """Embed the batches of a table in several processes, each on a GPU of its own where there are.

    Each process computes with as many threads as this one, since another number may change the
    last bits of a sum.

    Args:
        model: that embeds.
        sightings: all pictures.
        boxes: of the vehicles in them, where only these are looked at.
        processes: that share the batches.
        batch_size: pictures at a time.
        workers: loading processes of each; -1 decides by the machine.

    Yields:
        The batches in order.

    Raises:
        PlatefreeError: a process ended early, such as for want of memory.
    """
    count = -(-len(sightings) // batch_size)
    options = {"boxes": boxes, "batch_size": batch_size, "workers": workers}
    with _children(model, sightings, min(processes, count), options) as connections:
        for number in range(count):
            process = number % len(connections)
            try:
                found = connections[process].recv()
            except EOFError:
                raise PlatefreeError(
                    f"process {process + 1} of {len(connections)} that embed pictures ended before "
                    "its work was done, most often for want of memory: use fewer --processes"
                ) from None
            if isinstance(found, Exception):
                raise found
            yield found


@contextmanager
def _children(
    model: "Model", sightings: Sightings, processes: int, options: Mapping[str, Any]
) -> Iterator[list[Connection]]:
    """The ends of the pipes of so many processes, which end with the block."""
    context = get_context("spawn")  # a fork would share CUDA and the locks of threads
    method = model.method if model.device.type == "cpu" else copy.deepcopy(model.method).cpu()
    connections, started = [], []
    try:
        for process in range(processes):
            ours, theirs = context.Pipe(duplex=False)
            child = context.Process(
                target=_embed_share,
                args=(theirs, method, model.recipe, _device(model.device, process), sightings),
                kwargs={
                    "metadata": model.metadata,
                    "share": (process, processes),
                    "threads": torch.get_num_threads(),
                    **options,
                },
            )
            child.start()
            theirs.close()  # else its end would go unnoticed
            connections.append(ours)
            started.append(child)
        yield connections
    finally:
        for child in started:
            child.terminate()
            child.join()
        for connection in connections:
            connection.close()


def _device(device: torch.device, process: int) -> torch.device:
    if device.type == "cpu":
        return device
    return torch.device(device.type, process % torch.cuda.device_count())


def _embed_share(
    connection: Connection,
    method: Method,
    recipe: Recipe,
    device: torch.device,
    sightings: Sightings,
    *,
    metadata: Mapping[str, Text],
    boxes: Shares | None,
    share: tuple[int, int],
    batch_size: int,
    workers: int,
    threads: int,
) -> None:
    """What a process does: send its batches, or the error that stops it."""
    from platefree.inference.model import Model

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process decides what Ctrl-C means
    torch.set_num_threads(threads)
    model = Model(method, recipe, name="", fingerprint="", device=device, metadata=metadata)
    try:
        for batch in embed_batches(
            model, sightings, boxes, batch_size=batch_size, workers=workers, share=share
        ):
            connection.send(batch)
    except BrokenPipeError:
        return  # nobody reads any more
    except Exception as error:
        connection.send(error)
