"""The card of a model as a page for people (Mitchell et al., "Model Cards", FAT* 2019)."""

from collections.abc import Iterator

from platefree.inference.model_card import ModelCard

_FOR = {
    "vehicle": "To find other pictures of a vehicle among many: search, journeys, comparison.",
    "view": "To tell which side of a vehicle a picture shows.",
    "camera": "To tell which camera took a picture.",
}


def card_page(card: ModelCard) -> str:
    """The page, in Markdown."""
    return "\n".join(_lines(card)) + "\n"


def _lines(card: ModelCard) -> Iterator[str]:
    yield f"# {card.networks[0].name if len(card.networks) == 1 else card.method}"
    yield ""
    yield f"A model of platefree: {card.method}, {card.precision}, fingerprint {card.fingerprint}."
    yield f"Licence of the weights: {card.licence}."
    yield from ("", "## What it was made from", "")
    yield from _listed(card.about)
    yield from ("", "## What it is for", "")
    yield _FOR.get(card.learns, f"To predict the {card.learns} of a vehicle.")
    yield "Not to decide about people, and not alone: a person looks at what is found."
    yield from ("", "## What it takes", "")
    yield from _listed(card.use)
    for network in card.networks:
        spaces = ", ".join(f"{name} ({size})" for name, size in network.spaces.items())
        yield (
            f"- {network.file.name}: `pictures`, uint8 RGB (n, 3, {network.height}, "
            f"{network.width}), resized with antialiasing and without keeping the aspect ratio "
            f"(Pillow's bilinear filter), to rows of length 1: {spaces}. Normalisation, scales, "
            "crops and mirrored pictures are within the graph"
        )
    yield from ("", "## How it was measured", "")
    yield f"Distance of its rows from those in torch, on {card.compared}:"
    yield from ("", "| space | worst | mean |", "|---|---|---|")
    for network in card.networks:
        for name, each in network.parity.items():
            yield f"| {network.name}: {name} | {each.worst:.1e} | {each.mean:.1e} |"
    yield ""
    if not card.figures:
        yield "How well it finds vehicles was not measured here: 'platefree eval' does."
    for measured in card.figures:
        yield f"- {measured.describe()}: {measured.percentages()}"
    if (calibration := card.probabilities()) is not None:
        yield from ("", "## How sure a similarity is", "")
        yield "Probabilities (`p_same`) were fitted to pairs of known vehicles:"
        yield ""
        yield from _listed(calibration.data)
        yield from (f"- {name}: {value:.4g}" for name, value in calibration.measured.items())
    yield from ("", "## Where it fails", "")
    yield from (f"- {each}" for each in card.limits)


def _listed(content: dict[str, str]) -> Iterator[str]:
    for key, value in content.items():
        yield f"- {key}: {value}"
