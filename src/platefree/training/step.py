"""The parts of a training step outside the method: making batches, and updating weights.

So methods do not deal with devices, precision, processes, clipping or saved state.
"""

import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricModule, _FabricOptimizer
from torch import Tensor

from platefree.batches.loader import PictureBatch
from platefree.batches.transforms import InputTransform
from platefree.errors import ImageError, NonFiniteLoss, TrainingError
from platefree.methods.base import Batch, Labels, Method
from platefree.recipes.sections import Train
from platefree.training.processes import GlobalNorm
from platefree.training.teacher import Teacher


class BatchMaker:
    """Turns pictures from the loader into the batch of a method.

    Args:
        fabric: the launched Fabric.
        transform: normalises the pictures.
        teacher: of the run, if it has one.
        gather: see `Batch`.
    """

    def __init__(
        self,
        fabric: Fabric,
        transform: InputTransform,
        teacher: Teacher | None,
        gather: Callable[[Tensor], Tensor],
    ) -> None:
        self.fabric, self.transform, self.teacher, self.gather = fabric, transform, teacher, gather

    def __call__(self, pictures: PictureBatch, labels: Labels) -> Batch:
        """The batch, on the device.

        Args:
            pictures: with their rows of the training data.
            labels: of all rows of the training data.

        Raises:
            ImageError: a picture could not be read.
        """
        if pictures.unreadable or pictures.images is None:
            raise ImageError(pictures.unreadable[0])
        device = self.fabric.device
        images = pictures.images.to(device, non_blocking=True, memory_format=torch.channels_last)
        rows = torch.tensor(pictures.rows)
        own = {name: codes[rows].to(device) for name, codes in labels.items()}
        boxes = None if pictures.boxes is None else pictures.boxes.to(device)
        with self.fabric.autocast():
            targets = None if self.teacher is None else self.teacher.targets(images)
        return Batch(self.transform.normalise(images), own, boxes, targets, self.gather)


class FabricDescent:
    """A method's step on any device, precision and number of processes.

    Args:
        fabric: the launched Fabric.
        method: not wrapped by Fabric; this is done here.
        train: settings of the stage.

    Raises:
        TrainingError: there are several processes, and the method has several optimizers.

    Attributes:
        losses_now: the named losses of the latest step.
        observed_now: other figures of the method in that step.
    """

    def __init__(self, fabric: Fabric, method: Method, train: Train) -> None:
        made = method.optimizers(train)
        if len(made) > 1 and fabric.world_size > 1:
            # Processes average gradients of the whole module, not of one optimizer's part.
            raise TrainingError(
                f"{type(method).__name__} learns with {len(made)} optimizers in turn, which works "
                f"in one process only, found {fabric.world_size}: start it without torchrun"
            )
        self.fabric, self.train = fabric, train
        self.norms = GlobalNorm if fabric.world_size > 1 and train.norm == "global" else nullcontext
        self.module: _FabricModule = fabric.setup_module(method)
        for name in method.forwards:
            self.module.mark_forward_method(name)
        self.optimizers: dict[str, _FabricOptimizer] = {
            name: cast(_FabricOptimizer, fabric.setup_optimizers(optimizer))
            for name, optimizer in made.items()
        }
        self._base_rates = {
            name: [group["lr"] for group in optimizer.param_groups]
            for name, optimizer in made.items()
        }
        self.losses_now: dict[str, float] = {}
        self.observed_now: dict[str, float] = {}

    def forward(self, name: str, *inputs: Any) -> Any:  # noqa: ANN401
        """Call one of the method's ``forwards`` under the run's precision and process group."""
        # In one process the module is not wrapped, so Fabric would not apply the precision.
        with self.fabric.autocast(), self.norms():
            return getattr(self.module, name)(*inputs)

    def step(self, losses: Mapping[str, Tensor], optimizer: str) -> None:
        """Sum the losses, clear gradients, backward, clip, step.

        Raises:
            NonFiniteLoss: the loss is NaN or infinite in some process; this step changed nothing.
        """
        found = self._over_processes(losses)
        self.losses_now |= found
        if not all(map(math.isfinite, found.values())):
            named = ", ".join(f"{name} {value:.4g}" for name, value in found.items())
            raise NonFiniteLoss(f"the loss is not finite ({named})")
        chosen = self.optimizers[optimizer]
        for each in self.optimizers.values():
            each.zero_grad()
        total = torch.stack([loss.float() for loss in losses.values()]).sum()
        # Compute gradients only for the parameters of this optimizer.
        learning = [p for group in chosen.param_groups for p in group["params"]]
        self.fabric.backward(total, inputs=learning if len(self.optimizers) > 1 else None)
        if self.train.clip_norm:
            # Under fp16 the scaler skips steps with infinite gradients.
            self.fabric.clip_gradients(
                self.module, chosen, max_norm=self.train.clip_norm, error_if_nonfinite=False
            )
        chosen.step()

    def observe(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        """Keep scalars for the log; a NaN, a mean of nothing, is left out."""
        found = self._over_processes(values)
        self.observed_now = {name: each for name, each in found.items() if not math.isnan(each)}
        return self.observed_now

    def _over_processes(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        """Scalars as numbers, each the mean over the processes."""
        numbers = torch.stack([value.detach().float() for value in values.values()])
        mean = cast(Tensor, self.fabric.all_reduce(numbers, reduce_op="mean"))
        return dict(zip(values, mean.tolist(), strict=True))

    def set_rates(self, factor: float) -> None:
        """Set every learning rate to its start value times ``factor``."""
        for name, optimizer in self.optimizers.items():
            for group, base in zip(optimizer.param_groups, self._base_rates[name], strict=True):
                group["lr"] = base * factor

    def rate(self) -> float:
        """The current learning rate of the first optimizer."""
        return float(next(iter(self.optimizers.values())).param_groups[0]["lr"])

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The state to resume from, beyond the weights: tensors, and JSON content."""
        tensors: dict[str, Tensor] = {}
        for name, optimizer in self.optimizers.items():
            tensors |= optimizer_tensors(name, optimizer.state_dict())
        return tensors, {"scaler": self.fabric.strategy.precision.state_dict()}

    def load_state(self, tensors: Mapping[str, Tensor], content: Mapping[str, Any]) -> None:
        """Restore the result of `state`."""
        for name, optimizer in self.optimizers.items():
            restored: dict[str, Any] = dict(optimizer.state_dict())
            restored["state"] = optimizer_state(name, tensors)
            optimizer.load_state_dict(restored)
        if content["scaler"]:
            self.fabric.strategy.precision.load_state_dict(content["scaler"])


def optimizer_tensors(name: str, state_dict: Mapping[str, Any]) -> dict[str, Tensor]:
    """An optimizer's state as a flat table of tensors: ``name/parameter/entry``."""
    return {
        f"{name}/{parameter}/{entry}": torch.as_tensor(value)
        for parameter, entries in state_dict["state"].items()
        for entry, value in entries.items()
        if value is not None
    }


def optimizer_state(name: str, tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """The ``state`` of an optimizer's state dict, back from `optimizer_tensors`."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        if key.startswith(f"{name}/"):
            _, parameter, entry = key.split("/")
            state.setdefault(int(parameter), {})[entry] = tensor
    return state
