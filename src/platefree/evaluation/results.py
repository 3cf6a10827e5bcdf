"""The results of an evaluation, with everything needed to repeat it.

A report states model, data set, protocol, split, seed and settings with every figure, and the
paper's figure if there is one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platefree.data.image_source import one_picture
from platefree.evaluation.floor import Floor
from platefree.evaluation.metadata import WithMetadata
from platefree.evaluation.overlap import Overlap
from platefree.evaluation.trial_results import AnyResult, mean_figures, values_by_figure
from platefree.evaluation.verdict import verdict
from platefree.evaluation.verification import Verification
from platefree.evaluation.view_pairs import ViewPairs
from platefree.runs.training_history import TrainingHistory
from platefree.types import Sightings


@dataclass(frozen=True)
class Prefix:
    """The first steps of a post-processing, and the figures of a test after them.

    Attributes:
        steps: their names, ``expand,rerank``, or ``none``.
        seconds: time for distances and scores, and for what the steps embed.
        figures: of the test, as fractions.
        by_true_cameras: the same if the last step, ``camera``, removes by the true cameras instead
            of guessed ones: the most that better guesses could gain. Empty for other steps, where
            nothing is guessed, and where the true cameras are unknown.
        paper: the paper's figures after these steps.
    """

    steps: str
    seconds: float
    figures: Mapping[str, float]
    by_true_cameras: Mapping[str, float] = field(default_factory=dict)
    paper: Mapping[str, float] = field(default_factory=dict)

    def gains(self, before: "Prefix") -> dict[str, float]:
        """The change of each figure by the last step, as fractions."""
        return _changes(self.figures, before.figures)

    def gains_by_true_cameras(self, before: "Prefix") -> dict[str, float]:
        """The same by the step ``camera`` with the true cameras; empty without such figures."""
        return _changes(self.by_true_cameras, before.figures)


def _changes(figures: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    return {name: value - before[name] for name, value in figures.items()}


@dataclass(frozen=True, eq=False)
class Outcome:
    """One test of a protocol, such as one of several published lists.

    Attributes:
        name: of the test, or of the protocol if it is one test.
        trials: with their scores; the figures of the test are the means over them.
        verification: similarity histograms, ROC and thresholds over the pairs of all its trials;
            None if no pictures are compared.
        paper: the paper's figures for this test, by the names of `figures`.
        prefixes: the test without post-processing and after each step, if asked for.
        view_pairs: distances by same or different view; None if views are unknown.
    """

    name: str
    trials: tuple[AnyResult, ...]
    verification: Verification | None
    paper: Mapping[str, float] = field(default_factory=dict)
    prefixes: tuple[Prefix, ...] = ()
    view_pairs: ViewPairs | None = None

    def figures(self) -> dict[str, float]:
        """The mean over the trials of each figure, as fractions."""
        return mean_figures(self.trials)

    def deviations(self) -> dict[str, float]:
        """The standard deviation of each figure over the trials, of a sample (n - 1).

        Empty if there is one trial.
        """
        if len(self.trials) < 2:
            return {}
        by_figure = values_by_figure(self.trials)
        return {name: float(np.std(values, ddof=1)) for name, values in by_figure.items()}

    def gaps(self) -> dict[str, float]:
        """Ours minus the paper's, for the figures that the paper has."""
        ours = self.figures()
        return {name: ours[name] - claim for name, claim in self.paper.items() if name in ours}

    def to_json(self) -> dict[str, Any]:
        """Everything, for ``json.dumps``; may contain NaN."""
        return {
            "name": self.name,
            "figures": self.figures(),
            "deviations": self.deviations(),
            "paper": dict(self.paper),
            "gaps": self.gaps(),
            "trials": [trial.to_json() for trial in self.trials],
            "verification": self.verification and self.verification.to_json(),
            "view_pairs": self.view_pairs and self.view_pairs.to_json(),
            "prefixes": [
                {
                    "post": prefix.steps,
                    "seconds": prefix.seconds,
                    "figures": dict(prefix.figures),
                    "gains": prefix.gains(before),
                    "by_true_cameras": dict(prefix.by_true_cameras),
                    "paper": dict(prefix.paper),
                }
                for before, prefix in self.steps()
            ],
        }

    def steps(self) -> list[tuple[Prefix, Prefix]]:
        """(prefix before, prefix) for each prefix; the first is paired with itself."""
        return list(zip((*self.prefixes[:1], *self.prefixes), self.prefixes, strict=False))


@dataclass(frozen=True)
class Picture:
    """One picture of a strip: its path and its labels, and what of the file it is."""

    path: Path
    vehicle: str = ""
    camera: str = ""
    time: str = ""
    similarity: float | None = None
    correct: bool | None = None  # None for the query itself
    frame: int = -1  # of a film; -1 of a picture
    box: tuple[float, float, float, float] | None = None  # in pixels; None is the whole picture

    @property
    def table(self) -> Sightings:
        """It as a table of one row."""
        return one_picture(self.path, self.frame, self.box)


@dataclass(frozen=True, eq=False)
class Strip:
    """A query and its nearest gallery pictures, as an example.

    Attributes:
        kind: best, median or worst, by average precision.
        trial: name of its trial.
        average_precision: of this query.
        first_match: rank (from 1) of the first correct picture.
        query: the query picture.
        hits: nearest first, without pictures that the protocol ignores.
        heat_map: (h, w) float32 in [0, 1] over the query picture, if asked for.
        activations: class-activation maps of the query picture by model name, if asked for.
    """

    kind: str
    trial: str
    average_precision: float
    first_match: int
    query: Picture
    hits: tuple[Picture, ...]
    heat_map: NDArray[np.float32] | None = None
    activations: tuple[tuple[str, NDArray[np.float32]], ...] = ()


@dataclass(frozen=True, eq=False)
class Report:
    """The outcome of `platefree.evaluate`.

    Attributes:
        model: name, method, fingerprint and recipe of the model, as text.
        data: path, fingerprint and counts of the data.
        protocol: name of the protocol.
        settings: seed, test-time flip, post-processing, re-ranking and the like, as text.
        tests: every test of the protocol with its scores.
        strips: best, median and worst queries.
        metadata: the same tests by the same model conditioned on labels of the pictures, if asked
            for; all other figures are without metadata.
        floor: the figures of comparing colors alone; None where a trained model is not to be
            compared with it.
        overlap: how much of what is scored the model learnt from.
        history: how the model was trained; None if it was not.
    """

    model: Mapping[str, str]
    data: Mapping[str, str]
    protocol: str
    settings: Mapping[str, str]
    tests: tuple[Outcome, ...]
    strips: tuple[Strip, ...] = ()
    metadata: WithMetadata | None = None
    floor: Floor | None = None
    overlap: Overlap | None = None
    history: TrainingHistory | None = None

    @property
    def verdict(self) -> str:
        """The outcome in one sentence."""
        figures = [test.figures() for test in self.tests]
        names = [test.name for test in self.tests]
        return verdict(figures, self.floor, self.overlap, names)

    @property
    def warning(self) -> str:
        """What to say before any figure; empty if there is nothing."""
        return "" if self.overlap is None else self.overlap.warning()

    @property
    def trials(self) -> tuple[AnyResult, ...]:
        """The trials of all tests."""
        return tuple(trial for test in self.tests for trial in test.trials)

    def figures(self) -> dict[str, float]:
        """The figures, as fractions; with several tests by ``TEST FIGURE``, such as ``800 mAP``."""
        if len(self.tests) == 1:
            return self.tests[0].figures()
        return {
            f"{test.name} {name}": value
            for test in self.tests
            for name, value in test.figures().items()
        }

    def to_json(self) -> dict[str, Any]:
        """Everything but the pictures, for ``json.dumps``."""
        content = {
            "model": dict(self.model),
            "data": dict(self.data),
            "protocol": self.protocol,
            "settings": dict(self.settings),
            "verdict": self.verdict,
            "overlap": self.overlap and self.overlap.to_json(),
            "floor": self.floor and self.floor.to_json(),
            "training": self.history and self.history.to_json(),
            "figures": self.figures(),
            "tests": [test.to_json() for test in self.tests],
            "with_metadata": self.metadata
            and self.metadata.to_json({test.name: test.figures() for test in self.tests}),
        }
        cleaned: dict[str, Any] = _without_nan(content)
        return cleaned


def _without_nan(content: Any) -> Any:  # noqa: ANN401
    # A figure without any valid query is NaN, which is not valid JSON.
    if isinstance(content, dict):
        return {key: _without_nan(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and math.isnan(content) else content
