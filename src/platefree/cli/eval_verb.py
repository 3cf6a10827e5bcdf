"""The verb ``eval``."""

from pathlib import Path
from typing import Annotated

import typer

from platefree.cli.console import (
    DeviceName,
    DeviceOption,
    Json,
    Processes,
    RootOption,
    Workers,
    done,
    out,
    picture_progress,
    print_json,
    work_of,
)


def evaluate(
    model: Annotated[str, typer.Argument(help="Checkpoint folder, color_stripes or embeddings.")],
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            "-d",
            metavar="PATH",
            show_default="of stored embeddings",
            help="Table, folder or data set.",
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            "-p",
            metavar="NAME",
            show_default="that of the data",
            help="See docs/scoring.md.",
        ),
    ] = None,
    tests: Annotated[
        list[str] | None,
        typer.Option(
            "--test", "-t", metavar="NAME", show_default="all", help="Only this test; repeatable."
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, metavar="N", help="Seed of random draws.")
    ] = 0,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", "-r", metavar="FILE", help="Write this HTML report, JSON and Markdown."
        ),
    ] = None,
    post: Annotated[
        str | None,
        typer.Option(
            "--post",
            metavar="STEPS",
            show_default="the recipe's",
            help="Some of crop, ensemble, expand, camera, time, rerank, tracks; or none.",
        ),
    ] = None,
    ablate_post: Annotated[
        str | None,
        typer.Option(
            "--ablate-post", metavar="STEPS", help="As --post, with the gain of each step."
        ),
    ] = None,
    scales: Annotated[
        str | None,
        typer.Option(
            metavar="LIST", show_default="the recipe's", help="Average over scales: 1,0.9."
        ),
    ] = None,
    compare_with: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Compare class activations with this model's."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            "-s",
            metavar="KEY=VALUE",
            help="Change a value: post.rerank.k1=30; repeatable.",
        ),
    ] = None,
    root: RootOption = None,
    *,
    heat_maps: Annotated[
        bool, typer.Option("--heat-maps", help="Draw heat maps on examples.")
    ] = False,
    metadata: Annotated[
        bool,
        typer.Option("--metadata", help="Also score with labels of model.side."),
    ] = False,
    workers: Workers = -1,
    processes: Processes = 1,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Score a model: CMC, mAP, mINP, ROC. Rows with split 'train' are never scored."""
    from platefree.evaluation.embedded import looks_at_each
    from platefree.evaluation.evaluate import (
        Scoring,
        open_data,
        plan_for,
        score_plan,
        stored_table,
    )
    from platefree.evaluation.examples import Examples
    from platefree.gallery.opening import open_embedder
    from platefree.gallery.stored import is_embeddings_folder
    from platefree.recipes.overrides import parse_overrides

    if report is not None and report.suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter(f"{report} should end in .html", param_hint="--report")
    if post is not None and ablate_post is not None:
        raise typer.BadParameter("give --post or --ablate-post", param_hint="--ablate-post")
    if data is None and not is_embeddings_folder(model):
        raise typer.BadParameter("say what to score it on: --data TABLE", param_hint="--data")
    loaded = open_embedder(model, work_of(device), parse_overrides(settings or ()), root=root)
    dataset = open_data(stored_table(loaded) if data is None else data)
    plan = plan_for(loaded, dataset, protocol, tests or (), seed)
    scoring = Scoring(
        post=post if ablate_post is None else ablate_post,
        ablate_post=ablate_post is not None,
        scales=None if scales is None else _numbers(scales),
        metadata=metadata,
    )
    looks = looks_at_each(scoring.post_of(loaded)) * len(plan.rows) * (1 + metadata)
    with picture_progress("embedding", looks) as advance:
        result = score_plan(
            loaded,
            plan,
            data_label=str(data or dataset.table.root),
            scoring=scoring,
            examples=Examples(heat_maps=heat_maps, compare_with=compare_with),
            work=work_of(device, workers, processes, advance),
        )
    if as_json:
        print_json(result.to_json())
    else:
        from platefree.cli.tables import gain_tables, report_table

        for table in (report_table(result), *gain_tables(result)):
            out.print(table)
    if report is not None:
        from platefree.reports.saving import save_report

        done(save_report(result, report), "report")


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        message = f"{text} is no list of numbers such as 1,0.9,0.8"
        raise typer.BadParameter(message, param_hint="--scales") from None
