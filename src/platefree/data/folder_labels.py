"""The labels that a folder of pictures gives by its layout: vehicle, and split.

A folder that is called after a split, a camera, or a part of a published data set is no vehicle:
labels are refused rather than invented.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from platefree.data.columns import SPLITS
from platefree.errors import DataError

_LAYOUTS = (
    "expected FOLDER/picture, FOLDER/vehicle/picture or FOLDER/{train,query,gallery}/vehicle/"
    "picture: move the pictures, or list them in a CSV file with the columns image,vehicle"
)

# Splits; pictures; cameras, recordings and views; parts of public sets; many vehicles.
_WORDS = """
    train training trains trainval traintest test testing tests val valid validation eval
    evaluation dev query queries gallery galleries probe probes distractor distractors junk
    labeled labelled unlabeled unlabelled known unseen seen
    image images img imgs picture pictures pic pics photo photos crop crops cropped frame frames
    snapshot snapshots jpg jpeg jpegs png pngs jpegimages thumbnails
    camera cameras cam cams cctv c s scene scenes site sites seq seqs sequence sequences video
    videos clip clips recording recordings track tracks tracklet tracklets front rear back side
    left right day night
    bounding box boxes bbox bboxes detected labels gt multi sys simulation syn real reid part
    parts set sets split splits fold folds subset data dataset datasets raw all release tr te
    wild aic aicity sv
    cars vehicles ids identities objects
    """
_NO_VEHICLE = frozenset(_WORDS.split())
"""A name that is made of these words, and numbers, says nothing of a vehicle."""

_SET_NAMES = {
    *("vehicleid", "veri", "veriwild", "cityflow", "compcars", "vric", "vehiclex"),
    *("market", "duke", "dukemtmc", "msmt", "cuhk"),
}
_JOINED = re.compile(f"(?:{'|'.join(word for word in _NO_VEHICLE if len(word) > 2)})+")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_VEHICLE_ALONE = ("car", "vehicle", "id", "object")  # "car" is no vehicle, "car_7" is


def folder_labels(folder: Path, pictures: Sequence[tuple[str, ...]]) -> dict[str, list[str]]:
    """Columns ``split`` and ``vehicle``, as far as the layout of a folder gives them.

    Args:
        folder: the folder, for messages.
        pictures: the parts of their paths below it; one or more.

    Raises:
        DataError: the pictures are at different depths, or in folders that are no vehicles.
    """
    depths = {len(parts): "/".join(parts) for parts in pictures}
    if len(depths) > 1:
        examples = " and ".join(list(depths.values())[:2])
        raise DataError(f"{folder} holds pictures at different depths ({examples}), {_LAYOUTS}")
    depth = len(pictures[0])
    for parts in pictures:
        # A picture directly in "train" has no vehicle; one in "cars/7" has no split.
        if depth > 3 or (depth > 1 and (parts[0].lower() in (*SPLITS, "test")) != (depth == 3)):
            raise DataError(f"{folder} holds {'/'.join(parts)}, {_LAYOUTS}{_hint(parts)}")
    columns = list(zip(*pictures, strict=True))
    names = {1: (), 2: ("vehicle",), 3: ("split", "vehicle")}[depth]
    labels = {name: list(column) for name, column in zip(names, columns, strict=False)}
    for vehicle in dict.fromkeys(labels.get("vehicle", ())):
        if is_no_vehicle(vehicle):
            raise DataError(
                f"{folder}: the folder {vehicle!r} is called after a split, a camera or a part of "
                f"a data set, not after a vehicle, {_LAYOUTS}{_SETS}"
            )
    return labels


_SETS = (
    "; if it is a public data set, its lists are missing or this is a part of it: "
    "'platefree data sets' names the files that each is recognised by"
)


def _hint(parts: tuple[str, ...]) -> str:
    return _SETS if any(map(is_no_vehicle, parts[:-1])) else ""


def is_no_vehicle(name: str) -> bool:
    """Whether the name of a folder says something else than which vehicle it holds."""
    if name.lower() in _VEHICLE_ALONE or _DAY.fullmatch(name):
        return True
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)  # "TrainImages"
    return any(_tells_none(re.findall(r"[^\W\d_]+", text.lower())) for text in (name, apart))


def _tells_none(words: list[str]) -> bool:
    if _SET_NAMES & set(words):
        return True
    long = [word for word in words if len(word) > 1]  # the letter of "gallery_A" tells nothing
    if long:
        return all(word in _NO_VEHICLE or _JOINED.fullmatch(word[:30]) for word in long)
    return bool(words) and all(word in _NO_VEHICLE for word in words)
