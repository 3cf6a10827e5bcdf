"""The figures that recipes and ablations claim, against the tables of the five papers.

The tables were copied from the papers row by row, in their units and order, and not from our files.
"""

import pytest

from platefree.experiments.ablation import ablation_names, load_ablation
from platefree.methods.catalogue import load_recipe
from platefree.recipes.builtin import recipe_names

FIVE_PAPERS = ("drdl", "part_regularized", "vanet", "fda_net", "vehiclenet")

RECIPES = {
    "drdl/vehicleid": """
        vehicleid 800 rank-1, vehicleid 1600 rank-1, vehicleid 2400 rank-1: 0.490 0.428 0.382
        vehicleid 800 rank-5, vehicleid 1600 rank-5, vehicleid 2400 rank-5: 0.735 0.668 0.616
        vehicleid 800 retrieval mAP: 0.546
        vehicleid 1600 retrieval mAP, vehicleid 2400 retrieval mAP: 0.481 0.455""",
    "drdl/compcars": """
        compcars easy accuracy, compcars medium accuracy: 0.833 0.788
        compcars hard accuracy: 0.703""",
    "part_regularized/vehicleid": """
        vehicleid 800 rank-1, vehicleid 1600 rank-1, vehicleid 2400 rank-1: 0.784 0.750 0.742
        vehicleid 800 rank-5, vehicleid 1600 rank-5, vehicleid 2400 rank-5: 0.923 0.883 0.864""",
    "part_regularized/veri": """
        veri-776 tracks mAP, veri-776 tracks HIT@1, veri-776 tracks HIT@5: 0.743 0.943 0.987""",
    "vanet/vehicleid": """
        vehicleid 800 rank-1, vehicleid 800 rank-5: 83.26 95.97
        vehicleid 1600 rank-1, vehicleid 1600 rank-5: 81.11 94.71
        vehicleid 2400 rank-1, vehicleid 2400 rank-5: 77.21 92.92
        vehicleid 800 top1_s rank-1, vehicleid 800 top1_d rank-1: 92.80 59.85
        vehicleid 800 top1_s* rank-1, vehicleid 800 top1_d* rank-1: 96.06 67.67""",
    "vanet/vehicleid-resnet50": """
        vehicleid 800 rank-1, vehicleid 800 rank-5: 88.12 97.29
        vehicleid 1600 rank-1, vehicleid 1600 rank-5: 83.17 95.14
        vehicleid 2400 rank-1, vehicleid 2400 rank-5: 80.35 92.97""",
    "vanet/veri": """
        veri-776 tracks mAP, veri-776 tracks HIT@1, veri-776 tracks HIT@5: 66.34 89.78 95.99""",
    "fda_net/veri-wild": """
        veri-wild 3000 mAP, veri-wild 5000 mAP, veri-wild 10000 mAP: 35.11 29.80 22.78
        veri-wild 3000 rank-1, veri-wild 3000 rank-5: 64.03 82.8
        veri-wild 5000 rank-1, veri-wild 5000 rank-5: 57.82 78.34
        veri-wild 10000 rank-1, veri-wild 10000 rank-5: 49.43 70.48""",
    "fda_net/veri-wild-resnet50": """
        veri-wild 3000 mAP, veri-wild 3000 rank-1: 61.57 73.62
        veri-wild 3000 rank-5: 91.23
        veri-wild 5000 mAP, veri-wild 5000 rank-1: 52.69 64.29
        veri-wild 5000 rank-5: 85.39
        veri-wild 10000 mAP, veri-wild 10000 rank-1: 45.78 58.76
        veri-wild 10000 rank-5: 80.97""",
    "fda_net/vehicleid": """
        vehicleid 1600 retrieval mAP, vehicleid 2400 retrieval mAP: 65.33 61.84
        vehicleid 1600 rank-1, vehicleid 1600 rank-5: 59.84 77.09
        vehicleid 2400 rank-1, vehicleid 2400 rank-5: 55.53 74.65""",
    "fda_net/veri": """
        veri-776 images mAP, veri-776 images rank-1, veri-776 images rank-5: 55.49 84.27 92.43""",
    "vehiclenet/veri": """
        veri-776 images mAP, veri-776 images rank-1: 83.41 96.78""",
    "vehiclenet/vehicleid": """
        vehicleid 800 rank-1, vehicleid 800 rank-5: 83.64 96.86
        vehicleid 1600 rank-1, vehicleid 1600 rank-5: 81.35 93.61
        vehicleid 2400 rank-1, vehicleid 2400 rank-5: 79.46 92.04""",
    "vehiclenet/cityflow": """
        cityflow validation mAP, cityflow validation rank-1: 57.35 88.77
        cityflow validation mAP after crop: 57.68
        cityflow validation mAP after crop,ensemble: 61.29
        cityflow validation mAP after crop,ensemble,expand: 63.97
        cityflow validation mAP after crop,ensemble,expand,camera: 65.97
        cityflow validation mAP after crop,ensemble,expand,camera,rerank: 74.52""",
}
"""Recipe -> names of figures and their values; the ResNet-50 of FDA-Net is that of the README of
its authors' repository."""

ABLATIONS = {
    "drdl": """
        800 rank-1, 800 rank-5, 800 retrieval mAP
        0.404 0.617 0.444
        0.436 0.642 0.492
        0.490 0.735 0.546""",
    "part_regularized": """
        rank-1, rank-5
        0.742 0.864
        0.675 0.830
        0.710 0.887
        0.726 0.851
        0.707 0.832
        0.687 0.829
        0.645 0.800""",
    "part_regularized-vehicleid": """
        800 rank-1, 800 rank-5, 1600 rank-1, 1600 rank-5, 2400 rank-1, 2400 rank-5
        0.726 0.886 0.685 0.838 0.661 0.819
        0.784 0.923 0.750 0.883 0.742 0.864""",
    "part_regularized-veri": """
        mAP, HIT@1, HIT@5
        0.653 0.878 0.959
        0.702 0.922 0.979
        0.743 0.943 0.987""",
    "vanet": """
        rank-1, rank-5, top1_s rank-1, top1_d rank-1, top1_s* rank-1, top1_d* rank-1
        75.23 91.84 92.23 33.53 94.01 56.09
        70.23 79.26 95.83 13.59 96.23 67.66
        81.20 94.08 91.34 52.81 95.12 60.67
        83.26 95.97 92.80 59.85 96.06 67.67
        -
        83.01 95.80
        82.39 94.79""",
    "vanet-wrong-views": """
        rank-1
        75.23
        83.26
        -
        77.63
        -
        -""",
    "fda_net": """
        rank-1, rank-5, mAP
        57.13 77.33 28.77
        -
        61.93 80.48 32.40
        61.93 80.48 32.40
        64.03 82.80 35.11""",
    "vehiclenet": """
        rank-1, mAP
        73.65 37.65
        79.48 43.47
        83.37 48.71
        83.37 47.56
        88.77 57.35
        -
        -
        -
        -""",
    "vehiclenet-cityflow": """
        rank-1, mAP
        73.65 37.65
        79.48 43.47
        83.37 48.71
        83.37 47.56
        88.77 57.35
        77.97 43.65
        83.15 47.17
        81.43 45.14
        76.03 40.09""",
}
"""Ablation -> names of figures, then the values of each row; - is a row that no paper has."""


def fractions(values: str) -> list[float]:
    numbers = [float(value) for value in values.split()]
    return [value / 100 if value > 1 else value for value in numbers]


def claimed(table: str) -> dict[str, float]:
    claims: dict[str, float] = {}
    for line in table.strip().splitlines():
        names, values = line.strip().split(": ")
        claims |= dict(zip(names.split(", "), fractions(values), strict=True))
    return claims


def test_every_recipe_and_ablation_of_the_five_papers_is_compared() -> None:
    recipes = {name for name in recipe_names() if name.split("/")[0] in FIVE_PAPERS}
    assert {name for name in recipes if load_recipe(name).paper} == set(RECIPES)
    ablations = {name for name in ablation_names() if name.split("-")[0] in FIVE_PAPERS}
    assert ablations == set(ABLATIONS)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_claims_the_figures_of_its_paper(name: str) -> None:
    assert load_recipe(name).paper == pytest.approx(claimed(RECIPES[name]))


@pytest.mark.parametrize("name", ABLATIONS)
def test_the_rows_of_an_ablation_claim_those_of_the_paper_s_tables(name: str) -> None:
    ablation = load_ablation(name)
    head, *lines = [line.strip() for line in ABLATIONS[name].strip().splitlines()]
    for row, line in zip(ablation.rows, lines, strict=True):
        values = [] if line == "-" else fractions(line)
        expected = dict(zip(head.split(", "), values, strict=False))
        assert row.paper == pytest.approx(expected), row.name
        assert set(row.paper) <= set(ablation.figures)
