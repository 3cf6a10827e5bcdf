"""The mechanics of a step that methods need not know: rates, precision, clipping, saved state."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricModule, _FabricOptimizer
from torch import Tensor

from platefree.errors import NonFiniteLoss, TrainingError
from platefree.methods.base import Method
from platefree.recipes.sections import Train
from platefree.training.processes import GlobalNorm


class FabricDescent:
    """A method's step on any device, precision and number of processes.

    Args:
        fabric: the launched Fabric.
        method: the method as it is; it is wrapped here.
        train: settings of the stage.

    Raises:
        TrainingError: there are several processes, and the method has several optimizers.

    Attributes:
        losses_now: the named losses of the latest step.
        observed_now: what the method observed beside them.
    """

    def __init__(self, fabric: Fabric, method: Method, train: Train) -> None:
        made = method.optimizers(train)
        if len(made) > 1 and fabric.world_size > 1:
            # Processes share gradients of the whole module, not of one optimizer's part.
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
        # A marked method of an unwrapped module (one process) would run without its precision.
        with self.fabric.autocast(), self.norms():
            return getattr(self.module, name)(*inputs)

    def step(self, losses: Mapping[str, Tensor], optimizer: str) -> None:
        """Sum the losses, clear gradients, backward, clip, step.

        Raises:
            NonFiniteLoss: the loss is NaN or infinite, in whichever process; nothing was changed
                by this step.
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
        # Of several optimizers only the chosen one's parameters get gradients.
        learning = [p for group in chosen.param_groups for p in group["params"]]
        self.fabric.backward(total, inputs=learning if len(self.optimizers) > 1 else None)
        if self.train.clip_norm:
            # Under fp16 the scaler deals with infinite gradients by skipping the step.
            self.fabric.clip_gradients(
                self.module, chosen, max_norm=self.train.clip_norm, error_if_nonfinite=False
            )
        chosen.step()

    def observe(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        """Remember scalars for the log."""
        self.observed_now = self._over_processes(values)
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
        """The first optimizer's present learning rate."""
        return float(next(iter(self.optimizers.values())).param_groups[0]["lr"])

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What resuming needs beyond the weights: tensors, and JSON content."""
        tensors: dict[str, Tensor] = {}
        for name, optimizer in self.optimizers.items():
            tensors |= optimizer_tensors(name, optimizer.state_dict())
        return tensors, {"scaler": self.fabric.strategy.precision.state_dict()}

    def load_state(self, tensors: Mapping[str, Tensor], content: Mapping[str, Any]) -> None:
        """Put back what `state` gave."""
        for name, optimizer in self.optimizers.items():
            restored: dict[str, Any] = dict(optimizer.state_dict())
            restored["state"] = optimizer_state(name, tensors)
            optimizer.load_state_dict(restored)
        if content["scaler"]:
            self.fabric.strategy.precision.load_state_dict(content["scaler"])


@contextmanager
def frozen(method: Method, prefixes: Sequence[str]) -> Iterator[None]:
    """Keep the parameters whose names start so from learning, within the block."""
    chosen = tuple(prefixes)
    parameters = [p for name, p in method.named_parameters() if name.startswith(chosen)]
    learnt = [p for p in parameters if p.requires_grad]
    for parameter in learnt:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learnt:
            parameter.requires_grad_(True)


def training_mode(method: Method, prefixes: Sequence[str]) -> None:
    """Set a method to training, and its frozen parts to use."""
    method.train()
    for name, module in method.named_modules():
        if name.startswith(tuple(prefixes)):
            module.eval()


def rate_factor(step: int, batches_per_epoch: int, train: Train) -> float:
    """The learning rate at a step of a stage, as a share of ``train.lr``.

    Linear warm-up from a hundredth, then steps, constant, or a decay to the stage's end: by a
    cosine or exponentially to ``final_lr``, or in a straight line to zero. Cosine and line begin
    at the first of ``decay_epochs``, and the rate is constant before; without any, after the
    warm-up.

    Args:
        step: from 0, within the stage.
        batches_per_epoch: steps of an epoch.
        train: settings of the stage.
    """
    epoch = step / batches_per_epoch
    steps = train.warmup_steps
    warmup = steps / batches_per_epoch if steps else train.warmup_epochs
    if epoch < warmup:
        return 0.01 + 0.99 * epoch / warmup
    if train.decay == "step":
        drops = sum(epoch >= mark for mark in train.decay_epochs)
        drops += step // train.decay_steps if train.decay_steps else 0
        return float(train.decay_factor**drops)
    if train.decay == "constant":
        return 1.0
    epochs = train.steps / batches_per_epoch if train.steps else train.epochs
    marks = [] if train.decay == "exponential" else train.decay_epochs
    begin = max(min(marks, default=warmup), warmup)
    share = min(max(epoch - begin, 0.0) / max(epochs - begin, 1e-9), 1.0)
    if train.decay == "linear":
        return 1.0 - share
    if train.decay == "exponential":
        return float(train.final_lr**share)
    return train.final_lr + (1.0 - train.final_lr) * 0.5 * (1.0 + math.cos(math.pi * share))


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
