"""The table of an ablation: figures, how long each run learnt, and how its claims come out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from platefree.experiments.ablation import Ablation, Row
from platefree.experiments.claims import HEAD_OF_CLAIMS, HOW_CLAIMS_SETTLE, Settled
from platefree.experiments.cost import COSTS
from platefree.experiments.run_lengths import HEAD_OF_LENGTHS, HOW_LENGTHS_READ, RunLength


@dataclass(frozen=True, eq=False)
class AblationTable:
    """The figures of every row and seed.

    Attributes:
        ablation: the compared rows.
        seeds: the seeds of the runs.
        measured: row name -> for each seed a mapping of figures, as fractions, and costs.
        settings: the common settings of all reports: data, protocol, versions and the like.
        lengths: row name -> how long it learnt with each seed; only of rows with patience.
        settled: the claims of the ablation that have been measured so far.
    """

    ablation: Ablation
    seeds: tuple[int, ...]
    measured: Mapping[str, Sequence[Mapping[str, float]]]
    settings: Mapping[str, str]
    lengths: Mapping[str, Sequence[RunLength]] = field(default_factory=dict)
    settled: Sequence[Settled] = ()

    def to_json(self) -> dict[str, Any]:
        """Everything, for ``json.dumps``."""
        rows = {
            row.name: {
                "mean": {name: _mean(each, name) for name in self._known(each)},
                "deviation": {name: _deviation(each, name) for name in self._known(each)},
                "range": {name: _range(each, name) for name in self._known(each)},
                "seeds": [dict(figures) for figures in each],
                "paper": row.paper,
                "training": [length.to_json() for length in self.lengths.get(row.name, ())],
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
            "claims": [each.to_json() for each in self.settled],
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
        table = _markdown(self.cells())
        what = "; ".join(f"{name} {value}" for name, value in self.settings.items())
        seeds = ", ".join(map(str, self.seeds))
        of_costs = ", costs as medians" if any(f in COSTS for f in self.ablation.figures) else ""
        shown = (
            f"{table}\n\n{self.ablation.title}. Mean ± standard deviation (n - 1) over the seeds "
            f"{seeds}, in %{of_costs}; {what}.\n"
        )
        parts = [shown, *(f"- {note}" for note in self.ablation.notes)]
        if self.settled:
            parts += ["", _markdown(self.claim_cells()), "", HOW_CLAIMS_SETTLE]
        if any(self.lengths.values()):
            parts += ["", _markdown(self.length_cells()), "", HOW_LENGTHS_READ]
        return "\n".join(parts).rstrip() + "\n"

    def claim_cells(self) -> list[list[str]]:
        """The head and a line for each claim that has been measured."""
        return [list(HEAD_OF_CLAIMS), *(each.cells() for each in self.settled)]

    def length_cells(self) -> list[list[str]]:
        """The head and a line for each run that learnt until its score no longer rose."""
        return [
            list(HEAD_OF_LENGTHS),
            *(
                [row.name, str(seed), *length.cells()]
                for row in self._rows()
                for seed, length in zip(self.seeds, self.lengths.get(row.name, ()), strict=False)
            ),
        ]

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


def _values(each: Sequence[Mapping[str, float]], name: str) -> list[float]:
    return [figures[name] for figures in each]


def _mean(each: Sequence[Mapping[str, float]], name: str) -> float:
    return float(np.mean(_values(each, name)))


def _range(each: Sequence[Mapping[str, float]], name: str) -> list[float]:
    return [min(_values(each, name)), max(_values(each, name))]


def _markdown(cells: Sequence[Sequence[str]]) -> str:
    head, *rows = cells
    lines = [head, ["---", *("--:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _deviation(each: Sequence[Mapping[str, float]], name: str) -> float:
    return float(np.std(_values(each, name), ddof=1)) if len(each) > 1 else 0.0


def _spread(each: Sequence[Mapping[str, float]], name: str) -> str:
    if name in COSTS:
        return format(float(np.median(_values(each, name))), COSTS[name])
    mean = f"{100 * _mean(each, name):.1f}"
    return f"{mean} ± {100 * _deviation(each, name):.1f}" if len(each) > 1 else mean
