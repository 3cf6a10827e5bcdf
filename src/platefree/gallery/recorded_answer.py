"""An answer of a gallery as JSON, which holds all that is needed to ask the same again.

Such a file may come from anybody. It is data: what it says is checked like any input, the gallery
that is searched is never taken from it, and a picture that it names is read only if it holds what
it held when it was searched.
"""

import json
import math
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from platefree.data.content import UNKNOWN, file_content, picture_contents
from platefree.errors import DataError
from platefree.gallery.conclusion import sure_json
from platefree.gallery.feedback import Feedback
from platefree.gallery.filters import Filter, UnknownTime, absolute, moment_of
from platefree.gallery.gallery_answer import GalleryAnswer, Question
from platefree.gallery.gallery_card import GalleryCard
from platefree.gallery.search import check_search_post
from platefree.inputs.complaints import checked
from platefree.inputs.documents import check_plain, read_json
from platefree.inputs.plain_files import MB, Expected
from platefree.recipes.post import Post
from platefree.storage.files import write_text
from platefree.types import Hit, Sightings, utc_text

FORMAT: Final = "platefree-answer"
VERSION: Final = 1

_ANSWER = Expected("what 'platefree search --json' printed", 256 * MB)

Number = Annotated[int, Field(ge=0, lt=2**63)]
Similarity = Annotated[float, Field(ge=-1.01, le=1.01)]
Edge = Annotated[float, Field(ge=0, le=1e6)]


class _Part(BaseModel):
    """Typed, frozen; what is asked may have no unknown keys, or it would be something else."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class _Report(BaseModel):
    """Typed, frozen; what only reports may say more."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, allow_inf_nan=False)


class RecordedPicture(_Part):
    """A query picture.

    Attributes:
        image: its absolute path.
        content: the first bytes of the SHA-256 of its file, hexadecimal.
        camera: that captured it; empty is unknown.
        time: when, ISO 8601; empty is unknown.
        box: left, top, right, bottom in pixels; None is the whole picture.
        frame: its number in the film that ``image`` names; None of a picture.
    """

    image: str
    content: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    camera: str = ""
    time: str = ""
    box: Annotated[list[Edge], Field(min_length=4, max_length=4)] | None = None
    frame: Number | None = None


class RecordedFilter(_Part):
    """The attributes of `Filter`."""

    cameras: list[str] = []
    types: list[str] = []
    colors: list[str] = []
    views: list[str] = []
    tracks: list[str] = []
    sources: list[str] = []
    since: str = ""
    until: str = ""
    between: Annotated[list[str], Field(min_length=2, max_length=2)] | None = None
    weekdays: list[str] = []
    zone: str = ""
    unknown_time: UnknownTime = "out"
    not_files: list[str] = []
    not_numbers: list[Number] = []
    at_least: float | None = None


class RecordedQuestion(_Part):
    """The attributes of `Question`, and of `Feedback`."""

    pictures: list[RecordedPicture] = []
    number: Number | None = None
    where: RecordedFilter = RecordedFilter()
    top: Annotated[int, Field(ge=1, le=10_000_000)]
    post: Post
    yes: list[Number] = []
    no: list[Number] = []


class RecordedModel(_Report):
    """The model, by its fingerprint."""

    fingerprint: str


class RecordedGallery(_Report):
    """The gallery that was searched.

    Attributes:
        created: when it was made; tells it from others.
        version: that was searched.
        searched: number of sightings that met the conditions.
    """

    created: str
    version: Number
    searched: Number


class RecordedHit(_Report):
    """What was found: the sighting, its similarity, and what a journey needs of its labels."""

    rank: Annotated[int, Field(ge=1)]
    number: Number
    similarity: Similarity | None = None
    image: str = ""
    camera: str = ""
    source: str = ""
    track: str = ""
    time: str = ""

    @field_validator("time")
    @classmethod
    def _is_a_time(cls, time: str) -> str:
        try:
            return utc_text(moment_of(time)) if time else ""
        except DataError as error:
            raise ValueError(f"time: {error}") from error

    def hit(self) -> Hit:
        """The hit, with these labels."""
        named = {name: getattr(self, name) for name in ("camera", "source", "track", "time")}
        return Hit(
            self.rank,
            math.nan if self.similarity is None else self.similarity,
            Path(self.image),
            {name: value for name, value in named.items() if value},
            number=self.number,
        )


class RecordedAnswer(_Report):
    """What is read of an answer."""

    format: Literal["platefree-answer"]
    version: Literal[1]
    model: RecordedModel
    gallery: RecordedGallery
    asked: RecordedQuestion
    hits: list[RecordedHit]

    @field_validator("hits")
    @classmethod
    def _each_once(cls, hits: list[RecordedHit]) -> list[RecordedHit]:
        if len({hit.number for hit in hits}) < len(hits):
            raise ValueError("hits: a sighting is found twice")
        return hits

    def question(self) -> Question:
        """What was asked, of the same pictures.

        Raises:
            DataError: a picture is gone or was changed, or a condition cannot be understood.
        """
        asked = self.asked
        if asked.pictures and asked.number is not None:
            raise DataError("the answer has pictures and the number of a sighting: expected one")
        conditions: dict[str, Any] = asked.where.model_dump()
        if asked.where.between is not None:
            conditions["between"] = tuple(asked.where.between)
        where = Filter(**conditions)
        where.conditions()  # refuses times that cannot be understood
        pictures = _pictures(asked.pictures) if asked.pictures else None
        feedback = Feedback(asked.yes, asked.no)
        post = check_search_post(asked.post)
        return Question(pictures, asked.number, where, asked.top, post, feedback)


def record(answer: GalleryAnswer, card: GalleryCard) -> dict[str, Any]:
    """The parts of an answer's JSON that are read again, but for its hits.

    Args:
        answer: of a gallery.
        card: of the gallery.
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "model": {"fingerprint": answer.model},
        "gallery": {
            "created": card.created,
            "version": answer.version,
            "search": "exact" if answer.exact else "approximate",
            "searched": answer.searched,
            "seconds": round(answer.seconds, 4),
        },
        "asked": _asked(answer.question),
    }


def read_answer(path: str | Path) -> RecordedAnswer:
    """Read what ``platefree search --json`` printed of a gallery.

    Raises:
        DataError: it cannot be read, is something else, or of a newer version.
    """
    content = read_json(path, _ANSWER)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise DataError(
            f"{path} is not the answer of a gallery: 'platefree search QUERY --gallery "
            "GALLERY --json' prints one"
        )
    version = content.get("version")
    if isinstance(version, int) and version > VERSION:
        raise DataError(
            f"{path} has version {version}, this platefree reads up to {VERSION}: upgrade platefree"
        )
    return checked(RecordedAnswer, content, f"the answer {path}", error=DataError)


def write_answer(answer: GalleryAnswer, card: GalleryCard, path: str | Path) -> None:
    """Write what `read_answer` reads.

    Args:
        answer: of a gallery.
        card: of the gallery.
        path: of the file.

    Raises:
        StorageError: it cannot be written.
        DataError: a path or a label is no Unicode, which no JSON holds.
    """
    content = {
        **record(answer, card),
        "hits": [recorded_hit(hit, answer.compared) for hit in answer.hits],
    }
    check_plain(content, f"the answer {path}", DataError)
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(Path(path), text + "\n")


def recorded_hit(hit: Hit, compared: int) -> dict[str, Any]:
    """A hit, as JSON; see `Answer.compared`."""
    return {
        "rank": hit.rank,
        "similarity": None if math.isnan(hit.similarity) else hit.similarity,
        **sure_json(hit, compared),
        "image": str(hit.image),
        "exists": hit.image.exists(),
        **({"number": hit.number} if hit.number is not None else {}),
        **({"query": str(hit.query)} if hit.query else {}),
        **({"space": hit.space} if hit.space else {}),
        **({"frame": hit.frame} if hit.frame >= 0 else {}),
        **({"box": list(hit.box)} if hit.box is not None else {}),
        **hit.labels,
    }


def _asked(question: Question) -> dict[str, Any]:
    where = asdict(question.where)
    defaults = {each.name: each.default for each in fields(Filter)}
    listed = {name: list(v) if isinstance(v, tuple | list) else v for name, v in where.items()}
    listed["not_files"] = [absolute(path) for path in question.where.not_files]
    return {
        "pictures": [] if question.pictures is None else _described(question.pictures),
        "number": question.number,
        "where": {name: v for name, v in listed.items() if v not in ([], defaults[name])},
        "top": question.top,
        "post": question.post.model_dump(mode="json"),
        "yes": list(question.feedback.yes),
        "no": list(question.feedback.no),
    }


def _described(table: Sightings) -> list[dict[str, Any]]:
    contents = picture_contents(table)
    return [
        {
            "image": absolute(table.path(row)),
            "content": contents[row].tobytes().hex(),
            "camera": str(table.camera[row]),
            "time": utc_text(table.time[row]),
            "box": None if np.isnan(table.box[row, 0]) else table.box[row].tolist(),
            **({"frame": int(table.frame[row])} if table.frame[row] >= 0 else {}),
        }
        for row in range(len(table))
    ]


def _pictures(recorded: list[RecordedPicture]) -> Sightings:
    """The same pictures, whose files hold what they held."""
    for each in recorded:
        found = file_content(Path(each.image))
        if found.hex() != each.content:
            gone = "is gone, or cannot be read" if found == UNKNOWN else "has changed since"
            raise DataError(f"the query picture {each.image} {gone}: the answer cannot be repeated")
    columns: dict[str, list[Any]] = {
        "image": [each.image for each in recorded],
        "camera": [each.camera for each in recorded],
        "time": [moment_of(each.time) if each.time else np.datetime64("NaT") for each in recorded],
        "frame": [-1 if each.frame is None else each.frame for each in recorded],
        "box": [each.box or [math.nan] * 4 for each in recorded],
    }
    return Sightings.from_columns(Path(), columns)
