"""The ``[post]`` section of a recipe: post-processing steps and their options; no torch here.

Zheng et al., VehicleNet, TMM 2020, section IV-C, figure 5 and table VI. The steps are always done
in the same order: ``crop`` and ``ensemble`` change embeddings, ``expand`` replaces the queries,
``camera`` and ``time`` remove gallery pictures, ``rerank`` replaces distances, ``penalty`` (of
later challenges, see `platefree.ranking.penalties`) adds to them, and ``tracks``
groups the remaining pictures. With ``tracks.by = "mean"`` the gallery is averaged before all
steps but the first two, so that queries are expanded and re-ranked among the means.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from platefree.errors import RecipeError
from platefree.recipes.ranges import Count, PositiveWeight

Radius = Annotated[float, Field(gt=0, le=2)]  # a distance: a cosine distance is at most 2
Step = Literal["crop", "ensemble", "expand", "camera", "time", "rerank", "penalty", "tracks"]
STEPS: tuple[str, ...] = get_args(Step)
NONE = "none"
"""The name of no post-processing, on the command line and in reports."""


class PostSection(BaseModel):
    """Typed, frozen, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Crop(PostSection):
    """Average the embeddings of each picture and of a tight crop of its vehicle."""

    model: str = ""  # a detector, torchvision:NAME; "": boxes from a file
    weights: str = "published"  # of the detector: those that torchvision publishes, or a file
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5  # smallest score of a box
    boxes: str = ""  # a file of boxes; "": boxes.csv or a city's labels next to the table
    margin: Annotated[float, Field(ge=0, le=1)] = 0.0  # added on each side, a fraction of the box

    @model_validator(mode="after")
    def _boxes_come_from_one_place(self) -> "Crop":
        if self.model and self.boxes:
            raise ValueError(
                f"post.crop.model is {self.model} and post.crop.boxes {self.boxes}: boxes come "
                "from a detector or from a file; set one of them to ''"
            )
        return self

    def __str__(self) -> str:
        where = f"threshold {self.threshold:g}, weights {self.weights}"
        source = f"by {self.model}, {where}" if self.model else self.boxes or "next to the table"
        return f"boxes {source}, margin {self.margin:g}"


class More(PostSection):
    """Join other models to the evaluated one."""

    models: list[str] = []  # checkpoint folders
    weights: list[PositiveWeight] = []  # of the evaluated model, then of these

    @model_validator(mode="after")
    def _a_weight_for_each(self) -> "More":
        if self.weights and len(self.weights) != len(self.models) + 1:
            raise ValueError(
                f"post.ensemble.weights are {len(self.weights)} numbers, expected "
                f"{len(self.models) + 1}: of the evaluated model, then of each of "
                "post.ensemble.models"
            )
        return self

    def __str__(self) -> str:
        weights = ":".join(f"{weight:g}" for weight in self.weights)
        return " + ".join(["itself", *self.models]) + (f", weights {weights}" if weights else "")


class Expand(PostSection):
    """Replace each query by a mean of similar pictures."""

    # clusters of queries (DBSCAN), the others of the cluster alone, or neighbours in the gallery
    by: Literal["clusters", "others", "neighbours"] = "clusters"
    radius: Radius = 0.2  # clusters: distance within which queries are neighbours
    smallest: Count = 2  # clusters: neighbours, itself included, that make a cluster
    neighbours: Count = 10  # neighbours: how many gallery pictures to add
    alpha: Annotated[float, Field(ge=0, le=1_000)] = (
        3.0  # neighbours: weight is similarity ** alpha
    )

    def __str__(self) -> str:
        if self.by == "neighbours":
            return f"{self.neighbours} nearest gallery pictures, alpha {self.alpha:g}"
        what = "clusters of queries" if self.by == "clusters" else "other queries of clusters"
        return f"{what}, radius {self.radius:g}, smallest {self.smallest}"


class Rerank(PostSection):
    """k-reciprocal re-ranking."""

    k1: Count = 20  # size of the neighbourhood
    k2: Count = 6  # points to average over
    lambda_: Annotated[float, Field(ge=0, le=1)] = 0.3  # fraction of the original distance

    def __str__(self) -> str:
        return f"k-reciprocal, k1 {self.k1}, k2 {self.k2}, lambda {self.lambda_:g}"


class Camera(PostSection):
    """Remove gallery pictures of the query's camera."""

    model: str = ""  # a camera classifier, which guesses the cameras; "": known ones
    by: Literal["clusters", "training", "class"] = "clusters"  # training: radius found there
    radius: Radius = 0.2  # clusters: distance within which pictures are neighbours
    smallest: Count = 5  # neighbours, itself included, that make a cluster
    precision: Annotated[float, Field(gt=0, le=1)] = 0.9  # training: of pairs within clusters

    @model_validator(mode="after")
    def _guesses_need_a_model(self) -> "Camera":
        if self.by != "clusters" and not self.model:
            raise ValueError(
                f"post.camera.by is {self.by}, which needs a camera classifier: set "
                "post.camera.model to its folder"
            )
        return self

    def __str__(self) -> str:
        if not self.model:
            return "known cameras"
        if self.by == "class":
            return f"classes by {self.model}"
        if self.by == "training":
            clusters = f"clusters by {self.model}, smallest {self.smallest}"
            return f"{clusters}, with a precision of {self.precision:g} in training"
        return f"clusters by {self.model}, radius {self.radius:g}, smallest {self.smallest}"


class Time(PostSection):
    """Remove gallery pictures captured long before or after the query."""

    by: Literal["seconds", "training"] = "seconds"  # training: found in the training rows
    seconds: Annotated[float, Field(ge=0, le=1e9)] = 600.0  # the longest interval to keep
    fraction: Annotated[float, Field(gt=0, le=1)] = 0.99  # training: fraction of intervals to cover

    def __str__(self) -> str:
        if self.by == "training":
            return (
                f"within a window that covers {100 * self.fraction:g} % of the training intervals"
            )
        return f"within {self.seconds:g} s"


class Penalty(PostSection):
    """Move gallery pictures of the query's camera or view further away."""

    camera: Annotated[float, Field(ge=0, le=2)] = 0.1  # of the similarity of cameras; 0: none
    camera_model: str = ""  # a camera classifier, whose similarity counts; "": known cameras
    view: Annotated[float, Field(ge=0, le=2)] = 0.0  # of the similarity of views; 0: none
    view_model: str = ""  # a viewpoint classifier; "": known views

    @property
    def models(self) -> dict[str, str]:
        """Label column -> the classifier that tells it, where one is given and has a weight."""
        named = {"camera": self.camera_model, "view": self.view_model}
        return {column: model for column, model in named.items() if model and self.weight(column)}

    def weight(self, column: str) -> float:
        """Of the similarity of cameras or views."""
        return self.camera if column == "camera" else self.view

    def __str__(self) -> str:
        each = [
            f"{self.weight(column):g} for the same {column}{f' by {model}' if model else ''}"
            for column, model in (("camera", self.camera_model), ("view", self.view_model))
            if self.weight(column)
        ]
        return ", ".join(each) or "none"


class Tracks(PostSection):
    """Rank all gallery pictures of a track together."""

    by: Literal["best", "mean"] = "best"  # the nearest picture, or the mean of their embeddings

    def __str__(self) -> str:
        return "by the best picture" if self.by == "best" else "by the mean of their embeddings"


class Post(PostSection):
    """Post-processing: nothing, unless ``steps`` names it.

    Attributes:
        steps: in any order; they are done in the order of `STEPS`.
        crop: options of the step, as are the attributes below.
    """

    steps: list[Step] = []
    crop: Crop = Crop()
    ensemble: More = More()
    expand: Expand = Expand()
    rerank: Rerank = Rerank()
    camera: Camera = Camera()
    time: Time = Time()
    penalty: Penalty = Penalty()
    tracks: Tracks = Tracks()

    @field_validator("steps")
    @classmethod
    def _each_once(cls, steps: list[Step]) -> list[Step]:
        if len(set(steps)) < len(steps):
            raise ValueError(f"post.steps is {steps}: a step is named twice")
        return steps

    @property
    def name(self) -> str:
        """The steps in one word, ``expand,rerank`` or ``none``."""
        return ",".join(self.steps) or NONE

    def with_steps(self, steps: str | Sequence[str]) -> "Post":
        """The same options with other steps.

        Args:
            steps: their names, or one text such as ``expand,rerank``; ``none`` is no step.

        Raises:
            RecipeError: there is no such step, or one is named twice.
        """
        named = steps.split(",") if isinstance(steps, str) else list(steps)
        named = [] if named == [NONE] else [each.strip() for each in named]
        for strange in [each for each in named if each not in STEPS][:1]:
            raise RecipeError(
                f"no post-processing step {strange!r}; there are {', '.join(STEPS)}, joined by "
                f"commas, or {NONE}"
            )
        if len(set(named)) < len(named):
            raise RecipeError(f"post-processing {','.join(named)} names a step twice")
        return self.model_copy(update={"steps": named})

    def prefixes(self) -> "list[Post]":
        """No step, the first, the first two and so on, to all of them."""
        return [self.with_steps(self.steps[:count]) for count in range(len(self.steps) + 1)]

    def describe(self) -> str:
        """The steps, a colon, and their options, for a report."""
        if len(self.steps) == 1:
            return f"{self.name}: {getattr(self, self.name)}"
        options = "; ".join(f"{step} {getattr(self, step)}" for step in self.steps)
        return f"{', '.join(self.steps)}: {options}" if options else NONE
