"""A shard of whole frames: the pictures and a file of their boxes, in one folder."""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from platefree.city.optics import full_frame
from platefree.city.output.frame_labels import label_frame
from platefree.city.output.shards import PICTURES
from platefree.city.studio import Order, Studio
from platefree.city.world.fleet import model_fractions
from platefree.city.world.streams import Purpose, draw_seed, stream
from platefree.city.world.street_frames import Assets, FrameSize, draw_scene
from platefree.data.frame_boxes import OnFrame, write_frame_boxes
from platefree.storage.files import atomic_folder, new_file

BOXES = "frame_boxes.csv"
"""The boxes of a shard, and those of all of them."""

FRAMES_PER_SHARD = 100

_POOL = 20  # vehicles that a shard has; building one takes as long as two frames


@dataclass(frozen=True)
class FrameShard:
    """A part of the frames.

    Attributes:
        index: its number.
        frames: how many it holds.
    """

    index: int
    frames: int

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.index:05d}"


class FrameRoom:
    """Makes shards one after the other.

    Args:
        out: folder of the frames.
        studio: who draws.
        seed: of all frames.
        size: of each frame.
    """

    def __init__(self, out: Path, studio: Studio, seed: int, size: FrameSize) -> None:
        self._out, self._studio, self._seed, self._size = out, studio, seed, size
        self._models = studio.models()

    def make(self, shard: FrameShard) -> int:
        """Render a shard and commit it; returns how many frames it holds.

        Raises:
            StorageError: it cannot be written.
        """
        pool = self._pool(shard)
        types = [self._models[order.model].type for order in pool]
        build = lru_cache(maxsize=None)(lambda number: self._studio.build(pool[number]))
        with atomic_folder(self._out / PICTURES / shard.name) as folder:
            frames = [
                self._frame(shard, number, build, types, folder) for number in range(shard.frames)
            ]
            with new_file(folder / BOXES) as file:
                write_frame_boxes(frames, file)
        return shard.frames

    def _pool(self, shard: FrameShard) -> list[Order]:
        """One vehicle of each type, and others as frequent as in traffic."""
        random = stream(Purpose.FRAME, self._seed, shard.index)
        fractions = model_fractions(self._models)
        per_type = Counter(model.type for model in self._models)
        firsts = [
            int(random.choice([n for n, model in enumerate(self._models) if model.type == each]))
            for each in sorted(per_type)
        ]
        others = random.choice(len(fractions), max(_POOL - len(firsts), 0), p=fractions).tolist()
        return [Order(model, draw_seed(random)) for model in (*firsts, *others)]

    def _frame(
        self, shard: FrameShard, number: int, build: Assets, types: list[str], folder: Path
    ) -> tuple[str, list[OnFrame]]:
        """Take a frame and write it; its path and its boxes."""
        random = stream(Purpose.FRAME, self._seed, shard.index, number)
        slim = [each == "motorcycle" for each in types]
        scene, numbers = draw_scene(random, build, slim, self._size)
        picture = self._studio.render(scene, full_frame(scene.camera))
        shown = tuple(types[each] for each in numbers)
        name = f"{number:03d}.jpg"
        with new_file(folder / name) as file:
            file.write(self._studio.encode(picture.pixels, scene.camera))
        return f"{PICTURES}/{shard.name}/{name}", label_frame(scene, picture, shown)
