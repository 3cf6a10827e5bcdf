"""Device, precision and processes: one process, or several started by torchrun."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import numba
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.plugins.precision import MixedPrecision
from torch import Tensor, distributed, nn
from torch.autograd.function import FunctionCtx
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from platefree.errors import TrainingError
from platefree.inference.embedding_network import choose_device
from platefree.machine import started_here, started_processes
from platefree.nets.backbones import Backbone
from platefree.recipes.sections import Train
from platefree.work import Device

T = TypeVar("T")


def launch(train: Train, device: Device, network: nn.Module) -> Fabric:
    """Join the process group of torchrun, or run as one process.

    Args:
        train: its precision, and what the processes share.
        device: to train on.
        network: what learns; its layers decide which precision is the faster one.

    Raises:
        TrainingError: the device or precision is not available.
    """
    chosen = choose_device(device).type
    processes = started_processes()
    if processes > 1 and chosen == "mps":
        raise TrainingError(
            f"torchrun started {processes} processes, but several cannot train together on mps; "
            "start one, or use device='cpu' (--device cpu)"
        )
    if processes > 1 and train.compile != "off" and train.norm == "global":
        raise TrainingError(
            f"train.compile is {train.compile} and train.norm global, but compiled code cannot "
            "communicate; set train.norm=local, or train.compile=off"
        )
    precision = _precision(train.precision, chosen, network)
    # Fabric would otherwise guess from the variables of SLURM and other clusters how many
    # processes there are, even where nothing but this one was started.
    environment = TorchElasticEnvironment() if processes > 1 else LightningEnvironment()
    fabric = Fabric(
        accelerator=chosen,
        devices=started_here(),
        num_nodes=processes // started_here(),
        strategy="ddp" if processes > 1 else "auto",
        plugins=[environment, *([] if precision == "32" else [_Mixed(precision, chosen)])],
    )
    fabric.launch()
    _keep_threads()
    if train.precision == "auto" and chosen == "cpu":
        for backbone in _grouped_backbones(network):
            backbone.keeps_float32 = True
    return fabric


def check_split(train: Train) -> None:
    """Refuse batches of a stage that the processes cannot share evenly.

    Raises:
        TrainingError: they cannot.
    """
    processes = started_processes()
    split = "sets_per_batch" if train.sampler == "sets" else "vehicles_per_batch"
    if getattr(train, split) % processes:
        raise TrainingError(
            f"train.{split} {getattr(train, split)} cannot be split over {processes} processes; "
            f"make it a multiple of {processes}"
        )


def _keep_threads() -> None:
    """Keep torch's number of threads, and give numba, which scores, the same number.

    Otherwise numba would set both to the number of processors, in each process of torchrun.
    """
    threads = torch.get_num_threads()
    numba.set_num_threads(min(threads, numba.get_num_threads()))
    torch.set_num_threads(threads)


class _Mixed(MixedPrecision):
    """Mixed precision without converting the pictures: autocast decides by operation."""

    def convert_input(self, data: T) -> T:
        return data


def _precision(
    asked: str, device: str, network: nn.Module
) -> Literal["32", "bf16-mixed", "16-mixed"]:
    if asked == "auto" and device == "cuda":
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    if asked == "auto" and device == "cpu":
        return "bf16-mixed" if _multiplies_bf16() and _gains_by_bf16(network) else "32"
    if asked in ("fp16", "bf16") and device == "mps":
        raise TrainingError(f"train.precision {asked} is not for mps; use 32 or auto, which is 32")
    if asked == "fp16" and device == "cpu":
        raise TrainingError("train.precision fp16 needs a GPU; use 32, bf16 or auto")
    return {"bf16": "bf16-mixed", "fp16": "16-mixed"}.get(asked, "32")  # type: ignore[return-value]


def _multiplies_bf16() -> bool:
    """Whether the processor has matrix units (AMX); without them bf16 is slower than float32."""
    supported = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(supported and supported())


def _gains_by_bf16(network: nn.Module) -> bool:
    """Whether convolutions are left where backbones that are slower in bf16 stay in float32."""
    apart = {part for each in _grouped_backbones(network) for part in each.modules()}
    left = [each for each in network.modules() if each not in apart]
    convolves = any(isinstance(each, nn.Conv2d) for each in left)
    return (convolves or not apart) and not any(map(_is_grouped, left))


def _grouped_backbones(network: nn.Module) -> list[Backbone]:
    backbones = (each for each in network.modules() if isinstance(each, Backbone))
    return [each for each in backbones if any(map(_is_grouped, each.modules()))]


def _is_grouped(layer: nn.Module) -> bool:
    """Whether it convolves single channels or groups, which is slower in bf16 there."""
    return isinstance(layer, nn.Conv2d) and layer.groups > 1


def gather_with_gradient(rows: Tensor) -> Tensor:
    """Join the (b, ...) rows of all processes to (processes * b, ...).

    Every process then computes the loss of the whole batch. Gradients of rows are summed over the
    processes and gradients of parameters averaged, which gives the gradient of the whole batch.
    """
    joined: Tensor = _Gather.apply(rows)
    return joined


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, rows: Tensor) -> Tensor:
        del ctx
        parts = [torch.empty_like(rows) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:
        del ctx
        total = gradient.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total.chunk(distributed.get_world_size())[distributed.get_rank()]


class GlobalNorm(TorchFunctionMode):
    """Within the block, batch norms in training use mean and variance over all processes.

    So normalisation does not depend on the number of processes. The function is replaced, not the
    layers: every kind of batch norm calls it, and weights keep their names.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Call ``func``, or the replacement of batch norm."""
        del types
        chosen = _global_batch_norm if func is functional.batch_norm else func
        return chosen(*args, **(kwargs or {}))


def _global_batch_norm(
    values: Tensor,
    running_mean: Tensor | None,
    running_variance: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Batch norm of (b, c, ...) values with the statistics of all processes; sums in float32."""
    if not training:
        return functional.batch_norm(values, running_mean, running_variance, weight, bias, eps=eps)
    shape = [1, -1, *(1 for _ in values.shape[2:])]
    others = [axis for axis in range(values.ndim) if axis != 1]
    wide = values.float()
    count = wide.numel() // wide.shape[1] * distributed.get_world_size()
    mean = _sum_with_gradient(wide.sum(others)) / count
    centred = wide - mean.view(shape)
    variance = _sum_with_gradient(centred.square().sum(others)) / count
    if running_mean is not None and running_variance is not None:
        with torch.no_grad():
            running_mean.lerp_(mean.to(running_mean.dtype), momentum)
            unbiased = variance * (count / max(count - 1, 1))
            running_variance.lerp_(unbiased.to(running_variance.dtype), momentum)
    normalised = centred * torch.rsqrt(variance + eps).view(shape)
    if weight is not None:
        normalised = normalised * weight.view(shape)
    if bias is not None:
        normalised = normalised + bias.view(shape)
    return normalised.to(values.dtype)


def _sum_with_gradient(values: Tensor) -> Tensor:
    """The sum of a tensor over all processes."""
    total: Tensor = _Sum.apply(values)
    return total


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, values: Tensor) -> Tensor:
        del ctx
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:
        del ctx
        total = gradient.clone()
        distributed.all_reduce(total)
        return total
