"""The verb ``eval``."""

from pathlib import Path
from typing import Annotated

import typer

from platefree.cli.console import (
    DeviceName,
    DeviceOption,
    Json,
    Workers,
    done,
    out,
    picture_progress,
    print_json,
)


def evaluate(
    model: Annotated[str, typer.Argument(help="A checkpoint folder, or color_stripes.")],
    data: Annotated[Path, typer.Option("--data", "-d", help="Table or folder of pictures.")],
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            "-p",
            help="cross-camera, query-gallery or leave-one-out; by default what the table is for.",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", "-r", help="Write the HTML report here, JSON beside it."),
    ] = None,
    *,
    heat_maps: Annotated[
        bool, typer.Option("--heat-maps", help="Show what made each example query match.")
    ] = False,
    workers: Workers = -1,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Score a model: CMC, mAP, mINP, ROC; rows with split 'train' are never scored."""
    from platefree.data.table import read_table
    from platefree.evaluation.run import evaluate as run_evaluation

    if report is not None and report.suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter(f"{report} should end in .html", param_hint="--report")
    table = read_table(data)
    with picture_progress("embedding", int((table.split != "train").sum())) as advance:
        result = run_evaluation(
            model,
            table,
            protocol,
            data_label=str(data),
            device=device.value,
            heat_maps=heat_maps,
            workers=workers,
            on_batch=advance,
        )
    if as_json:
        print_json(result.to_json())
    else:
        from platefree.cli.tables import report_table

        out.print(report_table(result))
    if report is not None:
        done(result.save(report), "report")
