"""What is used where no model is given: the shipped one, or colors alone with a note."""

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


def usual_model() -> str:
    """The embedder inside the package; without one, colors alone, with a note."""
    from platefree.inference.shipped import embedder_inside

    if (inside := embedder_inside()) is not None:
        return inside
    notes.print(f"no --model was given: {COLORS_ALONE}", soft_wrap=True)
    return FLOOR
