"""The verb ``models``."""

from typing import TYPE_CHECKING

from platefree.cli.console import Json, out, print_json

if TYPE_CHECKING:
    from platefree.inference.model_card import ModelCard


def models(
    *,
    as_json: Json = False,
) -> None:
    """List the models that are inside platefree, with their figures."""
    from platefree.inference.detector_card import DetectorCard, read_card
    from platefree.inference.shipped import NONE_INSIDE, shipped_models

    cards = {name: read_card(folder) for name, folder in shipped_models().items()}
    if as_json:
        print_json(
            {name: card.model_dump(exclude={"recipe", "post"}) for name, card in cards.items()}
        )
        return
    if not cards:
        out.print(NONE_INSIDE)
    for name, card in cards.items():
        size = sum(each.size for each in card.files()) / 1e6
        out.print(f"{name}: {card.method}, {card.precision}, {size:.1f} MB, {card.fingerprint}")
        if isinstance(card, DetectorCard):
            out.print(f"    finds {', '.join(card.classes)}, from a score of {card.threshold:g}")
            out.print(f"    licence: {card.licence}")
        else:
            _print(card)


def _print(card: "ModelCard") -> None:
    for network in card.networks:
        spaces = ", ".join(f"{space} ({wide})" for space, wide in network.spaces.items())
        out.print(f"    {network.height} x {network.width} pixels to {spaces}")
    out.print(f"    licence: {card.licence}")
    for measured in card.figures:
        out.print(f"    {measured.describe()}")
        out.print(f"        {measured.percentages()}")
