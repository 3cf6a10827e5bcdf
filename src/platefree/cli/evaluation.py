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
    data: Annotated[
        Path, typer.Option("--data", "-d", help="Table, folder of pictures, or public data set.")
    ],
    protocol: Annotated[
        str | None,
        typer.Option("--protocol", "-p", help="See docs/scoring.md; by default that of the data."),
    ] = None,
    tests: Annotated[
        list[str] | None,
        typer.Option("--test", "-t", help="Only this test, such as 800; give it again for more."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the protocols that draw.")] = 0,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", "-r", help="Write the HTML report here, JSON and Markdown beside it."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", "-s", help="Change what a trained model may: --set model.view_from=table"
        ),
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
    from platefree.config import parse_overrides
    from platefree.evaluation.run import open_data, own_protocol, score_plan
    from platefree.evaluation.set_protocols import make_plan
    from platefree.model import load_model

    if report is not None and report.suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter(f"{report} should end in .html", param_hint="--report")
    overrides = parse_overrides(settings or [])
    loaded = load_model(model, device=device.value, overrides=overrides)
    plan = make_plan(open_data(data), protocol or own_protocol(loaded), tests or (), seed)
    with picture_progress("embedding", len(plan.rows)) as advance:
        result = score_plan(
            loaded,
            plan,
            data_label=str(data),
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
