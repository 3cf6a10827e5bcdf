"""What a search found, as the API answers it: hits, their passes, and totals."""

import math
from collections.abc import Sequence

from platefree.errors import DataError
from platefree.gallery.conclusion import conclusion, nothing_likely
from platefree.gallery.gallery_answer import GalleryAnswer
from platefree.gallery.passes import passes_of
from platefree.service.answer_models import HitAnswer, PassAnswer, SearchAnswer
from platefree.types import Hit


def search_answer(
    found: GalleryAnswer,
    hits: Sequence[HitAnswer],
    cautions: list[str],
    *,
    calibrated: bool,
    below: int = 0,
    following: str = "",
) -> SearchAnswer:
    """An answer, typed.

    Args:
        found: by the gallery; its hits are those that are shown.
        hits: the same, as `hit_answer` makes them.
        cautions: what speaks against trusting them.
        calibrated: whether the model says how probable a hit is.
        below: how many were left out as less probable than was asked for.
        following: ``after`` of the next page.
    """
    return SearchAnswer(
        hits=list(hits),
        passes=[_pass(each) for each in passes_of(found.hits)],
        stored=found.stored,
        below=below,
        calibrated=calibrated,
        left_out=[path.name for path in found.left_out],
        cautions=cautions,
        searched=found.searched,
        candidates=found.candidates,
        compared=found.compared,
        nothing_likely=nothing_likely(found.hits),
        conclusion=conclusion(found.hits),
        model=found.model,
        version=found.version,
        exact=found.exact,
        seconds=round(found.seconds, 4),
        next=following,
    )


def hit_answer(hit: Hit) -> HitAnswer:
    """A hit of a gallery, typed."""
    return HitAnswer(
        rank=hit.rank,
        number=number_of(hit),
        similarity=_known(hit.similarity),
        p_same=hit.p_same,
        in_words=hit.in_words,
        image=hit.image.name,
        labels=dict(hit.labels),
        space=hit.space,
        query=hit.query_number,
    )


def number_of(hit: Hit) -> int:
    """The number of a hit of a gallery."""
    assert hit.number is not None  # noqa: S101 - hits of a gallery have one
    return hit.number


def probable(hits: Sequence[Hit], least: float | None) -> list[Hit]:
    """The hits that are at least so probable.

    Args:
        hits: in any order.
        least: probability; None asks for none.

    Raises:
        DataError: the model does not say how probable they are.
    """
    if least is None:
        return list(hits)
    found = []
    for hit in hits:
        if hit.p_same is None:
            raise DataError(
                "p_at_least: the model is not calibrated, so no probability is known: leave it "
                "out, or calibrate the model ('platefree calibrate')"
            )
        if hit.p_same >= least:
            found.append(hit)
    return found


def _pass(hits: Sequence[Hit]) -> PassAnswer:
    """Hits of one pass, given by their times."""
    ranked = sorted(hits, key=lambda hit: hit.rank)
    best = ranked[0]
    return PassAnswer(
        numbers=[number_of(hit) for hit in ranked],
        best=number_of(best),
        camera=best.labels.get("camera", ""),
        track=best.labels.get("track", ""),
        first=hits[0].labels.get("time", ""),
        last=hits[-1].labels.get("time", ""),
        similarity=_known(best.similarity),
        p_same=best.p_same,
        in_words=best.in_words,
    )


def _known(similarity: float) -> float | None:
    return None if math.isnan(similarity) else similarity
