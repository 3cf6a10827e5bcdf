"""Which models can be joined to an ensemble."""

from collections.abc import Sequence

from platefree.errors import DataError
from platefree.inference.embedder import Embedder


def check_members(members: Sequence[Embedder]) -> None:
    """Refuse models that cannot be joined.

    Raises:
        DataError: one does not embed vehicles, is conditioned on metadata, or is given twice.
    """
    names: dict[str, str] = {}
    for member in members:
        learns = member.learns
        if learns != "vehicle":
            raise DataError(
                f"{member.name} is a {member.describe()['method']} model, which learns {learns}; "
                "only models that embed vehicles can be joined to an ensemble"
            )
        if member.metadata:
            raise DataError(
                f"{member.name} is conditioned on metadata of the pictures, and an ensemble takes "
                "pictures alone; give the model without metadata"
            )
        if member.fingerprint in names:
            other = names[member.fingerprint]
            which = "is given twice" if other == member.name else f"and {other} are one model"
            raise DataError(
                f"{member.name} {which} ({member.fingerprint}); give each model once, and weights "
                "to make one count more"
            )
        names[member.fingerprint] = member.name
