"""Problems of a table of pictures, and what they mean for training and scoring.

Nothing is changed and nothing is printed: a `TableCheck` holds the counts, and a `Finding` for each
problem or fact that a user should know. By default only the headers of the pictures are read; with
``depth="pixels"`` every picture is decoded, which also finds files that are cut short.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self, TypeVar, get_args

import numpy as np

from platefree.data.content import read_content
from platefree.data.image import PICTURE, PictureStart
from platefree.data.image_source import TableImages
from platefree.data.listed_text import many
from platefree.data.support import ProtocolSupport, protocol_support, valid_matches
from platefree.errors import ImageError, OversizedImage
from platefree.machine import cpu_count
from platefree.types import Indices, Sightings, known_values

TINY_SIDE = 32
"""Pictures with a side below this many pixels are reported: they show little of a vehicle."""

Level = Literal["error", "warning", "note"]
Depth = Literal["header", "pixels"]
Progress = Callable[[str, int, int], None]
"""Called with the stage ("reading", "comparing"), the number of pictures done, and of all."""

_HEADERS = (
    32  # that a thread is given at a time; to hand over each alone takes as long as to read it
)
_BATCH = 1024  # pictures between two progress calls; also the most that is still read after Ctrl-C

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Finding:
    """One problem or fact of a table.

    Attributes:
        level: ``error`` must be corrected, ``warning`` distorts results, ``note`` only informs.
        what: what was found, with its count.
        meaning: what it means for training or scoring, or what to do.
    """

    level: Level
    what: str
    meaning: str


@dataclass(frozen=True)
class Spread:
    """Smallest, median and largest of some counts."""

    minimum: int
    median: float
    maximum: int

    @classmethod
    def of(cls, values: Iterable[int]) -> Self | None:
        """The spread of these values; None where there are none."""
        every = np.fromiter(values, dtype=np.int64)
        if not len(every):
            return None
        return cls(int(every.min()), float(np.median(every)), int(every.max()))


@dataclass(frozen=True)
class TableCheck:
    """The outcome of `check_table`.

    Attributes:
        images: number of rows.
        splits: split -> number of rows; ``""`` holds those without one.
        vehicles: number of known vehicles.
        cameras: number of known cameras.
        images_per_vehicle: over the known vehicles.
        widths: of the readable pictures, in pixels as displayed.
        heights: of the readable pictures, in pixels as displayed.
        unlabelled: number of rows without a vehicle.
        unreadable: image -> why it cannot be read.
        oversized: image -> why it is refused, `OversizedImage`.
        tiny: images with a side below `TINY_SIDE`.
        duplicates: groups of images whose files are equal byte by byte.
        single_image: vehicles of one image.
        single_camera: vehicles of several images, all from one camera.
        protocols: every protocol, and whether the table supports it.
        findings: errors first, then warnings, then notes.
    """

    images: int
    splits: Mapping[str, int]
    vehicles: int
    cameras: int
    images_per_vehicle: Spread | None
    widths: Spread | None
    heights: Spread | None
    unlabelled: int
    unreadable: Mapping[str, str]
    oversized: Mapping[str, str]
    tiny: tuple[str, ...]
    duplicates: tuple[tuple[str, ...], ...]
    single_image: tuple[str, ...]
    single_camera: tuple[str, ...]
    protocols: tuple[ProtocolSupport, ...]
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether there is no finding of level ``error``."""
        return all(finding.level != "error" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Everything, ready for ``json.dumps``; rows without a split count as ``unknown``."""
        splits = {name or "unknown": count for name, count in self.splits.items()}
        protocols = [{**asdict(each), "supported": each.supported} for each in self.protocols]
        return {**asdict(self), "splits": splits, "protocols": protocols, "passed": self.passed}


def check_table(
    sightings: Sightings,
    *,
    depth: Depth = "header",
    listed: Indices | None = None,
    workers: int | None = None,
    on_progress: Progress | None = None,
) -> TableCheck:
    """Look at every picture and every label of a table.

    Args:
        sightings: the table.
        depth: ``header`` reads the size of each picture; ``pixels`` decodes each, which is slower
            and finds the ones that are cut short.
        listed: rows that the lists of a data set name, which need no split.
        workers: threads that read; by default one for each core, at most 8.
        on_progress: called after each batch of pictures.
    """
    source = TableImages(sightings)
    with ThreadPoolExecutor(workers or min(8, cpu_count())) as pool:

        def each(
            stage: str, work: Callable[[int], _Result], rows: Sequence[int], together: int = 1
        ) -> list[_Result]:
            results: list[_Result] = []
            for start in range(0, len(rows), _BATCH):
                batch = rows[start : start + _BATCH]
                parts = [batch[at : at + together] for at in range(0, len(batch), together)]
                for found in pool.map(lambda part: [work(row) for row in part], parts):
                    results += found
                if on_progress is not None:
                    on_progress(stage, len(results), len(rows))
            return results

        every, together = range(len(sightings)), _HEADERS if depth == "header" else 1
        files = each("reading", lambda row: _look(source, row, depth), every, together)
        suspects = _perhaps_equal(sightings, files)
        contents = each(
            "comparing", lambda row: read_content(sightings.path(row), PICTURE), suspects
        )
    check = _summary(sightings, files, _equal_files(suspects, contents))
    return _ordered(check, [*check.findings, *_without_split(sightings, listed)])


@dataclass(frozen=True, slots=True)
class _Refused:
    reason: str
    oversized: bool


_File = PictureStart | _Refused


def _look(source: TableImages, row: int, depth: Depth) -> _File:
    try:
        if depth == "pixels":
            source.read(row, (1, 1))  # all of the file is read however small the picture gets
        return source.start(row)
    except ImageError as error:
        return _Refused(str(error), isinstance(error, OversizedImage))


def _perhaps_equal(sightings: Sightings, files: list[_File]) -> list[int]:
    """Rows whose whole, readable file starts as another of its size: only these can be equal.

    Several boxes in one file are different pictures, so rows with a box are left out, as are
    frames of films.
    """
    whole = (np.isnan(sightings.box[:, 0]) & (sightings.frame < 0)).tolist()
    starts = {
        row: (file.size, file.checksum)
        for row, file in enumerate(files)
        if whole[row] and isinstance(file, PictureStart)
    }
    alike = Counter(starts.values())
    return [row for row, start in starts.items() if alike[start] > 1]


def _equal_files(rows: list[int], contents: list[bytes]) -> list[Indices]:
    groups: dict[bytes, list[int]] = defaultdict(list)
    for row, content in zip(rows, contents, strict=True):
        groups[content].append(row)
    return [np.array(group) for group in groups.values() if len(group) > 1]


def _summary(sightings: Sightings, files: list[_File], twins: list[Indices]) -> TableCheck:
    images = sightings.image.tolist()
    looked = list(zip(images, files, strict=True))
    headers = [(image, file.header) for image, file in looked if isinstance(file, PictureStart)]
    refused = [(image, file) for image, file in looked if isinstance(file, _Refused)]
    per_vehicle = Counter(sightings.vehicle[sightings.vehicle != ""].tolist())
    everything = np.ones(len(sightings), dtype=bool)
    alone = sightings.vehicle[valid_matches(sightings, everything, everything) == 0]
    unmatched = known_values(alone).tolist()
    check = TableCheck(
        images=len(sightings),
        splits=dict(sorted(Counter(sightings.split.tolist()).items())),
        vehicles=len(per_vehicle),
        cameras=len(known_values(sightings.camera)),
        images_per_vehicle=Spread.of(per_vehicle.values()),
        widths=Spread.of(header.width for _, header in headers),
        heights=Spread.of(header.height for _, header in headers),
        unlabelled=int((sightings.vehicle == "").sum()),
        unreadable={image: file.reason for image, file in refused if not file.oversized},
        oversized={image: file.reason for image, file in refused if file.oversized},
        tiny=tuple(image for image, seen in headers if min(seen.width, seen.height) < TINY_SIDE),
        duplicates=tuple(tuple(images[row] for row in rows) for rows in twins),
        single_image=tuple(name for name in unmatched if per_vehicle[name] == 1),
        single_camera=tuple(name for name in unmatched if per_vehicle[name] > 1),
        protocols=protocol_support(sightings),
        findings=(),
    )
    findings = [
        *_file_findings(check),
        *_duplicate_findings(sightings, twins),
        *_vehicle_findings(check),
        *_split_findings(sightings),
    ]
    return replace(check, findings=tuple(findings))


def _ordered(check: TableCheck, findings: list[Finding]) -> TableCheck:
    severity = get_args(Level).index
    return replace(check, findings=tuple(sorted(findings, key=lambda found: severity(found.level))))


def _file_findings(check: TableCheck) -> Iterator[Finding]:
    for refused, what in ((check.unreadable, "cannot be read"), (check.oversized, "too large")):
        if refused:
            yield Finding(
                "error",
                f"{many(len(refused), 'picture')} {what}, first: {next(iter(refused.values()))}",
                "they can be neither trained on nor searched: replace them or remove their rows",
            )
    if check.tiny:
        yield Finding(
            "warning",
            f"{many(len(check.tiny), 'picture')} with a side below {TINY_SIDE} pixels, "
            f"first: {check.tiny[0]}",
            "they show little of the vehicle: expect poor matches",
        )


def _duplicate_findings(sightings: Sightings, twins: list[Indices]) -> Iterator[Finding]:
    every = [sightings.take(rows) for rows in twins]
    torn = [copies for copies in every if len(known_values(copies.vehicle)) > 1]
    leaked = [copies for copies in every if len(set(known_values(copies.split) == "train")) > 1]
    easy = [
        copies
        for copies in every
        if valid_matches(copies, copies.split == "query", copies.split == "gallery").any()
    ]
    kinds: tuple[tuple[Level, list[Sightings], str, str], ...] = (
        ("error", torn, "listed under different vehicles",
         "one of the labels is wrong: training learns from it, and scores count it as an error"),
        ("warning", leaked, "both in train and in query or gallery",
         "the model was trained on them: scores are too high"),
        ("warning", easy, "both in query and in gallery, as a valid match",
         "such a query finds itself: scores are too high"),
        ("note", every, "stored more than once",
         "they count more in training, and match themselves where the protocol allows it"),
    )  # fmt: skip
    for level, groups, what, meaning in kinds:
        if groups:
            count = many(len(groups), "picture")
            example = " = ".join(groups[0].image[:2].tolist())
            yield Finding(level, f"{count} {what}, byte for byte, first: {example}", meaning)


def _vehicle_findings(check: TableCheck) -> Iterator[Finding]:
    if not check.vehicles:
        yield Finding(
            "warning",
            "no vehicle is known",
            "the pictures can be searched and compared, but neither trained on nor scored",
        )
    elif check.unlabelled:
        yield Finding(
            "note",
            f"{many(check.unlabelled, 'picture')} without a vehicle",
            "they are not used in training; in a gallery they are distractors",
        )
    if check.vehicles and not check.cameras:
        yield Finding(
            "warning",
            "no camera is known",
            "near-identical pictures of one pass count as matches: scores are likely too high",
        )
    if check.single_camera:
        yield Finding(
            "note",
            f"{many(len(check.single_camera), 'vehicle')} captured by only one camera",
            "as queries they have no valid match under the same-camera rule and are left out",
        )
    if check.single_image:
        yield Finding(
            "note",
            f"{many(len(check.single_image), 'vehicle')} with only one picture",
            "they have no match: they form no pair in training and are left out as queries",
        )


def _split_findings(sightings: Sightings) -> Iterator[Finding]:
    split = sightings.split
    trained = set(known_values(sightings.vehicle[split == "train"]).tolist())
    scored = set(known_values(sightings.vehicle[np.isin(split, ["query", "gallery"])]).tolist())
    if trained & scored:
        yield Finding(
            "warning",
            f"{many(len(trained & scored), 'vehicle')} both in train and in query or gallery",
            "scores say nothing about new vehicles: split by vehicle, not by picture",
        )
    query, gallery = split == "query", split == "gallery"
    lost = int((valid_matches(sightings, query, gallery) == 0).sum())
    if lost and gallery.any():
        yield Finding(
            "note",
            f"{lost:,} of {int(query.sum()):,} queries without a valid match",
            "they are counted and left out of the scores",
        )


def _without_split(sightings: Sightings, listed: Indices | None) -> Iterator[Finding]:
    missing = sightings.split == ""
    missing[[] if listed is None else listed] = False
    if sightings.knows("split") and missing.any():
        yield Finding(
            "note",
            f"{many(int(missing.sum()), 'picture')} without a split",
            "neither training nor the query-gallery protocol uses them",
        )
