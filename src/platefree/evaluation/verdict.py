"""The outcome of an evaluation in one sentence."""

from collections.abc import Mapping, Sequence

import numpy as np

from platefree.data.listed_text import many
from platefree.evaluation.floor import Floor
from platefree.evaluation.overlap import Overlap

Figures = Mapping[str, float]

_VISIBLE = 0.05  # percentage points; less is 0.0 when it is shown


def verdict(
    tests: Sequence[Figures],
    floor: Floor | None,
    overlap: Overlap | None,
    names: Sequence[str] = (),
) -> str:
    """What the figures of a model say, and whether they can be compared with others.

    Args:
        tests: the figures of each test, as fractions.
        floor: of the same tests.
        overlap: with the training of the model.
        names: of the tests, to name those in which no query has a match; they are in no mean.
    """
    name = next(iter(tests[0]))
    several = len(_measured(tests, name))
    if not several:
        return "nothing was measured: no query has a match"
    notes = [f"mean of {several} tests"] if several > 1 else []
    notes += _unmatched(tests, name, names)
    found = f"{name} {100 * _mean(tests, name):.1f} %" + (f" ({'; '.join(notes)})" if notes else "")
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
    """The mean over the tests in which a query has a match; NaN if there is none."""
    values = _measured(tests, name)
    return float(np.mean(values)) if values else np.nan


def _measured(tests: Sequence[Figures], name: str) -> list[float]:
    return [test[name] for test in tests if np.isfinite(test.get(name, np.nan))]


def _unmatched(tests: Sequence[Figures], name: str, names: Sequence[str]) -> list[str]:
    lacking = [place for place, test in enumerate(tests) if np.isnan(test.get(name, 0.0))]
    if not lacking:
        return []
    named = ", ".join(names[n] for n in lacking) if names else many(len(lacking), "other test")
    return [f"no query has a match in {named}"]
