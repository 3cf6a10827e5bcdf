"""Devices, precision and processes: alone, or together as torchrun started them."""

import os
from typing import Literal, TypeVar

import numba
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import MixedPrecision
from torch import Tensor, distributed
from torch.autograd.function import FunctionCtx

from platefree.config import Train
from platefree.errors import TrainingError
from platefree.model import Device, choose_device

T = TypeVar("T")


def launch(train: Train, device: Device) -> Fabric:
    """Join the process group that torchrun made, or be alone.

    Raises:
        TrainingError: the device or the precision cannot be had, or the batch cannot be shared.
    """
    chosen = choose_device(device).type
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    shared = "sets_per_batch" if train.sampler == "sets" else "vehicles_per_batch"
    if getattr(train, shared) % processes:
        raise TrainingError(
            f"train.{shared} {getattr(train, shared)} cannot be shared by {processes} processes; "
            "make it a multiple"
        )
    precision = _precision(train.precision, chosen)
    fabric = Fabric(
        accelerator=chosen,
        devices=int(os.environ.get("LOCAL_WORLD_SIZE", "1")),
        num_nodes=int(os.environ.get("GROUP_WORLD_SIZE", "1")),
        strategy="ddp" if processes > 1 else "auto",
        plugins=[] if precision == "32" else [_Mixed(precision, chosen)],
    )
    fabric.launch()
    _keep_threads()
    return fabric


def _keep_threads() -> None:
    """Leave torch the threads it has; numba, which scores, takes as many and no more.

    When numba starts its threads, it gives torch the same number: all processors, for each of the
    processes of torchrun.
    """
    threads = torch.get_num_threads()
    numba.set_num_threads(min(threads, numba.get_num_threads()))
    torch.set_num_threads(threads)


class _Mixed(MixedPrecision):
    """Mixed precision that leaves the pictures as they are: autocast decides by operation."""

    def convert_input(self, data: T) -> T:
        return data


def _precision(asked: str, device: str) -> Literal["32", "bf16-mixed", "16-mixed"]:
    if asked == "auto" and device == "cuda":
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    if asked == "auto" and device == "cpu":
        return "bf16-mixed" if _multiplies_bf16() else "32"
    if asked == "fp16" and device == "cpu":
        raise TrainingError("train.precision fp16 needs a GPU; use 32, bf16 or auto")
    return {"bf16": "bf16-mixed", "fp16": "16-mixed"}.get(asked, "32")  # type: ignore[return-value]


def _multiplies_bf16() -> bool:
    """Whether the processor has matrix units (AMX); without them bf16 is slower than float32."""
    supported = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(supported and supported())


def gather_with_gradient(rows: Tensor) -> Tensor:
    """Join the (b, ...) rows of all processes to (processes * b, ...).

    Every process then scores the whole batch. A row's gradient is summed over the processes and
    the parameters' is averaged, which together is the gradient of the whole batch.
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
