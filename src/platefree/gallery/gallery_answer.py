"""What a search asks of a gallery, and what it found: together they can be asked again."""

import time
from dataclasses import dataclass, field

import numpy as np

from platefree.errors import DataError
from platefree.gallery.feedback import NO_FEEDBACK, Feedback
from platefree.gallery.filters import EVERYTHING, Filter
from platefree.gallery.search import Answer, answer
from platefree.gallery.store import Reading
from platefree.gallery.stored_query import StoredQuery
from platefree.inference.embedder import Embedder
from platefree.ranking.calibration import Calibration
from platefree.recipes.post import Post
from platefree.types import Hit, Indices, Sightings
from platefree.work import Work


@dataclass(frozen=True, eq=False)
class Question:
    """What a search asks.

    Attributes:
        pictures: of one vehicle; None if a stored sighting is the query, or nothing is.
        number: of that sighting; None if pictures are the query, or nothing is.
        where: conditions that every hit meets.
        top: the largest number of hits.
        post: steps on the nearest candidates, with all their options.
        feedback: what was said of stored sightings.
    """

    pictures: Sightings | None = None
    number: int | None = None
    where: Filter = EVERYTHING
    top: int = 20
    post: Post = field(default_factory=Post)
    feedback: Feedback = NO_FEEDBACK

    @property
    def numbers(self) -> Indices:
        """(n,) the stored sightings without which it cannot be asked."""
        own = [] if self.number is None else [self.number]
        return np.array([*own, *self.feedback.yes, *self.feedback.no], np.int64)


@dataclass(frozen=True)
class GalleryAnswer(Answer):
    """What a search of a gallery found, and what it has to be asked to find it again.

    Attributes:
        model: fingerprint of the model.
        version: of the gallery.
        exact: whether every distance was computed.
        seconds: that the search took.
        stored: number of all sightings; conditions left out ``stored - searched``.
        question: what was asked.
    """

    model: str = ""
    version: int = 0
    exact: bool = True
    seconds: float = 0.0
    stored: int = 0
    question: Question = field(default_factory=Question, compare=False)


def ask(
    question: Question,
    model: Embedder | None,
    now: Reading,
    work: Work,
    *,
    calibration: Calibration | None = None,
) -> GalleryAnswer:
    """What a gallery answers at one of its versions; the fingerprint of its model is left out.

    Args:
        question: what is asked.
        model: of the gallery; None without query pictures.
        now: the gallery.
        work: device, workers and progress.
        calibration: of the model, for a stored sighting, which is compared without the model.

    Raises:
        DataError: a sighting that is asked for is not stored, or there is feedback without a query.
    """
    began = time.perf_counter()
    found = _answered(question, model, now, work, calibration)
    return GalleryAnswer(
        found.hits,
        found.left_out,
        found.cautions,
        found.searched,
        found.candidates,
        found.compared,
        version=now.version,
        exact=now.exact,
        seconds=time.perf_counter() - began,
        stored=now.count() if now.version else 0,
        question=question,
    )


def _answered(
    question: Question,
    model: Embedder | None,
    now: Reading,
    work: Work,
    calibration: Calibration | None,
) -> Answer:
    query = question.pictures
    is_listed = query is None and question.number is None
    if is_listed and question.feedback:
        raise DataError("feedback moves a query, and there is none: give a picture or a number")
    if not now.version:  # nothing was ever added
        return Answer([], [], [])
    if is_listed:
        found = _listed(now, question.where, question.top)
        return Answer(found, [], [], now.count(question.where))
    if model is None or query is None:
        stored = now.get(np.array([question.number]))
        model, query = StoredQuery(stored, now.comparison, "the gallery"), stored.sightings
        model.calibration = calibration
    return answer(
        model,
        query,
        now,
        top=question.top,
        post=question.post,
        where=question.where,
        feedback=question.feedback,
        work=work,
    )


def _listed(now: Reading, where: Filter, top: int) -> list[Hit]:
    """The latest sightings that meet the conditions."""
    numbers = now.latest(where, top)
    table = now.get(numbers).sightings
    return [
        Hit(
            rank,
            float("nan"),
            table.path(row),
            table.labels(row),
            number=number,
            frame=int(table.frame[row]),
            box=table.box_of(row),
        )
        for rank, (row, number) in enumerate(enumerate(numbers.tolist()), start=1)
    ]
