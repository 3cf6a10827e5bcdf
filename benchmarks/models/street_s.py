"""Make the shipped embedder ``street-s`` from a seed: render, train, export, score, calibrate.

Run ``python benchmarks/models/street_s.py WORK`` with the installs ``[train]`` and ``[weights]``.
What is finished in WORK is kept, and what was interrupted goes on when it is run again. Real
pictures are only scored, never trained on; without ``--real`` that is left out.
"""

import argparse
from pathlib import Path

from commands import export, platefree, train

RECIPE = "strong_baseline/street"
LIMITS = (
    "It was measured by day, from behind and from above: 276 vehicles before two cameras over "
    "roads of one country. Night, rain and fog it knows from rendered pictures alone.",
    "Its commonest mistakes there: motorcycles whose riders wear like dark clothes, and cars of "
    "one model and color, such as taxis of one company. Nothing but the plate or the time tells "
    "many of them apart.",
    "A front and a rear share little but shape and color. Expect to find a vehicle from the side "
    "that the query shows.",
    "Of a motorcycle, the rider's clothes and load count: with others it is not found again, and "
    "another rider in the same clothes is. Nobody is to be judged by that.",
)


def render(city: Path, *, vehicles: int, pictures: int, seed: int) -> None:
    """A city of the streets."""
    size = ("--vehicles", str(vehicles), "--images", str(pictures))
    platefree("city", city, "--preset", "streets", "--seed", str(seed), *size)


def main() -> None:
    """Read the options and make the model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path, help="folder of cities, run and model")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--vehicles", type=int, default=8_000)
    parser.add_argument("--pictures", type=int, default=48_000)
    parser.add_argument("--held-out-vehicles", type=int, default=600)
    parser.add_argument("--real", type=Path, help="table of real pictures to score")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE of the recipe")
    options = parser.parse_args()
    work, seed = options.work, options.seed
    work.mkdir(parents=True, exist_ok=True)
    city, others, table = work / "streets", work / "held-out", work / "streets.csv"
    count = options.held_out_vehicles
    render(city, vehicles=options.vehicles, pictures=options.pictures, seed=seed)
    render(others, vehicles=count, pictures=6 * count, seed=seed + 976)
    if not table.exists():  # all vehicles are for training
        platefree("data", "split", city, "--train", "1", "--out", table)
    run, model = work / "run", work / "street-s"
    train(RECIPE, table, run, seed=seed, settings=options.set)
    scored = [] if options.real is None else ["--score", options.real]
    precision = ("--precision", "int8-weights", "--calibrate", table)
    export(run / "last", model, *precision, *scored, limits=LIMITS)
    tests = [] if options.real is None else ["--test", options.real]
    platefree("calibrate", model, "--data", others, *tests)


if __name__ == "__main__":
    main()
