"""The interfaces of models that evaluations, galleries and searches use."""

from collections.abc import Mapping
from typing import Literal, Protocol

from platefree.data.vehicle_boxes import BoxFractions
from platefree.ranking.calibration import Calibration
from platefree.ranking.comparison import Comparison
from platefree.recipes.post import Post
from platefree.types import Embeddings, Sightings, Text
from platefree.work import DEFAULT_WORK, Work

Unreadable = Literal["refuse", "skip"]


class Embedder(Protocol):
    """Makes embeddings of pictures: a network, or a folder of stored embeddings."""

    @property
    def name(self) -> str:
        """Where it comes from, for messages and reports."""

    @property
    def fingerprint(self) -> str:
        """A hash of the model; only embeddings of equal fingerprints are compared."""

    @property
    def comparison(self) -> Comparison:
        """How the spaces of its embeddings combine."""

    @property
    def metadata(self) -> Mapping[str, Text]:
        """Label column -> its known values, for the labels that it is conditioned on."""

    @property
    def learns(self) -> str:
        """The label column that it was trained to predict, or ``parts``."""

    @property
    def post(self) -> Post:
        """The post-processing of its recipe."""

    @property
    def claims(self) -> Mapping[str, float]:
        """The paper's figures, by ``DATA_SET TEST FIGURE``."""

    @property
    def calibration(self) -> Calibration | None:
        """How sure its similarities are; None where 'platefree calibrate' was not run."""

    def class_names(self, column: str) -> tuple[str, ...]:
        """The labels of a column that it predicts, sorted; a `DataError` if it predicts none."""

    def describe(self) -> dict[str, str]:
        """What it is and what it was trained on, for a report."""

    def describe_use(self) -> dict[str, str]:
        """Its input size, test-time flip and the like, for a report."""

    def embed(
        self,
        sightings: Sightings,
        *,
        boxes: BoxFractions | None = None,
        unreadable: Unreadable = "refuse",
        work: Work = DEFAULT_WORK,
    ) -> tuple[Embeddings, list[str]]:
        """Embed every picture of a table.

        Args:
            sightings: the n pictures.
            boxes: (n, 4) float64, the region of each picture to embed: left, top, right, bottom as
                fractions of width and height; by default the whole picture.
            unreadable: ``refuse`` stops at the first picture that cannot be read; ``skip`` leaves
                it out of the result.
            work: device, workers and progress.

        Returns:
            The embeddings of the readable pictures in table order, and why pictures were skipped.

        Raises:
            DataError: the table has no rows.
            ImageError: a picture cannot be read (``refuse``), or none can.
        """


class VehicleFinder(Protocol):
    """Finds the vehicle that a picture was cut to, so that it can be cut tighter."""

    def find(self, sightings: Sightings, work: Work = DEFAULT_WORK) -> BoxFractions:
        """The largest vehicle of each picture.

        Returns:
            (n, 4) float64 left, top, right, bottom as fractions of width and height; NaN
            without a vehicle.

        Raises:
            ImageError: a picture cannot be read.
        """
