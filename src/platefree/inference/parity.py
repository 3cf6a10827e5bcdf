"""How far an exported network is from the one in torch: the distance of their rows, by picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from platefree.data.input_pictures import InputPictures, Pixels
from platefree.data.listed_text import many
from platefree.errors import MismatchError
from platefree.inference.model_card import Difference, Precision
from platefree.types import Floats, Sightings, check_some

TOLERANCE: Mapping[Precision, float] = {
    "fp32": 1e-3,
    "fp16": 2e-2,
    "int8": 0.5,
    "int8-weights": 0.2,
}
"""The largest distance of a row from that of torch.

No cosine similarity in a space changes by more than twice it.
"""

_ROWS = 320  # of a table; every fifth is compared, the others are for the ranges of int8
_DRAWN = 32


NameType = TypeVar("NameType", bound=str)


class Apart(Protocol):
    """How far something is apart."""

    @property
    def worst(self) -> float:
        """The largest difference."""

    @property
    def mean(self) -> float:
        """The mean difference."""


@dataclass(frozen=True, eq=False)
class Trials:
    """The pictures that a network is tried on.

    Attributes:
        compared: (n, 3, h, w) uint8, on which the parity is measured.
        calibrating: (m, 3, h, w) uint8, other pictures, from which the ranges of int8 are taken.
        described: the compared ones, for a card.
    """

    compared: Pixels
    calibrating: Pixels
    described: str


def trial_pictures(table: Sightings | None, width: int, height: int) -> Trials:
    """Pictures of a table, spread over it; without one, patterns that are drawn here.

    Of a table with training rows only these are used, so that the ranges of int8 are not those of
    pictures that it is scored on.

    Raises:
        DataError: the table has no rows.
        ImageError: a picture cannot be read.
    """
    if table is None:
        drawn = _patterns(width, height)
        return Trials(drawn, drawn[:0], f"{len(drawn)} drawn patterns")
    check_some(table, "to try the export on")
    training = np.flatnonzero(table.split == "train")
    usable = training if len(training) else np.arange(len(table))
    rows = usable[np.linspace(0, len(usable) - 1, min(len(usable), _ROWS)).astype(int)]
    chosen = InputPictures(table.take(rows), width, height)
    pictures = np.stack([chosen.read(row) for row in range(len(chosen))])
    compared = np.arange(len(rows)) % 5 == 0
    described = (
        f"{compared.sum()} of {many(len(table), 'picture')} of {table.root.name or 'a table'}"
    )
    return Trials(pictures[compared], pictures[~compared], described)


def differences(
    exported: Mapping[str, Floats], torch: Mapping[str, Floats]
) -> dict[str, Difference]:
    """The distances of the rows of each space, worst and mean.

    Args:
        exported: space -> (n, d) rows of the exported network.
        torch: space -> (n, d) rows of the same pictures in torch.
    """
    found = {}
    for name, rows in torch.items():
        apart = exported[name].astype(np.float64) - rows
        lengths = np.nan_to_num(np.linalg.norm(apart, axis=1), nan=2.0).clip(max=2.0)
        found[name] = Difference(worst=float(lengths.max()), mean=float(lengths.mean()))
    return found


def check_parity(
    found: Mapping[NameType, Apart],
    tolerance: float,
    what: str,
    *,
    compared: str = "in the space {!r} its rows",
    calibrated_with: str = "pictures",
) -> None:
    """Refuse a network that is too far from torch.

    Args:
        found: name, such as of a space -> how far it is apart.
        tolerance: the largest difference.
        what: the network, in a message.
        compared: what a name means, in a message.
        calibrated_with: ``pictures`` or ``frames``.

    Raises:
        MismatchError: it is too far.
    """
    for name, each in found.items():
        if each.worst > tolerance:
            raise MismatchError(
                f"{what} in ONNX is not the network in torch: {compared.format(name)} are up "
                f"to {each.worst:.2g} apart ({each.mean:.2g} on average), expected at most "
                f"{tolerance:g}; nothing was written: choose fp32, calibrate with more "
                f"{calibrated_with} such as it will be used on, or allow more (--tolerance)"
            )


def _patterns(width: int, height: int) -> Pixels:
    """Soft patches of color, more and more of noise on them, the first two black and white."""
    random = np.random.default_rng(0)
    coarse = random.uniform(0, 255, (_DRAWN, 3, 5, 5))
    at = (np.arange(side) * 4 / max(1, side - 1) for side in (height, width))
    down, across = (np.maximum(0, 1 - np.abs(np.arange(5)[None] - place[:, None])) for place in at)
    soft = np.einsum("hi,ncij,wj->nchw", down, coarse, across)
    noise = random.normal(0, 1, soft.shape) * np.linspace(0, 60, _DRAWN)[:, None, None, None]
    drawn: Pixels = (soft + noise).round().clip(0, 255).astype(np.uint8)
    drawn[0], drawn[1] = 0, 255
    return drawn
