"""Recipes: one TOML file per method and data set, checked before anything starts.

A recipe says everything about a training run except where the data lies. Unknown keys are
refused with a suggestion, types are checked, and ``--set train.lr=0.01`` changes one value.
No torch here, so recipes can be listed and checked instantly.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from platefree.errors import RecipeError
from platefree.methods.settings import ModelSettings
from platefree.recipes.complaints import explain
from platefree.recipes.old_names import current_key, with_current_keys
from platefree.recipes.post import Post

Rate = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Scale = Annotated[float, Field(ge=0.25, le=2)]
Decay = Literal["cosine", "step", "linear", "exponential", "constant"]
SamplerName = Literal["identity", "shuffle", "sets", "balanced"]
RowsName = Literal["all", "target"]
Compile = Literal["off", "default", "reduce-overhead"]
# On a command line 32 is a number.
Precision = Annotated[
    Literal["auto", "32", "bf16", "fp16"],
    BeforeValidator(lambda value: "32" if value == 32 else value),
]


class Section(BaseModel):
    """A part of a recipe: typed, frozen, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Input(Section):
    """How a picture becomes a tensor, in training and in use; it travels with the weights."""

    height: Annotated[int, Field(ge=16, le=2048)] = 256
    width: Annotated[int, Field(ge=16, le=2048)] = 256
    mean: Annotated[list[float], Field(min_length=3, max_length=3)] | None = None  # as the backbone
    std: Annotated[list[Positive], Field(min_length=3, max_length=3)] | None = None
    test_time_flip: Literal["average", "off"] = (
        "average"  # embeddings: mean of picture and flipped image
    )
    scales: Annotated[list[Scale], Field(min_length=1, max_length=8)] = [1.0]  # embeddings: mean


class Augment(Section):
    """Random changes of training pictures."""

    flip: Rate = 0.5
    pad: Annotated[int, Field(ge=0)] = 10  # pixels added on each side, then a random crop
    warp: Rate = 0.0  # strength of random scale, aspect, rotation and perspective
    color: Rate = 0.0  # strength of brightness, contrast and saturation jitter
    balance: Rate = 0.0  # strength of a random gain of each color channel
    grey: Rate = 0.0  # probability that a picture loses its colors
    degrade: Rate = 0.0  # probability of each: lower resolution, blur or sharpening, JPEG
    erase: Rate = 0.5  # probability that a random rectangle is filled with the mean color


class Train(Section):
    """Schedule, batches and bookkeeping of a training run."""

    identity: Literal["vehicle", "model"] = "vehicle"  # the column that is learnt to be told apart
    lists: list[str] = []  # train on these lists of a public data set; empty: its split train
    sources: list[str] = []  # of a merged table: train on these; empty: on all
    target: str = ""  # the source that is scored; empty: the one that has rows to score
    rows: RowsName = "all"  # target: learn from the training rows of that source alone
    epochs: Count = 60
    steps: Annotated[int, Field(ge=0)] = 0  # length of the stage in steps; 0: by epochs
    max_steps: Annotated[int, Field(ge=0)] = 0  # stop early after so many steps; 0: never
    sampler: SamplerName = "identity"
    vehicles_per_batch: Annotated[int, Field(ge=1)] = 16
    images_per_vehicle: Annotated[int, Field(ge=1)] = 4
    sets_per_batch: Count = 15  # with sampler = "sets": pairs of a positive and a negative set
    positives_per_set: Annotated[int, Field(ge=2)] = 5
    negatives_per_set: Count = 5
    negatives: Literal["any", "same_model"] = "any"  # same_model: preferred where it is known
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    lr: Positive = 3.5e-4
    rates: dict[str, Positive] = {}  # of a method's other optimizers, instead of lr
    momentum: Rate = 0.9
    adam_epsilon: Positive = 1e-8  # with optimizer = "adam" or "adamw"
    weight_decay: NotNegative = 5e-4
    warmup_epochs: NotNegative = 5.0
    warmup_steps: Annotated[int, Field(ge=0)] = 0  # length of the warm-up in steps; 0: by epochs
    decay: Decay = "cosine"
    decay_epochs: list[Positive] = []  # "step": at each; "cosine", "linear": from here
    decay_steps: Annotated[int, Field(ge=0)] = 0  # ... and every so many steps of the stage
    decay_factor: Rate = 0.1
    final_lr: Rate = 0.01  # "cosine", "exponential": the share of lr left at the end
    freeze: list[str] = []  # parameter name prefixes that do not learn
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0  # decay of the mean of weights; 0: none
    teacher: str = ""  # checkpoint folder of a trained model to learn from as well
    teacher_distance: NotNegative = 1.0  # weight of its distances between the pictures of a batch
    teacher_angle: NotNegative = 2.0  # ... and of its angles
    teacher_fingerprint: str = ""  # filled in when training starts
    clip_norm: NotNegative = 0.0  # 0: no clipping
    precision: Precision = "auto"
    compile: Compile = "off"  # torch.compile of the backbone, and its mode
    mining: Literal["global", "local"] = "global"  # pairs of all processes, or of each its own
    norm: Literal["global", "local"] = "global"  # batch statistics of all processes, or of each
    seed: Annotated[int, Field(ge=0)] = 0
    workers: Annotated[int, Field(ge=-1)] = -1  # loading processes; -1: by the machine
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.0  # share of training vehicles held back
    validate_epochs: Count = 5
    samples_epochs: Annotated[int, Field(ge=0)] = 0  # epochs between sheets of what it makes
    checkpoint_minutes: NotNegative = 5.0
    checkpoint_steps: Annotated[int, Field(ge=0)] = 0  # additionally every so many steps

    @property
    def batch_size(self) -> int:
        """Images in a batch over all processes."""
        if self.sampler == "sets":
            return self.sets_per_batch * (self.positives_per_set + self.negatives_per_set)
        return self.vehicles_per_batch * self.images_per_vehicle


class Stage(Section):
    """What one stage of a staged training changes in ``[train]``; unset keys stay."""

    name: str
    epochs: Count | None = None
    steps: Annotated[int, Field(ge=0)] | None = None
    rows: RowsName | None = None
    sampler: SamplerName | None = None
    lr: Positive | None = None
    weight_decay: NotNegative | None = None
    warmup_epochs: NotNegative | None = None
    warmup_steps: Annotated[int, Field(ge=0)] | None = None
    decay: Decay | None = None
    decay_epochs: list[Positive] | None = None
    decay_steps: Annotated[int, Field(ge=0)] | None = None
    freeze: list[str] | None = None


class Recipe(Section):
    """A whole recipe. See ``platefree recipes show NAME``."""

    name: str
    description: str = ""
    model: ModelSettings = Field(discriminator="method")
    input: Input = Input()
    augment: Augment = Augment()
    train: Train = Train()
    stages: list[Stage] = []
    post: Post = Post()  # of an evaluation; no part of the model
    paper: dict[str, float] = {}  # claims by "DATA_SET TEST FIGURE": "vehicleid 800 rank-1" = 0.5

    @model_validator(mode="after")
    def _identity_batches_hold_pairs(self) -> "Recipe":
        if self.train.sampler == "identity" and self.train.images_per_vehicle < 2:
            raise ValueError(
                "train.images_per_vehicle is 1, but the identity sampler needs at least 2 "
                "pictures of a vehicle in a batch"
            )
        return self

    @model_validator(mode="after")
    def _coupled_clusters_come_in_sets(self) -> "Recipe":
        if self.model.method == "drdl" and any(s.sampler != "sets" for _, s in self.staged()):
            raise ValueError('drdl learns from pairs of sets; set train.sampler = "sets"')
        return self

    @model_validator(mode="after")
    def _something_is_learnt(self) -> "Recipe":
        model = self.model
        if model.method == "strong_baseline" and model.needs_teacher and not self.train.teacher:
            raise ValueError(
                "the weights of all losses in [model] are 0 and there is no train.teacher, so "
                "nothing is learnt"
            )
        return self

    @model_validator(mode="after")
    def _what_is_kept_is_of_all_pictures(self) -> "Recipe":
        model = self.model
        keeps = model.method == "strong_baseline" and (model.memory or model.centre_weight)
        if keeps and self.train.mining == "local":
            raise ValueError(
                "a memory and centres are kept of the pictures of all processes; set "
                'train.mining = "global", or model.memory and model.centre_weight to 0'
            )
        return self

    @model_validator(mode="after")
    def _side_information_is_of_all_rows(self) -> "Recipe":
        model = self.model
        chosen = model.method == "strong_baseline" and model.side
        if chosen and any(s.rows == "target" for _, s in self.staged()):
            raise ValueError(
                f"model.side is {chosen}, whose labels are those of all training rows, but "
                'train.rows = "target" learns from some of them: name their source in '
                "train.sources instead"
            )
        return self

    @model_validator(mode="after")
    def _parts_have_no_vehicles(self) -> "Recipe":
        if self.model.learns == "parts" and any(s.sampler != "shuffle" for _, s in self.staged()):
            raise ValueError(
                'part_detector learns from pictures one by one; set train.sampler = "shuffle"'
            )
        return self

    @model_validator(mode="after")
    def _other_rows_need_another_classifier(self) -> "Recipe":
        if len({s.rows for _, s in self.staged()}) > 1 and not self.model.restarts_classifier:
            raise ValueError(
                f"stages learn from different rows, so from different vehicles, but a classifier "
                f"of {self.model.method} cannot be replaced between them; set the same rows in all "
                "of them, or use vehiclenet"
            )
        return self

    @model_validator(mode="after")
    def _stages_have_names_of_their_own(self) -> "Recipe":
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError(
                f"stages are named {names}; a resumed run tells them by distinct names"
            )
        return self

    def staged(self) -> list[tuple[str, Train]]:
        """The stages as (name, complete settings); a recipe without stages is one stage."""
        if not self.stages:
            return [("main", self.train)]
        return [
            (stage.name, self.train.model_copy(update=stage.model_dump(exclude_none=True)))
            for stage in self.stages
        ]


def recipe_names() -> list[str]:
    """The names of the built-in recipes, sorted."""
    folder = resources.files("platefree.recipes") / "library"
    names = [
        f"{method.name}/{file.name.removesuffix('.toml')}"
        for method in folder.iterdir()
        if method.is_dir()
        for file in method.iterdir()
        if file.name.endswith(".toml")
    ]
    return sorted(names)


def load_recipe(name: str | Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe and check it.

    Args:
        name: a built-in name (``strong_baseline/small``; a bare method name means its
            ``default`` recipe) or the path of a ``.toml`` file.
        overrides: dotted key -> value, such as ``{"train.lr": 0.01}``.

    Raises:
        RecipeError: no such recipe, not TOML, an unknown key, or a value of the wrong type.
    """
    label, text = _recipe_text(str(name))
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"recipe {label} is not valid TOML: {error}") from error
    for key, value in (overrides or {}).items():
        _set(content, key, value)
    return check_recipe({"name": label} | content)


def check_recipe(content: Mapping[str, Any]) -> Recipe:
    """Turn plain content (parsed TOML, or a card's ``recipe``) into a checked recipe.

    Raises:
        RecipeError: an unknown key, or a value of the wrong type.
    """
    try:
        return Recipe.model_validate(with_current_keys(content))
    except ValidationError as error:
        found = "; ".join(explain(detail, Recipe) for detail in error.errors())
        raise RecipeError(f"recipe {content.get('name', '?')}: {found}") from error


def change_in_use(recipe: Recipe, overrides: Mapping[str, Any]) -> Recipe:
    """The recipe of a trained model with some of what may still be changed.

    Args:
        recipe: of the model.
        overrides: dotted key -> value.

    Raises:
        RecipeError: a key decides the weights, or a value is of the wrong type.
    """
    free = [f"model.{name}" for name in recipe.model.free_in_use]
    for key in overrides:
        if key not in free and not key.startswith("post."):
            raise RecipeError(
                f"{key!r} of a trained {recipe.model.method} cannot be changed; only "
                f"{', '.join([*free, '[post]'])} can be, such as post.rerank.k1=30"
            )
    content = recipe.model_dump()
    for key, value in overrides.items():
        _set(content, key, value)
    return check_recipe(content)


def parse_overrides(settings: Sequence[str]) -> dict[str, Any]:
    """Parse ``key=value`` texts; a value is read as TOML, and as plain text where it is not.

    Raises:
        RecipeError: a text without ``=`` or with an empty key.
    """
    overrides: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise RecipeError(f"--set {setting!r}: expected KEY=VALUE, such as train.lr=0.01")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        overrides[current_key(key.strip())] = value
    return overrides


def to_toml(recipe: Recipe) -> str:
    """A recipe whole, defaults filled in, as TOML that `load_recipe` reads back to the same."""
    content = recipe.model_dump(exclude_none=True)
    stages = content.pop("stages")
    names = ("model", "input", "augment", "train", "post", "paper")
    sections = {key: content.pop(key) for key in names}
    steps = {key: value for key, value in sections["post"].items() if isinstance(value, dict)}
    sections["post"] = {"steps": sections["post"]["steps"]}
    sections |= {f"post.{key}": options for key, options in steps.items() if options}
    lines = _toml_lines(content)
    for name, section in sections.items():
        lines += ["", f"[{name}]", *_toml_lines(section)]
    for stage in stages:
        lines += ["", "[[stages]]", *_toml_lines(stage)]
    return "\n".join(lines) + "\n"


def _toml_lines(section: Mapping[str, Any]) -> list[str]:
    return [f"{_toml_key(key)} = {_toml_value(value)}" for key, value in section.items()]


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[\w-]+", key, re.ASCII) else json.dumps(key)


def _toml_value(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(_toml_lines(value))} }}"
    return json.dumps(value)  # of plain values and lists of them, JSON is TOML


def _recipe_text(name: str) -> tuple[str, str]:
    if name.endswith(".toml"):
        path = Path(name)
        try:
            return path.stem, path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"cannot read the recipe file {path}: {error}") from error
    names = recipe_names()
    full = name if "/" in name else f"{name}/default"
    if full not in names:
        near = difflib.get_close_matches(full, names, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise RecipeError(
            f"no recipe named {name!r}; {hint}'platefree recipes' lists all; "
            "a file of your own must end in .toml"
        )
    file = resources.files("platefree.recipes") / "library" / f"{full}.toml"
    return full, file.read_text(encoding="utf-8")


def _set(content: dict[str, Any], key: str, value: object) -> None:
    *parents, last = key.split(".")
    section = content
    for parent in parents:
        section = section.setdefault(parent, {})
        if not isinstance(section, dict):
            raise RecipeError(f"cannot set {key!r}: {parent!r} is a value, not a section")
    section[last] = value
