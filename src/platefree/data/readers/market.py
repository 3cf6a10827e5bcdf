"""Sets laid out as Market-1501 (Zheng et al., ICCV 2015), as many people's own sets are.

Vehicle and camera are in the names of the pictures, ``ID_cCsS_FRAME_NN.jpg`` or ``ID_cC_...jpg``,
and the split is their folder. As in the protocol of Market-1501, pictures of ``-1`` are junk, which
no search counts (they have no split), and those of ``0000`` are distractors, whose identity is
unknown.
"""

import re

from platefree.data.dataset import DataSet
from platefree.data.listed_text import Folder, many, reading
from platefree.data.readers.pictures import Pictures, indices, listed_pictures, prefix_of
from platefree.errors import DataError
from platefree.types import Indices

NAME = "market-1501"
LOOKS_FOR = (
    "bounding_box_train/, query/ or bounding_box_test/ with pictures named 0002_c1s1_000451_03.jpg"
)

_FOLDERS = {
    "train": ("bounding_box_train", "train"),
    "query": ("query", "probe"),
    "gallery": ("bounding_box_test", "gallery", "test"),
}
_PICTURE = re.compile(r"(-1|\d+)_(c\d+)(?:s\d+)?_.+")
_EXPECTED = "a name like 0002_c1s1_000451_03.jpg or 0002_c1_000451.jpg"
_JUNK, _DISTRACTOR = "-1", "0000"


def fits(folder: Folder) -> bool:
    """Whether a folder is the root of such a set."""
    return any(
        _PICTURE.fullmatch(name) for names in _pictures(folder).values() for name in names[:1]
    )


def read_market(folder: Folder) -> DataSet:
    """Read a set laid out as Market-1501: lists ``train``, ``query`` and ``gallery``.

    Raises:
        DataError: a picture is named otherwise.
    """
    pictures, lists = Pictures(), dict[str, Indices]()
    junk, distractors = 0, list[str]()
    found = _pictures(folder)
    for split, names in _FOLDERS.items():
        path = folder.find(*names)
        if path is None or split not in found:
            continue
        rows = []
        for name in found[split]:
            parts = _PICTURE.fullmatch(name)
            if parts is None:
                raise DataError(f"{path / name}: expected {_EXPECTED}: rename it, or move it away")
            known = "" if parts[1] in (_JUNK, _DISTRACTOR) else parts[1]
            row = pictures.add(f"{prefix_of(folder, path)}{name}", known, parts[2])
            if parts[1] == _JUNK:
                junk += 1
            else:
                rows.append(row)
            distractors += [split] if parts[1] == _DISTRACTOR else []
        lists[split] = indices(rows)
    remarks = [
        f"no {' or '.join(names)}" for split, names in _FOLDERS.items() if split not in lists
    ]
    remarks += _left_out(junk, distractors)
    table = pictures.table(folder.path, NAME, lists)
    return DataSet(NAME, table, lists=lists, remarks=tuple(remarks))


def _pictures(folder: Folder) -> dict[str, list[str]]:
    """Split -> the names of its pictures, sorted; without the splits that have none."""
    found = {}
    for split, names in _FOLDERS.items():
        path = folder.find(*names)
        if path is not None and path.is_dir():
            with reading(path):
                found[split] = listed_pictures(path)
    return {split: names for split, names in found.items() if names}


def _left_out(junk: int, distractors: list[str]) -> list[str]:
    remarks = []
    if junk:
        remarks.append(f"junk, called {_JUNK}: {many(junk, 'picture')}, in no list, no vehicle")
    if distractors:
        count = many(len(distractors), "picture")
        remarks.append(f"distractors, called {_DISTRACTOR}: {count}, vehicle unknown")
    searched = len(distractors) - distractors.count("gallery")
    if searched:
        remarks[-1] += f"; {searched} in train or query: if {_DISTRACTOR} is a vehicle, rename it"
    return remarks
