"""The verbs ``ablate`` and ``bench-methods``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from platefree.cli.console import DeviceName, DeviceOption, Json, done, out, print_json

if TYPE_CHECKING:
    from platefree.experiments.ablation import AblationTable


def ablate(
    rows: Annotated[
        str, typer.Argument(metavar="ABLATION", help="A name, such as drdl, or a .toml file.")
    ],
    data: Annotated[
        Path,
        typer.Option("--data", "-d", metavar="PATH", help="Table with splits, or public data set."),
    ],
    out_folder: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Of runs and table.")
    ],
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, max=1000, metavar="N", help="Number of seeds, from 0.")
    ] = 3,
    *,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Train and score variants of a recipe, as one table.

    Each is trained with several seeds. Finished runs are kept; run the same command again to
    continue, or with more seeds.
    """
    from platefree.cli.progress import announce_runs, training_progress
    from platefree.experiments.ablation import load_ablation, run_ablation
    from platefree.work import Work

    chosen = load_ablation(rows)
    with training_progress() as on_step:
        table = run_ablation(
            chosen,
            data,
            out_folder,
            seeds=range(seeds),
            work=Work(device=device.value),
            on_run=announce_runs(seeds * len(chosen.rows)),
            on_step=on_step,
        )
    _show(table, out_folder, as_json=as_json)


def bench_methods(
    data: Annotated[
        Path,
        typer.Option("--data", "-d", metavar="PATH", help="A city, or another table with splits."),
    ],
    out_folder: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Of runs and table.")
    ],
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, max=1000, metavar="N", help="Number of seeds, from 0.")
    ] = 3,
    steps: Annotated[
        int, typer.Option(min=1, max=10**9, metavar="N", help="Steps of each training.")
    ] = 300,
    size: Annotated[
        int, typer.Option(min=32, max=2048, metavar="N", help="Height and width, pixels.")
    ] = 48,
    backbone: Annotated[
        str, typer.Option(metavar="NAME", help="A timm name, for every method.")
    ] = "test_resnet",
    methods: Annotated[
        str | None, typer.Option(metavar="LIST", show_default="all", help="Such as vanet,drdl.")
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol", "-p", metavar="NAME", show_default="by the data", help="Of scoring."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="Change a setting: train.lr=0.01."),
    ] = None,
    *,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Train and score all methods with one budget, as one table.

    Finished runs are kept; run the same command again to continue, or with more seeds.
    """
    from platefree.cli.progress import announce_runs, training_progress
    from platefree.experiments.all_methods import ENTRIES, Budget
    from platefree.experiments.all_methods import bench_methods as run_bench
    from platefree.recipes.overrides import parse_overrides
    from platefree.work import Work

    chosen = [name.strip() for name in methods.split(",")] if methods else list(ENTRIES)
    with training_progress() as on_step:
        table = run_bench(
            data,
            out_folder,
            methods=chosen,
            budget=Budget(steps, size, backbone, range(seeds), parse_overrides(settings or ())),
            protocol=protocol,
            work=Work(device=device.value),
            on_run=announce_runs(seeds * len(chosen)),
            on_step=on_step,
        )
    _show(table, out_folder, as_json=as_json)


def _show(table: "AblationTable", folder: Path, *, as_json: bool) -> None:
    from platefree.cli.tables import plain_table, print_whole

    if as_json:
        print_json(table.to_json())
    else:
        head, *cells = table.cells()
        print_whole(plain_table(table.ablation.title, head, cells))
        for note in table.ablation.notes:
            out.print(f"- {note}")
    done(folder / "table.md", "table")
