"""How sure a similarity is: the probability that two pictures show one vehicle.

*The ratio.* On pairs of known vehicles it was measured how much more often a similarity s occurs
among pairs of one vehicle than among pairs of two::

    L(s) = f(s | one vehicle) / f(s | two vehicles)

It does not depend on how many of the pairs showed one vehicle, so it holds wherever pictures are
alike. By Bayes, where a pair shows one vehicle with the prior probability q before its similarity
is known::

    p / (1 - p) = L(s) * q / (1 - q)

*The prior of a pair compared alone* is 1/2 (decided: whoever compares two pictures has a reason,
and knows no more).

*The prior in a search.* Of n candidates at most a few are the vehicle. Decided: one is expected,
each candidate is as likely to be it as any other, and each is judged by itself, so q = 1/n and::

    p = L(s) / (L(s) + n - 1)

The larger the gallery, the more alike must a hit be. Several hits may be the vehicle, so the
probabilities of an answer need not add up to 1; over all n candidates of many searches they do so
on the average, which is the one that is expected. Where more pictures of the vehicle are there, p
is too low rather than too high. Of m query pictures the most similar decides, which is up to m
times as likely to be that similar by chance: m * n candidates are counted.

*No more than was seen.* Where none of b pairs of two vehicles is so similar, fewer than 3 / b of
all such pairs are, with 95 % confidence ("rule of three"). So no L(s) is above b / 3, and by the
same none is below 3 / a for a pairs of one vehicle. A calibration by few vehicles therefore never
says "very likely" in a large gallery.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, model_validator

from platefree.errors import CheckpointError
from platefree.inputs.complaints import checked
from platefree.types import Indices

Relation = Literal["any", "same_view", "different_view"]

RELATIONS: tuple[Relation, ...] = ("any", "same_view", "different_view")
"""What is known of the views of a pair: nothing (or all pairs together), one view, two views."""

VERY_LIKELY, POSSIBLE = 0.9, 0.1
"""From which probability on a pair is called so; below both it is *unlikely*."""

WORDS = ("very likely", "possible", "unlikely")

ALONE = 1
"""Candidates of a pair that is compared alone."""

_VERSION: Final = 1
_MOST_KNOTS = 10_000
_SLACK = 1e-5  # of a limit, for rounding

Values = NDArray[np.float64]
Number = Annotated[float, Field(ge=-1e6, le=1e6)]
Name = Annotated[str, Field(max_length=10_000)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="allow", allow_inf_nan=False)


class Curve(_Part):
    """The log L(s), linear between knots and level beyond the first and the last.

    Attributes:
        kind: how it was fitted.
        similarity: (k,) of the knots, rising.
        log_ratio: (k,) natural logarithms of L there; they never fall.
        vehicles: a, number of vehicles with pairs that it was fitted on.
        vehicle_pairs: b, number of pairs of vehicles.
    """

    kind: Literal["isotonic", "logistic"]
    similarity: Annotated[list[Number], Field(min_length=2, max_length=_MOST_KNOTS)]
    log_ratio: Annotated[list[Number], Field(min_length=2, max_length=_MOST_KNOTS)]
    vehicles: PositiveFloat
    vehicle_pairs: PositiveFloat

    @model_validator(mode="after")
    def _rises_within_what_was_seen(self) -> Self:
        if len(self.similarity) != len(self.log_ratio):
            raise ValueError(
                f"{len(self.similarity)} similarities and {len(self.log_ratio)} ratios, expected "
                "one for each"
            )
        if (np.diff(self.similarity) <= 0).any() or (np.diff(self.log_ratio) < 0).any():
            raise ValueError("a more similar pair is not more likely to show one vehicle")
        lowest, highest = limits(self.vehicles, self.vehicle_pairs)
        if self.log_ratio[0] < lowest - _SLACK or self.log_ratio[-1] > highest + _SLACK:
            raise ValueError(
                f"ratios from {self.log_ratio[0]:.3g} to {self.log_ratio[-1]:.3g} are more than "
                f"{self.vehicles:.4g} vehicles and {self.vehicle_pairs:.4g} pairs of them can "
                f"show, which is {lowest:.3g} to {highest:.3g}"
            )
        return self

    def at(self, similarity: Values) -> Values:
        """The log L of similarities of any shape."""
        return np.interp(similarity, self.similarity, self.log_ratio)


Curves = Mapping[Relation, Curve]


class Calibration(_Part):
    """What a model's card says of the probabilities of its similarities.

    Attributes:
        version: of this part of the card.
        model: fingerprint of the model.
        curves: by what is known of the views of a pair; ``any`` is always there.
        data: what it was fitted on, for people.
        measured: figures on vehicles that it was not fitted on.
        seal: hash of all that.
    """

    version: Literal[1] = _VERSION
    model: Annotated[str, Field(min_length=1, max_length=64)]
    curves: dict[Relation, Curve]
    data: dict[Name, Name] = {}
    measured: dict[Name, float] = {}
    seal: Annotated[str, Field(max_length=64)] = ""

    @model_validator(mode="after")
    def _has_a_curve_for_every_pair(self) -> Self:
        if "any" not in self.curves:
            raise ValueError("there is no curve 'any', for pairs whose views are unknown")
        return self

    def sealed(self) -> Self:
        """The same with the seal that its content has."""
        return self.model_copy(update={"seal": self._own_seal()})

    def of_model(self, fingerprint: str) -> Self:
        """The same for another model, whose similarities are the same numbers."""
        return self.model_copy(update={"model": fingerprint}).sealed()

    def is_unchanged(self) -> bool:
        """Whether it is as it was sealed."""
        return self.seal == self._own_seal()

    def p_same(
        self, similarity: Values | float, relation: Indices | int, candidates: int
    ) -> Values:
        """Probabilities that pairs show one vehicle; see `p_same`."""
        return p_same(self.curves, similarity, relation, candidates)

    def _own_seal(self) -> str:
        content = json.dumps(self.model_dump(exclude={"seal"}), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:32]


def limits(vehicles: float, vehicle_pairs: float) -> tuple[float, float]:
    """The least and the greatest log L that can be claimed: the rule of three, see the module.

    Args:
        vehicles: with pairs of one vehicle.
        vehicle_pairs: of two vehicles.
    """
    return -float(np.log(max(vehicles / 3, 1.0))), float(np.log(max(vehicle_pairs / 3, 1.0)))


def prior(candidates: int) -> float:
    """The probability that a candidate is the vehicle before it is looked at.

    Args:
        candidates: that are searched; 1 is a pair compared alone.
    """
    return 1 / max(candidates, 2)


def p_same(
    curves: Curves, similarity: Values | float, relation: Indices | int, candidates: int
) -> Values:
    """Probabilities that pairs show one vehicle.

    Args:
        curves: by relation; pairs of a relation without a curve are judged by ``any``.
        similarity: of the pairs, any shape; NaN stays NaN.
        relation: number in `RELATIONS` of what is known of the views, the same shape.
        candidates: how many were searched, see `prior`.

    Returns:
        float64 in (0, 1), the same shape.
    """
    before = prior(candidates)
    log_odds = log_ratio(curves, similarity, relation) + np.log(before / (1 - before))
    found: Values = 1 / (1 + np.exp(-log_odds))
    return found


def log_ratio(curves: Curves, similarity: Values | float, relation: Indices | int) -> Values:
    """The log L of pairs, each by the curve of its relation; arguments are as of `p_same`."""
    values = np.asarray(similarity, np.float64)
    found = curves["any"].at(values)
    for number, name in enumerate(RELATIONS):
        if number and name in curves:
            found = np.where(np.equal(relation, number), curves[name].at(values), found)
    return found


def in_words(probability: float | None) -> str:
    """*very likely* (0.9 and more), *possible* (0.1 and more) or *unlikely*; empty if unknown."""
    if probability is None or np.isnan(probability):
        return ""
    return WORDS[int(probability < VERY_LIKELY) + int(probability < POSSIBLE)]


def read_calibration(content: Any, fingerprint: str, what: str) -> Calibration | None:  # noqa: ANN401
    """The calibration of a model from its card.

    Args:
        content: of the card's part ``calibration``; None where there is none.
        fingerprint: of the model.
        what: the card, for messages.

    Raises:
        CheckpointError: it is damaged, changed, of a newer version, or of another model.
    """
    if content is None:
        return None
    part = f"the calibration in {what}"
    remedy = "use an unchanged copy, or take it out of the card and run 'platefree calibrate'"
    version = content.get("version") if isinstance(content, dict) else None
    if isinstance(version, int) and version > _VERSION:
        raise CheckpointError(
            f"{part} has version {version}, this platefree reads up to {_VERSION}; upgrade "
            "platefree"
        )
    found = checked(Calibration, content, part, error=CheckpointError)
    if not found.is_unchanged():
        raise CheckpointError(f"{part} was changed after it was written; {remedy}")
    if found.model != fingerprint:
        raise CheckpointError(
            f"{part} is of model {found.model}, and this is {fingerprint}, whose similarities are "
            f"others; {remedy}"
        )
    return found
