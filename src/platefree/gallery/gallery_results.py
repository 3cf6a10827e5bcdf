"""What adding, forgetting and looking at a gallery give."""

from dataclasses import dataclass, field
from pathlib import Path

from platefree.gallery.gallery_places import Place


@dataclass(frozen=True)
class Added:
    """What `Gallery.add` did.

    Attributes:
        added: number of new sightings.
        known: number of sightings that were there already.
        skipped: why the others were left out, a sentence for each.
        expired: number of sightings, new or old, that were kept no longer (`Gallery.retain`).
    """

    added: int
    known: int
    skipped: list[str]
    expired: int = 0


@dataclass(frozen=True)
class Forgotten:
    """What `Gallery.forget` did.

    Attributes:
        count: number of sightings that are found no more.
        files: their pictures, as far as they are outside of the gallery and still there.
    """

    count: int
    files: list[Path]


@dataclass(frozen=True)
class Retained:
    """What `Gallery.retain` did.

    Attributes:
        removed: number of sightings that were kept no longer, by camera.
        undated: number of sightings of unknown time, which the rule keeps.
        readers: see `Compacted.readers`.
    """

    removed: dict[str, int]
    undated: int
    readers: int = 0


@dataclass(frozen=True)
class GalleryInfo:
    """What a gallery holds.

    Attributes:
        path: its folder, or its address on a Milvus server.
        created: when, ISO 8601.
        model: fingerprint of the model.
        model_path: where the model was loaded from.
        sightings: their number.
        cameras: sightings by camera, the empty text is unknown.
        first: the earliest known time, ISO 8601 in UTC; empty if none is known.
        last: the latest.
        spaces: dimensions by space.
        indexed: number of sightings in the index of each space; the others are compared one by one.
        megabytes: on the disk; 0 where a server alone knows it.
        version: rises with every change.
        coming: fingerprint of the model that it is being embedded with again; empty if none is.
        ready: number of sightings that have vectors of that model.
        retention: days that sightings are kept, as `Retention.of` understands them; none is for
            ever.
    """

    path: Place
    created: str
    model: str
    model_path: str | None
    sightings: int
    cameras: dict[str, int] = field(default_factory=dict)
    first: str = ""
    last: str = ""
    spaces: dict[str, int] = field(default_factory=dict)
    indexed: dict[str, int] = field(default_factory=dict)
    megabytes: float = 0.0
    version: int = 0
    coming: str = ""
    ready: int = 0
    retention: list[str] = field(default_factory=list)
