"""Cut the cars of CompCars out of their photographs, once.

The output has the layout of CompCars without the label files: ``image/`` with the crops, the lists
without the skipped pictures, and the viewpoints in ``pictures.txt``. The lists are written last, so
an interrupted run is not mistaken for a finished one, and the next run continues where it stopped.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from platefree.data.dataset import DataSet
from platefree.data.image import read_part
from platefree.data.listed_text import Folder, Lines
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
from platefree.data.readers.matlab import MATLAB
from platefree.data.readers.pictures import split_ending
from platefree.errors import DataError
from platefree.inputs.plain_files import read_input
from platefree.machine import cpu_count
from platefree.storage.files import atomic_file, write_text
from platefree.storage.locks import only_writer

_VIEWS = {"1": "front", "2": "rear", "3": "side", "4": "front-side", "5": "rear-side", "-1": "-"}
_QUALITY = 95
_PARTS = 4  # make, model, year, picture
_BATCH = 256  # pictures between two progress calls; also the most that is still cut after Ctrl-C


@dataclass(frozen=True)
class _Crop:
    """The result for one picture.

    Attributes:
        path: below ``image``.
        view: of `_VIEWS`.
        fault: why there is no crop; empty if there is one.
    """

    path: str
    view: str
    fault: str = ""


def crop_compcars(
    folder: str | Path,
    out: str | Path,
    *,
    workers: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> DataSet:
    """Write a folder of crops, which can be read like CompCars itself.

    A picture is skipped, and named in ``skipped.txt``, if it cannot be read or its box is not
    ``1 <= x1 < x2 <= width`` and ``1 <= y1 < y2 <= height``. Existing crops are kept.

    Args:
        folder: CompCars as unpacked.
        out: the folder to fill; not ``folder`` itself.
        workers: threads that cut; by default one for each core, at most 8.
        on_progress: called after each batch with the number of pictures done, and of all.

    Returns:
        The new data set; its remarks give the number of skipped pictures.

    Raises:
        DataError: the folder is not CompCars, or holds crops already.
        StorageError: a crop cannot be written.
    """
    dataset = read_dataset(folder, NAME)
    root, target = Folder(dataset.table.root), Path(out).absolute()
    if root.find(CROPPED) is not None:
        raise DataError(f"{root.path} is cropped already, expected CompCars as unpacked")
    if target.exists() and target.samefile(root.path):
        raise DataError(f"{target} is CompCars itself, expected another folder for the crops")
    labels = root.find("label")
    if labels is None:
        raise DataError(f"{root.path} has no folder 'label', in which the boxes are: unpack it")
    images = dataset.table.image.tolist()
    done: list[_Crop] = []
    with only_writer(target):
        with ThreadPoolExecutor(workers or min(8, cpu_count())) as pool:
            for start in range(0, len(images), _BATCH):
                batch = images[start : start + _BATCH]
                done += pool.map(lambda image: _crop(root.path / image, labels, target), batch)
                if on_progress is not None:
                    on_progress(len(done), len(images))
        _describe(root, target, done)
    return read_dataset(target, NAME)


def _crop(photograph: Path, labels: Path, target: Path) -> _Crop:
    """Cut one car out, unless its crop exists."""
    path = "/".join(photograph.parts[-_PARTS:])
    try:
        view, box = _label(labels / f"{split_ending(path)[0]}.txt")
        crop = target / IMAGES / path
        if not crop.is_file():
            part = read_part(photograph, box)
            with atomic_file(crop) as file:
                part.save(file, "JPEG", quality=_QUALITY)
    except DataError as error:
        return _Crop(path, "", str(error))
    return _Crop(path, view)


def _label(path: Path) -> tuple[str, tuple[int, int, int, int]]:
    """Viewpoint and box, as `platefree.data.image.read_part` wants it."""
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
    return _VIEWS[numbers[0]], (left - 1, top - 1, right, bottom)


def _describe(root: Folder, target: Path, done: list[_Crop]) -> None:
    """Write the lists of what was cropped, and copy the names."""
    for name in NAMES:
        source = root.find(name)
        if source is not None:
            with atomic_file(target / name) as file:
                file.write(read_input(source, MATLAB))
    lost = {split_ending(crop.path)[0] for crop in done if crop.fault}
    for name in (*LISTS.values(), *PAIRS.values()):
        source = root.find(name)
        if source is not None:
            lines = Lines.read(source).texts
            kept = [
                line
                for line in lines
                if not any(split_ending(word)[0] in lost for word in line.split())
            ]
            _write(target / name, kept)
    _write(target / SKIPPED, [f"{crop.path}: {crop.fault}" for crop in done if crop.fault])
    _write(target / CROPPED, [f"{crop.path} {crop.view}" for crop in done if not crop.fault])


def _write(path: Path, lines: list[str]) -> None:
    write_text(path, "".join(f"{line}\n" for line in lines))
