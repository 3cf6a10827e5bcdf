"""One row of an ablation with one seed: trained, scored, and read again from its folder.

The folder names no other place and says by fingerprint which pictures it is of, so that it may be
moved to another machine; the pictures are given anew there.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, RootModel

from platefree.data.dataset import DataSet
from platefree.errors import RecipeError
from platefree.evaluation.evaluate import Scoring, plan_for, score_plan, usual_protocol
from platefree.evaluation.query_scores import QueryScores, read_query_scores, save_query_scores
from platefree.evaluation.set_protocols import default_protocol, make_plan
from platefree.experiments.ablation import Ablation, Row, row_recipe
from platefree.experiments.cost import COSTS, training_cost, use_cost
from platefree.experiments.run_lengths import RunLength, run_length
from platefree.inference.model import Model
from platefree.inference.networks import load_network, untrained_model
from platefree.inputs.complaints import checked
from platefree.inputs.documents import read_json
from platefree.inputs.plain_files import MB, Expected
from platefree.methods.catalogue import check_recipe, needs_training, resolve
from platefree.recipes.recipe import Recipe
from platefree.reports.saving import save_report
from platefree.storage.disk import make_folder
from platefree.storage.files import write_text
from platefree.training.loop import train
from platefree.training.run_folder import SAYS_NOTHING, Run, differences
from platefree.training.step_report import StepReport
from platefree.work import Work

_OWN = Expected("a file of an ablation", 64 * MB, RecipeError)  # reports with many figures
REPORT, COST, KNOWN = "report.html", "cost.json", "row.json"
NO_FLOOR = Scoring(floor=False)  # it would be the same in every row and with every seed

OnStep = Callable[[StepReport], None] | None


@dataclass(frozen=True, eq=False)
class Measured:
    """What one run gives to the table.

    Attributes:
        figures: of all protocols, as fractions, and costs.
        queries: what precedes the name of a figure, such as ``800`` -> the scores of its queries;
            nothing if the ablation claims nothing.
        settings: of its reports: protocol, versions and the like.
        length: how long it learnt; None without patience.
    """

    figures: Mapping[str, float]
    queries: Mapping[str, QueryScores]
    settings: Mapping[str, str]
    length: RunLength | None


class RowRun:
    """One row with one seed.

    Args:
        ablation: of the row.
        row: one of its rows.
        seed: of the training.
        data: the pictures.
        folder: of the run.
    """

    def __init__(
        self, ablation: Ablation, row: Row, seed: int, data: DataSet, folder: Path
    ) -> None:
        self.ablation, self.row, self.data, self.folder = ablation, row, data, folder
        self.recipe = row_recipe(ablation, row, seed=seed)
        reports = {REPORT: ablation.protocol}
        self.reports = reports | {f"report-{name}.html": name for name in ablation.also}
        self.counts_cost = any(name in COSTS for name in ablation.figures)

    def check(self) -> None:
        """Refuse a folder of another run, and tests that these pictures cannot have.

        Raises:
            RecipeError: it holds a run with other settings or other pictures; or a claim is about
                a figure that there will not be.
            ProtocolError: the pictures cannot support a protocol.
        """
        if not self.is_finished():
            self._check_tests()
        if not (self.folder / KNOWN).exists():
            return
        known = checked(_Known, read_json(self.folder / KNOWN, _OWN), KNOWN, error=RecipeError)
        # Settings that recipes did not have then are filled in. Those that a run is scored with, or
        # that end it, count here, since the figures of a finished one are not measured again.
        changed = differences(check_recipe(known.recipe), self.recipe, free=SAYS_NOTHING)
        if changed or known.data != self._fingerprint():
            other = f"other settings ({changed})" if changed else "other pictures"
            raise RecipeError(
                f"{self.folder} holds a run of row {self.row.name!r} with {other}; choose another "
                "folder (--out), or remove that one"
            )

    def _check_tests(self) -> None:
        learns = self.recipe.model.learns
        if learns == "parts":  # whose one test needs its own boxes
            return
        tests = set[str]()
        for name, protocol in self.reports.items():
            plan = make_plan(self.data, protocol or usual_protocol(learns))
            names = {each.test or plan.protocol for each in plan.trials}
            tests |= names if len(names) > 1 else {"" if name == REPORT else plan.protocol}
        for claim in self.ablation.claims:
            if claim.figure.rpartition(" ")[0] not in tests:
                known = ", ".join(f"{test} mAP".strip() for test in sorted(tests))
                raise RecipeError(
                    f"the claim that {claim.describe()} cannot be settled: these pictures give no "
                    f"{claim.figure!r}, expected figures such as {known}"
                )

    def is_finished(self) -> bool:
        """Whether nothing is left to do."""
        return not self._missing() and not self._lacks_cost()

    def measure(self, label: str, work: Work, on_step: OnStep) -> Measured:
        """Train and score what is not yet.

        Args:
            label: what reports call the data.
            work: where to run.
            on_step: called after every training step.

        Raises:
            PlatefreeError: from training and evaluation.
        """
        self.check()
        if not self.is_finished():
            self._score(label, work, on_step)
        return self._read(label)

    def train(self, recipe: Recipe, work: Work, on_step: OnStep) -> Run:
        """Train, or go on, with the recipe of the run or one that ends it earlier.

        Raises:
            PlatefreeError: from training.
        """
        self._note_itself()
        return train(recipe, self.data, self.folder, resume=True, work=work, on_step=on_step)

    def _note_itself(self) -> None:
        """Write which run the folder is of; `check` reads it."""
        make_folder(self.folder)
        content = {"recipe": self.recipe.model_dump(), "data": self._fingerprint()}
        write_text(self.folder / KNOWN, json.dumps(content, indent=2) + "\n")

    def _fingerprint(self) -> str:
        return self.data.table.fingerprint()

    def _missing(self) -> list[str]:
        """The reports that are not yet written, with the scores of queries that claims need."""
        endings = [".json", ".md", *([".queries.json"] if self.ablation.claims else [])]
        return [
            name
            for name in self.reports
            if not all((self.folder / name).with_suffix(ending).exists() for ending in endings)
            or self._report(name).protocol != self._protocol(name)
        ]

    def _protocol(self, name: str) -> str:
        """The protocol that a report has to be by; the folder may hold another one's."""
        usual = usual_protocol(self.recipe.model.learns)
        return self.reports[name] or usual or default_protocol(self.data)

    def _lacks_cost(self) -> bool:
        return self.counts_cost and not (self.folder / COST).exists()

    def _score(self, label: str, work: Work, on_step: OnStep) -> None:
        model = self._model(work, on_step)
        for name in self._missing():
            plan = plan_for(model, self.data, self.reports[name])
            report = score_plan(model, plan, data_label=label, scoring=NO_FLOOR, work=work)
            save_query_scores(report, plan, (self.folder / name).with_suffix(".queries.json"))
            save_report(report, self.folder / name)
        if self.counts_cost:
            cost = use_cost(model)
            cost |= training_cost(self.folder, self.recipe) if needs_training(self.recipe) else {}
            write_text(self.folder / COST, json.dumps(cost, indent=2) + "\n")

    def _model(self, work: Work, on_step: OnStep) -> Model:
        """The model of the row, trained if there is anything to learn."""
        if needs_training(self.recipe):
            return load_network(self.train(self.recipe, work, on_step).best, device=work.device)
        self._note_itself()
        return untrained_model(resolve(self.recipe), name=self.row.name, device=work.device)

    def _read(self, label: str) -> Measured:
        figures: dict[str, float] = {}
        queries: dict[str, QueryScores] = {}
        settings: dict[str, str] = {}
        for name in self.reports:
            report, path = self._report(name), (self.folder / name).with_suffix(".json")
            alone = len(report.tests) == 1
            of = "" if name == REPORT else report.protocol
            figures |= {
                f"{of} {figure}".strip() if alone else figure: value
                for figure, value in report.figures.items()
            }
            if self.ablation.claims:
                scores = read_query_scores(path.with_suffix(".queries.json"))
                queries |= {of if alone else test: each for test, each in scores.items()}
            settings = settings or report.described(label)
        if self.counts_cost:
            cost = self.folder / COST
            figures |= checked(_Costs, read_json(cost, _OWN), f"{cost}", error=RecipeError).root
        waits = any(train.patience for _, train in self.recipe.staged())
        waits = waits and needs_training(self.recipe)
        length = run_length(self.folder, self.recipe) if waits else None
        return Measured(figures, queries, settings, length)

    def _report(self, name: str) -> "_Report":
        path = (self.folder / name).with_suffix(".json")
        return checked(_Report, read_json(path, _OWN), f"the report {path}", error=RecipeError)


class _Known(BaseModel):
    """The content of ``row.json``."""

    recipe: dict[str, Any]
    data: str


class _Costs(RootModel[dict[str, float]]):
    """The content of ``cost.json``."""


class _Overlap(BaseModel):
    warning: str = ""


class _Report(BaseModel):
    """What is used of a report."""

    protocol: str
    figures: dict[str, float]
    tests: list[Any] | dict[str, Any]
    overlap: _Overlap | None = None
    settings: dict[str, str]

    def described(self, label: str) -> dict[str, str]:
        """Data, protocol and settings."""
        warning = "" if self.overlap is None else self.overlap.warning
        leaked = {"leaked": warning} if warning else {}
        return {"data": label, "protocol": self.protocol, **leaked, **self.settings}
