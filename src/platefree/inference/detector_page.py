"""The card of a detector as a page for people (Mitchell et al., "Model Cards", FAT* 2019)."""

from collections.abc import Iterator

from platefree.inference.detector_card import DetectorCard


def detector_page(card: DetectorCard) -> str:
    """The page, in Markdown."""
    return "\n".join(_lines(card)) + "\n"


def _lines(card: DetectorCard) -> Iterator[str]:
    yield f"# {card.name}"
    yield ""
    yield f"A detector of platefree: {card.method}, {card.precision}, {card.fingerprint}."
    yield f"Licence of the weights: {card.licence}."
    yield from ("", "## What it was made from", "")
    yield from (f"- {key}: {value}" for key, value in card.about.items())
    yield from ("", "## What it is for", "")
    yield f"To find on whole frames: {', '.join(card.classes)}."
    yield "Not to decide about people, and not alone: a person looks at what is found."
    yield from ("", "## What it takes", "")
    yield from (f"- {key}: {value}" for key, value in card.use.items())
    levels = ", ".join(f"{each:g}" for each in card.mean)
    yield (
        f"- {card.file.name}: `pictures`, float32 RGB levels of 0 to 255 (b, 3, h, w), padded at "
        f"the right and below with {levels} to multiples of {card.multiple}. Normalisation is "
        "within the graph"
    )
    strides = ", ".join(map(str, card.strides))
    yield (
        f"- `quality` (b, n, {len(card.classes)}) and `sides` (b, n, 4, {card.bins}): logits of "
        f"the positions of the strides {strides}, row by row, whose centres are (x + 1/2, y + 1/2) "
        "strides. A score is the logistic function of a quality. A side (left, top, right, "
        f"bottom) is as far from the centre as the mean of 0 to {card.bins - 1} strides, weighted "
        "by the softmax of its logits"
    )
    yield (
        f"- boxes with a score of at least {card.threshold:g} count; of two whose intersection "
        "over union is above 0.5 the one with the higher score stays; plates are compared with "
        "plates"
    )
    yield from ("", "## How it was measured", "")
    yield f"Distance from torch, on {card.compared}, at positions that may hold something:"
    yield from ("", "| what | worst | mean |", "|---|---|---|")
    for name, each in card.parity.items():
        yield f"| {name} | {each.worst:.1e} | {each.mean:.1e} |"
    yield from ("", "`scores`: difference; `boxes`: 1 - intersection over union.")
    yield from ("", "## Where it fails", "")
    yield from (f"- {each}" for each in card.limits)
