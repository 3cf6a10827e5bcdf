"""The ``[post]`` section of a recipe: which post-processing, and its options; no torch here.

Zheng et al., VehicleNet, TMM 2020, section IV-C, figure 5 and table VI. The steps have one order
of work, whatever order they are named in: ``crop`` and ``ensemble`` change what pictures are
embedded to, ``expand`` moves the queries, ``camera`` and ``time`` remove gallery pictures,
``rerank`` replaces distances, and ``tracks`` brings together what is left.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from platefree.errors import RecipeError

Count = Annotated[int, Field(ge=1)]
Radius = Annotated[float, Field(gt=0, le=2)]  # a distance: a cosine distance is at most 2
Step = Literal["crop", "ensemble", "expand", "camera", "time", "rerank", "tracks"]
STEPS: tuple[str, ...] = get_args(Step)
NONE = "none"
"""What stands for no step, on a command line and in a report."""


class PostSection(BaseModel):
    """Typed, frozen, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Crop(PostSection):
    """Each picture becomes the mean of itself and of a tight crop of its vehicle."""

    model: str = ""  # a detector, torchvision:NAME; "": boxes from a file
    weights: str = "published"  # of the detector: those that torchvision publishes, or a file
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5  # what scores less is not found
    boxes: str = ""  # a file of boxes; "": boxes.csv or a city's labels beside the table
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
        source = f"by {self.model}, {where}" if self.model else self.boxes or "beside the table"
        return f"boxes {source}, margin {self.margin:g}"


class More(PostSection):
    """Other models are joined to the one that is evaluated."""

    models: list[str] = []  # checkpoint folders
    weights: list[Annotated[float, Field(gt=0)]] = []  # of the evaluated model, then of these

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
    """Each query becomes a mean of pictures like it."""

    by: Literal["clusters", "neighbours"] = "clusters"  # of queries (DBSCAN), or in the gallery
    radius: Radius = 0.2  # clusters: distance within which queries are neighbours
    smallest: Count = 2  # clusters: neighbours, itself included, that make a cluster
    neighbours: Count = 10  # neighbours: how many gallery pictures to add
    alpha: Annotated[float, Field(ge=0)] = 3.0  # neighbours: weight is similarity ** alpha

    def __str__(self) -> str:
        if self.by == "clusters":
            return f"clusters of queries, radius {self.radius:g}, smallest {self.smallest}"
        return f"{self.neighbours} nearest gallery pictures, alpha {self.alpha:g}"


class Rerank(PostSection):
    """k-reciprocal re-ranking."""

    k1: Count = 20  # size of the neighbourhood
    k2: Count = 6  # points to average over
    lambda_: Annotated[float, Field(ge=0, le=1)] = 0.3  # fraction of the original distance

    def __str__(self) -> str:
        return f"k-reciprocal, k1 {self.k1}, k2 {self.k2}, lambda {self.lambda_:g}"


class Camera(PostSection):
    """Gallery pictures of the query's camera are removed."""

    model: str = ""  # a model that tells cameras apart, whose clusters are cameras; "": known ones
    radius: Radius = 0.2  # distance within which pictures are neighbours
    smallest: Count = 5  # neighbours, itself included, that make a cluster

    def __str__(self) -> str:
        if not self.model:
            return "known cameras"
        return f"clusters by {self.model}, radius {self.radius:g}, smallest {self.smallest}"


class Time(PostSection):
    """Gallery pictures taken long before or after the query are removed."""

    by: Literal["seconds", "training"] = "seconds"  # training: what its rows show is taken
    seconds: Annotated[float, Field(ge=0, le=1e9)] = 600.0  # the longest interval that is kept
    share: Annotated[float, Field(gt=0, le=1)] = 0.99  # training: of the intervals, which it covers

    def __str__(self) -> str:
        if self.by == "training":
            return f"within what covers {100 * self.share:g} % of the training intervals"
        return f"within {self.seconds:g} s"


class Tracks(PostSection):
    """Gallery pictures of one track are ranked by the best of them."""

    def __str__(self) -> str:
        return "by the best picture"


class Post(PostSection):
    """Post-processing: nothing, unless ``steps`` names it.

    Attributes:
        steps: in the order of `STEPS` or any other, which changes nothing but how it is described.
        crop: options of that step, as are the others.
    """

    steps: list[Step] = []
    crop: Crop = Crop()
    ensemble: More = More()
    expand: Expand = Expand()
    rerank: Rerank = Rerank()
    camera: Camera = Camera()
    time: Time = Time()
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

    def told(self) -> str:
        """The steps, and then their options, for a report."""
        options = (f"{step} {self._options(step)}" for step in self.steps)
        return f"{', '.join(self.steps)}: {'; '.join(options)}" if self.steps else NONE

    def _options(self, step: str) -> Any:  # noqa: ANN401
        return getattr(self, step)
