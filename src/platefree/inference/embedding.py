"""Embed pictures batch by batch, in this process or in several.

Several processes take whole batches in turn and return them in order, so that batches and numbers
are the same as in one process.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection

import torch

from platefree.batches.loader import UsePictures, use_loader
from platefree.data.vehicle_boxes import BoxFractions
from platefree.errors import DataError, PlatefreeError
from platefree.inference.embedded_rows import EmbeddedBatch
from platefree.inference.embedding_network import Network
from platefree.machine import (
    child_processes,
    leave_stopping_to_the_parent,
    start_processes_as_usual,
    stop_signals_held,
)
from platefree.methods.base import Method
from platefree.recipes.recipe import Recipe
from platefree.types import Sightings, Text
from platefree.work import Work, no_progress


def embed_batches(
    network: Network,
    sightings: Sightings,
    boxes: BoxFractions | None,
    work: Work,
    shard: tuple[int, int] = (0, 1),
) -> Iterator[EmbeddedBatch]:
    """Embed the batches of a table in this process.

    Args:
        network: the model.
        sightings: all pictures.
        boxes: of the vehicles, if only these regions are embedded.
        work: how they are read.
        shard: (process, processes): this process takes every ``processes``-th batch.

    Raises:
        DataError: the model cannot look at regions only, or lacks what it has to know.
    """
    process, processes = shard
    labels = network.known_labels(sightings)
    if boxes is not None and labels.keys() - network.metadata.keys():
        raise DataError(
            "this model needs the parts of whole pictures, and cannot embed tight crops of them; "
            "leave the step 'crop' out, or set model.in_use=global"
        )
    pictures = UsePictures(sightings, network.transform, boxes)
    network.method.eval()
    loader = use_loader(
        pictures,
        batch_size=work.batch_size,
        workers=work.workers,
        shard=shard,
        pin_memory=network.device.type == "cuda",
    )
    with stop_signals_held():
        batches = iter(loader)
    for number, batch in enumerate(batches):
        known = {name: codes[batch.rows] for name, codes in labels.items()}
        spaces = {} if batch.images is None else network.embed_images(batch.images, known)
        yield EmbeddedBatch(process + number * processes, batch.rows, spaces, batch.unreadable)


def embed_in_processes(
    network: Network, sightings: Sightings, boxes: BoxFractions | None, work: Work
) -> Iterator[EmbeddedBatch]:
    """Embed the batches of a table in several processes, each on its own GPU if there are several.

    Each process uses as many threads as this one, since another number may change the last bits
    of a sum.

    Args:
        network: the model.
        sightings: all pictures.
        boxes: of the vehicles, if only these regions are embedded.
        work: device, workers, progress and number of processes.

    Yields:
        The batches in order.

    Raises:
        PlatefreeError: a process ended early, such as for lack of memory.
    """
    count = -(-len(sightings) // work.batch_size)
    shards = _shards(network, sightings, boxes, work, min(work.processes, count))
    with child_processes(shards, duplex=False) as connections:
        for number in range(count):
            process = number % len(connections)
            try:
                found = connections[process].recv()
            except EOFError:
                raise PlatefreeError(
                    f"embedding process {process + 1} of {len(connections)} ended "
                    "early, most often for lack of memory: use fewer processes (--processes)"
                ) from None
            if isinstance(found, Exception):
                raise found
            yield found


def _shards(
    network: Network, sightings: Sightings, boxes: BoxFractions | None, work: Work, processes: int
) -> list[Callable[[Connection], None]]:
    """What each of so many processes does."""
    method = network.method if network.device.type == "cpu" else copy.deepcopy(network.method).cpu()
    return [
        partial(
            _embed_shard,
            method=method,
            recipe=network.recipe,
            device=_device(network.device, process),
            sightings=sightings,
            metadata=network.metadata,
            boxes=boxes,
            work=replace(work, progress=no_progress),
            shard=(process, processes),
            threads=torch.get_num_threads(),
        )
        for process in range(processes)
    ]


def _device(device: torch.device, process: int) -> torch.device:
    if device.type != "cuda":
        return device
    return torch.device("cuda", process % torch.cuda.device_count())


def _embed_shard(
    connection: Connection,
    *,
    method: Method,
    recipe: Recipe,
    device: torch.device,
    sightings: Sightings,
    metadata: Mapping[str, Text],
    boxes: BoxFractions | None,
    work: Work,
    shard: tuple[int, int],
    threads: int,
) -> None:
    """The work of a process: send its batches, or the error that stops it."""
    leave_stopping_to_the_parent()
    start_processes_as_usual()
    torch.set_num_threads(threads)
    network = Network(method, recipe, device=device, metadata=metadata)
    try:
        for batch in embed_batches(network, sightings, boxes, work, shard):
            connection.send(batch)
    except BrokenPipeError:
        return  # nobody reads any more
    except Exception as error:
        connection.send(error)
