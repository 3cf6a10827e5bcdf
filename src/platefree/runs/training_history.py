"""How a training run went, stage by stage: what its log says of losses and validation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from platefree.errors import CheckpointError
from platefree.runs.run_log import LOG_EVERY, LOG_NAME, log_entries

Series = NDArray[np.float64]
_Value = Annotated[float, Field(ge=-1e30, le=1e30)]  # sums and means of them are finite


@dataclass(frozen=True, eq=False)
class StageHistory:
    """One stage of a run.

    Attributes:
        name: of the stage.
        epochs: (n,) epochs of the stage that were done at each of its reports, rising.
        losses: name -> (n,) value in that step; NaN where a report lacks it.
        observed: the same of other figures, such as an accuracy.
        validated: (m,) epochs that were done at each validation.
        validation: (m,) score on held-out vehicles, in [0, 1].
        model_at: epochs that were done when the model was saved; None: not in this stage.
    """

    name: str
    epochs: Series
    losses: Mapping[str, Series]
    observed: Mapping[str, Series]
    validated: Series
    validation: Series
    model_at: float | None = None

    @property
    def end(self) -> float:
        """How many epochs were done at its last report or validation."""
        return float(max(self.epochs.max(), self.validated.max(initial=0.0)))

    def to_json(self) -> dict[str, Any]:
        """The length, the last value of each line, and every validation."""
        return {
            "name": self.name,
            "epochs": self.end,
            "model_at": self.model_at,
            "last_losses": {name: float(values[-1]) for name, values in self.losses.items()},
            "validated": self.validated.tolist(),
            "validation": self.validation.tolist(),
        }


@dataclass(frozen=True, eq=False)
class TrainingHistory:
    """A run up to its end, which may be after the model.

    Attributes:
        stages: that were begun, in their order; empty if nothing is known.
        reason: why nothing is known; empty if it is.
    """

    stages: tuple[StageHistory, ...] = ()
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """The stages and the reason; may contain NaN."""
        return {"stages": [stage.to_json() for stage in self.stages], "reason": self.reason}


class _Line(BaseModel):
    """What a line of a log may say of a step."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)

    step: Annotated[int, Field(ge=0, le=1 << 53)]
    stage: str = ""
    epoch: Annotated[int, Field(ge=1)] = 1
    epochs_done: Annotated[float, Field(ge=0, le=1e9)] | None = None
    losses: dict[str, _Value] = {}
    observed: dict[str, _Value] = {}
    validation_map: Annotated[float, Field(ge=0, le=1)] | None = None


def read_history(path: Path, card: Mapping[str, Any] | None = None) -> TrainingHistory:
    """The history that a log tells; lines that are damaged are left out.

    Args:
        path: of the log.
        card: of a model of that run, for ``model_at``.

    Raises:
        CheckpointError: it cannot be read, records no losses, or ends before the model.
    """
    card = card or {}
    lines = list(filter(None, map(_line, log_entries(path))))
    reports = [line for line in lines if line.losses]
    if not reports:
        raise CheckpointError(f"{path} records no losses")
    end, step = lines[-1].step, int(card.get("step", 0))
    if end + LOG_EVERY <= step:
        raise CheckpointError(
            f"{path} ends at step {end}, and the model is of step {step}: it is of another run, or "
            "incomplete"
        )
    validations = [line for line in lines if line.validation_map is not None]
    stages: list[StageHistory] = []
    start = 0
    for name in dict.fromkeys(line.stage for line in reports):
        own = [line for line in reports if line.stage == name]
        scored = [line for line in validations if _stage_of(line, reports) == name]
        stages.append(_stage(name, own, scored, start, card))
        start = own[-1].step
    return TrainingHistory(tuple(stages))


def history_beside(checkpoint: Path, card: Mapping[str, Any]) -> TrainingHistory:
    """The history of the run that a checkpoint lies in, or why it is not known.

    Args:
        checkpoint: its folder, such as ``runs/x/best``.
        card: of the checkpoint.
    """
    log = checkpoint.absolute().parent / LOG_NAME
    if not log.exists():
        return TrainingHistory(reason=f"{log} does not exist, as of a model outside its run")
    try:
        return read_history(log, card)
    except CheckpointError as error:
        return TrainingHistory(reason=str(error))


def _line(entry: Mapping[str, Any]) -> _Line | None:
    try:
        return _Line.model_validate(entry)
    except ValidationError:
        return None


def _stage_of(line: _Line, reports: Sequence[_Line]) -> str:
    """The stage of a line; version 0.1 did not say it of validations."""
    return line.stage or next((r for r in reports if r.step >= line.step), reports[-1]).stage


def _stage(
    name: str,
    reports: Sequence[_Line],
    scored: Sequence[_Line],
    start: int,
    card: Mapping[str, Any],
) -> StageHistory:
    # Version 0.1 did not say how many epochs were done: as few steps to each as its lines allow.
    length = max(1, *(ceil((line.step - start) / line.epoch) for line in reports))

    def epochs(lines: Sequence[_Line]) -> Series:
        done = [
            (line.step - start) / length if line.epochs_done is None else line.epochs_done
            for line in lines
        ]
        return np.array(done, np.float64)

    is_model = (card.get("training") or {}).get("stage") == name
    return StageHistory(
        name=name,
        epochs=epochs(reports),
        losses=_series([line.losses for line in reports]),
        observed=_series([line.observed for line in reports]),
        validated=epochs(scored),
        validation=np.array([line.validation_map for line in scored], np.float64),
        model_at=card.get("epoch") if is_model else None,
    )


def _series(rows: Sequence[Mapping[str, float]]) -> dict[str, Series]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: np.array([row.get(name, np.nan) for row in rows]) for name in names}
