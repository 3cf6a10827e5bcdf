"""How many faces are masked, by their width in pixels, and how much else.

    python benchmarks/face_masks.py PICTURES [--without two-cameras] [--sheet sheet.png]

`face_labels.csv` has the boxes of 37 faces on public pictures, from the brows to the chin, labelled
by eye; docs/footage.md says where the pictures are from. PICTURES is a folder of them, with their
names. Each is taken as it is and at half its size. Around each face two pictures are cut out: one
as of a rider, whose head is a sixth of it, and one as of a car, whose width is ten faces. A face is
*covered* where at least 90 % of its pixels are. With ``--without``, a folder of `images.csv` of
vehicles from behind, on which no face is seen: whatever is filled there is wrong.
"""

import argparse
import csv
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from plate_masks import Mask, mask_of, pixels_of

from platefree.video.best_pictures import Pixels
from platefree.video.face_masks import SIDE, THRESHOLD, FaceMasks
from platefree.video.track_masks import Boxes, masked

LABELS = Path(__file__).with_name("face_labels.csv")
SCALES = (1.0, 0.5)
AROUND = {"rider": (1.8, 1.0, 5.5), "car": (5.0, 2.0, 5.0)}  # faces beside, above, below
WIDTHS = ((6, 10), (10, 16), (16, 24), (24, 1000))
COVERED = 0.9
TILE = 160


class Cut(NamedTuple):
    """A picture with a face.

    Attributes:
        picture: (h, w, 3).
        face: (4,) its box.
    """

    picture: Pixels
    face: Boxes


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path, help="folder of the labelled pictures")
    parser.add_argument("--without", type=Path, help="folder of images.csv, without faces")
    parser.add_argument("--threshold", type=float, default=THRESHOLD)
    parser.add_argument("--side", type=int, default=SIDE)
    parser.add_argument("--sheet", type=Path, help="what is masked and missed, as one picture")
    options = parser.parse_args()
    masks = FaceMasks(threshold=options.threshold, side=options.side)
    wholes = labelled(options.pictures)
    tiles = list[Pixels]()
    print(f"threshold {options.threshold}, side {options.side}: faces that are covered, by width")
    for name, around in AROUND.items():
        cuts = [one for whole in wholes for one in cut_out(*whole, around)]
        found = [masks.on_vehicle(each.picture) for each in cuts]
        show(name, cuts, [mask_of(*each) for each in zip(found, pictures(cuts), strict=True)])
        tiles += [masked(*each) for each in zip(pictures(cuts), found, strict=True)]
    cuts = [Cut(picture, face) for picture, faces in wholes for face in faces]
    filled = [mask_of(masks.on_scene(picture, faces), picture) for picture, faces in wholes]
    each_face = [mask for mask, (_, faces) in zip(filled, wholes, strict=True) for _ in faces]
    show("whole picture", cuts, each_face)
    if options.without is not None:
        tiles += without(masks, options.without)
    if options.sheet is not None:
        sheet(tiles).save(options.sheet)


def labelled(folder: Path) -> list[tuple[Pixels, Boxes]]:
    """The pictures at all scales, with their faces."""
    faces = dict[tuple[str, int], list[list[float]]]()
    with LABELS.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            box = [float(line[side]) for side in ("left", "top", "right", "bottom")]
            faces.setdefault((line["picture"], int(line["frame"])), []).append(box)
    wholes = list[tuple[Pixels, Boxes]]()
    for (name, frame), boxes in faces.items():
        with Image.open(folder / name) as file:
            file.seek(frame)
            picture = file.convert("RGB")
        for scale in SCALES:
            size = round(picture.width * scale), round(picture.height * scale)
            smaller = picture.resize(size, Image.Resampling.LANCZOS)
            wholes.append((np.asarray(smaller), np.array(boxes) * scale))
    return wholes


def cut_out(picture: Pixels, faces: Boxes, around: tuple[float, float, float]) -> list[Cut]:
    """A picture around each face."""
    beside, above, below = around
    cuts = list[Cut]()
    for face in faces:
        side = float(np.sqrt((face[2:] - face[:2]).prod()))
        middle = (face[0] + face[2]) / 2
        low = np.array([middle - beside * side, face[1] - above * side]).clip(0).astype(int)
        high = np.array([middle + beside * side, face[1] + below * side]).astype(int)
        part = picture[low[1] : high[1], low[0] : high[0]]
        cuts.append(Cut(part, face - np.tile(low, 2)))
    return cuts


def pictures(cuts: list[Cut]) -> list[Pixels]:
    """Without their faces' boxes."""
    return [each.picture for each in cuts]


def show(name: str, cuts: list[Cut], filled: list[Mask]) -> None:
    """One line: of each width how many faces are covered."""
    width = np.array([each.face[2] - each.face[0] for each in cuts])
    pairs = zip(filled, cuts, strict=True)
    covered = np.array([mask[pixels_of(each.face)].mean() >= COVERED for mask, each in pairs])
    words = []
    for low, high in WIDTHS:
        rows = (low <= width) & (width < high)
        wide = f"{low}-{high - 1}" if high < WIDTHS[-1][1] else f"{low}-"
        words.append(f"{wide} px {covered[rows].sum()} of {rows.sum()}")
    print(f"{name:14}", ", ".join(words))


def without(masks: FaceMasks, folder: Path) -> list[Pixels]:
    """Print how often pictures without faces are filled; those that are, masked."""
    wrong, filled = dict[str, list[bool]](), list[float]()
    tiles, began = list[Pixels](), time.process_time()
    with (folder / "images.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            picture = np.asarray(Image.open(folder / line["image"]).convert("RGB"))
            found = masks.on_vehicle(picture)
            wrong.setdefault(line["type"], []).append(len(found) > 0)
            filled.append(float(mask_of(found, picture).mean()))
            if len(found):
                tiles.append(masked(picture, found))
    spent = 1000 * (time.process_time() - began) / len(filled)
    for kind, each in wrong.items():
        print(f"{kind}: {sum(each)} of {len(each)} pictures are filled somewhere")
    print(f"{100 * np.mean(filled):.2f} % of a picture; {spent:.1f} ms of processor time for each")
    return tiles


def sheet(tiles: list[Pixels]) -> Image.Image:
    """All of them in rows of ten."""
    rows = -(-len(tiles) // 10)
    page = Image.new("RGB", (10 * TILE, rows * TILE))
    for place, tile in enumerate(tiles):
        picture = Image.fromarray(tile)
        factor = TILE / max(picture.size)
        size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
        page.paste(picture.resize(size), (place % 10 * TILE, place // 10 * TILE))
    return page


if __name__ == "__main__":
    main()
