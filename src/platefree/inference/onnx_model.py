"""An exported model in use: the `Embedder` that runs on ONNX Runtime, without torch."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from platefree.checkpoint import read_unreplaced
from platefree.data.learnt import Learnt
from platefree.data.vehicle_boxes import BoxFractions
from platefree.errors import DataError, RecipeError
from platefree.inference.embedded_rows import by_each
from platefree.inference.embedder import Unreadable
from platefree.inference.model_card import (
    ModelCard,
    read_file,
    read_learnt_file,
    read_model_card,
)
from platefree.inference.onnx_network import OnnxNetwork
from platefree.inputs.complaints import checked
from platefree.ranking.joined_spaces import join_spaces, mean_of
from platefree.recipes.overrides import set_value
from platefree.recipes.post import Post
from platefree.types import Embeddings, Sightings, Text
from platefree.work import DEFAULT_WORK, Device, Work


class OnnxModel:
    """A model folder, ready to embed pictures.

    Mirrored pictures and several scales are averaged within its networks, as the recipe of the
    model says.

    Args:
        card: of the folder.
        networks: of the card, in its order.
        name: shown in messages and reports.
        learnt: what it learnt from.
        post: the post-processing of evaluations.
    """

    def __init__(
        self,
        card: ModelCard,
        networks: list[OnnxNetwork],
        *,
        name: str,
        learnt: Learnt,
        post: Post,
    ) -> None:
        self.card, self.networks = card, networks
        self.name, self.learnt, self.post = name, learnt, post
        self.fingerprint, self.learns = card.fingerprint, card.learns
        self.claims: Mapping[str, float] = card.paper
        self.calibration = card.probabilities()
        self.metadata: Mapping[str, Text] = {}
        self._comparisons = [network.card.read_comparison() for network in networks]
        self.comparison = self._comparisons[0]
        if len(networks) > 1:
            self.comparison = mean_of(self._comparisons, card.fractions)

    def __repr__(self) -> str:
        return f"<OnnxModel {self.name}: {self.card.precision}@{self.fingerprint[:4]}>"

    def class_names(self, column: str) -> tuple[str, ...]:
        """The labels of a column that it predicts, sorted.

        Raises:
            DataError: it predicts none of this column.
        """
        if column in self.card.predicts:
            return tuple(self.card.predicts[column])
        raise DataError(f"{self.name} predicts no {column}; give a model that does")

    def describe(self) -> dict[str, str]:
        """What it is and what it was trained on, for a report."""
        return {
            "name": self.name,
            "method": self.card.method,
            "fingerprint": self.fingerprint,
            **self.card.about,
            "runs on": f"ONNX Runtime, {self.card.precision}",
        }

    def describe_use(self) -> dict[str, str]:
        """Its input size, test-time flip and the like, for a report."""
        return dict(self.card.use)

    def embed(
        self,
        sightings: Sightings,
        *,
        boxes: BoxFractions | None = None,
        unreadable: Unreadable = "refuse",
        work: Work = DEFAULT_WORK,
    ) -> tuple[Embeddings, list[str]]:
        """Embed every picture of a table; see `platefree.inference.embedder.Embedder.embed`.

        One process is enough, whatever ``work`` says, since it uses all cores.
        """
        each = [network.embed_rows for network in self.networks]
        rows, parts, skipped = by_each(each, sightings, boxes, unreadable, work)
        spaces = parts[0]
        if len(parts) > 1:
            spaces = join_spaces(parts, self._comparisons, self.card.fractions)
        kept = sightings.take(rows) if skipped else sightings
        return Embeddings(spaces, kept, self.fingerprint), skipped


def open_model_folder(
    folder: Path,
    *,
    device: Device = "auto",
    overrides: Mapping[str, Any] | None = None,
    name: str = "",
) -> OnnxModel:
    """The model of a folder that 'platefree export' made.

    Args:
        folder: with its card.
        device: where to run, see `OnnxNetwork`.
        overrides: dotted key -> value, of the section ``[post]`` of its recipe alone.
        name: shown in messages and reports; by default the folder.

    Raises:
        CheckpointError: a file is missing or damaged, or not what the card says.
        RecipeError: a setting cannot be changed.
        MissingPackage: ONNX Runtime does not run on the device.
    """
    return read_unreplaced(
        partial(read_model_card, folder),
        lambda card: _opened(folder, card, device, overrides or {}, name or str(folder)),
    )


def _opened(
    folder: Path, card: ModelCard, device: Device, overrides: Mapping[str, Any], name: str
) -> OnnxModel:
    post = _post_of(card, overrides)
    networks = [
        OnnxNetwork(
            read_file(folder, each.file), each, device=device, what=str(folder / each.file.name)
        )
        for each in card.networks
    ]
    learnt = read_learnt_file(folder, card)
    return OnnxModel(card, networks, name=name, learnt=learnt, post=post)


def _post_of(card: ModelCard, overrides: Mapping[str, Any]) -> Post:
    content = {"post": Post.model_validate(card.post).model_dump()}
    for key, value in overrides.items():
        if not key.startswith("post."):
            raise RecipeError(
                f"{key!r} of an exported model cannot be changed; only [post] can be, such as "
                "post.rerank.k1=30: export the checkpoint again with the setting (--set)"
            )
        set_value(content, key, value)
    return checked(Post, content["post"], "the section [post]", error=RecipeError)
