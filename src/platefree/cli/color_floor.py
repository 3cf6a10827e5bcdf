"""What is used where no model is given: colors alone, with a note that says so."""

from platefree.cli.console import notes

FLOOR = "color_stripes"
"""The method for searches without a trained model."""

COLORS_ALONE = (
    f"only colors are compared ({FLOOR}), so other vehicles of a like color come first; for "
    "better hits train a model, such as on a rendered city: 'platefree city CITY --preset small', "
    "'platefree train strong_baseline/small --data CITY --out runs/first', and give "
    "--model runs/first/best"
)
"""What to know of it."""


def floor() -> str:
    """The method, after a note that it compares colors only."""
    notes.print(f"no --model was given: {COLORS_ALONE}", soft_wrap=True)
    return FLOOR
