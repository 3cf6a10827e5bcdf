"""FDA-Net on a small rendered city: render, train, show generated pictures, score.

    python examples/fda_net.py [FOLDER] [--steps 60]

A minute on two cores. It shows how the parts fit together; its figures say nothing.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import platefree as pf


def render_city(folder: Path, vehicles: int) -> Path:
    """A city with many near-duplicates: vehicles of the same model and color."""
    if not (folder / "images.csv").exists():
        pf.generate_city(
            folder, vehicles=vehicles, cameras=4, images=8 * vehicles, size=96, near_duplicates=0.8
        )
    return folder


def train_game(data: pf.Sightings, folder: Path, steps: int) -> pf.Run:
    """Train the generator and the embedding in turn."""
    recipe = pf.load_recipe(
        "fda_net/city",
        {
            "model.backbone": "resnet10t",
            "input.height": 64,
            "input.width": 64,
            "train.vehicles_per_batch": 6,
            "train.images_per_vehicle": 4,
            "train.epochs": 1000,
            "train.max_steps": steps,
            "train.samples_epochs": 2,
            "train.workers": 0,
        },
    )
    return pf.train(recipe, data, folder, resume=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description="FDA-Net on a small rendered city.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("fda-net-example"))
    parser.add_argument("--vehicles", type=int, default=24)
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args(arguments)

    city = render_city(options.folder / "city", options.vehicles)
    table = pf.split_by_vehicle(pf.read_table(city), train=0.5, seed=0)
    run = train_game(table, options.folder / "run", options.steps)
    report = pf.evaluate(run.best, table)
    page = pf.save_report(report, options.folder / "report.html")
    for name, value in report.figures().items():
        print(f"{name}: {100 * value:.1f} %")
    sheets = sorted((run.folder / "samples").glob("*.png"))
    print(f"what the generator makes: {sheets[-1] if sheets else 'no epoch ended'}")
    print(f"report: {page}")


if __name__ == "__main__":
    main()
