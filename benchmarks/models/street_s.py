"""Make the shipped embedder ``street-s`` from a seed: render, train, export, score.

Run ``python benchmarks/models/street_s.py WORK`` with the installs ``[train]`` and ``[weights]``.
What is finished in WORK is kept, and what was interrupted goes on when it is run again. Real
pictures are only scored, never trained on; without ``--real`` that is left out.
"""

import argparse
from pathlib import Path

from commands import platefree, train

RECIPE = "strong_baseline/street"


def render(city: Path, *, vehicles: int, pictures: int, seed: int) -> Path:
    """The city of the streets; all its vehicles are for training."""
    table = city.with_suffix(".csv")
    if not table.exists():
        size = ("--vehicles", str(vehicles), "--images", str(pictures))
        platefree("city", city, "--preset", "streets", "--seed", str(seed), *size)
        platefree("data", "split", city, "--train", "1", "--out", table)
    return table


def main() -> None:
    """Read the options and make the model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path, help="folder of city, run and model")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--vehicles", type=int, default=12_000)
    parser.add_argument("--pictures", type=int, default=72_000)
    parser.add_argument("--precision", default="int8", choices=("fp32", "fp16", "int8"))
    parser.add_argument("--real", type=Path, help="table of real pictures to score")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE of the recipe")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    table = render(
        options.work / "streets",
        vehicles=options.vehicles,
        pictures=options.pictures,
        seed=options.seed,
    )
    run, model = options.work / "run", options.work / "street-s"
    train(RECIPE, table, run, seed=options.seed, settings=options.set)
    scored = [] if options.real is None else ["--score", options.real]
    platefree(
        *("export", run / "last", "--out", model, "--precision", options.precision),
        *("--calibrate", table, "--licence", "Apache-2.0", *scored),
    )


if __name__ == "__main__":
    main()
