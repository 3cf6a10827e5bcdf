"""Films looked at one after the other in this process, or by several processes at once."""

from collections.abc import Generator, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pickle import PicklingError
from typing import NamedTuple

from platefree.errors import DataError, FilmError, OutOfMemory, PlatefreeError
from platefree.inference.detector import Detector
from platefree.ingestion.looking import FilmToDo, Reached, look, opened_detector
from platefree.machine import child_processes, leave_stopping_to_the_parent


class Failed(NamedTuple):
    """A film that cannot be read any further.

    Attributes:
        reason: a sentence.
    """

    reason: str


News = Reached | Failed


def look_at_all(
    tasks: Sequence[FilmToDo], detectors: Sequence[Detector], processes: int = 1
) -> Generator[tuple[int, News], None, None]:
    """Look at films.

    Args:
        tasks: the films.
        detectors: of each, open; several processes open their own.
        processes: that look at films at the same time.

    Yields:
        The place of a film, and how far it is; the last of each has an empty memory.

    Raises:
        PlatefreeError: a process ended early, or a network cannot run.
    """
    count = min(processes, len(tasks))
    if count > 1:
        yield from _in_processes(tasks, count)
        return
    for number, (task, detector) in enumerate(zip(tasks, detectors, strict=True)):
        yield from ((number, news) for news in _news(task, detector))


def _news(task: FilmToDo, detector: Detector) -> Iterator[News]:
    try:
        yield from look(task, detector)
    except (FilmError, OutOfMemory) as error:
        yield Failed(str(error))


def _in_processes(tasks: Sequence[FilmToDo], count: int) -> Iterator[tuple[int, News]]:
    waiting = iter(enumerate(tasks))
    with child_processes([_child] * count, duplex=True) as connections:
        busy: dict[Connection, int] = {}

        def give(connection: Connection) -> None:
            number, task = next(waiting, (-1, None))
            if task is not None:
                _send(connection, task)
                busy[connection] = number

        for each in connections:
            give(each)
        while busy:
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)  # noqa: S101
                number = busy[ready]
                news = _received(ready, tasks[number])
                yield number, news
                if isinstance(news, Failed) or news.memory == "":
                    del busy[ready]
                    give(ready)


def _send(connection: Connection, task: FilmToDo) -> None:
    try:
        connection.send(task)
    except (TypeError, AttributeError, PicklingError) as error:
        raise DataError(
            f"the detector of the camera {task.camera.name!r} cannot be sent to another process "
            f"({error}): give its path, or use one process"
        ) from error


def _received(connection: Connection, task: FilmToDo) -> News:
    try:
        news: News | PlatefreeError = connection.recv()
    except (EOFError, ConnectionResetError):
        raise PlatefreeError(
            f"the process that looked at {task.film} ended early, most often for lack of memory: "
            "run the same command again with fewer processes (--processes) to continue"
        ) from None
    if isinstance(news, PlatefreeError):
        raise news
    return news


def _child(connection: Connection) -> None:
    """Look at the films that are sent; send what becomes of them, or the error that ends it."""
    leave_stopping_to_the_parent()
    open_detectors: dict[str, Detector] = {}
    try:
        while True:
            task: FilmToDo = connection.recv()
            for news in _news(task, opened_detector(task.camera, task.device, open_detectors)):
                connection.send(news)
    except (EOFError, OSError):
        return  # the parent has ended
    except PlatefreeError as error:
        connection.send(error)
