"""A training run's folder and card, requests to stop it, and checks on resume."""

import platform
import signal
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning_fabric import Fabric

from platefree.batches.training_data import TrainingData
from platefree.checkpoint import Checkpoint
from platefree.errors import CheckpointError
from platefree.methods.catalogue import check_recipe
from platefree.recipes.recipe import Recipe
from platefree.runs.run_log import LOG_NAME
from platefree.runs.training_history import TrainingHistory, read_history

SAYS_NOTHING = (
    *("name", "description", "paper"),
    "train.workers",
    "train.samples_epochs",
    "train.checkpoint_minutes",
    "train.checkpoint_steps",
)
"""Settings, by their keys or sections, on which neither weights nor scores depend."""

FREE_TO_CHANGE = (*SAYS_NOTHING, "post", "train.max_steps", "train.teacher")
"""Settings that may differ when a run is resumed, since it learns the same.

A teacher may have moved; its fingerprint must be the same.
"""

# labels whose names a card lists
DESCRIPTIVE = ("camera", "make", "model", "type", "color", "view")
_AGREE_EVERY = 10  # steps between exchanges of stop requests among processes


@dataclass(frozen=True)
class Run:
    """A finished (or stopped by ``max_steps``) training run.

    Attributes:
        folder: of the run.
        step: steps done.
        total: steps of the whole schedule.
        validation_map: best mAP on held-out vehicles, if there are any (for a classifier its best
            accuracy, for a part detector its best mean AP).
        left_out: pictures that could not be read and were left out.
    """

    folder: Path
    step: int
    total: int
    validation_map: float | None = None
    left_out: int = 0

    @property
    def best(self) -> Path:
        """The checkpoint to use: the best on held-out vehicles, else the last."""
        return self.folder / "best"

    @property
    def last(self) -> Path:
        """The checkpoint to resume from."""
        return self.folder / "last"

    def history(self) -> TrainingHistory:
        """Its losses, other figures and validations, by stage and epoch.

        Raises:
            CheckpointError: its log is missing or damaged.
        """
        return read_history(self.folder / LOG_NAME)


class StopRequest:
    """Whether Ctrl-C or SIGTERM was received."""

    def __init__(self) -> None:
        self.asked = False

    def agreed(self, fabric: Fabric, step: int) -> bool:
        """Whether to stop after this step; a request to one process stops them all."""
        if fabric.world_size == 1:
            return self.asked
        if step % _AGREE_EVERY:
            return False
        asked = torch.tensor(float(self.asked), device=fabric.device)
        return bool(fabric.all_reduce(asked, reduce_op="sum") > 0)  # type: ignore[operator]


@contextmanager
def graceful_stop() -> Iterator[StopRequest]:
    """Turn the first Ctrl-C or SIGTERM into a `StopRequest`; a second one stops at once."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def ask(number: int, frame: FrameType | None) -> None:
        request.asked = True
        for known, handler in before.items():
            signal.signal(known, handler)

    before = {known: signal.signal(known, ask) for known in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for known, handler in before.items():
            signal.signal(known, handler)


def describe(recipe: Recipe, data: TrainingData, data_label: str) -> dict[str, Any]:
    """The part of a checkpoint's card that does not change during a run."""
    return {
        "method": recipe.model.method,
        "recipe": recipe.model_dump(),
        "names": {column: data.names[column].tolist() for column in DESCRIPTIVE},
        "data": {
            "path": data_label,
            "fingerprint": data.fingerprint,
            "images": len(data.sightings),
            "vehicles": data.classes["vehicle"],
            "held_out_images": len(data.validation),
            **data.counts,
        },
        "seed": recipe.train.seed,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "platefree": version("platefree"),
            "torch": torch.__version__,
            "timm": version("timm"),
            "python": platform.python_version(),
        },
    }


def same_run(
    checkpoint: Checkpoint, recipe: Recipe, data_fingerprint: str, *, lengthens: bool
) -> None:
    """Refuse to resume a run with another recipe or another table.

    Args:
        checkpoint: that the run is resumed from.
        recipe: of the resumed run.
        data_fingerprint: of its training data.
        lengthens: whether the run was finished, and is to learn for longer: then its length may
            differ, if it has one stage.

    Raises:
        CheckpointError: a setting or the data that the weights depend on differs.
    """
    kept = check_recipe(checkpoint.card["recipe"])  # fills in keys added to recipes since
    length = ("train.epochs", "train.steps") if lengthens and not recipe.stages else ()
    if changed := differences(kept, recipe, free=(*FREE_TO_CHANGE, *length)):
        ended = ", ".join(checkpoint.card.get("ended", {}))
        why = f"; train.patience ended {ended}, which cannot be made longer" if ended else ""
        raise CheckpointError(
            f"{checkpoint.folder} was trained with another recipe ({changed}){why}; resume with "
            "the same one, or choose another folder (--out)"
        )
    if checkpoint.card["data"]["fingerprint"] != data_fingerprint:
        raise CheckpointError(
            f"{checkpoint.folder} was trained on another table (fingerprint "
            f"{checkpoint.card['data']['fingerprint']}, now {data_fingerprint}); give the same "
            "table (--data), or choose another folder (--out)"
        )


def differences(then: Recipe, now: Recipe, *, free: Collection[str]) -> str:
    """The settings in which a recipe is not the one that it was, in words; empty: in none.

    Args:
        then: of a run.
        now: to go on with.
        free: keys that may differ, or whole sections.
    """
    before, after = flat(then.model_dump()), flat(now.model_dump())
    changed = (k for k in before.keys() | after.keys() if before.get(k) != after.get(k))
    return ", ".join(
        f"{key}: {before.get(key)} then, {after.get(key)} now"
        for key in sorted(changed)
        if key not in free and key.partition(".")[0] not in free
    )


def flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested sections as one table with dotted keys; an empty one is a value: it clears a key."""
    entries: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            entries |= flat(value, f"{prefix}{key}.") if value else {f"{prefix}{key}": {}}
        else:
            entries[f"{prefix}{key}"] = value
    return entries
