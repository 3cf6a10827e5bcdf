"""One network in ONNX Runtime: pictures of bytes in, embeddings of length 1 out."""

from collections.abc import Iterator

import numpy as np

from platefree.data.input_pictures import InputPictures, Pixels, read_batches
from platefree.data.vehicle_boxes import BoxFractions
from platefree.errors import CheckpointError
from platefree.inference.embedded_rows import EmbeddedBatch, EmbeddedRows, gathered
from platefree.inference.embedder import Unreadable
from platefree.inference.model_card import NetworkCard
from platefree.inference.onnx_content import check_onnx
from platefree.inference.onnx_session import open_session, providers_of, run_session
from platefree.machine import cpu_count
from platefree.types import Floats, Sightings
from platefree.work import Device, Work

PICTURES = "pictures"
"""The name of the graph's input."""

_AT_ONCE = 8  # pictures in a processor; more are no faster (benchmarks/onnx_embedding.py)
_MOST_READERS = 8


def output_of(space: str) -> str:
    """The name of the graph's output of a space, which no operator in the graph has."""
    return f"space_{space}"


class OnnxNetwork:
    """A network, ready to embed pictures.

    Args:
        content: the ONNX file.
        card: what it is said to be.
        device: where it runs; ``auto`` is the CPU.
        what: its name in messages.
        threads: of a processor; by default all of this process.

    Raises:
        CheckpointError: it is damaged, needs more than standard operators, or is not what its card
            says.
        MissingPackage: ONNX Runtime does not run on the device.
    """

    def __init__(
        self,
        content: bytes,
        card: NetworkCard,
        *,
        device: Device = "auto",
        what: str,
        threads: int | None = None,
    ) -> None:
        check_onnx(content, what)
        self.card, self.what = card, what
        providers = providers_of(device)
        self.at_once = _AT_ONCE if len(providers) == 1 else None
        self.session = open_session(content, providers, what, threads or cpu_count())
        self.outputs = [output_of(space) for space in card.spaces]
        self._check_card()

    def embed_images(self, pictures: Pixels) -> dict[str, Floats]:
        """L2-normalised embeddings by space of (b, 3, h, w) uint8 pictures of the input size.

        Raises:
            CheckpointError: the network cannot run, or makes other rows than its card says.
        """
        step = self.at_once or max(1, len(pictures))
        parts = [self._run(pictures[at : at + step]) for at in range(0, len(pictures), step)]
        if not parts:
            return {
                name: np.empty((0, size), np.float32) for name, size in self.card.spaces.items()
            }
        return {name: np.concatenate([part[name] for part in parts]) for name in self.card.spaces}

    def embed_rows(
        self, sightings: Sightings, boxes: BoxFractions | None, unreadable: Unreadable, work: Work
    ) -> EmbeddedRows:
        """The embeddings of a table, see `platefree.inference.embedder.Embedder.embed`."""
        pictures = InputPictures(sightings, self.card.width, self.card.height, boxes)
        return gathered(
            self._batches(pictures, work),
            sightings,
            name=self.what,
            unreadable=unreadable,
            progress=work.progress,
        )

    def _batches(self, pictures: InputPictures, work: Work) -> Iterator[EmbeddedBatch]:
        readers = min(_MOST_READERS, cpu_count()) if work.workers < 0 else max(1, work.workers)
        for number, batch in enumerate(read_batches(pictures, work.batch_size, readers)):
            spaces = self.embed_images(batch.pictures) if batch.rows else {}
            yield EmbeddedBatch(number, batch.rows, spaces, batch.unreadable)

    def _run(self, pictures: Pixels) -> dict[str, Floats]:
        found = run_session(self.session, self.outputs, {PICTURES: pictures}, self.what)
        spaces = dict(zip(self.card.spaces, found, strict=True))
        for name, rows in spaces.items():
            expected = (len(pictures), self.card.spaces[name])
            if rows.shape != expected:
                raise CheckpointError(
                    f"{self.what} made rows {rows.shape} in the space {name!r}, expected {expected}"
                )
        return spaces

    def _check_card(self) -> None:
        """Refuse a network whose inputs and outputs are not those of its card."""
        wanted_in = {PICTURES: ("tensor(uint8)", [3, self.card.height, self.card.width])}
        wanted_out = {
            output_of(name): ("tensor(float)", [size]) for name, size in self.card.spaces.items()
        }
        for noun, nodes, wanted in (
            ("takes", self.session.get_inputs(), wanted_in),
            ("makes", self.session.get_outputs(), wanted_out),
        ):
            found = {node.name: (node.type, list(node.shape)[1:]) for node in nodes}
            free = all(node.shape and not isinstance(node.shape[0], int) for node in nodes)
            if found != wanted or not free:
                raise CheckpointError(
                    f"{self.what} is not what its card says: it {noun} {_nodes(found)}, expected "
                    f"{_nodes(wanted)}, each for any number of pictures; use an unchanged copy, or "
                    "export the model again"
                )


def _nodes(nodes: dict[str, tuple[str, list[int]]]) -> str:
    each = [f"{name[:60]} {kind} {shape}" for name, (kind, shape) in sorted(nodes.items())]
    return ", ".join(each[:4]) + (" ..." if len(each) > 4 else "")
