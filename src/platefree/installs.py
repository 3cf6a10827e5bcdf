"""The core, and what a network (``platefree[train]``) or a service (``[serve]``) needs as well."""

from collections.abc import Iterator
from contextlib import contextmanager

from platefree.errors import MissingPackage

TRAIN = {
    "torch",
    "torchvision",
    "timm",
    "lightning_fabric",
    "onnx",
    "onnxscript",
    "safetensors",
    "cv2",
}
"""What ``platefree[train]`` installs, by the names that are imported."""

SERVE = {"fastapi", "starlette", "uvicorn", "argon2"}
"""What ``platefree[serve]`` installs."""


@contextmanager
def service_install(what: str) -> Iterator[None]:
    """Say what to install where something within the block is missing that a service needs.

    Args:
        what: needs it.

    Raises:
        MissingPackage: a package of ``platefree[serve]`` is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in SERVE:
            raise
        raise MissingPackage(
            f"{what} needs {missing}, which is not installed: run pip install 'platefree[serve]' "
            "(in a checkout of platefree: pip install '.[serve]')"
        ) from error


@contextmanager
def training_install(what: str) -> Iterator[None]:
    """Say what to install where something within the block is missing that networks need.

    Args:
        what: needs it, such as ``the verb 'train'``.

    Raises:
        MissingPackage: a package of ``platefree[train]`` is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in TRAIN:
            raise
        raise MissingPackage(
            f"{what} needs {missing}, which is not installed: run pip install 'platefree[train]' "
            "(in a checkout of platefree: pip install '.[train]'); it brings torch, about 6 GB"
        ) from error
