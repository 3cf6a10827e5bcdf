"""Cut the cars of CompCars out of their photographs, once.

What is written has the layout of CompCars again, without the label files: ``image/`` with the
crops, the lists without the pictures that were skipped, and in ``pictures.txt`` the viewpoints.
The files that make it readable are written last, so an interrupted run is not mistaken for a
finished one, and the next run goes on where it stopped.
"""

import os
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from platefree.data.dataset import DataSet
from platefree.data.image import read_part
from platefree.data.readers.compcars import (
    CROPPED,
    IMAGES,
    LISTS,
    NAME,
    NAMES,
    PAIRS,
    SKIPPED,
)
from platefree.data.readers.detect import read_dataset
from platefree.data.text import Folder, Lines
from platefree.errors import DataError
from platefree.storage import atomic_file, make_folder, write_text

_VIEWS = {"1": "front", "2": "rear", "3": "side", "4": "front-side", "5": "rear-side", "-1": "-"}
_QUALITY = 95
_BATCH = 256  # pictures between two progress calls, and at most the work left after Ctrl-C


@dataclass(frozen=True)
class _Label:
    """What a label file says.

    Attributes:
        view: of `_VIEWS`.
        box: as `platefree.data.image.read_part` wants it.
    """

    view: str
    box: tuple[int, int, int, int]


def crop_compcars(
    folder: str | Path,
    out: str | Path,
    *,
    workers: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> DataSet:
    """Write a folder of crops, which is read as CompCars itself.

    A picture is skipped, and named in ``skipped.txt``, if it cannot be read or its box is not
    ``1 <= x1 < x2 <= width`` and ``1 <= y1 < y2 <= height``. Crops that are there are kept.

    Args:
        folder: CompCars as it is unpacked.
        out: the folder to fill; not the one that is read.
        workers: threads that cut; by default one for each core, at most 8.
        on_progress: called after each batch with how many pictures are done, and of how many.

    Returns:
        The new data set; its remarks count what was skipped.

    Raises:
        DataError: the folder is not CompCars, or is cropped already.
        StorageError: a crop cannot be written.
    """
    dataset = read_dataset(folder, NAME)
    root, target = Folder(dataset.table.root), make_folder(Path(out).absolute())
    if root.find(CROPPED) is not None:
        raise DataError(f"{root.path} is cropped already, expected CompCars as it is unpacked")
    labels = root.find("label")
    if labels is None:
        raise DataError(f"{root.path} has no folder 'label', in which the boxes are: unpack it")
    paths = [image.removeprefix(f"{IMAGES}/") for image in dataset.table.image.tolist()]
    done: list[str] = []
    with ThreadPoolExecutor(workers or min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(paths), _BATCH):
            batch = paths[start : start + _BATCH]
            done += pool.map(lambda path: _crop(root.path, labels, target, path), batch)
            if on_progress is not None:
                on_progress(len(done), len(paths))
    _describe(root, target, dict(zip(paths, done, strict=True)))
    return read_dataset(target, NAME)


def _crop(root: Path, labels: Path, target: Path, path: str) -> str:
    """Cut one car out; its view, or why it was skipped, with a colon before."""
    try:
        label = _label(labels / f"{os.path.splitext(path)[0]}.txt")
        crop = target / IMAGES / path
        if not crop.is_file():
            part = read_part(root / IMAGES / path, label.box)
            with atomic_file(crop) as temporary:
                part.save(temporary, "JPEG", quality=_QUALITY)
    except DataError as error:
        return f":{error}"
    return label.view


def _label(path: Path) -> _Label:
    lines = Lines.read(path)
    words = [text.split() for text in lines.texts if text]
    numbers = [word for line in words for word in line]
    if [len(line) for line in words] != [1, 1, 4] or numbers[0] not in _VIEWS:
        raise DataError(f"{path}: expected a viewpoint, the number of boxes, and one box")
    if not all(number.isdecimal() for number in numbers[2:]):
        raise lines.fault(2, "a box: four numbers of pixels from 1")
    left, top, right, bottom = (int(number) for number in numbers[2:])
    if not (1 <= left < right and 1 <= top < bottom):
        raise lines.fault(2, "a box with 1 <= x1 < x2 and 1 <= y1 < y2")
    return _Label(_VIEWS[numbers[0]], (left - 1, top - 1, right, bottom))


def _describe(root: Folder, target: Path, done: dict[str, str]) -> None:
    """Write the lists of what was cropped, and copy the names."""
    views = {path: view for path, view in done.items() if not view.startswith(":")}
    skipped = {path: why[1:] for path, why in done.items() if why.startswith(":")}
    for name in NAMES:
        source = root.find(name)
        if source is not None:
            with atomic_file(target / name) as temporary:
                shutil.copyfile(source, temporary)
    for name in (*LISTS.values(), *PAIRS.values()):
        source = root.find(name)
        if source is not None:
            lines = (words for _, words in Lines.read(source).fields((1, 3), "a list of pictures"))
            kept = (words for words in lines if not skipped.keys() & set(words))
            _write(target / name, (" ".join(words) for words in kept))
    _write(target / SKIPPED, (f"{path}: {why}" for path, why in skipped.items()))
    _write(target / CROPPED, (f"{path} {view}" for path, view in views.items()))


def _write(path: Path, lines: Iterable[str]) -> None:
    write_text(path, "".join(f"{line}\n" for line in lines))
