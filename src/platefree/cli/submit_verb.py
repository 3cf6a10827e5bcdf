"""The verb ``submit``."""

from pathlib import Path
from typing import Annotated

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


def submit(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Checkpoint folder, or color_stripes.")
    ],
    data: Annotated[
        Path, typer.Option("--data", "-d", metavar="DATA", help="CityFlow, or a table of its test.")
    ],
    target: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="As the server expects it.")
    ] = Path("track2.txt"),
    *,
    post: Annotated[
        str | None,
        typer.Option(
            "--post",
            metavar="STEPS",
            help="expand,rerank ..., or none; by default as the recipe.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", "-s", metavar="KEY=VALUE", help="Change a setting: post.rerank.k1=30."
        ),
    ] = None,
    workers: Workers = -1,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Write the answers that the server of CityFlow scores.

    Each line has the numbers of the 100 gallery pictures that are nearest to a query. Stop it with
    Ctrl-C; the same command continues.
    """
    from platefree.data.listed_text import many
    from platefree.data.submission import NEAREST
    from platefree.evaluation.challenge import open_challenge
    from platefree.evaluation.challenge import submit as run_submission
    from platefree.evaluation.embedded import looks_at_each
    from platefree.evaluation.evaluate import Scoring
    from platefree.gallery.opening import open_embedder
    from platefree.recipes.overrides import parse_overrides

    dataset = open_challenge(data)
    for remark in dataset.remarks:
        notes.print(f"note: {remark}", soft_wrap=True)
    queries, gallery = len(dataset.rows("query")), len(dataset.rows("gallery"))
    loaded = open_embedder(model, work_of(device), parse_overrides(settings or ()))
    steps = Scoring(post=post).post_of(loaded)
    with picture_progress("embedding", (queries + gallery) * looks_at_each(steps)) as advance:
        work = work_of(device, workers, progress=advance)
        run_submission(loaded, dataset, target, post=steps, work=work)
    nearest = min(NEAREST, gallery)
    if as_json:
        print_json(
            {
                "submission": str(target),
                "queries": queries,
                "gallery": gallery,
                "nearest": nearest,
                "post": {"steps": steps.name, "described": steps.describe()},
                "model": {"name": loaded.name, "fingerprint": loaded.fingerprint},
            }
        )
    else:
        asked, shown = many(queries, "query", "queries"), many(gallery, "picture")
        out.print(f"{asked}, the nearest {nearest} of {shown} for each")
        if steps.steps:
            out.print(f"post-processed: {steps.describe()}")
    done(target, "submission")
