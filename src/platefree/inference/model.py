"""A trained model in use: pictures in, embeddings out, with the transform it was trained with."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from platefree.data.learnt import NOTHING, Learnt
from platefree.data.listed_text import many
from platefree.data.vehicle_boxes import BoxFractions
from platefree.errors import DataError, RecipeError
from platefree.fingerprint import fingerprint_of_text
from platefree.inference.embedded_rows import EmbeddedBatch, EmbeddedRows, gathered
from platefree.inference.embedder import Unreadable
from platefree.inference.embedding import embed_batches, embed_in_processes
from platefree.inference.embedding_network import Network
from platefree.methods.base import Method
from platefree.methods.catalogue import check_recipe, check_scales
from platefree.ranking.calibration import Calibration
from platefree.ranking.comparison import Comparison
from platefree.recipes.post import NONE, Post
from platefree.recipes.recipe import Recipe
from platefree.types import Embeddings, Sightings, Text
from platefree.work import DEFAULT_WORK, Work


class Model(Network):
    """A trained network with its card: the `Embedder` that runs on torch.

    Args:
        method: the network, with its weights.
        recipe: the resolved recipe that it was made from.
        name: shown in messages and reports.
        fingerprint: hash of the model.
        device: where it runs.
        card: of its checkpoint.
        metadata: see `Network` and `with_metadata`.
        learnt: what it learnt from.
        calibration: of its similarities.
    """

    def __init__(
        self,
        method: Method,
        recipe: Recipe,
        *,
        name: str,
        fingerprint: str,
        device: torch.device,
        card: dict[str, Any] | None = None,
        metadata: Mapping[str, Text] | None = None,
        learnt: Learnt = NOTHING,
        calibration: Calibration | None = None,
    ) -> None:
        super().__init__(method, recipe, device=device, metadata=metadata)
        self.name = name
        self.fingerprint = fingerprint
        self.card = card or {}
        self.learnt = learnt
        self.calibration = calibration

    @property
    def comparison(self) -> Comparison:
        """How the spaces of its embeddings combine."""
        return self.method.comparison()

    @property
    def learns(self) -> str:
        """The label column that it was trained to predict, or ``parts``."""
        return self.recipe.model.learns

    @property
    def post(self) -> Post:
        """The post-processing of its recipe."""
        return self.recipe.post

    @property
    def claims(self) -> Mapping[str, float]:
        """The paper's figures in its recipe, by ``DATA_SET TEST FIGURE``."""
        return self.recipe.paper

    def __repr__(self) -> str:
        return f"<Model {self.name}: {self.recipe.model.method}@{self.fingerprint[:4]}>"

    def class_names(self, column: str) -> tuple[str, ...]:
        """The labels of a column that it predicts, sorted.

        Raises:
            DataError: it predicts none of this column.
        """
        settings = self.recipe.model
        if settings.learns == column or column in getattr(settings, "reads", ()):
            return tuple(self.card["names"][column])
        if column in settings.also_predicts():
            return tuple(settings.also_predicts()[column])
        method = {"view": "viewpoint"}.get(column, column)
        raise DataError(
            f"{self.name} predicts no {column}; give a {method} model, as 'platefree train "
            f"{method}/default' trains it"
        )

    def describe(self) -> dict[str, str]:
        """What it is and what it was trained on, for a report."""
        described = {
            "name": self.name,
            "method": self.recipe.model.method,
            "fingerprint": self.fingerprint,
            "recipe": self.recipe.name,
        }
        data = self.card.get("data")
        if not data:
            return described
        # the classes of a card are those of the latest stage
        vehicles = data.get("vehicles", self.card["classes"].get("vehicle"))
        return described | {
            "trained on": f"{data['path']} ({data['fingerprint']}), "
            f"{many(data['images'], 'picture')} of {many(vehicles, 'vehicle')}",
            "steps": f"{self.card['step']} of {self.card['total_steps']}",
            "training seed": str(self.card["seed"]),
        }

    def describe_use(self) -> dict[str, str]:
        """Its input size, test-time flip and the like, for a report."""
        settings = self.recipe.model
        in_use = {
            each.replace("_", " "): str(getattr(settings, each)) for each in settings.free_in_use
        }
        if self.method.side is not None:
            in_use["metadata"] = " and ".join(self.metadata) or NONE
        return {**self._input(), **in_use}

    def _input(self) -> dict[str, str]:
        size = self.recipe.input
        described = {"input": f"{size.height} x {size.width} pixels"}
        if self.learns == "parts":
            return described
        return {
            **described,
            "test-time flip": size.test_time_flip,
            "scales": ", ".join(f"{scale:g}" for scale in size.scales),
            **({"crops": f"five of {100 * size.crops:g} %"} if size.crops else {}),
        }

    def embed(
        self,
        sightings: Sightings,
        *,
        boxes: BoxFractions | None = None,
        unreadable: Unreadable = "refuse",
        work: Work = DEFAULT_WORK,
    ) -> tuple[Embeddings, list[str]]:
        """Embed every picture of a table; see `platefree.inference.embedder.Embedder.embed`."""
        rows, spaces, skipped = self.embed_rows(sightings, boxes, unreadable, work)
        kept = sightings.take(rows) if skipped else sightings
        return Embeddings(spaces, kept, self.fingerprint), skipped

    def embed_rows(
        self, sightings: Sightings, boxes: BoxFractions | None, unreadable: Unreadable, work: Work
    ) -> EmbeddedRows:
        """As `embed`: the readable rows, their spaces, and why other rows cannot be read.

        Raises:
            CheckpointError: an embedding is not finite, or has no direction.
            ImageError: as `embed`.
        """
        return gathered(
            self._batches(sightings, boxes, work),
            sightings,
            name=self.name,
            unreadable=unreadable,
            progress=work.progress,
        )

    def _batches(
        self, sightings: Sightings, boxes: BoxFractions | None, work: Work
    ) -> Iterator[EmbeddedBatch]:
        if work.processes == 1:
            return embed_batches(self, sightings, boxes, work)
        return embed_in_processes(self, sightings, boxes, work)

    def with_looks(
        self, *, scales: Sequence[float] | None = None, crops: float | None = None
    ) -> "Model":
        """The same weights with other looks at each picture, under a fingerprint of its own.

        Args:
            scales: instead of ``input.scales``.
            crops: instead of ``input.crops``.

        Raises:
            RecipeError: they are not valid, or the backbone takes pictures of one size only.
        """
        before = self.recipe.input
        content = self.recipe.model_dump()
        if scales is not None:
            content["input"]["scales"] = [float(scale) for scale in scales]
        if crops is not None:
            content["input"]["crops"] = float(crops)
        recipe = check_recipe(content)
        check_scales(recipe)
        looks = recipe.input
        if (looks.scales, looks.crops) == (before.scales, before.crops):
            return self
        # Where no crops are looked at, it is what it was before there was this setting.
        said = f" crops {looks.crops}" if looks.crops else ""
        return self._looking(recipe, self.metadata, f"scales {looks.scales}{said}")

    def count_known(self, table: Sightings) -> int:
        """Number of pictures whose labels occur in the training of a model from `with_metadata`."""
        side = self.method.side
        assert side is not None  # noqa: S101 - else there is no such model
        labels = {name: each.to(self.device) for name, each in self.known_labels(table).items()}
        with torch.inference_mode():
            return int(side.known(labels).sum())

    def with_metadata(self) -> "Model":
        """The same weights, conditioned on the labels that ``model.side`` names.

        It has its own fingerprint, so its embeddings are never compared with embeddings of pictures
        alone. Its figures are only to be compared with those without metadata: the labels are of
        the cameras that the model was trained on, and unknown for other cameras.

        Raises:
            RecipeError: the model was trained without such labels.
        """
        if self.method.side is None:
            raise RecipeError(
                f"{self.name} was trained on pictures alone, so it cannot use metadata; leave it "
                "out, or train a transformer with model.side"
            )
        names = self.card["names"]
        metadata = {column: np.array(names[column]) for column in self.method.side.classes}
        return self._looking(self.recipe, metadata, "with metadata")

    def _looking(self, recipe: Recipe, metadata: Mapping[str, Text], how: str) -> "Model":
        """The same weights with another input."""
        described = f"{self.fingerprint} {how}"
        return Model(
            self.method,
            recipe,
            name=self.name,
            fingerprint=fingerprint_of_text(described),
            device=self.device,
            card=self.card,
            metadata=metadata,
            learnt=self.learnt,
        )
