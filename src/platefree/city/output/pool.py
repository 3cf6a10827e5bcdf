"""Shards rendered by several processes; each process is started by spawn.

A worker ends with its parent, however that ends, so only the unfinished shards are lost.
"""

import multiprocessing
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol, TypeVar

from platefree.errors import PlatefreeError
from platefree.machine import (
    end_with_the_parent,
    leave_stopping_to_the_parent,
    stop_signals_held,
)

Progress = Callable[[int, int], None]
"""Called with the number of finished pictures, and of all."""

S_contra = TypeVar("S_contra", contravariant=True)


class Room(Protocol[S_contra]):
    """Where shards are rendered, one after the other."""

    def make(self, shard: S_contra) -> int:
        """Render a shard and commit it; returns how many pictures it holds."""
        ...


_room: Room[Any] | None = None  # of a worker process, made when it starts


def render_shards(
    open_room: Callable[[], Room[S_contra]], shards: Sequence[S_contra], workers: int
) -> Iterator[int]:
    """Render shards in any order; yields the number of pictures of each as it is finished.

    Args:
        open_room: called in each process; must be picklable for more than one worker.
        shards: to be rendered.
        workers: processes; 1 works in this one.

    Raises:
        StorageError: a shard cannot be written.
        PlatefreeError: a worker died.
    """
    if workers == 1 or len(shards) <= 1:
        room = open_room()
        for shard in shards:
            yield room.make(shard)
        return
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(
        min(workers, len(shards)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(open_room,),
    ) as pool:
        with stop_signals_held():
            futures = [pool.submit(_make, shard) for shard in shards]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise PlatefreeError(
                "a worker process died, perhaps because memory ran out: run the same command "
                "again with fewer workers (--workers); finished pictures are kept"
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            # The pool would ask them to end by the signal that they ignore.
            for worker in set(multiprocessing.active_children()) - others:
                worker.kill()


def _start_worker(open_room: Callable[[], Room[Any]]) -> None:
    global _room
    leave_stopping_to_the_parent()
    end_with_the_parent()
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1)
    _room = open_room()


def _make(shard: Any) -> int:  # noqa: ANN401
    assert _room is not None  # noqa: S101 - set when the worker started
    return _room.make(shard)
