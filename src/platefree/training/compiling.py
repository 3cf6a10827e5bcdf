"""Compile backbones by ``torch.compile``, in place, so that weights keep their names."""

import torch
from torch import nn

from platefree.errors import TrainingError
from platefree.nets.backbones import Backbone
from platefree.nets.branches import BranchedBackbone
from platefree.nets.late_branches import LateBranches
from platefree.nets.light_detector import LightDetector
from platefree.nets.pyramid_detector import Pyramid

BACKEND = "inductor"

_COMPILED = (Backbone, BranchedBackbone, LateBranches, LightDetector, Pyramid)


def compile_backbones(method: nn.Module, mode: str) -> None:
    """Compile the backbones inside a method, and nothing else.

    Of a detector this is what makes its maps, as it takes several maps of a backbone.

    Args:
        method: with its backbones.
        mode: of ``torch.compile``.

    Raises:
        TrainingError: this machine cannot compile.
    """
    try:
        torch.compile(_doubled, backend=BACKEND)(torch.ones(2))
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise TrainingError(
            f"train.compile is {mode}, but this machine cannot compile ({reason}); install a C++ "
            "compiler, or set train.compile=off"
        ) from error
    for module in method.modules():
        if isinstance(module, _COMPILED):
            module.compile(backend=BACKEND, **({"mode": mode} if BACKEND == "inductor" else {}))


def _doubled(values: torch.Tensor) -> torch.Tensor:
    return 2 * values
