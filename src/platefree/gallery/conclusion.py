"""An answer in one sentence: how many hits are likely, or that nothing is."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from platefree.inference.picture_comparison import PictureComparison
from platefree.ranking.calibration import POSSIBLE, VERY_LIKELY, WORDS, prior
from platefree.types import Hit

WHAT_WORDS_MEAN = (
    f"very likely: p_same of {VERY_LIKELY:g} or more; possible: of {POSSIBLE:g} or more; "
    "unlikely: below"
)


def nothing_likely(hits: Sequence[Hit]) -> bool:
    """Whether there are hits, and every one of them is *unlikely*."""
    return bool(hits) and all(hit.in_words == WORDS[-1] for hit in hits)


def conclusion(hits: Sequence[Hit]) -> str:
    """The sentence; empty where nothing is known of how sure a similarity is."""
    known = [hit.p_same for hit in hits if hit.p_same is not None]
    if not known:
        return ""
    if nothing_likely(hits):
        return f"nothing likely: the highest probability is {shown(max(known))}"
    counts = Counter(hit.in_words for hit in hits)
    return ", ".join(f"{counts[word]} {word}" for word in WORDS if counts[word])


def shown(probability: float | None) -> str:
    """A probability for people; empty if there is none."""
    if probability is None:
        return ""
    if probability < 0.001:
        return "< 0.001"
    return "> 0.999" if probability > 0.999 else f"{probability:.3f}"


def sure_json(found: Hit | PictureComparison, candidates: int) -> dict[str, Any]:
    """How sure it is, for JSON, with the probability before it was looked at; empty if unknown."""
    if found.p_same is None:
        return {}
    return {"p_same": found.p_same, "in_words": found.in_words, "prior": prior(candidates)}


def what_p_same_is(candidates: int, *, post_processed: bool) -> str:
    """What the probabilities of an answer say, in sentences.

    Args:
        candidates: how many were searched, see `platefree.ranking.calibration.prior`.
        post_processed: whether the order of the hits is no longer that of their similarities.
    """
    said = (
        f"p_same is the probability that a hit is the vehicle, if one of {candidates:,} candidates "
        f"is; pictures unlike those that it was calibrated on make it wrong. {WHAT_WORDS_MEAN}."
    )
    return said + (
        " It follows from the similarity before post-processing, which changed only the order."
        if post_processed
        else ""
    )
