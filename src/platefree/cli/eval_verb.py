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
    SkipUnreadable,
    Workers,
    done,
    picture_progress,
    print_json,
    work_of,
)
from platefree.cli.report_path import check_report


def evaluate(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="Checkpoint folder, embeddings or color_stripes."),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            "-d",
            metavar="PATH",
            show_default="those embedded",
            help="Pictures to score.",
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol", "-p", metavar="NAME", show_default="by the data", help="Protocol."
        ),
    ] = None,
    views: Annotated[
        str | None,
        typer.Option(
            "--views",
            metavar="PATH",
            show_default="those known",
            help="Views, or a model for them.",
        ),
    ] = None,
    tests: Annotated[
        list[str] | None,
        typer.Option("--test", "-t", metavar="NAME", show_default="all", help="Only this test."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, metavar="N", help="For random draws.")
    ] = 0,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", "-r", metavar="FILE", help="Write an HTML report (and JSON, Markdown)."
        ),
    ] = None,
    post: Annotated[
        str | None,
        typer.Option(
            "--post",
            metavar="STEPS",
            show_default="the recipe's",
            help="Such as expand,rerank.",
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
        typer.Option(metavar="LIST", show_default="the recipe's", help="Such as 1,0.9."),
    ] = None,
    crops: Annotated[
        float | None,
        typer.Option(
            min=0, max=0.99, metavar="X", show_default="the recipe's", help="Five, as 0.875."
        ),
    ] = None,
    compare_with: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Show class activations of both models."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", "-s", metavar="KEY=VALUE", help="Change a setting: post.rerank.k1=30."
        ),
    ] = None,
    root: RootOption = None,
    *,
    heat_maps: Annotated[
        bool, typer.Option("--heat-maps", help="Draw heat maps on the examples.")
    ] = False,
    metadata: Annotated[
        bool,
        typer.Option("--metadata", help="Also score it with known cameras or views as input."),
    ] = False,
    no_floor: Annotated[
        bool, typer.Option("--no-floor", help="Leave out the row of comparing colors alone.")
    ] = False,
    skip_unreadable: SkipUnreadable = False,
    workers: Workers = -1,
    processes: Processes = 1,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Score a model on labelled pictures, except split 'train'."""
    from platefree.evaluation.embedded import looks_at_each
    from platefree.evaluation.evaluate import (
        Scoring,
        has_floor,
        open_data,
        plan_for,
        readable_plan,
        score_plan,
        stored_table,
    )
    from platefree.evaluation.examples import Examples
    from platefree.evaluation.set_protocols import rows_to_see
    from platefree.evaluation.view_sources import with_views
    from platefree.gallery.opening import open_embedder
    from platefree.gallery.stored import is_embeddings_folder
    from platefree.recipes.overrides import parse_overrides

    check_report(report, ".json", ".md")
    if post is not None and ablate_post is not None:
        raise typer.BadParameter("give --post or --ablate-post", param_hint="--ablate-post")
    if data is None and not is_embeddings_folder(model):
        raise typer.BadParameter("say what to score it on: --data TABLE", param_hint="--data")
    loaded = open_embedder(model, work_of(device), parse_overrides(settings or ()), root=root)
    dataset = open_data(stored_table(loaded) if data is None else data)
    if views is not None:
        seen = rows_to_see(dataset, tests or (), seed)
        with picture_progress("predicting views", len(seen)) as advance:
            look = work_of(device, workers, processes, advance)
            dataset = with_views(dataset, views, rows=seen, work=look)
    plan = plan_for(loaded, dataset, protocol, tests or (), seed)
    scoring = Scoring(
        post=post if ablate_post is None else ablate_post,
        ablate_post=ablate_post is not None,
        scales=None if scales is None else _numbers(scales),
        crops=crops,
        metadata=metadata,
        floor=not no_floor,
        unreadable="skip" if skip_unreadable else "refuse",
    )
    if skip_unreadable:
        with picture_progress("reading", len(plan.rows)) as advance:
            plan = readable_plan(loaded, plan, tests or (), seed, work_of(device, progress=advance))
    looks = looks_at_each(scoring.post_of(loaded)) * (1 + metadata)
    looks = (looks + (not no_floor and has_floor(loaded, plan))) * len(plan.rows)
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
        from platefree.cli.tables import print_report

        print_report(result)
    if report is not None:
        from platefree.reports.saving import save_report

        done(save_report(result, report), "report")


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        message = f"{text}, expected a list of numbers such as 1,0.9,0.8"
        raise typer.BadParameter(message, param_hint="--scales") from None
