"""Parts of a method that are frozen in a stage, and names of parts in settings."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn

from platefree.errors import TrainingError
from platefree.methods.base import Method
from platefree.recipes.sections import Train


def check_parts(method: Method, train: Train) -> None:
    """Refuse settings of a stage for parts that the method does not have, or that leave nothing.

    Args:
        method: whose parts are named.
        train: settings of the stage.

    Raises:
        TrainingError: no name in the method begins so, or an optimizer has nothing to learn.
    """
    names = [name for name, _ in method.named_modules()] + [n for n, _ in method.named_parameters()]
    for key in ("rate_factors", "freeze", "freeze_statistics"):
        for prefix in getattr(train, key):
            if not any(name.startswith(prefix) for name in names):
                parts = ", ".join(name for name, _ in method.named_children())
                raise TrainingError(
                    f"train.{key} names {prefix!r}, but no part of the method has a name "
                    f"that begins so; its parts are {parts}"
                )
    with frozen(method, train.freeze):
        for name, optimizer in method.optimizers(train).items():
            if not any(group["params"] for group in optimizer.param_groups):
                raise TrainingError(
                    f"train.freeze is {train.freeze}, which leaves nothing to learn for the "
                    f"optimizer {name!r} of the method; freeze less"
                )


@contextmanager
def frozen(method: Method, prefixes: Sequence[str]) -> Iterator[None]:
    """Within the block, freeze the parameters whose names have one of these prefixes."""
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


def training_mode(method: Method, parts: Sequence[str], statistics: Sequence[str]) -> None:
    """Set a method to training mode, but not what is frozen.

    Args:
        method: all of it.
        parts: prefixes of modules to leave in evaluation mode.
        statistics: prefixes of modules whose batch norms alone are left in it.
    """
    method.train()
    for name, module in method.named_modules():
        is_norm = isinstance(module, nn.modules.batchnorm._BatchNorm)
        if name.startswith((*parts, *statistics) if is_norm else tuple(parts)):
            module.eval()
