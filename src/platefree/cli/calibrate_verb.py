"""The verb ``calibrate``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from platefree.cli.console import (
    DeviceName,
    DeviceOption,
    Json,
    Workers,
    done,
    notes,
    out,
    picture_progress,
    print_json,
    work_of,
)
from platefree.cli.report_path import check_report

if TYPE_CHECKING:
    from platefree.evaluation.calibration_figures import CalibrationFigures


def calibrate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Checkpoint or exported model.")],
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            "-d",
            metavar="TABLE",
            show_default="measure alone",
            help="Known vehicles to fit it on.",
        ),
    ] = None,
    tests: Annotated[
        list[Path] | None,
        typer.Option("--test", "-t", metavar="TABLE", help="Others to measure it on; repeatable."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", "-r", metavar="FILE", help="Write an HTML page (and JSON)."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, metavar="N", help="For random draws.")
    ] = 0,
    *,
    workers: Workers = -1,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Fit how sure a similarity is, and keep it in the model's card.

    Searches and 'compare' then give a probability (p_same), also in words: very likely, possible
    or unlikely. Fit it on vehicles that the model did not learn from, seen by two cameras or more.
    Without --data, the model's present calibration is measured.
    """
    from platefree.evaluation.calibrate import calibrate as fit
    from platefree.evaluation.calibrate import measure_calibration
    from platefree.inference.calibrated import note_calibration
    from platefree.inference.loading import load_model
    from platefree.inference.model_names import is_model_name
    from platefree.reports.calibration_page import (
        calibration_json,
        save_calibration_page,
        verdict,
    )
    from platefree.storage.files import check_writable

    tests = tests or []
    if data is None and not tests:
        raise typer.BadParameter(
            "give a table to fit it on (--data), or to measure it on (--test)", param_hint="--data"
        )
    check_report(report, ".json")
    folder = Path(model)
    stored = data is not None and folder.is_dir() and not is_model_name(model)
    if stored:
        check_writable(folder / "card.json")
    loaded = load_model(model, device=device.value)
    calibration, fitted_on = loaded.calibration, frozenset[int]()
    measured: dict[str, CalibrationFigures] = {}
    with picture_progress("embedding", _pictures([*([data] if data else []), *tests])) as advance:
        work = work_of(device, workers, progress=advance)
        if data is not None:
            made = fit(loaded, data, seed=seed, work=work)
            calibration, fitted_on = made.calibration, made.vehicles
            measured[f"{data.name}, vehicles held out"] = made.held_out
        if calibration is None:
            raise typer.BadParameter(
                f"{model} is not calibrated: give --data TABLE", param_hint="--data"
            )
        for test in tests:
            measured[str(test)] = measure_calibration(
                loaded, calibration, test, fitted_on=fitted_on, seed=seed, work=work
            )
    if stored:
        note_calibration(folder, calibration)
    about = {"name": loaded.name, "fingerprint": loaded.fingerprint}
    if as_json:
        content = calibration_json(about, calibration, measured)
        print_json({**content, "stored": str(folder) if stored else None})
    else:
        _print(measured)
        out.print(f"outcome: {verdict(measured)}")
    if report is not None:
        done(save_calibration_page(about, calibration, measured, report), "report")
    if stored:
        done(folder, "calibrated")
    elif data is not None:
        notes.print(f"{model} is not a model folder, so the calibration was not kept")


def _pictures(tables: list[Path]) -> int:
    """How many pictures are embedded, at most."""
    from platefree.evaluation.calibration_pairs import MOST_ROWS
    from platefree.evaluation.evaluate import open_data

    return sum(min(len(open_data(table).table), MOST_ROWS) for table in tables)


def _print(measured: "dict[str, CalibrationFigures]") -> None:
    from platefree.cli.tables import plain_table, print_whole
    from platefree.ranking.calibration import WORDS

    head = ("", "vehicles", "pairs: error", "log loss", "first hits: error")
    rows = [
        [
            name,
            each.data["vehicles"],
            f"{each.pairs.error:.4f}",
            f"{each.pairs.log_loss:.4f}",
            f"{each.searches.reliability().error:.4f}",
        ]
        for name, each in measured.items()
    ]
    print_whole(plain_table("expected calibration error", head, rows))
    rows = []
    for name, each in measured.items():
        with_it, without = each.searches.nothing_likely()
        counts = each.searches.by_words()
        called = [f"{counts[word][1]:,} of {counts[word][0]:,}" for word in WORDS]
        rows.append([name, *called, f"{100 * without:.1f} %", f"{100 * with_it:.1f} %"])
    called_so = ("first hits that are right", *WORDS, "nothing likely, absent", "there")
    print_whole(plain_table("searches, half of them without the vehicle", called_so, rows))
