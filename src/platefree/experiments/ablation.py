"""Ablations: rows of settings, each trained with several seeds and scored, in one table.

A TOML file lists the rows. All rows have the same pictures, the same seeds and, unless a row
changes it, the same budget. All rows are run with one seed before the next seed, so that an
unfinished table has every row. Finished runs are kept: the same call continues an interrupted
ablation.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, Field, RootModel, field_validator

from platefree.data.dataset import DataSet
from platefree.errors import RecipeError
from platefree.evaluation.evaluate import Scoring, open_data, plan_for, score_plan
from platefree.experiments.continued import continued_by_repeating
from platefree.experiments.cost import COSTS, training_cost, use_cost
from platefree.inference.model import Model
from platefree.inference.networks import load_network, untrained_model
from platefree.inputs.complaints import checked
from platefree.inputs.documents import parse_toml, read_json, read_unicode
from platefree.inputs.plain_files import MB, Expected
from platefree.methods.catalogue import load_recipe, needs_training, resolve
from platefree.recipes.builtin import RECIPE
from platefree.recipes.ranges import Figure
from platefree.recipes.recipe import Recipe
from platefree.recipes.sections import Section
from platefree.reports.saving import save_report
from platefree.storage.disk import make_folder
from platefree.storage.files import write_text
from platefree.storage.locks import only_writer
from platefree.training.loop import train
from platefree.training.run_folder import flat
from platefree.training.step_report import StepReport
from platefree.work import DEFAULT_WORK, Work

_OWN = Expected("a file of an ablation", 64 * MB, RecipeError)  # reports with many figures
REPORT, COST = "report.html", "cost.json"
NO_FLOOR = Scoring(floor=False)  # it would be the same in every row and with every seed


class Row(Section):
    """One row: a recipe and what it changes.

    Attributes:
        name: of the row, unique.
        recipe: a built-in name or a file.
        set: key -> value (``"train.lr" = 0.01``, or a table ``train``), set after the shared ones.
        paper: the published figures of this row by name, as fractions.
    """

    name: str
    recipe: str
    set: dict[str, Any] = Field(default_factory=dict)
    paper: dict[str, Figure] = Field(default_factory=dict)


class Ablation(Section):
    """The rows to compare, and how.

    Attributes:
        title: of the table.
        figures: the columns, by the names that a report uses (``rank-1``, ``mAP``), or costs
            by their names in `platefree.experiments.cost.COSTS`.
        protocol: see `platefree.evaluate`; by default that of the data.
        also: further protocols, whose figures are named ``TEST FIGURE``, or ``PROTOCOL FIGURE``
            for a protocol of one test.
        set: key -> value, for all rows.
        notes: sentences to print under the table.
        rows: at least one; a method without training is only scored.
    """

    title: str
    figures: list[str] = Field(default=["rank-1", "mAP"])
    protocol: str | None = None
    also: list[str] = Field(default_factory=list)
    set: dict[str, Any] = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list)
    rows: list[Row]

    @field_validator("rows")
    @classmethod
    def _have_names_of_their_own(cls, rows: list[Row]) -> list[Row]:
        names = [_folder_name(row.name) for row in rows]
        if not rows or len(set(names)) < len(names):
            raise ValueError(f"rows are named {[row.name for row in rows]}; expected distinct ones")
        return rows


@dataclass(frozen=True, eq=False)
class AblationTable:
    """The figures of every row and seed.

    Attributes:
        ablation: the compared rows.
        seeds: the seeds of the runs.
        measured: row name -> for each seed a mapping of figures, as fractions, and costs.
        settings: the common settings of all reports: data, protocol, versions and the like.
    """

    ablation: Ablation
    seeds: tuple[int, ...]
    measured: Mapping[str, Sequence[Mapping[str, float]]]
    settings: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Everything, for ``json.dumps``."""
        rows = {
            row.name: {
                "mean": {name: _mean(each, name) for name in self._known(each)},
                "deviation": {name: _deviation(each, name) for name in self._known(each)},
                "seeds": [dict(figures) for figures in each],
                "paper": row.paper,
            }
            for row in self.ablation.rows
            if (each := self.measured[row.name])
        }
        return {
            "title": self.ablation.title,
            "seeds": list(self.seeds),
            "settings": dict(self.settings),
            "notes": self.ablation.notes,
            "rows": rows,
        }

    def cells(self) -> list[list[str]]:
        """The head and the rows, as text: means in % and standard deviations over the seeds.

        Costs are medians, since the machine may have been busy with other work.
        """
        claimed = [
            name for name in self.ablation.figures if any(name in r.paper for r in self._rows())
        ]
        head = ["row", *self.ablation.figures, *(f"paper {name}" for name in claimed)]
        return [head, *(self._cells_of(row, claimed) for row in self._rows())]

    def to_markdown(self) -> str:
        """The table, with data, settings and seeds below it."""
        head, *rows = self.cells()
        lines = [head, ["---", *("--:" for _ in head[1:])], *rows]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        what = "; ".join(f"{name} {value}" for name, value in self.settings.items())
        seeds = ", ".join(map(str, self.seeds))
        of_costs = ", costs as medians" if any(f in COSTS for f in self.ablation.figures) else ""
        shown = (
            f"{table}\n\n{self.ablation.title}. Mean ± standard deviation (n - 1) over the seeds "
            f"{seeds}, in %{of_costs}; {what}.\n"
        )
        return (
            "\n".join([shown, *(f"- {note}" for note in self.ablation.notes), ""]).rstrip() + "\n"
        )

    def _rows(self) -> list[Row]:
        return [row for row in self.ablation.rows if self.measured[row.name]]

    def _cells_of(self, row: Row, claimed: Sequence[str]) -> list[str]:
        each = self.measured[row.name]
        known = self._known(each)
        ours = [_spread(each, name) if name in known else "" for name in self.ablation.figures]
        theirs = [f"{100 * row.paper[name]:.2f}" if name in row.paper else "" for name in claimed]
        return [row.name, *ours, *theirs]

    def _known(self, each: Sequence[Mapping[str, float]]) -> list[str]:
        return [name for name in self.ablation.figures if all(name in one for one in each)]


def ablation_names() -> list[str]:
    """The names of the built-in ablations, sorted."""
    folder = resources.files("platefree.experiments") / "ablations"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir())


def load_ablation(name: str | Path) -> Ablation:
    """Read an ablation from a file or by its built-in name, and check it and all its recipes.

    Raises:
        RecipeError: no such ablation, not TOML, an unknown key, or an invalid recipe.
    """
    content = parse_toml(_read(str(name)), f"ablation {name}", RecipeError)
    ablation = checked(Ablation, content, f"ablation {name}", error=RecipeError)
    for row in ablation.rows:
        row_recipe(ablation, row, seed=0)
    return ablation


def row_recipe(ablation: Ablation, row: Row, *, seed: int) -> Recipe:
    """The recipe of a row with a seed.

    Raises:
        RecipeError: it is invalid.
    """
    return load_recipe(row.recipe, {**flat(ablation.set), **flat(row.set), "train.seed": seed})


def run_ablation(
    ablation: Ablation,
    data: str | Path | DataSet,
    out: str | Path,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    work: Work = DEFAULT_WORK,
    on_run: Callable[[str, int], None] | None = None,
    on_step: Callable[[StepReport], None] | None = None,
) -> AblationTable:
    """Train and score every row with every seed; finished runs in ``out`` are not repeated.

    Args:
        ablation: from `load_ablation`.
        data: its rows with split ``train`` are trained on, its other rows are scored.
        out: folder of the runs, ``ROW/seed-N``; gets ``table.json`` and ``table.md``.
        seeds: of the trainings.
        work: where to run.
        on_run: called with row and seed before each run.
        on_step: called after every training step.

    Raises:
        Interrupted: it was stopped; the same call continues.
        PlatefreeError: from training and evaluation; finished runs are kept.
    """
    opened, folder = open_data(data), Path(out)
    label = str(data) if isinstance(data, str | Path) else str(opened.table.root)
    measured: dict[str, list[Mapping[str, float]]] = {row.name: [] for row in ablation.rows}
    settings: dict[str, str] = {}
    with only_writer(folder), continued_by_repeating(folder):
        for seed in seeds:
            for row in ablation.rows:
                if on_run is not None:
                    on_run(row.name, seed)
                run = folder / _folder_name(row.name) / f"seed-{seed}"
                with continued_by_repeating(folder):
                    content = _run(ablation, row, seed, opened, label, run, work, on_step)
                measured[row.name].append(content["figures"])
                settings = _shared(settings, _settings(content))
                _save(AblationTable(ablation, tuple(seeds), measured, settings), folder)
    return AblationTable(ablation, tuple(seeds), measured, settings)


def _run(
    ablation: Ablation,
    row: Row,
    seed: int,
    data: DataSet,
    label: str,
    folder: Path,
    work: Work,
    on_step: Callable[[StepReport], None] | None,
) -> dict[str, Any]:
    """The report of one run, as JSON content, with the figures of all protocols."""
    recipe = row_recipe(ablation, row, seed=seed)
    known = folder / "row.json"
    content = {"recipe": recipe.model_dump(), "data": data.table.fingerprint()}
    if known.exists() and read_json(known, _OWN) != content:
        raise RecipeError(
            f"{folder} holds a run of row {row.name!r} with other settings or other pictures; "
            "choose another folder (--out), or remove that one"
        )
    reports = {REPORT: ablation.protocol}
    reports |= {f"report-{protocol}.html": protocol for protocol in ablation.also}
    missing = [name for name in reports if not (folder / name).with_suffix(".json").exists()]
    counts_cost = any(name in COSTS for name in ablation.figures)
    if missing or (counts_cost and not (folder / COST).exists()):
        make_folder(folder)
        write_text(known, json.dumps(content, indent=2) + "\n")
        model = _made(recipe, row.name, data, folder, work, on_step)
        for name in missing:
            plan = plan_for(model, data, reports[name])
            report = score_plan(model, plan, data_label=label, scoring=NO_FLOOR, work=work)
            save_report(report, folder / name)
        if counts_cost:
            write_text(folder / COST, json.dumps(_cost(model, folder), indent=2) + "\n")
    found, *others = (_report((folder / name).with_suffix(".json")) for name in reports)
    for other in others:
        of = f"{other['protocol']} " if len(other["tests"]) == 1 else ""
        found["figures"] |= {of + name: value for name, value in other["figures"].items()}
    if counts_cost:
        cost = read_json(folder / COST, _OWN)
        found["figures"] |= checked(_Costs, cost, f"{folder / COST}", error=RecipeError).root
    return found


class _Costs(RootModel[dict[str, float]]):
    """The content of ``cost.json``."""


class _ReportData(BaseModel):
    path: str


class _Report(BaseModel):
    """What is used of a report."""

    protocol: str
    figures: dict[str, float]
    tests: list[Any] | dict[str, Any]
    data: _ReportData
    settings: dict[str, str]


def _report(path: Path) -> dict[str, Any]:
    found = checked(_Report, read_json(path, _OWN), f"the report {path}", error=RecipeError)
    return found.model_dump()


def _made(
    recipe: Recipe,
    name: str,
    data: DataSet,
    folder: Path,
    work: Work,
    on_step: Callable[[StepReport], None] | None,
) -> Model:
    """The model of a row, trained if there is anything to learn."""
    if not needs_training(recipe):
        return untrained_model(resolve(recipe), name=name, device=work.device)
    run = train(recipe, data, folder, resume=True, work=work, on_step=on_step)
    return load_network(run.best, device=work.device)


def _cost(model: Model, folder: Path) -> dict[str, float]:
    trained = needs_training(model.recipe)
    return use_cost(model) | (training_cost(folder, model.recipe) if trained else {})


def _shared(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Common settings of the reports so far; a setting that differs is marked so."""
    return {
        name: value if name == "scored" or before.get(name, value) == value else "differs by row"
        for name, value in now.items()
    }


def _settings(content: Mapping[str, Any]) -> dict[str, str]:
    data, warning = content["data"], (content.get("overlap") or {}).get("warning")
    leaked = {"leaked": warning} if warning else {}
    return {"data": data["path"], "protocol": content["protocol"], **leaked, **content["settings"]}


def _save(table: AblationTable, folder: Path) -> None:
    write_text(folder / "table.json", json.dumps(table.to_json(), indent=2) + "\n")
    write_text(folder / "table.md", table.to_markdown())


def _read(name: str) -> str:
    if not name.endswith(".toml"):
        if name not in ablation_names():
            raise RecipeError(
                f"no ablation named {name!r}; expected one of {', '.join(ablation_names())}, or a "
                "file that ends in .toml"
            )
        file = resources.files("platefree.experiments") / "ablations" / f"{name}.toml"
        return file.read_text(encoding="utf-8")
    return read_unicode(name, RECIPE)


def _folder_name(row: str) -> str:
    return re.sub(r"[^\w+-]+", "-", row).strip("-").lower()


def _values(each: Sequence[Mapping[str, float]], name: str) -> list[float]:
    return [figures[name] for figures in each]


def _mean(each: Sequence[Mapping[str, float]], name: str) -> float:
    return float(np.mean(_values(each, name)))


def _deviation(each: Sequence[Mapping[str, float]], name: str) -> float:
    return float(np.std(_values(each, name), ddof=1)) if len(each) > 1 else 0.0


def _spread(each: Sequence[Mapping[str, float]], name: str) -> str:
    if name in COSTS:
        return format(float(np.median(_values(each, name))), COSTS[name])
    mean = f"{100 * _mean(each, name):.1f}"
    return f"{mean} ± {100 * _deviation(each, name):.1f}" if len(each) > 1 else mean
