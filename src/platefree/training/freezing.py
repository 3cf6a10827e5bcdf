"""Parts of a method that do not learn in a stage."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from platefree.methods.base import Method


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
