"""The outcome of an evaluation in one sentence."""

from collections.abc import Mapping, Sequence

import numpy as np

from platefree.data.listed_text import many
from platefree.evaluation.floor import Floor
from platefree.evaluation.overlap import Overlap

Figures = Mapping[str, float]

_VISIBLE = 0.05  # percentage points; less is 0.0 when it is shown


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
    ours, theirs = (
        {each: 100 * _mean(figures, each) for each in dict.fromkeys((name, "mAP"))}
        for figures in (tests, floor.figures)
    )
    above = {each: ours[each] - theirs[each] >= _VISIBLE for each in ours}
    colors = f"comparing colors alone ({theirs[name]:.1f} %)"
    if not above[name]:
        return f", no better than {colors}: do not use this model"
    found = f", {ours[name] - theirs[name]:.1f} points above {colors}"
    if above["mAP"]:
        return found
    return (
        f"{found}, but its mAP is no better ({ours['mAP']:.1f} against {theirs['mAP']:.1f} %): "
        "do not use this model"
    )


def _mean(tests: Sequence[Figures], name: str) -> float:
    return float(np.mean([test[name] for test in tests if name in test]))
