"""Parts of a method that are frozen in a stage."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from platefree.methods.base import Method


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


def training_mode(method: Method, prefixes: Sequence[str]) -> None:
    """Set a method to training mode, and its frozen parts to evaluation mode."""
    method.train()
    for name, module in method.named_modules():
        if name.startswith(tuple(prefixes)):
            module.eval()
