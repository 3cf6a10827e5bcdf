"""Find out how sure the similarities of a model are, on vehicles that it did not learn from.

The figures are those of vehicles held out: each is judged by curves that were fitted without it,
see `calibration_choice`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from platefree.data.learnt import vehicle_hashes
from platefree.data.listed_text import many
from platefree.errors import DataError
from platefree.evaluation.calibration_choice import choose_curves
from platefree.evaluation.calibration_figures import CalibrationFigures, figures_of
from platefree.evaluation.calibration_pairs import count_pairs, folds_of, rows_to_pair
from platefree.evaluation.evaluate import open_data
from platefree.evaluation.leakage import learnt_by, overlap_of_rows
from platefree.evaluation.sure_searches import sure_searches, together
from platefree.inference.embedder import Embedder
from platefree.ranking.calibration import Calibration, Relation
from platefree.types import Embeddings, Sightings, known_values
from platefree.work import DEFAULT_WORK, Work


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A calibration, and how right it is on vehicles held out.

    Attributes:
        calibration: for the model's card.
        losses: relation -> kind -> log loss on vehicles held out.
        held_out: its figures.
        vehicles: hashes of the vehicles that it was fitted on.
    """

    calibration: Calibration
    losses: Mapping[Relation, Mapping[str, float]]
    held_out: CalibrationFigures
    vehicles: frozenset[int]


def calibrate(
    model: Embedder, data: str | Path | Sightings, *, seed: int = 0, work: Work = DEFAULT_WORK
) -> Calibrated:
    """Fit the probabilities of a model's similarities.

    Args:
        model: that embeds vehicles.
        data: table or data set of known vehicles seen by two cameras or more; rows of split
            ``train`` are left out.
        seed: of what is drawn: the parts, and of a large table the vehicles.
        work: device, workers and progress.

    Raises:
        DataError: there are too few vehicles or cameras, the model learnt from one of them, or it
            does not embed vehicles.
        ImageError: no picture can be read.
    """
    known = _known_pictures(model, data, seed, work)
    parts = folds_of(known.embeddings.sightings, seed)
    counted = count_pairs(known.embeddings, model.comparison, parts)
    chosen = choose_curves(counted)
    searches = [
        sure_searches(known.embeddings.take(parts == part), model.comparison, each, seed)
        for part, each in enumerate(chosen.without)
    ]
    figures = figures_of(known.facts, counted, chosen.without, together(searches))
    made = Calibration(
        model=model.fingerprint,
        curves=chosen.curves,
        data=known.facts,
        measured=_measured(figures, chosen.losses),
    )
    return Calibrated(made.sealed(), chosen.losses, figures, known.vehicles)


def measure_calibration(
    model: Embedder,
    calibration: Calibration,
    data: str | Path | Sightings,
    *,
    fitted_on: frozenset[int] = frozenset(),
    seed: int = 0,
    work: Work = DEFAULT_WORK,
) -> CalibrationFigures:
    """How right a calibration is on other vehicles.

    Args:
        model: as for `calibrate`.
        calibration: of it.
        data: as for `calibrate`.
        fitted_on: vehicles that it was fitted on, see `Calibrated`.
        seed: of what is drawn.
        work: device, workers and progress.

    Raises:
        DataError: as `calibrate`, or it was fitted on one of these vehicles.
        ImageError: no picture can be read.
    """
    known = _known_pictures(model, data, seed, work)
    shared = known.vehicles & fitted_on
    if shared or known.facts["fingerprint"] == calibration.data.get("fingerprint"):
        raise DataError(
            f"{data} has {many(len(shared or known.vehicles), 'vehicle')} that the calibration was "
            "fitted on, so it would look better than it is: give other vehicles"
        )
    counted = count_pairs(
        known.embeddings, model.comparison, np.zeros(len(known.embeddings), np.int64)
    )
    searches = sure_searches(known.embeddings, model.comparison, calibration.curves, seed)
    return figures_of(known.facts, counted, [calibration.curves], searches)


@dataclass(frozen=True, eq=False)
class _Known:
    """Embedded pictures of known vehicles, and what to say of them."""

    embeddings: Embeddings
    facts: dict[str, str]
    vehicles: frozenset[int]


def _known_pictures(model: Embedder, data: str | Path | Sightings, seed: int, work: Work) -> _Known:
    if model.learns != "vehicle":
        raise DataError(
            f"{model.name} learns {model.learns}, and does not tell vehicles apart: give a model "
            "that embeds vehicles"
        )
    table = open_data(data).table
    what = "the table" if isinstance(data, Sightings) else str(data)
    rows = table.take(rows_to_pair(table, seed, what))
    overlap = overlap_of_rows(learnt_by(model), rows, table.fingerprint())
    if overlap.is_certain:
        raise DataError(
            f"{what}: {overlap.counted}; a model is too sure of vehicles that it remembers, so "
            "give vehicles that it did not learn from ('platefree data split' holds some out)"
        )
    embeddings, skipped = model.embed(rows, unreadable="skip", work=work)
    kept = embeddings.sightings
    if skipped:
        rows_to_pair(kept, seed, what)  # whether enough are left
    views = known_values(kept.view).tolist()
    facts = {
        "name": Path(what).name,
        "fingerprint": table.fingerprint(),
        "pictures": f"{len(kept):,}" + (f" ({len(skipped):,} cannot be read)" if skipped else ""),
        "vehicles": f"{len(known_values(kept.vehicle)):,}",
        "cameras": f"{len(known_values(kept.camera)):,}" if kept.knows("camera") else "unknown",
        "views": ", ".join(views[:20]) or "unknown",
        "in training": overlap.describe(),
        "seed": str(seed),
    }
    hashes = vehicle_hashes(kept, table.fingerprint()).tolist()
    return _Known(embeddings, facts, frozenset(hashes))


def _measured(
    figures: CalibrationFigures, losses: Mapping[Relation, Mapping[str, float]]
) -> dict[str, float]:
    """What a card says, of vehicles held out; what cannot be stated is left out."""
    found = {
        "expected calibration error of pairs": figures.pairs.error,
        "log loss of pairs": figures.pairs.log_loss,
        "expected calibration error of first hits": figures.searches.reliability().error,
        **{
            f"log loss of pairs ({relation.replace('_', ' ')}, {kind})": value
            for relation, each in losses.items()
            for kind, value in each.items()
        },
    }
    return {name: float(value) for name, value in found.items() if np.isfinite(value)}
