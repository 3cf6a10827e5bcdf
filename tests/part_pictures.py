"""Vehicles of three rectangles on a box: what a detector of parts can learn in a moment."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from platefree.data.part_boxes import PARTS, PartBoxes
from platefree.data.part_files import write_part_boxes
from platefree.data.table import write_table
from platefree.types import Sightings

COLORS = {"window": (40, 90, 250), "light": (250, 230, 40), "brand": (220, 30, 60)}
_USUAL = {
    "window": [(0.2, 0.15, 0.8, 0.45)],
    "light": [(0.08, 0.6, 0.3, 0.95), (0.7, 0.6, 0.92, 0.95)],
    "brand": [(0.4, 0.55, 0.6, 0.72)],
}


def draw_parts(
    folder: Path, *, vehicles: int = 8, each: int = 6, size: int = 48, seed: int = 0
) -> tuple[Sightings, PartBoxes]:
    """Pictures with known parts; ``images.csv`` and ``parts.csv`` are written into the folder.

    Vehicles differ by the shade of their body, pictures by where the parts are. Every fifth
    picture shows no brand. The last picture of each vehicle is a query, those before it gallery,
    of every other vehicle; the others are for training.
    """
    random = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    names, owners, splits, cameras = [], [], [], []
    picture, part, box = list[int](), list[int](), list[list[float]]()
    for vehicle in range(vehicles):
        shade = tuple(random.integers(60, 160, 3).tolist())
        for number in range(each):
            height = size + 4 * int(random.integers(0, 5))
            drawn = Image.new("RGB", (size, height), (128, 130, 128))
            pen = ImageDraw.Draw(drawn)
            pen.rectangle((2, 2, size - 3, height - 3), fill=shade)
            shift = random.uniform(-0.06, 0.06, 2)
            for kind, name in enumerate(PARTS):
                if name == "brand" and len(names) % 5 == 4:
                    continue
                for share in _USUAL[name]:
                    moved = np.array(share) + np.tile(shift, 2)
                    edges = np.rint(moved * [size, height, size, height]).astype(int).tolist()
                    pen.rectangle((*edges[:2], edges[2] - 1, edges[3] - 1), fill=COLORS[name])
                    picture.append(len(names))
                    part.append(kind)
                    box.append([float(edge) for edge in edges])
            names.append(f"images/{vehicle}-{number}.png")
            drawn.save(folder / names[-1])
            owners.append(f"v{vehicle}")
            cameras.append(f"c{number}")
            test = "query" if number == each - 1 else "gallery"
            splits.append("train" if vehicle % 2 == 0 else test)
    columns = {"image": names, "vehicle": owners, "camera": cameras, "split": splits}
    table = Sightings.from_columns(folder, columns)
    boxes = PartBoxes(
        folder,
        np.array(names),
        np.array(picture),
        np.array(part),
        np.array(box),
        np.ones(len(box)),
    )
    write_table(table, folder / "images.csv")
    write_part_boxes(boxes, folder / "parts.csv")
    return table, boxes
