"""The outcome of an evaluation in one sentence."""

from collections.abc import Mapping, Sequence

import numpy as np

from platefree.data.listed_text import many
from platefree.evaluation.floor import Floor
from platefree.evaluation.overlap import Overlap

Figures = Mapping[str, float]

_COMPARED = ("rank-1", "HIT@1", "mAP")


def verdict(tests: Sequence[Figures], floor: Floor | None, overlap: Overlap | None) -> str:
    """What the figures of a model say, and whether they can be compared with others.

    Args:
        tests: the figures of each test, as fractions.
        floor: of the same tests.
        overlap: with the training of the model.
    """
    name = next(iter(tests[0]))
    value = _mean(tests, name)
    if not np.isfinite(value):
        return "nothing was measured: no query has a match"
    several = sum(name in test for test in tests)
    found = f"{name} {100 * value:.1f} %" + (f" (mean of {several} tests)" if several > 1 else "")
    if overlap is not None and overlap.is_certain:
        return f"{found}, not comparable, leaked: {overlap.counted}"
    doubt = ""
    if overlap is not None and overlap.record in ("partial", "missing"):
        doubt = "; not all that the model learnt from is known"
    elif overlap is not None and overlap.same_name:
        named = many(overlap.same_name, "scored vehicle")
        doubt = f"; {named} may have been in training, by the name"
    return found + ("" if floor is None else _compared(tests, name, floor)) + doubt


def _compared(tests: Sequence[Figures], name: str, floor: Floor) -> str:
    if not floor.figures:
        return f"; not compared with colors alone: {floor.reason}"
    gaps = {
        each: 100 * (_mean(tests, each) - _mean(floor.figures, each))
        for each in dict.fromkeys((name, "mAP"))
        if each in _COMPARED
    }
    worse = [each for each, gap in gaps.items() if not gap > 0]
    colors = f"comparing colors alone ({100 * _mean(floor.figures, name):.1f} %)"
    if not worse:
        return f", {gaps[name]:.1f} points above {colors}"
    if worse == ["mAP"]:
        return (
            f", {gaps[name]:.1f} points above {colors}, but mAP is {-gaps['mAP']:.1f} points below "
            "it: do not use this model"
        )
    return f", no better than {colors}: do not use this model"


def _mean(tests: Sequence[Figures], name: str) -> float:
    return float(np.mean([test[name] for test in tests if name in test]))
