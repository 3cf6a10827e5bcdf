"""Recipes: everything about a training run except the path of its data.

A recipe is a TOML file, checked before anything starts. Its section ``[model]`` has the settings of
its method; the methods, and reading a recipe by its name, are in `platefree.methods.catalogue`. No
torch here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from pydantic import (
    Field,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from platefree.recipes.post import Post
from platefree.recipes.ranges import Figure
from platefree.recipes.sections import Augment, Input, Section, Stage, Train


class MethodSettings(Section):
    """The ``[model]`` section: the base of the settings of every method.

    Attributes:
        learns: the label column whose values are the classes, or ``parts`` or ``frames``.
        learns_nothing: whether there is no training; the method is used by its name.
        free_in_use: keys that can be changed after training.
        restarts_classifier: whether a stage may learn other vehicles than the one before it.
        optimizers: the names of its optimizers, if it has several.
        method: its name.
    """

    learns: ClassVar[str] = "vehicle"
    learns_nothing: ClassVar[bool] = False
    free_in_use: ClassVar[tuple[str, ...]] = ()
    restarts_classifier: ClassVar[bool] = False
    optimizers: ClassVar[tuple[str, ...]] = ()
    method: str

    def check(self, recipe: "Recipe") -> None:
        """Refuse settings in other sections of a recipe that the method cannot learn with.

        Raises:
            ValueError: says what to change.
        """

    def resolved(self) -> Self:
        """The same with settings of other models filled in, to make the recipe self-contained."""
        return self

    def also_predicts(self) -> Mapping[str, Sequence[str]]:
        """Label column -> its values, sorted, for labels predicted by a model inside this one."""
        return {}

    def statistics(self) -> tuple[list[float], list[float]]:
        """Channel means and standard deviations of 0..1 pictures that the network expects.

        Raises:
            RecipeError: there is no such network.
        """
        return [0.0] * 3, [1.0] * 3

    def takes_one_size(self) -> str:
        """The part of the method that takes pictures of one size only; empty if there is none.

        Raises:
            RecipeError: there is no such network.
        """
        return ""


class Recipe(Section):
    """A whole recipe. See ``platefree recipes show NAME``.

    To check plain content, its validation context has ``model``: a function from a mapping to the
    settings of its method.
    """

    name: str
    description: str = ""
    model: SerializeAsAny[MethodSettings]
    input: Input = Input()
    augment: Augment = Augment()
    train: Train = Train()
    stages: list[Stage] = Field(default=[])
    post: Post = Post()  # of an evaluation; no part of the model
    # the paper's figures by "DATA_SET TEST FIGURE": "vehicleid 800 rank-1" = 0.5, without
    # post-processing; "vehicleid 800 rank-1 after expand,rerank" = 0.6 is after these steps
    paper: dict[str, Figure] = Field(default={})

    @field_validator("model", mode="before")
    @classmethod
    def _settings_of_its_method(cls, content: object, info: ValidationInfo) -> object:
        context: Mapping[str, Any] = info.context or {}
        if isinstance(content, Mapping) and "model" in context:
            settings: object = context["model"](content)
            return settings
        return content

    @model_validator(mode="after")
    def _stages_can_learn_so(self) -> Self:
        for stage in self.stages:
            try:
                self._settings_of(stage)
            except ValidationError as error:
                said = error.errors()[0]["msg"].removeprefix("Value error, ")
                raise ValueError(f"stage {stage.name}: {said}") from error
        return self

    @model_validator(mode="after")
    def _its_method_can_learn_so(self) -> Self:
        self.model.check(self)
        return self

    @model_validator(mode="after")
    def _rates_are_of_optimizers(self) -> Self:
        known = self.model.optimizers
        for key, named in (("rates", self.train.rates), ("betas", self.train.betas)):
            if unknown := sorted(set(named) - set(known)):
                has = f"whose optimizers are {[*known]}" if known else "which has one optimizer"
                parts = "; rates of parts are train.rate_factors" if key == "rates" else ""
                raise ValueError(
                    f"train.{key} names {unknown}, but its names are those of the optimizers of "
                    f"{self.model.method}, {has}{parts}"
                )
        return self

    @model_validator(mode="after")
    def _other_rows_need_another_classifier(self) -> Self:
        if len({s.rows for _, s in self.staged()}) > 1 and not self.model.restarts_classifier:
            raise ValueError(
                f"stages learn from different rows, so from different vehicles, but a classifier "
                f"of {self.model.method} cannot be replaced between them; set the same rows in all "
                "of them, or use a method whose classifier can be"
            )
        return self

    @model_validator(mode="after")
    def _stages_have_names_of_their_own(self) -> Self:
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError(
                f"stages are named {names}; give each a name of its own, by which a "
                "resumed run finds it"
            )
        return self

    @property
    def mirrors(self) -> bool:
        """Whether the network sees mirrored pictures, in training or in use."""
        return self.augment.flip > 0 or self.input.test_time_flip == "average"

    def staged(self) -> list[tuple[str, Train]]:
        """The stages as (name, complete settings); a recipe without stages is one stage."""
        if not self.stages:
            return [("main", self.train)]
        return [(stage.name, self._settings_of(stage)) for stage in self.stages]

    def _settings_of(self, stage: Stage) -> Train:
        changes = stage.model_dump(exclude_none=True, exclude={"name"})
        return Train.model_validate({**self.train.model_dump(), **changes})
