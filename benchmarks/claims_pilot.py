"""How many vehicles a city for the papers' claims needs: the smallest that fits, by trying.

    python benchmarks/claims_pilot.py OUT [--vehicles 200 400 800] [--set KEY=VALUE]

Renders cities of near-duplicates seen from front and rear, one after the other, and trains the
baseline on each until its held-out score no longer rises (`platefree ablate pilot --converged`,
one seed). A city fits if the baseline's gain over `color_stripes` is beyond doubt over the queries
and its mAP is below saturation. The same command goes on after an interruption.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from platefree.city.generate import generate_city
from platefree.city.plan import PRESETS, CitySettings
from platefree.experiments.ablation import changed, converged, load_ablation
from platefree.experiments.ablation_run import run_ablation
from platefree.experiments.ablation_table import AblationTable
from platefree.experiments.forecast import forecast
from platefree.recipes.overrides import parse_overrides

SATURATED = 0.85
"""mAP from which on too few searches are left to fail."""

PICTURES = 8
"""Of each vehicle."""


def settings_of(vehicles: int) -> CitySettings:
    """The city of so many vehicles."""
    return replace(
        PRESETS["views"],
        vehicles=vehicles,
        images=PICTURES * vehicles,
        mounting="gantry",
    )


def judged(table: AblationTable) -> tuple[bool, str]:
    """Whether the city of a table fits, and what was measured."""
    (floor,), (baseline,) = table.measured["colors alone"], table.measured["baseline"]
    (claim,) = table.settled
    (length,) = table.lengths["baseline"]
    shown = (
        f"colors {100 * floor['mAP']:.1f}, baseline {100 * baseline['mAP']:.1f} % mAP, "
        f"{length.epochs:.0f} epochs, ended by {length.ended_by}"
    )
    if claim.by_queries is None or claim.by_queries.low <= 0:
        return False, f"{shown}: not clearly above comparing colors"
    if baseline["mAP"] >= SATURATED:
        return False, f"{shown}: saturated"
    return True, f"{shown}: fits"


def main() -> None:
    """Try the sizes in turn, up to the first that fits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--vehicles", type=int, nargs="+", default=[200, 400, 800])
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    rows = changed(converged(load_ablation("pilot")), parse_overrides(given.set))
    for vehicles in given.vehicles:
        place = given.out / str(vehicles)
        generate_city(place / "city", settings_of(vehicles), workers=given.workers)
        for each in forecast(rows, place / "city", place / "runs", seeds=(0,)):
            print(
                f"{vehicles} vehicles: {each.row}: at most {each.seconds / 60:.0f} min", flush=True
            )
        fits, said = judged(run_ablation(rows, place / "city", place / "runs", seeds=(0,)))
        print(f"{vehicles} vehicles: {said}", flush=True)
        if fits:
            return


if __name__ == "__main__":
    main()
