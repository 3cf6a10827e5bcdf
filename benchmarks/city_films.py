"""From films of the city to answers: how much each step loses, against the truth.

    platefree city films --films 120 --cameras 4 --seed 977 --vehicles 200
    python benchmarks/city_films.py films [MORE] --detector models/vehicles --model models/street-s

Detection: vehicles of all kinds merged; those that do not count are neither expected nor wrong. AP
is the mean of ten overlaps, .5 to .95. Tracking: TrackEval 1.3.0 over all films together, as in
`tracking.py`, which says how it is installed; without it these figures are left out. A *pass* is a
vehicle before a camera, seen on at least five of the frames that are looked at; it should end as
exactly one sighting. Search: each pass of a vehicle that other cameras of the same city saw too
asks for it among all their sightings; the rank is that of passes (of several sightings of one pass
the nearest counts), and one that ended as no sighting is not found, nor finds anything. Beside it
the same search with perfect boxes and tracks. No re-ranking.
"""

import argparse
import csv
import importlib.util
import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tracking import Indices, Numbers, Seen, score, truth_of, whole

from platefree.data.box_overlap import overlap
from platefree.data.frame_boxes import PLATE
from platefree.evaluation.detection import Detections, Labelled, score_detections
from platefree.inference.detector import Detector, FoundOnFrame
from platefree.inference.detector_loading import load_detector
from platefree.inference.embedder import Embedder
from platefree.inference.loading import load_model
from platefree.types import Embeddings, Sightings
from platefree.video.film_detection import seen_in
from platefree.video.follower import Follower
from platefree.video.footage import FilmFrame, Sampling, open_footage
from platefree.video.joining import Joiner, Likeness
from platefree.video.overlap_tracker import OverlapTracker
from platefree.video.tracks import Track

LOWEST = 0.05  # score of the boxes that detection is measured with
GIVEN = 0.1  # of those that the tracker is given
PRECISION = 0.9
FRAMES_OF_A_PASS = 5
SMALLEST_PICTURE = 24  # pixels of a side; smaller pictures are enlarged, for models refuse them
OVERLAPS = tuple(np.arange(0.5, 0.96, 0.05).round(2).tolist())
FIGURES = ("HOTA", "DetA", "AssA", "IDF1", "MOTA", "IDSW")


@dataclass(eq=False)
class Walked:
    """What was seen of a film.

    Attributes:
        folder: of its city.
        camera: its name.
        vehicles: pass -> vehicle.
        truth: of each frame that was looked at.
        found: what the detector found on each.
        numbers: the track of each box that the tracker was given, frame by frame.
        tracks: what was kept.
        perfect: the same of perfect boxes and tracks, whose numbers are passes.
    """

    folder: Path
    camera: str
    vehicles: Mapping[int, str]
    truth: list[Seen] = field(default_factory=list)
    found: list[FoundOnFrame] = field(default_factory=list)
    numbers: list[Indices] = field(default_factory=list)
    tracks: list[Track] = field(default_factory=list)
    perfect: list[Track] = field(default_factory=list)

    @property
    def passes(self) -> set[int]:
        """Those that should end as one sighting."""
        seen = Counter(
            number for frame in self.truth for number in frame.track[frame.counts].tolist()
        )
        return {number for number, count in seen.items() if count >= FRAMES_OF_A_PASS}


def main() -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("films", type=Path, nargs="+", help="folders of 'platefree city --films'")
    parser.add_argument("--detector", required=True)
    parser.add_argument("--model", default="color_stripes", help="embedder")
    parser.add_argument(
        "--similarity", type=float, default=0.7, help="from which tracks are joined"
    )
    parser.add_argument("--every", type=float, default=0.1, help="seconds between frames")
    parser.add_argument("--until", type=float, default=float("inf"), help="seconds of each film")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    detector, model = load_detector(options.detector), load_model(options.model)
    sampling = Sampling(every=options.every, until=options.until)
    films = [
        embedded(walk(folder, camera["name"], folder / camera["film"], detector, sampling), model)
        for folder in options.films
        for camera in json.loads((folder / "cameras.json").read_text("utf-8"))
    ]
    joined = [join(film.tracks, Likeness(options.similarity)) for film in films]
    kept: list[Kept] = [
        (film.tracks, {each.number: each.number for each in film.tracks}) for film in films
    ]
    figures = {
        "films": counts(films),
        "detection": detection(films),
        "tracking": tracking(films, {"kept": kept, "joined": joined}),
        "sightings": {"kept": sightings(films, kept), "joined": sightings(films, joined)},
        "search": {
            "kept": search(films, kept, model),
            "joined": search(films, joined, model),
            "perfect boxes": search(films, perfect(films), model),
        },
    }
    print(json.dumps(figures, indent=2) if options.json else table(figures))


# --- what is seen -----------------------------------------------------------------------------


class Spy:
    """A tracker whose answers are written down."""

    def __init__(self, numbers: list[Indices]) -> None:
        self._tracker, self._numbers = OverlapTracker(), numbers

    @property
    def open(self) -> AbstractSet[int]:
        """As of the tracker."""
        return self._tracker.open

    def update(self, time: float, boxes: Numbers, scores: Numbers) -> Indices:
        """As of the tracker."""
        self._numbers.append(self._tracker.update(time, boxes, scores))
        return self._numbers[-1]


class KnownTracks:
    """A tracker that knows the tracks; all stay open."""

    def __init__(self) -> None:
        self.open: set[int] = set()
        self.next: Indices = np.zeros(0, np.int64)

    def update(self, time: float, boxes: Numbers, scores: Numbers) -> Indices:
        """The numbers that were given."""
        del time, boxes, scores
        self.open |= set(self.next.tolist())
        return self.next


def walk(folder: Path, camera: str, film: Path, detector: Detector, sampling: Sampling) -> Walked:
    """Look at a film once: with what is found on it, and with the truth."""
    with (folder / "tracks.csv").open(encoding="utf-8", newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["camera"] == camera]
    vehicles = {int(line["track"].rpartition("-")[2]): line["vehicle"] for line in lines}
    walked = Walked(folder, camera, vehicles)
    truth = truth_of(folder / "truth" / camera / "gt" / "gt.txt", length(folder))
    known = KnownTracks()
    follower, knowing = Follower(Spy(walked.numbers)), Follower(known)
    with open_footage(str(film)) as footage:
        for frame, found in seen_in(footage, detector, sampling, threshold=LOWEST):
            walked.truth.append(truth[frame.number])
            walked.found.append(found)
            given = part(found, (found.kind != PLATE) & (found.score >= GIVEN))
            walked.tracks += follower.add(frame, given)
            know(knowing, known, frame, truth[frame.number])
    walked.tracks += follower.finish()
    walked.perfect += knowing.finish()
    return walked


def know(follower: Follower, known: KnownTracks, frame: FilmFrame, truth: Seen) -> None:
    """Follow the vehicles that count by the truth; their kind does not matter."""
    own = truth.take(truth.counts)
    known.next = own.track
    kind = np.zeros(len(own.box), np.int64)
    follower.add(frame, FoundOnFrame(own.box, kind, np.ones(len(own.box))))


def length(folder: Path) -> int:
    """Frames of each film of a city."""
    settings = json.loads((folder / "films.json").read_text("utf-8"))
    return int(settings["seconds"] * settings["rate"])


def part(found: FoundOnFrame, rows: Any) -> FoundOnFrame:  # noqa: ANN401
    """Some of the boxes."""
    return FoundOnFrame(found.box[rows], found.kind[rows], found.score[rows])


# --- embeddings -------------------------------------------------------------------------------


def embedded(film: Walked, model: Embedder) -> Walked:
    """With the mean embeddings of all tracks."""
    film.tracks, film.perfect = (
        with_embeddings(each, model) for each in (film.tracks, film.perfect)
    )
    return film


def with_embeddings(tracks: list[Track], model: Embedder) -> list[Track]:
    """Their pictures are embedded, all at once."""
    if not tracks:
        return []
    owner = np.repeat(np.arange(len(tracks)), [len(each.pictures) for each in tracks])
    with tempfile.TemporaryDirectory() as folder:
        names = [f"{number}.png" for number in range(len(owner))]
        crops = [picture.crop for track in tracks for picture in track.pictures]
        for name, crop in zip(names, crops, strict=True):
            picture = Image.fromarray(crop)
            width, height = (max(SMALLEST_PICTURE, side) for side in picture.size)
            picture.resize((width, height)).save(Path(folder) / name)
        rows, _ = model.embed(Sightings.from_columns(Path(folder), {"image": names}))
    return [
        track.with_embeddings({name: space[owner == place] for name, space in rows.spaces.items()})
        for place, track in enumerate(tracks)
    ]


class Recorder(Joiner):
    """A joiner that remembers which numbers became one."""

    def __init__(self, likeness: Likeness) -> None:
        super().__init__(likeness)
        self.became = dict[int, int]()

    def add(self, track: Track) -> None:
        """As of the joiner."""
        before = {each.number for each in self._held}
        super().add(track)
        merged = before - {each.number for each in self._held} | {track.number}
        self.became |= dict.fromkeys(merged, self._held[-1].number)


Kept = tuple[list[Track], Mapping[int, int]]
"""Tracks, and the number of the track that each number of the tracker became a part of."""


def join(tracks: Sequence[Track], likeness: Likeness) -> Kept:
    """Tracks of one film joined by likeness."""
    joiner = Recorder(likeness)
    for track in tracks:
        joiner.add(track)
    became = {each.number: each.number for each in tracks}
    for number in became:
        while (further := joiner.became.get(became[number], became[number])) != became[number]:
            became[number] = further
    return joiner.finish(), became


# --- figures ----------------------------------------------------------------------------------


def counts(films: list[Walked]) -> dict[str, int]:
    """What was looked at."""
    return {
        "films": len(films),
        "frames": sum(len(film.truth) for film in films),
        "boxes": sum(int(frame.counts.sum()) for film in films for frame in film.truth),
        "passes": sum(len(film.passes) for film in films),
    }


def detection(films: list[Walked]) -> dict[str, float]:
    """Average precision, and recall at a precision."""
    found = [
        Detections(each.box[each.kind != PLATE], each.score[each.kind != PLATE])
        for film in films
        for each in film.found
    ]
    labels = [Labelled(each.box, ~each.counts) for film in films for each in film.truth]
    scores = {each: score_detections(found, labels, overlap=each) for each in OVERLAPS}
    recall, threshold = scores[0.5].recall_at(PRECISION)
    precisions = {each: score.average_precision() for each, score in scores.items()}
    return {
        "AP50": precisions[0.5],
        "AP": float(np.mean(list(precisions.values()))),
        "recall": recall,
        "threshold": threshold,
    }


def tracking(films: list[Walked], ways: Mapping[str, list[Kept]]) -> dict[str, dict[str, float]]:
    """HOTA and the like of all tracks of at least two boxes, and of those that are kept."""
    if importlib.util.find_spec("trackeval") is None:
        return {}
    truths = [film.truth for film in films]
    plain = [whole(followed(film, None)) for film in films]
    rows = {"all tracks": score(truths, plain)}
    for name, kept in ways.items():
        frames = [followed(film, one[1]) for film, one in zip(films, kept, strict=True)]
        rows[name] = score(truths, frames)
    return rows


def followed(film: Walked, became: Mapping[int, int] | None) -> list[Seen]:
    """The boxes of tracks on each frame; those of dropped tracks are left out."""
    frames = []
    for found, numbers in zip(film.found, film.numbers, strict=True):
        given = part(found, (found.kind != PLATE) & (found.score >= GIVEN))
        if became is not None:
            numbers = np.array([became.get(each, -1) for each in numbers.tolist()], np.int64)
        seen = Seen(given.box, numbers, given.score, np.ones(len(given.box), np.bool_))
        frames.append(seen.take(numbers >= 0))
    return frames


def passes_of(film: Walked, became: Mapping[int, int]) -> dict[int, int]:
    """Track -> the pass that it shows on at least half of its boxes; -1 is none."""
    votes = dict[int, Counter[int]]()
    for truth, frame in zip(film.truth, followed(film, became), strict=True):
        shared = overlap(frame.box[:, None], truth.box[None])
        for row, number in enumerate(frame.track.tolist()):
            best = int(shared[row].argmax()) if len(truth.box) else -1
            hit = best >= 0 and shared[row, best] >= OVERLAPS[0]
            votes.setdefault(number, Counter())[int(truth.track[best]) if hit else -1] += 1
    found = {number: vote.most_common(1)[0] for number, vote in votes.items()}
    return {
        number: one if 2 * count >= votes[number].total() else -1
        for number, (one, count) in found.items()
    }


def sightings(films: list[Walked], kept: list[Kept]) -> dict[str, float]:
    """How many passes end as one sighting, and how many sightings are of no vehicle."""
    number, wrong, every = Counter[int](), 0, 0
    for film, (tracks, became) in zip(films, kept, strict=True):
        shown = passes_of(film, became)
        mine = [shown[each.number] for each in tracks]
        number.update(min(2, mine.count(each)) for each in film.passes)
        wrong, every = wrong + mine.count(-1), every + len(mine)
    passes = number.total()
    names = {0: "none", 1: "exactly one", 2: "several"}
    return {
        **{name: number[count] / passes for count, name in names.items()},
        "sightings": every,
        "of no vehicle": wrong,
    }


def perfect(films: list[Walked]) -> list[Kept]:
    """Tracks by the truth, whose numbers are passes."""
    return [(film.perfect, {}) for film in films]


# --- search -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sighted:
    """A sighting and what it shows.

    Attributes:
        place: city, camera and pass; the pass is -1 if it shows no vehicle.
        vehicle: of it; empty if it shows none.
        track: with embeddings.
    """

    place: tuple[Path, str, int]
    vehicle: str
    track: Track


def search(films: list[Walked], kept: list[Kept], model: Embedder) -> dict[str, float]:
    """Rank-1 and mAP between the cameras of each city."""
    sighted, wanted = list[Sighted](), dict[tuple[Path, str, int], str]()
    for film, (tracks, became) in zip(films, kept, strict=True):
        shown = passes_of(film, became) if became else {each.number: each.number for each in tracks}
        for each in tracks:
            one = shown[each.number]
            place = film.folder, film.camera, one
            sighted.append(Sighted(place, film.vehicles.get(one, ""), each))
        wanted |= {(film.folder, film.camera, one): film.vehicles[one] for one in film.passes}
    found = [
        asked(query, mates, sighted, model)
        for query, vehicle in wanted.items()
        if (mates := others(query, vehicle, wanted))
    ]
    return {
        "queries": len(found),
        "rank-1": float(np.mean([rank == 1 for rank, _ in found])) if found else float("nan"),
        "mAP": float(np.mean([precision for _, precision in found])) if found else float("nan"),
    }


def others(
    query: tuple[Path, str, int], vehicle: str, wanted: Mapping[tuple[Path, str, int], str]
) -> set[tuple[Path, str, int]]:
    """The passes of the same vehicle before other cameras of the city."""
    return {
        place
        for place, other in wanted.items()
        if other == vehicle and place[0] == query[0] and place[1] != query[1]
    }


def asked(
    query: tuple[Path, str, int],
    mates: set[tuple[Path, str, int]],
    sighted: list[Sighted],
    model: Embedder,
) -> tuple[int, float]:
    """The rank of the first pass of the vehicle (0: none is found), and average precision."""
    own = [each for each in sighted if each.place == query]
    gallery = [each for each in sighted if each.place[0] == query[0] and each.place[1] != query[1]]
    if not own or not gallery:
        return 0, 0.0
    best = max(own, key=lambda each: each.track.pictures[0].quality)
    distances = model.comparison.distances(rows_of([best], model), rows_of(gallery, model))[0]
    ranked, known = list[bool](), set[tuple[Path, str, int]]()
    for row in np.argsort(distances, kind="stable").tolist():
        place = gallery[row].place
        if place[2] >= 0 and place in known:
            continue
        known.add(place)
        ranked.append(place in mates)
    hits = np.flatnonzero(ranked) + 1
    precision = float((np.arange(1, len(hits) + 1) / hits).sum()) / len(mates)
    return (int(hits[0]) if len(hits) else 0), precision


def rows_of(sighted: Sequence[Sighted], model: Embedder) -> Embeddings:
    """The embeddings of sightings."""
    names = sighted[0].track.embeddings
    spaces = {name: np.stack([each.track.embeddings[name] for each in sighted]) for name in names}
    images = [str(number) for number in range(len(sighted))]
    return Embeddings(spaces, Sightings.from_columns(Path(), {"image": images}), model.fingerprint)


# --- the table --------------------------------------------------------------------------------


def table(figures: Mapping[str, Any]) -> str:
    """All figures as text."""
    size, found = figures["films"], figures["detection"]
    lines = [
        f"{size['films']} films, {size['frames']} frames, {size['boxes']} boxes that count, "
        f"{size['passes']} passes",
        f"\ndetection: AP50 {found['AP50']:.3f}, AP {found['AP']:.3f}, recall "
        f"{found['recall']:.3f} at precision {PRECISION} (threshold {found['threshold']:.2f})",
    ]
    if figures["tracking"]:
        lines.append(f"\n{'tracking':16}" + "".join(f"{name:>8}" for name in FIGURES))
    for name, row in figures["tracking"].items():
        values = "".join(f"{row[key]:8.3f}" for key in FIGURES[:-1])
        lines.append(f"{name:16}{values}{row['IDSW']:8.0f}")
    lines.append(
        f"\n{'passes that end as':20} exactly one  several   none  sightings  of no vehicle"
    )
    for name, row in figures["sightings"].items():
        lines.append(
            f"{name:20} {row['exactly one']:11.3f} {row['several']:8.3f} {row['none']:6.3f} "
            f"{row['sightings']:10} {row['of no vehicle']:14}"
        )
    lines.append(f"\n{'search':16} queries  rank-1    mAP")
    for name, row in figures["search"].items():
        lines.append(f"{name:16} {row['queries']:7} {row['rank-1']:7.3f} {row['mAP']:6.3f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
