"""What feedback gains: a search after one yes and two no, beside the same search without.

The queries are the pictures of the first camera. Rejected and confirmed pictures are taken out of
both rankings, so that only the rest is scored.

- *one yes, two no*: the gallery is every picture of the other camera and a second picture of each,
  which is made from it (a tighter crop, 85 % of its brightness, saved again), since the set has
  only one. The nearest right picture is confirmed, the two nearest wrong ones are rejected: is the
  right one's other picture found? These two are much more alike than two real ones of a pass.
- *two no*: the gallery is the pictures of the other camera, as they are.

    python benchmarks/search_feedback.py --data images.csv [--model color_stripes]
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import ImageEnhance

import platefree as pf
from platefree.data.image_source import TableImages
from platefree.gallery.feedback import moved_query
from platefree.types import Embeddings, Sightings

TIGHTER = (0.06, 0.04, 0.97, 0.98)  # left, top, right, bottom, fractions
BRIGHTNESS, QUALITY = 0.85, 80


def second_pictures(table: Sightings, folder: Path) -> Sightings:
    """A second picture of every row, made from its first."""
    pictures, images = TableImages(table), list[str]()
    for row in range(len(table)):
        picture = pictures.read(row)
        width, height = picture.size
        edges = zip(TIGHTER, (width, height, width, height), strict=True)
        cut = picture.crop(tuple(round(part * size) for part, size in edges))  # type: ignore[arg-type]
        images.append(str(folder / f"{row}.jpg"))
        ImageEnhance.Brightness(cut).enhance(BRIGHTNESS).save(images[-1], quality=QUALITY)
    return replace(table, image=np.array(images, object))


def score(order: Sequence[int], right: Sequence[bool]) -> tuple[float, float]:
    """Average precision and whether the first is right."""
    ranks = [rank for rank, row in enumerate(order, 1) if right[row]]
    return float(np.mean([n / rank for n, rank in enumerate(ranks, 1)])), float(ranks[0] == 1)


def measure(
    query: Embeddings, gallery: Embeddings, comparison: pf.Comparison, confirmed: int
) -> dict[str, dict[str, float]]:
    """Mean average precision and rank-1 in per cent, without feedback and with it."""
    scores: dict[str, list[tuple[float, float]]] = {"without": [], "with": []}
    for row in range(len(query)):
        one = query.take(np.array([row]))
        right = (gallery.sightings.vehicle == one.sightings.vehicle[0]).tolist()
        before = np.argsort(comparison.distances(one, gallery)[0], kind="stable").tolist()
        yes = [place for place in before if right[place]][:confirmed]
        no = [place for place in before if not right[place]][:2]
        moved = moved_query(
            one, gallery.take(np.array(yes, int)), gallery.take(np.array(no, int)), comparison
        )
        after = np.argsort(comparison.distances(moved, gallery)[0], kind="stable").tolist()
        for name, order in (("without", before), ("with", after)):
            rest = [place for place in order if place not in (*yes, *no)]
            scores[name].append(score(rest, right))
    return {
        name: dict(
            zip(("mAP", "rank-1"), (100 * np.mean(each, axis=0)).round(1).tolist(), strict=True)
        )
        for name, each in scores.items()
    }


def main() -> None:
    """Measure both, and print them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", default="color_stripes")
    arguments = parser.parse_args()
    model, table = pf.load_model(arguments.model), pf.read_table(arguments.data)
    first = sorted(set(table.camera.tolist()))[0]
    query, _ = model.embed(table.take(table.camera == first))
    gallery, _ = model.embed(table.take(table.camera != first))
    with tempfile.TemporaryDirectory() as folder:
        second, _ = model.embed(second_pictures(gallery.sightings, Path(folder)))
    both = Embeddings(
        {
            name: np.concatenate([gallery.spaces[name], second.spaces[name]])
            for name in query.spaces
        },
        gallery.sightings.take(np.tile(np.arange(len(gallery)), 2)),
        gallery.model,
    )
    print(
        json.dumps(
            {
                "one yes, two no": measure(query, both, model.comparison, 1),
                "two no": measure(query, gallery, model.comparison, 0),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
