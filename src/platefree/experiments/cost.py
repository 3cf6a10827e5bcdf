"""Costs of a method: training time, and size and time of an embedding."""

import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import torch
from torch import nn

from platefree.errors import TrainingError
from platefree.inference.model import Model
from platefree.recipes.recipe import Recipe
from platefree.runs.run_log import LOG_NAME, log_entries

COSTS: Mapping[str, str] = {
    "train seconds": ",.0f",
    "images/s": ",.0f",
    "parameters": ",.0f",
    "embedding size": ",.0f",
    "ms/picture": ".2f",
}
"""The names of the costs, and their formats."""

_PICTURES, _RUNS = 16, 20


def training_cost(folder: Path, recipe: Recipe) -> dict[str, float]:
    """The training speed of a finished run, from its log, without pauses before a resume.

    Args:
        folder: of the run.
        recipe: of the run.

    Returns:
        ``images/s``, the median over the run, and ``train seconds`` of all steps at that speed:
        loading and learning, without checkpoints and scoring.

    Raises:
        TrainingError: the log tells no speed.
    """
    entries = log_entries(folder / LOG_NAME)
    reports = [each for each in entries if isinstance(each.get("images_per_second"), float | int)]
    if not reports:
        raise TrainingError(f"{folder / LOG_NAME} records no speed; train this run again")
    speed = median(report["images_per_second"] for report in reports)
    pictures = reports[-1]["step"] * recipe.train.batch_size
    return {"train seconds": pictures / speed, "images/s": speed}


def use_cost(model: Model) -> dict[str, float]:
    """The cost of embedding.

    Returns:
        ``parameters``: of the modules used to embed. ``embedding size``: numbers per picture in a
        gallery, over all spaces. ``ms/picture``: for pictures in memory, in batches of 16, the
        fastest of twenty runs.
    """
    size = model.recipe.input
    random = torch.Generator().manual_seed(0)
    shape = (_PICTURES, 3, size.height, size.width)
    images = torch.randint(0, 256, shape, generator=random, dtype=torch.uint8)
    used: set[nn.Module] = set()
    model.method.eval()
    hooks = [
        module.register_forward_pre_hook(lambda module, _: used.add(module))
        for module in model.method.modules()
    ]
    spaces = model.embed_images(images)
    for hook in hooks:
        hook.remove()
    parameters = {p for module in used for p in module.parameters(recurse=False)}
    return {
        "parameters": float(sum(p.numel() for p in parameters)),
        "embedding size": float(sum(rows.shape[1] for rows in spaces.values())),
        "ms/picture": 1000 * min(_seconds(model, images) for _ in range(_RUNS)) / _PICTURES,
    }


def _seconds(model: Model, images: torch.Tensor) -> float:
    started = time.perf_counter()
    model.embed_images(images)
    return time.perf_counter() - started
