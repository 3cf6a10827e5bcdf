"""How hard a city is: color_stripes on its pictures, and on their backgrounds alone.

    python benchmarks/city_difficulty.py [--preset small] [--vehicles N --cameras N --images N]

Renders a city twice, normally and with the subject left out of every picture (the same camera, box,
light, weather and neighbours), and scores both with `color_stripes`, cross-camera. They are
compared with chance: random embeddings on the same table.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from platefree.city.atelier import Atelier
from platefree.city.generate import generate_city
from platefree.city.scene import Crop, Picture, Scene
from platefree.data.table import read_table
from platefree.evaluation.evaluate import evaluate
from platefree.evaluation.metrics import rank_metrics
from platefree.evaluation.protocols import cross_camera

_DRAWS = 3  # of random embeddings


class WithoutSubject(Atelier):
    """Renders the same pictures without their labelled vehicle."""

    def render(self, scene: Scene, crop: Crop) -> Picture:
        """The labels of the whole picture, the pixels of the empty one."""
        whole = super().render(scene, crop)
        empty = super().render(replace(scene, vehicles=scene.vehicles[1:]), crop)
        return replace(whole, pixels=empty.pixels)


def chance(folder: Path) -> float:
    """Mean cross-camera mAP of random L2-normalised embeddings."""
    table = read_table(folder)
    table = table.take(table.split != "train")
    values = []
    for seed in range(_DRAWS):
        rows = np.random.default_rng(seed).standard_normal((len(table), 64)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        scores = [
            rank_metrics(
                1 - rows[trial.query] @ rows[trial.gallery].T,
                table.vehicle[trial.query],
                table.vehicle[trial.gallery],
            )
            for trial in cross_camera(table)
        ]
        values.append(float(np.mean([np.nanmean(score.average_precision) for score in scores])))
    return float(np.mean(values))


def main() -> None:
    """Render, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--seed", type=int, default=0)
    for name in ("vehicles", "cameras", "images"):
        parser.add_argument(f"--{name}", type=int)
    asked = parser.parse_args()
    numbers = {
        name: getattr(asked, name)
        for name in ("vehicles", "cameras", "images")
        if getattr(asked, name) is not None
    }
    with TemporaryDirectory() as temporary:
        whole, empty = Path(temporary, "whole"), Path(temporary, "empty")
        card = generate_city(whole, preset=asked.preset, seed=asked.seed, **numbers)
        generate_city(
            empty, preset=asked.preset, seed=asked.seed, studio=WithoutSubject(), **numbers
        )
        figures = {
            name: evaluate("color_stripes", read_table(folder), protocol="cross-camera").figures()
            for name, folder in (("whole pictures", whole), ("subject left out", empty))
        }
        print(f"{card.images:,} pictures, {card.vehicles:,} vehicles, {card.cameras} cameras")
        print(f"seed {asked.seed}, fraction of near-duplicates {card.near_duplicate_rate}")
        print(json.dumps({**figures, "chance": {"mAP": chance(whole)}}, indent=2))


if __name__ == "__main__":
    main()
