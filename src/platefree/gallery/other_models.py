"""The refusal of what another model made, in the words of every part of a gallery."""

from platefree.errors import MismatchError


def of_another_model(gallery: object, model: str, other: str) -> MismatchError:
    """The error to raise.

    Args:
        gallery: its folder, or its address on a server.
        model: fingerprint of its model.
        other: fingerprint of the one that was given, and what else is known of it.
    """
    again = (
        f"embed all its pictures again ('platefree gallery reembed {gallery} --model MODEL'), or "
    )
    return MismatchError(
        f"{gallery} was made with model {model}, and this is {other}: give the model of the "
        f"gallery, or {again}make another one with this model ('platefree gallery create', "
        "then 'platefree gallery add')"
    )
