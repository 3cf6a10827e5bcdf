"""What is asked of the service, as typed JSON; an unknown key is refused and never ignored."""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from platefree.errors import DataError
from platefree.gallery.feedback import Feedback
from platefree.gallery.filters import Filter, UnknownTime
from platefree.inputs.documents import check_plain
from platefree.service.limits import MOST_PUT

Number = Annotated[int, Field(ge=0, lt=2**63, description="Of a stored sighting.")]
Edge = Annotated[float, Field(ge=0, le=1e6)]
Box = Annotated[
    list[Edge],
    Field(min_length=4, max_length=4, description="Left, top, right, bottom in pixels."),
]
Label = Annotated[str, Field(max_length=1_000)]
Labels = Annotated[list[Label], Field(max_length=1_000)]
Moment = Annotated[str, Field(max_length=60, description="ISO 8601; empty is unknown.")]
Reason = Annotated[
    str, Field(max_length=1_000, description="Why it is asked; the audit log keeps it.")
]
Numbers = Annotated[list[Number], Field(max_length=10_000)]


class _Asked(BaseModel):
    """Typed and strict; texts without NUL and halves of characters, numbers of 64 bits."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _is_plain(cls, content: Any) -> Any:  # noqa: ANN401
        check_plain(content, "the request", DataError)
        return content


class Conditions(_Asked):
    """What every hit meets; the attributes of `platefree.Filter`, whose empty text is unknown."""

    cameras: Labels = []
    types: Labels = []
    colors: Labels = []
    views: Labels = []
    tracks: Labels = []
    sources: Labels = []
    since: Moment = ""
    until: Moment = ""
    between: Annotated[list[Moment], Field(min_length=2, max_length=2)] | None = None
    weekdays: Annotated[list[Label], Field(max_length=7)] = []
    zone: Moment = ""
    unknown_time: UnknownTime = "out"
    not_numbers: Numbers = []
    at_least: Annotated[float, Field(ge=-1, le=1)] | None = None

    @property
    def said(self) -> dict[str, Any]:
        """The conditions that there are, for the audit log."""
        return self.model_dump(exclude_defaults=True)

    def filter(self) -> Filter:
        """The same conditions.

        Raises:
            DataError: a time cannot be understood.
        """
        values = self.model_dump()
        if self.between is not None:
            values["between"] = tuple(self.between)
        where = Filter(**values)
        where.conditions()
        return where


class QueryPicture(_Asked):
    """A picture to search with: uploaded, or the whole frame of a stored sighting.

    Attributes:
        upload: the key that the upload was answered with.
        frame_of: a stored sighting, on whose whole picture or frame a box is drawn.
        box: of the vehicle; without it the whole upload is the vehicle.
        camera: that captured it; empty is unknown.
        time: when.
    """

    upload: Annotated[str, Field(max_length=64)] | None = None
    frame_of: Number | None = None
    box: Box | None = None
    camera: Label = ""
    time: Moment = ""

    @model_validator(mode="after")
    def _names_one(self) -> "QueryPicture":
        if (self.upload is None) == (self.frame_of is None):
            raise ValueError("a query picture: expected either upload or frame_of")
        if self.frame_of is not None and self.box is None:
            raise ValueError("box is missing: the frame of a sighting needs one")
        if self.box is not None and not np.all(np.less(self.box[:2], self.box[2:])):
            raise ValueError("box: expected left < right and top < bottom")
        return self


class SearchRequest(_Asked):
    """A search: by pictures, by a stored sighting (``number``), or by neither, the latest first.

    Attributes:
        pictures: of one vehicle; of several the nearest to a sighting decides.
        number: of a stored sighting that is the query.
        where: what every hit meets.
        top: the largest number of hits.
        post: steps, such as ``rerank,tracks``, or ``none``.
        yes: sightings that show the vehicle.
        no: sightings that do not.
        p_at_least: the least probability of a hit, of a calibrated model.
        after: ``next`` of the page before, where neither pictures nor a number are given.
        reason: why it is asked.
    """

    pictures: Annotated[list[QueryPicture], Field(max_length=16)] = []
    number: Number | None = None
    where: Conditions = Conditions()
    top: Annotated[int, Field(ge=1, le=1_000)] = 20
    post: Label = "none"
    yes: Annotated[list[Number], Field(max_length=1_000)] = []
    no: Annotated[list[Number], Field(max_length=1_000)] = []
    p_at_least: Annotated[float, Field(ge=0, le=1)] | None = None
    after: Label = ""
    reason: Reason = ""

    @model_validator(mode="after")
    def _asks_one_thing(self) -> "SearchRequest":
        if self.pictures and self.number is not None:
            raise ValueError("pictures and number: expected one of them")
        if self.after and self.has_query:
            raise ValueError("after: only a search without a query has pages; ask for more (top)")
        if self.p_at_least is not None and not self.has_query:
            raise ValueError("p_at_least: only the hits of a search have a probability")
        return self

    @property
    def has_query(self) -> bool:
        """Whether something is looked for, and not just listed."""
        return bool(self.pictures) or self.number is not None

    def feedback(self) -> Feedback:
        """What was said of stored sightings.

        Raises:
            DataError: a number is in both.
        """
        return Feedback(self.yes, self.no)


class HeatMapRequest(_Asked):
    """A query, which is a picture or a stored sighting, and a hit.

    Attributes:
        number: of the hit.
        query: a picture.
        query_number: a stored sighting.
        reason: why it is asked.
    """

    number: Number
    query: QueryPicture | None = None
    query_number: Number | None = None
    reason: Reason = ""

    @model_validator(mode="after")
    def _has_one_query(self) -> "HeatMapRequest":
        if (self.query is None) == (self.query_number is None):
            raise ValueError("query and query_number: expected one of them")
        return self


class JourneyStop(_Asked):
    """A sighting that is believed to show the vehicle, and how similar it was."""

    number: Number
    similarity: Annotated[float, Field(ge=-1.01, le=1.01)] | None = None


class JourneyRequest(_Asked):
    """Sightings of one vehicle, as far as somebody believes it."""

    hits: Annotated[list[JourneyStop], Field(min_length=1, max_length=1_000)]
    reason: Reason = ""


class ForgetRequest(_Asked):
    """Which sightings are forgotten: conditions, or ``everything``."""

    where: Conditions = Conditions()
    everything: bool = False
    reason: Reason = ""

    @model_validator(mode="after")
    def _says_which(self) -> "ForgetRequest":
        if self.where.at_least is not None:
            raise ValueError("where.at_least: only the hits of a search have a similarity")
        if bool(self.where.filter().conditions()) == self.everything:
            raise ValueError(
                "where: give conditions or everything, not both; a zone alone is not a condition"
            )
        return self


class ExportHit(_Asked):
    """A sighting to export, with what a search said of it."""

    number: Number
    similarity: Annotated[float, Field(ge=-1.01, le=1.01)] | None = None
    p_same: Annotated[float, Field(ge=0, le=1)] | None = None


class ExportRequest(_Asked):
    """Which sightings are written to a file: hits or numbers, or all that meet conditions.

    Attributes:
        numbers: of sightings, which are written in the order of their numbers.
        hits: sightings in their order, with what a search said of each.
        where: conditions, where neither are given; of an empty list none is written.
        format: ``zip`` has pictures and hashes too; ``csv`` and ``json`` are a table alone.
        reason: why it is asked.
    """

    numbers: Numbers | None = None
    hits: Annotated[list[ExportHit], Field(max_length=10_000)] | None = None
    where: Conditions = Conditions()
    format: Literal["zip", "csv", "json"] = "zip"
    reason: Reason = ""

    @model_validator(mode="after")
    def _names_each_once(self) -> "ExportRequest":
        if self.numbers is not None and self.hits is not None:
            raise ValueError("numbers and hits: expected one of them")
        if self.hits and len({each.number for each in self.hits}) < len(self.hits):
            raise ValueError("hits: a sighting is named twice")
        return self


CaseName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
CaseNote = Annotated[str, Field(max_length=10_000)]


class CaseRequest(_Asked):
    """A new case."""

    name: CaseName
    note: CaseNote = ""
    reason: Reason = ""


class CaseChangeRequest(_Asked):
    """What of a case is changed; what is not given stays."""

    name: CaseName | None = None
    note: CaseNote | None = None


class CaseSightingRequest(_Asked):
    """A sighting of a case, and what is said of it; what is not given stays."""

    number: Number
    mark: Literal["", "yes", "no", "similar"] | None = None
    note: Annotated[str, Field(max_length=2_000)] | None = None


class CaseSightingsRequest(_Asked):
    """Sightings that are put into a case, or of which something else is said now."""

    sightings: Annotated[list[CaseSightingRequest], Field(min_length=1, max_length=MOST_PUT)]

    @model_validator(mode="after")
    def _names_each_once(self) -> "CaseSightingsRequest":
        if len({each.number for each in self.sightings}) < len(self.sightings):
            raise ValueError("sightings: one is named twice")
        return self


class CaseExportRequest(_Asked):
    """Why a case is exported."""

    reason: Reason = ""


class LogInRequest(_Asked):
    """A name and password, or the token that the service printed."""

    name: Label = ""
    password: Label = ""
    token: Label = ""


class AccountRequest(_Asked):
    """A new account."""

    name: Label
    role: Literal["viewer", "analyst", "administrator"]
    password: Label
