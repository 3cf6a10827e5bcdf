"""The verb ``eval``."""

from pathlib import Path
from typing import Annotated

import typer

from platefree.cli.console import (
    DeviceName,
    DeviceOption,
    Json,
    Processes,
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
    post: Annotated[
        str | None,
        typer.Option(
            "--post",
            help="Steps of crop,ensemble,expand,camera,time,rerank,tracks, or none; by default "
            "those of the recipe.",
        ),
    ] = None,
    ablate_post: Annotated[
        str | None,
        typer.Option("--ablate-post", help="As --post, with the gain and the time of each step."),
    ] = None,
    scales: Annotated[
        str | None,
        typer.Option(help="Average embeddings over scales, such as 1,0.9,0.8."),
    ] = None,
    beside: Annotated[
        str | None,
        typer.Option(help="Another model: class-activation maps of both in the report."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            "-s",
            help="Change what may be in use: post.rerank.k1=30, model.view_from=table; repeatable.",
        ),
    ] = None,
    *,
    heat_maps: Annotated[
        bool, typer.Option("--heat-maps", help="Show what made each example query match.")
    ] = False,
    metadata: Annotated[
        bool,
        typer.Option("--metadata", help="Also score with model.side."),
    ] = False,
    workers: Workers = -1,
    processes: Processes = 1,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Score a model: CMC, mAP, mINP, ROC; rows with split 'train' are never scored."""
    from platefree.evaluation.embedded import looks_at_each
    from platefree.evaluation.evaluate import open_data, plan_for, score_plan
    from platefree.inference.model import load_model
    from platefree.recipes.overrides import parse_overrides

    if report is not None and report.suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter(f"{report} should end in .html", param_hint="--report")
    if post is not None and ablate_post is not None:
        raise typer.BadParameter("give --post or --ablate-post", param_hint="--ablate-post")
    overrides = parse_overrides(settings or ())
    loaded = load_model(model, device=device.value, overrides=overrides, processes=processes)
    plan = plan_for(loaded, open_data(data), protocol, tests or (), seed)
    if scales is not None:
        loaded = loaded.with_scales(_numbers(scales))
    chain = loaded.recipe.post
    named = post if ablate_post is None else ablate_post
    chain = chain if named is None else chain.with_steps(named)
    looks = looks_at_each(chain) * len(plan.rows) * (1 + metadata)
    with picture_progress("embedding", looks) as advance:
        result = score_plan(
            loaded,
            plan,
            data_label=str(data),
            post=chain,
            ablate_post=ablate_post is not None,
            heat_maps=heat_maps,
            metadata=metadata,
            beside=None if beside is None else load_model(beside, device=device.value),
            workers=workers,
            on_batch=advance,
        )
    if as_json:
        print_json(result.to_json())
    else:
        from platefree.cli.tables import report_table, tables_beside

        for table in (report_table(result), *tables_beside(result)):
            out.print(table)
    if report is not None:
        done(result.save(report), "report")


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        message = f"{text} is no list of numbers such as 1,0.9,0.8"
        raise typer.BadParameter(message, param_hint="--scales") from None
