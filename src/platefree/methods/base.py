"""The base of all methods: embedding spaces in use, named losses and a step in training."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from platefree.batches.loader import Boxes
from platefree.batches.training_data import TrainingData
from platefree.errors import DataError
from platefree.losses.distillation import TeacherTargets, relational_losses
from platefree.nets.side_information import SideInformation
from platefree.ranking.comparison import Comparison, Cosine
from platefree.recipes.sections import Train
from platefree.types import Sightings

Labels = Mapping[str, Tensor]
"""Label column -> (b,) int64 codes of the pictures of a batch, -1 unknown."""


def own_rows(rows: Tensor) -> Tensor:
    """The rows of a single training process, with nothing to gather."""
    return rows


@dataclass(frozen=True)
class Batch:
    """A training batch.

    Attributes:
        images: (b, 3, h, w) float32, normalised.
        labels: of the images; ``vehicle`` is the class to learn.
        boxes: of parts in the images, if the training data has them.
        targets: the teacher's embeddings of the images, if the run has a teacher.
        gather: joins the (b, ...) vectors or labels of all training processes to
            (processes * b, ...), with gradients, so that pairs are mined over the whole batch.
    """

    images: Tensor
    labels: Labels
    boxes: Boxes | None = None
    targets: TeacherTargets | None = None
    gather: Callable[[Tensor], Tensor] = own_rows


@dataclass(frozen=True)
class Samples:
    """Pictures side by side: inputs and outputs of a method.

    Attributes:
        columns: the title of each column.
        pictures: (rows, columns, 3, h, w) float32 in [0, 1].
    """

    columns: tuple[str, ...]
    pictures: Tensor


class Descent(Protocol):
    """The training loop's side of a method's step: devices, precision and clipping."""

    def forward(self, name: str, *inputs: Any) -> Any:  # noqa: ANN401
        """Call one of `Method.forwards` under the run's precision and process group."""

    def step(self, losses: Mapping[str, Tensor], optimizer: str) -> None:
        """Sum the losses, backward, clip, and step the named optimizer only."""

    def observe(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        """Log scalars that are no losses; returns them as numbers."""


class Method(nn.Module):
    """The base of all methods; see ``strong_baseline`` for an example of what to override.

    Attributes:
        forwards: names of the functions that `step` calls through its `Descent`.
        teachable: whether ``losses`` includes `teacher_losses`.
        side: the side information that `embed` makes of labels; None if it takes no labels.
    """

    forwards: ClassVar[tuple[str, ...]] = ("losses",)
    teachable: ClassVar[bool] = False
    side: SideInformation | None

    def __init__(self) -> None:
        super().__init__()
        self.side = None

    def embed(self, images: Tensor, labels: Labels | None = None) -> dict[str, Tensor]:
        """Embed pictures, each in every space of the method.

        Args:
            images: (b, 3, h, w), normalised.
            labels: of the pictures, for a method with a ``side``; by default all are unknown. Also
                what `known` says of them.

        Returns:
            Space -> (b, d) L2-normalised embeddings.
        """
        del labels
        return self.embed_map(self.feature_map(images))

    def known(self, sightings: Sightings) -> dict[str, Tensor]:
        """What `embed` has to know of pictures beyond the pictures; here nothing.

        Returns:
            Name -> (n, ...) for the n pictures; `embed` gets the rows of a batch with its labels.
        """
        del sightings
        return {}

    def flipped(self, labels: Labels) -> Labels:
        """The labels of the mirrored pictures, and what `known` says of them; here the same."""
        return labels

    def comparison(self) -> Comparison:
        """How the spaces combine to one distance; here the cosine distance in ``main``."""
        return Cosine("main")

    def feature_map(self, images: Tensor) -> Tensor:
        """The last feature map, (b, c, h, w), for heat maps.

        Raises:
            DataError: the method has none.
        """
        raise DataError(f"{type(self).__name__} has no feature map, so no heat map can be drawn")

    def embed_map(self, maps: Tensor) -> dict[str, Tensor]:
        """`embed`, starting from a `feature_map`."""
        raise DataError(f"{type(self).__name__} has no feature map, so no heat map can be drawn")

    def identify(self, maps: Tensor) -> Tensor:
        """(b, vehicles) logits of the training vehicles, of a `feature_map`.

        Raises:
            DataError: the method has no classifier on its feature map.
        """
        raise DataError(
            f"{type(self).__name__} has no classifier of vehicles on its feature map, so no "
            "class-activation map can be drawn"
        )

    def prepare(self, data: TrainingData) -> TrainingData:
        """Check the training data before the first step; may change labels.

        Raises:
            TrainingError: the method cannot learn from it.
        """
        return data

    def restart_classifier(self, classes: int) -> None:
        """Replace the classifier by a new one, for a stage with other classes.

        Everything else is kept. Only for methods whose settings have ``restarts_classifier``.
        """
        raise NotImplementedError  # pragma: no cover

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Named scalar losses of a batch; `step` sums them."""
        raise NotImplementedError  # pragma: no cover

    def teacher_losses(self, embeddings: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Losses against the teacher targets of a batch; empty if it has none.

        Args:
            embeddings: (n, d), L2-normalised, of the pictures of all processes.
            batch: of this process.
        """
        if batch.targets is None:
            return {}
        theirs = batch.gather(batch.targets.embeddings)
        return relational_losses(embeddings, theirs, batch.targets)

    def optimizers(self, train: Train) -> dict[str, Optimizer]:
        """The optimizers of a stage by name, over the parameters that learn."""
        return {"main": make_optimizer(self, train)}

    def step(self, batch: Batch, descent: Descent) -> None:
        """One optimisation step."""
        descent.step(descent.forward("losses", batch), "main")

    def samples(self, batch: Batch) -> Samples | None:
        """Pictures that illustrate a method's outputs on a batch; None if there are none."""
        del batch
        return None

    def health(self) -> dict[str, float]:
        """Figures of the weights that show whether training goes well, for the log."""
        return {}


def make_optimizer(
    module: nn.Module,
    train: Train,
    lr: float | None = None,
    beta: float = 0.9,
    *,
    part: str = "",
) -> Optimizer:
    """The optimizer of ``train`` over the parameters of a module that require gradients.

    Weight decay does not apply to biases, norms and other vectors.

    Args:
        module: whose parameters learn.
        train: settings of the stage.
        lr: instead of ``train.lr``.
        beta: beta 1 of Adam and AdamW, the decay of their mean gradient.
        part: name of the module in the method, by which ``train.rate_factors`` names parameters;
            empty if it is the method itself.
    """
    lr = train.lr if lr is None else lr
    groups = [
        {"params": parameters, "lr": factor * lr, "weight_decay": decay}
        for factor, of_factor in _by_rate(module, train.rate_factors, part).items()
        for decay, parameters in (
            (train.weight_decay, [p for p in of_factor if p.ndim > 1]),
            (0.0, [p for p in of_factor if p.ndim <= 1]),
        )
    ]
    if train.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=train.momentum)
    if train.optimizer == "adam":
        return torch.optim.Adam(groups, lr=lr, betas=(beta, 0.999), eps=train.adam_epsilon)
    return torch.optim.AdamW(groups, lr=lr, betas=(beta, 0.999), eps=train.adam_epsilon)


def _by_rate(
    module: nn.Module, factors: Mapping[str, float], part: str
) -> dict[float, list[nn.Parameter]]:
    """The parameters that require gradients, by the factor of their learning rate.

    The longest prefix of a name in ``factors`` counts.
    """
    groups: dict[float, list[nn.Parameter]] = {1.0: []}
    for name, parameter in module.named_parameters(prefix=part):
        named = [prefix for prefix in factors if name.startswith(prefix)]
        factor = factors[max(named, key=len)] if named else 1.0
        if parameter.requires_grad:
            groups.setdefault(factor, []).append(parameter)
    return groups
