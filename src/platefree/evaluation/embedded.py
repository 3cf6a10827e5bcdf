"""The embeddings that the steps of an evaluation need, each computed once.

Zheng et al., VehicleNet, TMM 2020, section IV-C. Decided: with tight crops, an embedding is the
L2-normalised mean of those of the picture and of its crop, in every space, for queries and gallery
and for every model of an ensemble; a picture on which no vehicle was found keeps its own.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from platefree.data.listed_text import many
from platefree.data.vehicle_boxes import (
    BoxFractions,
    find_vehicle_boxes,
    read_vehicle_boxes,
    with_margin,
)
from platefree.errors import DataError, RecipeError
from platefree.gallery.opening import open_embedder
from platefree.inference.embedder import Embedder
from platefree.inference.joinable import check_members
from platefree.inference.labelling import most_probable
from platefree.ranking.comparison import Comparison, l2_normalised
from platefree.ranking.guessed_cameras import agreement, cluster_cameras
from platefree.ranking.joined_spaces import concatenate, fractions_of, mean_of
from platefree.recipes.post import Camera, Crop, Post
from platefree.types import Embeddings, Sightings, Text
from platefree.work import Work


@dataclass(frozen=True, eq=False)
class Looks:
    """The embeddings of the pictures by one model.

    Attributes:
        whole: of the whole pictures.
        comparison: how its spaces combine.
        tight: L2-normalised means of picture and crop, if the step ``crop`` is done.
    """

    whole: Embeddings
    comparison: Comparison
    tight: Embeddings | None = None


@dataclass(frozen=True, eq=False)
class Embedded:
    """The embeddings of an evaluation.

    Attributes:
        looks: by the evaluated model, then by the models of the step ``ensemble``.
        weights: of these models; empty is equal weights.
        cameras: (n,) guessed by the camera classifier, ``""`` unknown; None without one.
        alike: ``camera`` or ``view`` -> embeddings by the classifier of the step ``penalty``.
        spent: seconds of embedding beyond the evaluated model's, by the steps that need them.
        found: facts for the settings of a report.
    """

    looks: tuple[Looks, ...]
    weights: Sequence[float] = ()
    cameras: Text | None = None
    alike: Mapping[str, Looks] = field(default_factory=dict)
    spent: Sequence[tuple[frozenset[str], float]] = ()
    found: Mapping[str, str] = field(default_factory=dict)

    @property
    def plain(self) -> Embeddings:
        """The embeddings by the evaluated model, before all steps."""
        return self.looks[0].whole

    def under(self, steps: Sequence[str]) -> tuple[Embeddings, Comparison]:
        """The embeddings after the steps that change them, and how they are compared."""
        mark = ("crop" in steps, "ensemble" in steps)
        if mark not in self._made:
            self._made[mark] = self._join(tight=mark[0], several=mark[1])
        return self._made[mark]

    def seconds(self, steps: Sequence[str]) -> float:
        """Seconds of embedding that these steps cost."""
        return sum(seconds for needs, seconds in self.spent if needs <= set(steps))

    @cached_property
    def _made(self) -> dict[tuple[bool, bool], tuple[Embeddings, Comparison]]:
        return {}

    def _join(self, *, tight: bool, several: bool) -> tuple[Embeddings, Comparison]:
        used = self.looks if several else self.looks[:1]
        parts = [look.tight if tight and look.tight else look.whole for look in used]
        comparisons = [look.comparison for look in used]
        if not several:
            return parts[0], comparisons[0]
        weights = self.weights or None
        joined = concatenate(parts, weights, comparisons)
        return joined, mean_of(comparisons, fractions_of(weights, len(parts)))


def looks_at_each(post: Post) -> int:
    """How often each picture is embedded, for progress bars."""
    steps, crop = post.steps, post.crop
    models = 1 + (len(post.ensemble.models) if "ensemble" in steps else 0)
    crops = (models + bool(crop.model)) if "crop" in steps else 0
    classifiers = len(post.penalty.models) if "penalty" in steps else 0
    return models + crops + ("camera" in steps and bool(post.camera.model)) + classifiers


Embed = Callable[[Embedder, Sightings, BoxFractions | None, Work], Embeddings]
"""Embeds a table, or the boxes of its pictures, by a model."""


def embed_table(
    model: Embedder, table: Sightings, boxes: BoxFractions | None, work: Work
) -> Embeddings:
    """The embeddings of a table; a picture that cannot be read is an `ImageError`."""
    return model.embed(table, boxes=boxes, work=work)[0]


def embed_for(
    model: Embedder, post: Post, table: Sightings, work: Work, embed: Embed = embed_table
) -> Embedded:
    """Compute all embeddings that the steps of an evaluation need.

    Args:
        model: the evaluated one.
        post: which steps, and their options.
        table: the pictures.
        work: device, workers and progress, which counts each picture `looks_at_each` times.
        embed: how a model embeds.

    Raises:
        RecipeError: a step lacks an option, or there is no such detector.
        CheckpointError: a model of a step cannot be loaded.
        DataError: there are no boxes, or the models of the ensemble cannot be joined.
        ImageError: a picture cannot be read.
    """
    models = [model, *_more(model, post, work)]
    by_camera = None
    if "camera" in post.steps and post.camera.model:
        by_camera = open_embedder(post.camera.model, work)
        if post.camera.by == "class":
            by_camera.class_names("camera")  # refuses a model that predicts none
    clock = _Clock()
    found, boxes = dict[str, str](), None
    if "crop" in post.steps:
        with clock.of("crop"):
            boxes, found["tight crops"] = _boxes(post.crop, table, work)
    looks = []
    for number, each in enumerate(models):
        needs = ("ensemble",) if number else ()
        with clock.of(*needs):
            whole = embed(each, table, None, work)
        tight = None
        if boxes is not None:
            with clock.of("crop", *needs):
                tight = _with_crops(each, whole, boxes, work, embed)
        looks.append(Looks(whole, each.comparison, tight))
    cameras = None
    if by_camera is not None:
        with clock.of("camera"):
            rows = embed(by_camera, table, None, work)
            cameras = _guessed_cameras(by_camera, post.camera, rows)
        if table.knows("camera"):
            found["guessed cameras"] = str(agreement(cameras, table.camera))
    alike = {}
    for column, path in post.penalty.models.items() if "penalty" in post.steps else ():
        with clock.of("penalty"):
            classifier = open_embedder(path, work)
            alike[column] = Looks(embed(classifier, table, None, work), classifier.comparison)
    return Embedded(tuple(looks), post.ensemble.weights, cameras, alike, clock.spent, found)


class _Clock:
    """Time spent on embedding, by the steps that need it."""

    def __init__(self) -> None:
        self.spent: list[tuple[frozenset[str], float]] = []

    @contextmanager
    def of(self, *needs: str) -> Iterator[None]:
        """Add the time of a block to these steps together; with none, it is not counted."""
        started = time.perf_counter()
        yield
        if needs:
            self.spent.append((frozenset(needs), time.perf_counter() - started))


def _more(model: Embedder, post: Post, work: Work) -> list[Embedder]:
    """The models of the step ``ensemble``."""
    if "ensemble" not in post.steps:
        return []
    if not post.ensemble.models:
        raise RecipeError(
            "post-processing step 'ensemble' needs the models to join: set "
            "post.ensemble.models=['runs/b/best'], or join them into one model with 'platefree "
            "ensemble'"
        )
    others = [open_embedder(path, work) for path in post.ensemble.models]
    check_members([model, *others])
    return others


def _guessed_cameras(model: Embedder, options: Camera, rows: Embeddings) -> Text:
    """The camera of each picture by a classifier: its class, or its cluster."""
    if options.by == "class":
        return most_probable(rows, "camera", model.class_names("camera"))
    return cluster_cameras(rows, options.radius, options.smallest, model.comparison)


def _boxes(crop: Crop, table: Sightings, work: Work) -> tuple[BoxFractions, str]:
    """The box of the vehicle on each picture, and where it comes from."""
    if crop.model:
        from platefree.inference.vehicle_finding import TorchvisionDetector

        detector = TorchvisionDetector(crop.model, crop.weights, crop.threshold, work.device)
        boxes = detector.find(table, work)
        source = f"{crop.model}, weights {crop.weights}"
    else:
        path = find_vehicle_boxes(crop.boxes, table.root)
        boxes, source = read_vehicle_boxes(path, table), str(path)
    found = int((~np.isnan(boxes[:, 0])).sum())
    if not found:
        raise DataError(
            f"no vehicle was found on any of {many(len(table), 'picture')} ({source}), so there is "
            "nothing to crop; lower post.crop.threshold, or leave the step out"
        )
    where = f"vehicles on {found} of {many(len(table), 'picture')}, boxes from {source}"
    kept = "" if found == len(table) else "; the other pictures are not cropped"
    return with_margin(boxes, crop.margin), where + kept


def _with_crops(
    model: Embedder, whole: Embeddings, boxes: BoxFractions, work: Work, embed: Embed
) -> Embeddings:
    """The L2-normalised mean of each picture and its crop, if it has one."""
    found = np.flatnonzero(~np.isnan(boxes[:, 0]))
    work.progress(len(boxes) - len(found))
    table = whole.sightings.take(found)
    crops = embed(model, table, boxes[found], work)
    spaces = {}
    for name, rows in whole.spaces.items():
        spaces[name] = rows.copy()
        total = rows[found].astype(np.float64) + crops.spaces[name]
        spaces[name][found] = l2_normalised(total, otherwise=rows[found])
    return replace(whole, spaces=spaces)
