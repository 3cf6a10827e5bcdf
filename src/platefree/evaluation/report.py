"""What an evaluation measured, with everything needed to repeat it.

A number never stands alone: the report carries model, data set, protocol, split, seed and
settings beside every figure, and the paper's figure where there is one.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platefree.evaluation.metrics import RankMetrics
from platefree.evaluation.verification import Verification
from platefree.storage import write_text

SHOWN_RANKS = (1, 5, 10)


@dataclass(frozen=True, eq=False)
class TrialResult:
    """One trial (for instance one camera searched from another) and its scores.

    Attributes:
        name: what was searched in what, for people ("cam1 -> cam2").
        queries: number of query pictures.
        gallery: number of gallery pictures.
        metrics: the scores; queries without a valid match are counted there and left out.
    """

    name: str
    queries: int
    gallery: int
    metrics: RankMetrics

    @property
    def without_match(self) -> int:
        """Queries that nothing in the gallery matches; they are left out of the scores."""
        return int((~self.metrics.valid).sum())

    def figures(self) -> dict[str, float]:
        """mAP, mINP and CMC at `SHOWN_RANKS`, as fractions."""
        cmc = {
            f"rank-{rank}": float(self.metrics.cmc[rank - 1])
            for rank in SHOWN_RANKS
            if rank <= len(self.metrics.cmc)
        }
        return {**cmc, "mAP": self.metrics.mAP, "mINP": self.metrics.mINP}


@dataclass(frozen=True)
class Picture:
    """One picture of a strip: where it is and what is known of it."""

    path: Path
    vehicle: str = ""
    camera: str = ""
    time: str = ""
    similarity: float | None = None
    correct: bool | None = None  # None for the query itself


@dataclass(frozen=True, eq=False)
class Strip:
    """A query and its nearest gallery pictures, as an example of good or bad behaviour.

    Attributes:
        kind: best, median or worst, by average precision.
        trial: name of the trial it comes from.
        average_precision: of this query.
        first_match: rank (from 1) of the first correct picture.
        query: the query picture.
        hits: nearest first, pictures ignored by the protocol left out.
        heat_map: (h, w) float32 in [0, 1] over the query picture, where asked for.
    """

    kind: str
    trial: str
    average_precision: float
    first_match: int
    query: Picture
    hits: tuple[Picture, ...]
    heat_map: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class Report:
    """The outcome of `platefree.evaluate`.

    Attributes:
        model: name, method, fingerprint and recipe of what was scored, as text.
        data: path, fingerprint and counts of what it was scored on.
        protocol: name of the protocol.
        settings: split, seed, mirror, re-ranking and the like, as text.
        trials: every trial with its scores.
        verification: similarity histograms, ROC and thresholds over all trials.
        strips: best, median and worst queries.
        paper: the claimed figures of the recipe, by the names that `figures` uses.
    """

    model: Mapping[str, str]
    data: Mapping[str, str]
    protocol: str
    settings: Mapping[str, str]
    trials: tuple[TrialResult, ...]
    verification: Verification
    strips: tuple[Strip, ...] = ()
    paper: Mapping[str, float] = field(default_factory=dict)

    def figures(self) -> dict[str, float]:
        """The mean over the trials of each figure, as fractions."""
        each = [trial.figures() for trial in self.trials]
        shared = [name for name in each[0] if all(name in figures for figures in each)]
        return {name: float(np.mean([figures[name] for figures in each])) for name in shared}

    def to_json(self) -> dict[str, Any]:
        """Everything but the pictures, ready for ``json.dumps``."""
        content = {
            "model": dict(self.model),
            "data": dict(self.data),
            "protocol": self.protocol,
            "settings": dict(self.settings),
            "figures": self.figures(),
            "paper": dict(self.paper),
            "trials": [_trial_json(trial) for trial in self.trials],
            "verification": self.verification.to_json(),
        }
        cleaned: dict[str, Any] = _without_nan(content)
        return cleaned

    def save(self, path: str | Path) -> Path:
        """Write one self-contained HTML page, and the same figures as JSON beside it.

        Args:
            path: the HTML file, ``report.html``; the JSON becomes ``report.json``.

        Returns:
            The path of the HTML file.

        Raises:
            StorageError: a file cannot be written.
        """
        from platefree.evaluation.page import render_page

        page = Path(path)
        write_text(page.with_suffix(".json"), json.dumps(self.to_json(), indent=2) + "\n")
        write_text(page, render_page(self))
        return page


def _trial_json(trial: TrialResult) -> dict[str, Any]:
    return {
        "name": trial.name,
        "queries": trial.queries,
        "queries_without_match": trial.without_match,
        "gallery": trial.gallery,
        "figures": trial.figures(),
        "cmc": [float(value) for value in trial.metrics.cmc],
    }


def _without_nan(content: Any) -> Any:  # noqa: ANN401
    # A figure without any valid query is NaN, which JSON does not know.
    if isinstance(content, dict):
        return {key: _without_nan(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and math.isnan(content) else content
