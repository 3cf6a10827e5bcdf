"""A trained model in use: pictures in, embeddings out; the transform travels with the weights."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from platefree.batches.training_data import codes
from platefree.batches.transforms import InputTransform
from platefree.checkpoint import CARD, read_checkpoint
from platefree.data.vehicle_boxes import Shares
from platefree.errors import CheckpointError, ImageError, RecipeError, TrainingError
from platefree.inference.embedding import EmbeddedBatch, embed_batches, embed_in_processes
from platefree.methods.base import Method
from platefree.methods.catalogue import (
    build_method,
    change_in_use,
    check_recipe,
    check_scales,
    load_recipe,
    needs_training,
    resolve,
)
from platefree.methods.ensemble import EnsembleSettings
from platefree.nets.weights import load_into
from platefree.ranking.exact import Distances
from platefree.recipes.recipe import Recipe
from platefree.types import Embeddings, Floats, Indices, Sightings, Text

Device = Literal["auto", "cpu", "cuda"]
Unreadable = Literal["refuse", "skip"]


class Model:
    """A method with its weights and its input transform, ready to embed pictures.

    Args:
        method: the network, with its weights.
        recipe: the resolved recipe that it was made from.
        name: for people.
        fingerprint: hash that tells models apart.
        device: where it runs.
        card: what is known of it.
        processes: that embed a table together, each on a GPU of its own where there are; the
            result is that of one process.
        metadata: label column -> the names that it knows, sorted, of the labels that it is told
            of every picture, see `with_metadata`; by default none.
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
        processes: int = 1,
        metadata: Mapping[str, Text] | None = None,
    ) -> None:
        self.method = method.to(device)
        self.recipe = recipe
        self.name = name
        self.fingerprint = fingerprint
        self.device = device
        self.card = card or {}
        self.processes = processes
        self.metadata = metadata or {}
        self.transform = InputTransform(recipe.input)

    @property
    def distances(self) -> Distances | None:
        """How the spaces of the method combine; None is the cosine distance in its only space."""
        is_cosine = type(self.method).distances is Method.distances
        return None if is_cosine else self.method.distances

    def __repr__(self) -> str:
        return f"<Model {self.name}: {self.recipe.model.method}@{self.fingerprint[:4]}>"

    def told(self) -> dict[str, str]:
        """How it looks at pictures, for a report."""
        size = self.recipe.input
        return {
            "input": f"{size.height} x {size.width} pixels",
            "test-time flip": size.test_time_flip,
            "scales": ", ".join(f"{scale:g}" for scale in size.scales),
        }

    def embed(
        self,
        sightings: Sightings,
        *,
        boxes: Shares | None = None,
        unreadable: Unreadable = "refuse",
        batch_size: int = 64,
        workers: int = -1,
        on_batch: Callable[[int], None] | None = None,
    ) -> tuple[Embeddings, list[str]]:
        """Embed every picture of a table.

        Args:
            sightings: the n pictures.
            boxes: (n, 4) float64, the part of each picture to look at: left, top, right, bottom
                as shares of width and height; by default all of it.
            unreadable: ``refuse`` stops at the first picture that cannot be read; ``skip``
                leaves it out of the result.
            batch_size: pictures at a time.
            workers: loading processes; -1 decides by the machine.
            on_batch: called with the number of pictures done, for progress bars.

        Returns:
            The embeddings of the readable pictures in table order, and why the others were skipped.

        Raises:
            ImageError: a picture cannot be read (``refuse``), or none can.
        """
        rows, spaces, skipped = self.embed_rows(
            sightings,
            boxes=boxes,
            unreadable=unreadable,
            batch_size=batch_size,
            workers=workers,
            on_batch=on_batch,
        )
        kept = sightings.take(rows) if skipped else sightings
        return Embeddings(spaces, kept, self.fingerprint), skipped

    def embed_rows(
        self,
        sightings: Sightings,
        *,
        boxes: Shares | None,
        unreadable: Unreadable,
        batch_size: int,
        workers: int,
        on_batch: Callable[[int], None] | None,
    ) -> tuple[Indices, dict[str, Floats], list[str]]:
        """As `embed`: which rows could be read, their spaces, and why the others could not."""
        parts: list[dict[str, Floats]] = []
        rows: list[int] = []
        skipped: list[str] = []
        for batch in self._batches(sightings, boxes, batch_size, workers):
            if batch.unreadable and unreadable == "refuse":
                raise ImageError(batch.unreadable[0])
            skipped += batch.unreadable
            parts += [batch.spaces] if batch.rows else []
            rows += batch.rows
            if on_batch is not None:
                on_batch(len(batch.rows) + len(batch.unreadable))
        if not parts:
            raise ImageError(f"none of {len(sightings)} pictures can be read; first: {skipped[0]}")
        # Every picture came once, whichever process it came from.
        assert len(rows) + len(skipped) == len(sightings)  # noqa: S101
        assert (np.diff(rows) > 0).all()  # noqa: S101
        spaces = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return np.array(rows), spaces, skipped

    def _batches(
        self, sightings: Sightings, boxes: Shares | None, batch_size: int, workers: int
    ) -> Iterator[EmbeddedBatch]:
        if self.processes == 1:
            return embed_batches(self, sightings, boxes, batch_size=batch_size, workers=workers)
        return embed_in_processes(
            self,
            sightings,
            boxes,
            processes=self.processes,
            batch_size=batch_size,
            workers=workers,
        )

    def embed_images(
        self, images: Tensor, labels: Mapping[str, Tensor] | None = None
    ) -> dict[str, Floats]:
        """Embed (b, 3, h, w) uint8 pictures of the transform's size: unit rows by space.

        A row is the L2-normalised mean over ``input.scales`` and, with
        ``input.test_time_flip = "average"``, over the picture and its flipped image (VehicleNet,
        section V: the network's input is resized).

        Args:
            images: the pictures.
            labels: of `known_labels`, those of these pictures.
        """
        self.method.eval()
        known = {name: each.to(self.device) for name, each in (labels or {}).items()}
        with torch.inference_mode():
            normalised = self.transform.normalise(images.to(self.device, non_blocking=True))
            spaces, *others = [self.method.embed(view, known) for view in self._views(normalised)]
            if others:
                spaces = {
                    name: functional.normalize(rows + torch.stack([o[name] for o in others]).sum(0))
                    for name, rows in spaces.items()
                }
        return {name: rows.float().cpu().numpy() for name, rows in spaces.items()}

    def with_scales(self, scales: Sequence[float]) -> "Model":
        """The same weights with other ``input.scales``, under a fingerprint of its own.

        Raises:
            RecipeError: the scales are not valid, or the backbone takes pictures of one size only.
        """
        if list(scales) == self.recipe.input.scales:
            return self
        content = self.recipe.model_dump()
        content["input"]["scales"] = [float(scale) for scale in scales]
        recipe = check_recipe(content)
        check_scales(recipe)
        return self._looking(recipe, self.metadata, f"scales {recipe.input.scales}")

    def with_metadata(self) -> "Model":
        """The same weights, told the labels of every picture that ``model.side`` names.

        It has a fingerprint of its own, so that what it embeds is never compared with embeddings of
        pictures alone. For figures that stand beside those without: such labels are known where the
        model was trained, not before other cameras.

        Raises:
            RecipeError: the model was trained without such labels.
        """
        if self.method.side is None:
            raise RecipeError(
                f"{self.name} was trained from pictures alone, so there is no metadata that it "
                "could be told; leave that out, or train a transformer with model.side"
            )
        names = self.card["names"]
        metadata = {column: np.array(names[column]) for column in self.method.side.classes}
        return self._looking(self.recipe, metadata, "with metadata")

    def known_labels(self, sightings: Sightings) -> dict[str, Tensor]:
        """The labels of n pictures that it is told: column -> (n,) int64 codes, -1 unknown."""
        return {
            column: torch.from_numpy(codes(getattr(sightings, column), names))
            for column, names in self.metadata.items()
        }

    def _looking(self, recipe: Recipe, metadata: Mapping[str, Text], how: str) -> "Model":
        """The same weights, which look at pictures in another way."""
        described = f"{self.fingerprint} {how}"
        return Model(
            self.method,
            recipe,
            name=self.name,
            fingerprint=hashlib.sha256(described.encode()).hexdigest()[:12],
            device=self.device,
            card=self.card,
            processes=self.processes,
            metadata=metadata,
        )

    def _views(self, normalised: Tensor) -> Iterator[Tensor]:
        """The pictures at every scale, and flipped if those count."""
        size = normalised.shape[2:]
        for scale in self.recipe.input.scales:
            view = normalised
            if scale != 1:
                small = [max(1, round(scale * side)) for side in size]
                view = functional.interpolate(view, small, mode="bilinear", antialias=True)
            yield view
            if self.recipe.input.test_time_flip == "average":
                yield view.flip(3)


@dataclass(frozen=True)
class Comparison:
    """How alike two pictures are.

    Attributes:
        similarity: cosine similarity in [-1, 1]; higher is closer.
        model: fingerprint of the model that compared them.
    """

    similarity: float
    model: str


def load_model(
    path: str | Path,
    *,
    device: Device = "auto",
    overrides: Mapping[str, Any] | None = None,
    processes: int = 1,
) -> Model:
    """Load a checkpoint folder (``runs/x/best``), or a method that needs no training by its name.

    An ensemble (`platefree.make_ensemble`) is such a folder too.

    Args:
        path: the folder or the name.
        device: where to run.
        overrides: dotted key -> value of the recipe, for what a trained model may still change,
            such as ``{"model.view_from": "table"}`` of VANet.
        processes: that embed a table together, started for it, each on a GPU of its own where
            there are; the result is that of one process, bit for bit.

    Raises:
        CheckpointError: there is no checkpoint, or it is damaged, or does not fit its recipe.
        RecipeError: an override is not of that kind.
    """
    folder = Path(path)
    if not (folder / CARD).exists() and not folder.exists() and os.sep not in str(path):
        return _untrained(str(path), device, overrides or {}, processes)
    checkpoint = read_checkpoint(folder)
    try:
        recipe = check_recipe(checkpoint.card["recipe"])
    except (RecipeError, KeyError, ValueError) as error:
        raise CheckpointError(f"checkpoint {folder} cannot be rebuilt: {error}") from error
    recipe = change_in_use(recipe, overrides or {})
    if isinstance(recipe.model, EnsembleSettings):
        from platefree.inference.ensemble import load_ensemble  # made of the class above

        return load_ensemble(checkpoint, recipe, choose_device(device), processes)
    try:
        method = build_method(recipe, checkpoint.card["classes"], weights="none")
    except (RecipeError, TrainingError, KeyError, ValueError) as error:
        raise CheckpointError(f"checkpoint {folder} cannot be rebuilt: {error}") from error
    load_into(method, checkpoint)
    return Model(
        method,
        recipe,
        name=str(checkpoint.folder),
        fingerprint=checkpoint.fingerprint,
        device=choose_device(device),
        card=dict(checkpoint.card),
        processes=processes,
    )


def untrained_model(
    recipe: Recipe, *, name: str, device: Device = "auto", processes: int = 1
) -> Model:
    """The model of a resolved recipe whose method learns nothing."""
    method = build_method(recipe, {})
    described = recipe.model_dump_json(exclude={"post"})
    fingerprint = hashlib.sha256(described.encode()).hexdigest()[:12]
    return Model(
        method,
        recipe,
        name=name,
        fingerprint=fingerprint,
        device=choose_device(device),
        processes=processes,
    )


def compare(model: Model, a: str | Path, b: str | Path) -> Comparison:
    """Compare two pictures of vehicles.

    Args:
        model: from `load_model`.
        a: path of a picture.
        b: path of another.

    Raises:
        ImageError: a picture cannot be read.
    """
    pair = Sightings.from_columns(Path(), {"image": [str(a), str(b)]})
    embeddings, _ = model.embed(pair)
    first, second = embeddings.take(np.array([0])), embeddings.take(np.array([1]))
    distance = model.method.distances(first, second)[0, 0]
    return Comparison(float(1.0 - distance), model.fingerprint)


def choose_device(device: Device) -> torch.device:
    """The device asked for, or the best there is.

    Raises:
        TrainingError: CUDA was asked for and is not there.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise TrainingError("no CUDA device was found; use --device cpu, or see platefree doctor")
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


def _untrained(name: str, device: Device, overrides: Mapping[str, Any], processes: int) -> Model:
    try:
        recipe = resolve(load_recipe(name))
    except RecipeError as error:
        raise CheckpointError(
            f"no checkpoint folder at {name}, and no method of that name works without training; "
            "give a folder such as runs/x/best, or color_stripes"
        ) from error
    if needs_training(recipe):
        raise CheckpointError(
            f"{name} is a recipe that needs training; run 'platefree train {name} --data TABLE' "
            "and give its best folder"
        )
    return untrained_model(
        change_in_use(recipe, overrides), name=name, device=device, processes=processes
    )
