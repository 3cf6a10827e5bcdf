"""What the service answers, as typed JSON."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Answered(BaseModel):
    """An answer, or a part of one."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Problem(Answered):
    """Why something was refused, in one sentence."""

    error: str


class Health(Answered):
    """Whether the gallery can be read, and by what one logs in."""

    status: Literal["ok"]
    access: Literal["token", "accounts", "open"]


class SessionAnswer(Answered):
    """Who asks, and with what unsafe requests of the page have to come.

    Attributes:
        name: of the account.
        role: what it may do.
        csrf: the value of the header ``X-CSRF-Token``; empty where no cookie is used.
        reason_required: whether a search, an export and forgetting need a reason.
    """

    name: str
    role: str
    csrf: str
    reason_required: bool


class GalleryAbout(Answered):
    """What the gallery holds; the attributes of `platefree.Gallery.info`."""

    created: str
    model: str
    sightings: int
    cameras: dict[str, int]
    first: str
    last: str
    megabytes: float
    version: int
    retention: list[str]
    can_search_pictures: bool
    finds_vehicles: bool
    shows_frames: bool


class Vehicle(Answered):
    """A vehicle that was found on a picture.

    Attributes:
        box: left, top, right, bottom in pixels.
        kind: such as ``car``.
        score: of the detector, 0 to 1.
    """

    box: list[float]
    kind: str
    score: float


class Uploaded(Answered):
    """A picture that can be searched with for a while.

    Attributes:
        upload: its key.
        sha256: of its file.
        width: in pixels.
        height: in pixels.
        vehicles: that were found on it, the largest first; none without a detector.
    """

    upload: str
    sha256: str
    width: int
    height: int
    vehicles: list[Vehicle]


class SightingAnswer(Answered):
    """A stored sighting.

    Attributes:
        number: of it.
        image: name of the picture or film file.
        frame: of the film; None of a picture.
        box: in it; None is the whole picture.
        labels: what is known of it.
    """

    number: int
    image: str
    frame: int | None
    box: list[float] | None
    labels: dict[str, str]


class TrackPoint(Answered):
    """Where a vehicle was: the middle of the lower edge of its box, and its side, in pixels."""

    second: float
    x: float
    y: float
    side: float


class TrackAnswer(Answered):
    """The track of a sighting, as far as it is known.

    Attributes:
        number: of the sighting.
        track: its name; empty is unknown, as other texts.
        camera: that saw it.
        type: of the vehicle.
        first: when it was first seen, UTC.
        last: when it was last seen.
        direction: in which it went, degrees clockwise from up on the frame; None is unknown, or
            that it stood.
        path: some points of its way on the frame.
        film: name of the file.
        first_second: of the film, in which it was first seen.
        last_second: in which it was last seen.
        numbers: of all sightings of the track, by their times.
        before: the sighting of the same camera before this one; None if there is none.
        after: the one after it.
    """

    number: int
    track: str
    camera: str
    type: str
    first: str
    last: str
    direction: float | None
    path: list[TrackPoint]
    film: str
    first_second: float | None
    last_second: float | None
    numbers: list[int]
    before: int | None
    after: int | None


class FilmFrameAnswer(Answered):
    """A picture of a film: its number, the second of the film, and the time in UTC if known."""

    frame: int
    second: float
    time: str


class FilmAnswer(Answered):
    """The seconds of film around a sighting.

    Attributes:
        number: of the sighting.
        film: name of the file.
        second: of the film, in which the sighting is.
        width: of the film in pixels, in which the box of the sighting is.
        height: of the film in pixels.
        frames: by their seconds; each picture is fetched by its number.
    """

    number: int
    film: str
    second: float
    width: int
    height: int
    frames: list[FilmFrameAnswer]


class HitAnswer(Answered):
    """A hit; the attributes of `platefree.Hit`, with the place of its query picture."""

    rank: int
    number: int
    similarity: float | None
    p_same: float | None
    in_words: str
    image: str
    labels: dict[str, str]
    space: str
    query: int | None


class PassAnswer(Answered):
    """Hits of one pass: what one camera saw of a vehicle at a time.

    Attributes:
        numbers: of the hits, the one of the best rank first.
        best: the first of them.
        camera: empty is unknown, as of the track.
        track: that they are of.
        first: time of the earliest hit, UTC; empty is unknown.
        last: of the latest.
        similarity: of the best; None without a query, as the probability.
        p_same: that the best is the vehicle.
        in_words: the same.
    """

    numbers: list[int]
    best: int
    camera: str
    track: str
    first: str
    last: str
    similarity: float | None
    p_same: float | None
    in_words: str


class SearchAnswer(Answered):
    """What a search found; the attributes of `platefree.gallery.gallery_answer.GalleryAnswer`.

    Attributes:
        passes: the hits by the passes that they are of, that of the best rank first.
        stored: number of all sightings; conditions left out ``stored - searched``.
        below: hits that were left out since they are less probable than was asked for.
        calibrated: whether the model says how probable a hit is.
        next: ``after`` of the next page; empty if this is the last, or if there was a query.
    """

    hits: list[HitAnswer]
    passes: list[PassAnswer]
    stored: int
    below: int
    calibrated: bool
    left_out: list[str]
    cautions: list[str]
    searched: int
    candidates: int
    compared: int
    nothing_likely: bool
    conclusion: str
    model: str
    version: int
    exact: bool
    seconds: float
    next: str


class Choice(Answered):
    """A value that sightings have, and how many have it; the empty text is unknown."""

    value: str
    count: int


class ChoicesAnswer(Answered):
    """What conditions can ask for: the values that there are, the most frequent first.

    Attributes:
        sightings: how many are stored.
        cameras: of them.
        types: of vehicles.
        colors: of vehicles.
        views: of vehicles.
        first: earliest known time, UTC; empty if none is known.
        last: latest known time.
        version: of the gallery.
        calibrated: whether a least probability can be asked for.
    """

    sightings: int
    cameras: list[Choice]
    types: list[Choice]
    colors: list[Choice]
    views: list[Choice]
    first: str
    last: str
    version: int
    calibrated: bool


class HeatMapAnswer(Answered):
    """Which parts of two pictures made them alike.

    Attributes:
        rows: of parts.
        columns: of parts.
        query: rows of numbers from 0 to 1, the top one first: 1 where the similarity falls most
            when that part of the query is covered.
        hit: the same of the hit.
        similarity: of both as they are.
        how: it was found.
    """

    rows: int
    columns: int
    query: list[list[float]]
    hit: list[list[float]]
    similarity: float
    how: Literal["occlusion"]


class StopAnswer(Answered):
    """What one camera saw of the vehicle at a time."""

    camera: str
    first: str
    last: str
    numbers: list[int]
    best: int


class LegAnswer(Answered):
    """From one stop to the next."""

    seconds: float
    metres: float | None


class ConflictAnswer(Answered):
    """Two stops, by their places from 0, that cannot both be true."""

    first: int
    second: int
    why: str


class JourneyAnswer(Answered):
    """Stops, one after the other."""

    stops: list[StopAnswer]
    legs: list[LegAnswer]
    conflicts: list[ConflictAnswer]


class JourneysAnswer(Answered):
    """Where the vehicle of some sightings went, if they are all of one."""

    journeys: list[JourneyAnswer]
    untimed: list[int]


class JobAnswer(Answered):
    """Work that takes long.

    Attributes:
        job: its key.
        kind: ``export``, ``case`` (its export), ``forget`` or ``retain``.
        state: how it stands.
        done: how much is.
        of: how much there is to do; 0 is unknown.
        result: what it did, when it is done.
        error: why it failed.
        has_file: whether it made a file to fetch.
    """

    job: str
    kind: str
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    done: int
    of: int
    result: dict[str, Any]
    error: str
    has_file: bool


class CaseSightingAnswer(Answered):
    """A sighting of a case: what is said of it, by whom and when, and what is known of it."""

    number: int
    mark: Literal["", "yes", "no", "similar"]
    note: str
    by: str
    at: str
    image: str
    labels: dict[str, str]


class _CaseFacts(Answered):
    case: str
    name: str
    note: str
    by: str
    made: str
    changed: str
    gone: int


class CaseSummary(_CaseFacts):
    """A case, and how many sightings it has; ``gone`` were in it and are forgotten."""

    sightings: int


class CaseAnswer(_CaseFacts):
    """A case with its sightings; ``gone`` were in it and are forgotten."""

    sightings: list[CaseSightingAnswer]


class AccountAnswer(Answered):
    """An account."""

    name: str
    role: str


class AuditAnswer(Answered):
    """The newest entries of the audit log, and whether the whole chain is as it was written.

    Attributes:
        entries: how many there are.
        hash: of the last one.
        fault: what is wrong; empty if nothing was found.
        newest: in their order.
    """

    entries: int
    hash: str
    fault: str
    newest: list[dict[str, Any]]
