"""The sections of a recipe that are the same for every method: typed, frozen, no unknown keys."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from platefree.recipes.ranges import (
    Channel,
    Count,
    CountOrNone,
    Epochs,
    InBatch,
    LearningRate,
    PositiveChannel,
    PositiveEpochs,
    Rate,
    RateBelowOne,
    Seed,
    Side,
    Steps,
    Weight,
    Workers,
)

Scale = Annotated[float, Field(ge=0.25, le=2)]
Crops = Annotated[float, Field(ge=0, lt=1)]
Decay = Literal["cosine", "step", "linear", "exponential", "constant", "plateau"]
SamplerName = Literal["identity", "shuffle", "sets", "balanced"]
RowsName = Literal["all", "target"]
Compile = Literal["off", "default", "reduce-overhead"]
_SMALLEST_CROP = 0.25
_LARGEST_BATCH = 65_536  # pictures, over all processes
# On a command line 32 is a number.
Precision = Annotated[
    Literal["auto", "32", "bf16", "fp16"],
    BeforeValidator(lambda value: "32" if value == 32 else value),
]


class Section(BaseModel):
    """A part of a recipe: typed, frozen, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Input(Section):
    """How a picture becomes a tensor, in training and in use; stored with the weights."""

    height: Side = 256
    width: Side = 256
    mean: Annotated[list[Channel], Field(min_length=3, max_length=3)] | None = (
        None  # as the backbone
    )
    std: Annotated[list[PositiveChannel], Field(min_length=3, max_length=3)] | None = None
    test_time_flip: Literal["average", "off"] = (
        "average"  # embeddings: mean of picture and flipped image
    )
    scales: Annotated[list[Scale], Field(min_length=1, max_length=8)] = [1.0]  # embeddings: mean
    crops: Crops = 0.0  # embeddings: mean with corners and middle, each of this fraction; 0: none

    @model_validator(mode="after")
    def _crops_show_something(self) -> Self:
        if 0 < self.crops < _SMALLEST_CROP:
            raise ValueError(f"crops is {self.crops}; expected 0, or {_SMALLEST_CROP} and more")
        return self


class Augment(Section):
    """Random changes of training pictures."""

    zoom: Rate = 0.0  # probability that a part of the picture, at least a quarter wide, is taken
    flip: Rate = 0.5
    pad: Annotated[int, Field(ge=0, le=1024)] = 10  # pixels added on each side, then a random crop
    warp: Rate = 0.0  # strength of random scale, aspect, rotation and perspective
    color: Rate = 0.0  # strength of brightness, contrast and saturation jitter
    balance: Rate = 0.0  # strength of a random gain of each color channel
    grey: Rate = 0.0  # probability that a picture loses its colors
    degrade: Rate = 0.0  # probability of each: lower resolution, blur or sharpening, JPEG
    erase: Rate = 0.5  # probability that a random rectangle is filled with the mean color


class Train(Section):
    """Schedule, batches and bookkeeping of a training run."""

    identity: Literal["vehicle", "model", "model_year"] = "vehicle"  # the column of the classes
    lists: list[str] = []  # train on these lists of a public data set; empty: its split train
    sources: list[str] = []  # of a merged table: train on these; empty: on all
    target: str = ""  # the source that is scored; empty: the one that has rows to score
    rows: RowsName = "all"  # target: learn from the training rows of that source alone
    epochs: Count = 60
    steps: Steps = 0  # length of the stage in steps; 0: by epochs
    max_steps: Steps = 0  # stop early after so many steps; 0: never
    sampler: SamplerName = "identity"
    vehicles_per_batch: InBatch = 16
    images_per_vehicle: InBatch = 4
    sets_per_batch: InBatch = 15  # with sampler = "sets": pairs of a positive and a negative set
    positives_per_set: Annotated[int, Field(ge=2, le=4_096)] = 5
    negatives_per_set: InBatch = 5
    negatives: Literal["any", "same_model"] = "any"  # same_model: preferred where it is known
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    lr: LearningRate = 3.5e-4
    rates: dict[str, LearningRate] = {}  # of a method's other optimizers, instead of lr
    rate_factors: dict[str, Weight] = {}  # parameter name prefix -> factor of the learning rate
    betas: dict[str, RateBelowOne] = {}  # Adam's beta 1 of those optimizers, instead of 0.9
    momentum: Rate = 0.9  # with optimizer = "sgd"
    adam_epsilon: Annotated[float, Field(gt=0, le=1)] = 1e-8  # with optimizer = "adam" or "adamw"
    weight_decay: Annotated[float, Field(ge=0, le=100)] = 5e-4
    warmup_epochs: Epochs = 5.0
    warmup_steps: Steps = 0  # length of the warm-up in steps; 0: by epochs
    decay: Decay = "cosine"
    decay_epochs: list[PositiveEpochs] = []  # "step": at each; "cosine", "linear": from here
    decay_steps: Steps = 0  # ... and every so many steps of the stage
    decay_factor: Rate = 0.1
    decay_times: CountOrNone = 2  # "plateau": times that the rate falls, by decay_factor
    final_lr: Rate = 0.01  # "cosine", "exponential": the fraction of lr left at the end
    freeze: list[str] = []  # parameter name prefixes that do not learn
    freeze_statistics: list[str] = []  # module name prefixes whose batch norms keep statistics
    average: RateBelowOne = 0.0  # decay of the mean of weights; 0: none
    teacher: str = ""  # checkpoint folder of a trained model to learn from as well
    teacher_distance: Weight = 1.0  # weight of its distances between the pictures of a batch
    teacher_angle: Weight = 2.0  # ... and of its angles
    teacher_fingerprint: str = ""  # filled in when training starts
    clip_norm: Weight = 0.0  # 0: no clipping
    precision: Precision = "auto"
    compile: Compile = "off"  # torch.compile of the backbone, and its mode
    mining: Literal["global", "local"] = "global"  # pairs of all processes, or of each its own
    norm: Literal["global", "local"] = "global"  # batch statistics of all processes, or of each
    seed: Seed = 0
    workers: Workers = -1  # loading processes; -1: by the machine
    validation: RateBelowOne = 0.0  # fraction of training vehicles held out
    validate_epochs: Count = 5
    patience: CountOrNone = 0  # epochs without a higher score that end a stage; 0: never
    samples_epochs: CountOrNone = 0  # epochs between sheets of sample pictures
    checkpoint_minutes: Annotated[float, Field(ge=0, le=1_000_000)] = 5.0
    checkpoint_steps: Steps = 0  # additionally every so many steps

    @model_validator(mode="after")
    def _batch_fits(self) -> Self:
        if self.batch_size > _LARGEST_BATCH:
            raise ValueError(
                f"a batch of train.sampler {self.sampler} has {self.batch_size:,} pictures, "
                f"expected at most {_LARGEST_BATCH:,}: fewer of them in a batch, or of each vehicle"
            )
        return self

    @model_validator(mode="after")
    def _identity_batches_hold_pairs(self) -> Self:
        if self.sampler == "identity" and self.images_per_vehicle < 2:
            raise ValueError(
                "train.images_per_vehicle is 1, but the identity sampler needs at least 2 "
                "pictures of a vehicle in a batch"
            )
        return self

    @model_validator(mode="after")
    def _patience_has_scores(self) -> Self:
        if self.patience and not self.validation:
            raise ValueError(
                f"train.patience is {self.patience}, but no vehicles are held out to score; set "
                "train.validation, such as 0.1"
            )
        if self.decay == "plateau" and not self.patience:
            raise ValueError(
                "train.decay is plateau, which waits for a score that does not rise; set "
                "train.patience, such as 10"
            )
        return self

    @model_validator(mode="after")
    def _exponential_decay_has_an_end(self) -> Self:
        if self.decay == "exponential" and not self.final_lr:
            raise ValueError(
                "train.final_lr is 0, to which an exponential decay falls at once; set it above 0, "
                "such as 0.01, or train.decay to linear"
            )
        return self

    @property
    def batch_size(self) -> int:
        """Images in a batch over all processes."""
        if self.sampler == "sets":
            return self.sets_per_batch * (self.positives_per_set + self.negatives_per_set)
        return self.vehicles_per_batch * self.images_per_vehicle


class Stage(Section):
    """The changes of one stage in ``[train]``; unset keys are unchanged."""

    name: str
    epochs: Count | None = None
    steps: Steps | None = None
    rows: RowsName | None = None
    sampler: SamplerName | None = None
    lr: LearningRate | None = None
    weight_decay: Annotated[float, Field(ge=0, le=100)] | None = None
    warmup_epochs: Epochs | None = None
    warmup_steps: Steps | None = None
    decay: Decay | None = None
    decay_epochs: list[PositiveEpochs] | None = None
    decay_steps: Steps | None = None
    patience: CountOrNone | None = None
    freeze: list[str] | None = None
