"""Render whole frames with the boxes of all vehicles and plates, to train a detector.

    OUT/frames.json          the settings; a folder is only continued with the same settings
    OUT/images/NNNNN/        the shards, each complete or absent
    OUT/images.csv           the table of the frames; every tenth shard is for testing
    OUT/frame_boxes.csv      every box, see `platefree.data.frame_boxes`
    OUT/card.json            settings and counts; written last

The same settings give the same bytes, whatever the number of processes and however often the work
was interrupted.
"""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from platefree.city.bounds import check_bounds
from platefree.city.generate import estimated_bytes, require_space
from platefree.city.output.claim import claim_folder
from platefree.city.output.frame_shards import BOXES, FRAMES_PER_SHARD, FrameRoom, FrameShard
from platefree.city.output.pool import Progress, render_shards
from platefree.city.output.shards import PICTURES
from platefree.city.studio import Studio
from platefree.city.world.street_frames import FrameSize
from platefree.data.frame_boxes import KINDS, read_frame_boxes
from platefree.data.table import write_table
from platefree.errors import Interrupted
from platefree.inputs.documents import read_json, read_unicode
from platefree.inputs.plain_files import GB, MB, Expected
from platefree.machine import cpu_count
from platefree.storage.disk import make_folder
from platefree.storage.files import write_text
from platefree.storage.locks import only_writer
from platefree.types import Sightings

FRAMES_VERSION = 2
"""Increased whenever the same settings give different bytes."""

_PLAN, _CARD, _TABLE = "frames.json", "card.json", "images.csv"
_SETTINGS = Expected("the settings of rendered frames", MB)
_SHARD_BOXES = Expected("the boxes of rendered frames", GB)
_HELD_OUT_EVERY = 10  # of so many shards, the last is not for training
_LARGEST = 4096  # pixels of a side


@dataclass(frozen=True)
class FrameSettings:
    """Everything that decides the frames; equal settings give equal bytes.

    Attributes:
        frames: how many, at least 1.
        seed: at least 0.
        width: of each frame in pixels, 64 to 4096.
        height: of each frame in pixels, 64 to 4096.
    """

    frames: int = 1000
    seed: int = 0
    width: int = 640
    height: int = 352

    def __post_init__(self) -> None:
        bounds = {
            "frames": (1, 10**7),
            "seed": (0, 2**31 - 1),
            "width": (64, _LARGEST),
            "height": (64, _LARGEST),
        }
        check_bounds(self, bounds)

    def to_json(self) -> dict[str, Any]:
        """Ready for ``json.dumps``, with the version of the frames."""
        return {"frames_version": FRAMES_VERSION, **asdict(self)}

    def shards(self) -> list[FrameShard]:
        """All of them; the last may be smaller."""
        starts = range(0, self.frames, FRAMES_PER_SHARD)
        return [
            FrameShard(index, min(FRAMES_PER_SHARD, self.frames - start))
            for index, start in enumerate(starts)
        ]


def generate_frames(
    out: str | Path,
    settings: FrameSettings,
    *,
    workers: int | None = None,
    studio: Studio | None = None,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """Render frames into a folder, or continue where a run was stopped.

    Args:
        out: the folder; new, empty, or an unfinished one of the same settings.
        settings: how many frames, of which size.
        workers: processes; by default one for each core.
        studio: who draws; by default the city's own renderer.
        on_progress: called with the number of finished frames and the number of all frames.

    Returns:
        What the folder holds, as in its ``card.json``: settings, and how many boxes of each kind.

    Raises:
        DataError: the folder holds something else.
        StorageError: another run is writing into the folder, the disk is too small, or a file
            cannot be written.
        Interrupted: stopped by Ctrl-C; finished shards are kept.
    """
    folder = Path(out)
    with only_writer(folder):
        claim_folder(folder / _PLAN, settings.to_json(), _SETTINGS, "frames")
        if (folder / _CARD).is_file():
            card: dict[str, Any] = read_json(folder / _CARD, _SETTINGS)
            return card
        try:
            _render(folder, settings, studio, workers or cpu_count(), on_progress)
        except KeyboardInterrupt:
            left = len(_missing(folder, settings))
            raise Interrupted(
                f"stopped with {left} of {len(settings.shards())} shards missing: run the same "
                "command again to go on"
            ) from None
        return _finish(folder, settings)


def _missing(folder: Path, settings: FrameSettings) -> list[FrameShard]:
    return [shard for shard in settings.shards() if not (folder / PICTURES / shard.name).is_dir()]


def _render(
    folder: Path,
    settings: FrameSettings,
    studio: Studio | None,
    workers: int,
    on_progress: Progress | None,
) -> None:
    make_folder(folder / PICTURES)
    missing = _missing(folder, settings)
    left = sum(shard.frames for shard in missing)
    require_space(folder, estimated_bytes(left, max(settings.width, settings.height)))
    size = FrameSize(settings.width, settings.height)
    room = partial(FrameRoom, folder, studio or _own_studio(), settings.seed, size)
    done = settings.frames - left
    for count in chain([0], render_shards(room, missing, workers)):
        done += count
        if on_progress is not None:
            on_progress(done, settings.frames)


def _own_studio() -> Studio:
    from platefree.city.atelier import Atelier  # compiles and loads the renderer

    return Atelier("varied")


def _finish(folder: Path, settings: FrameSettings) -> dict[str, Any]:
    """Join the boxes of all shards, and write the files that describe the frames."""
    texts = [
        read_unicode(folder / PICTURES / shard.name / BOXES, _SHARD_BOXES)
        for shard in settings.shards()
    ]
    head = texts[0].partition("\n")[0]
    write_text(
        folder / BOXES, "\n".join([head, *(t.partition("\n")[2][:-1] for t in texts)]) + "\n"
    )
    boxes = read_frame_boxes(folder / BOXES)
    split = [
        "" if shard.index % _HELD_OUT_EVERY == _HELD_OUT_EVERY - 1 else "train"
        for shard in settings.shards()
        for _ in range(shard.frames)
    ]
    table = Sightings.from_columns(folder, {"image": boxes.frame.tolist(), "split": split})
    write_table(table, folder / _TABLE)
    counted = Counter(boxes.kind[~boxes.ignore].tolist())
    card = {
        **settings.to_json(),
        "boxes": {kind: counted[place] for place, kind in enumerate(KINDS)},
        "in_question": int(boxes.ignore.sum()),
        "empty": int(len(boxes.frame) - len(np.unique(boxes.place))),
        "fingerprint": table.fingerprint(),
    }
    write_text(folder / _CARD, json.dumps(card, indent=2) + "\n")
    return card
