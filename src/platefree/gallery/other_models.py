"""The refusal of what another model made, in the words of every part of a gallery."""

from pathlib import Path

from platefree.errors import MismatchError


def of_another_model(gallery: Path, model: str, other: str) -> MismatchError:
    """The error to raise.

    Args:
        gallery: its folder.
        model: fingerprint of its model.
        other: fingerprint of the one that was given, and what else is known of it.
    """
    return MismatchError(
        f"{gallery} was made with model {model}, and this is {other}: give the model of the "
        f"gallery, or embed all its pictures again ('platefree gallery reembed {gallery} --model "
        "MODEL'), or make another one with this model ('platefree gallery create', then "
        "'platefree gallery add')"
    )
