"""The verbs ``ablate`` and ``bench-methods``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from platefree.cli.console import DeviceName, DeviceOption, Json, done, out, print_json

if TYPE_CHECKING:
    from platefree.experiments.ablation import AblationTable


def ablate(
    rows: Annotated[
        str, typer.Argument(help="A built-in ablation (such as drdl) or a .toml file of rows.")
    ],
    data: Annotated[
        Path, typer.Option("--data", "-d", help="Table or public data set, with splits.")
    ],
    out_folder: Annotated[Path, typer.Option("--out", "-o", help="Folder of the runs.")],
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, help="How many seeds, from 0: for mean and spread.")
    ] = 3,
    *,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Train rows of settings with several seeds, score them alike, print one table.

    What is done is kept: run the same command again to go on, or with more seeds.
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
        Path, typer.Option("--data", "-d", help="A city, or another table with splits.")
    ],
    out_folder: Annotated[Path, typer.Option("--out", "-o", help="Folder of the runs.")],
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, help="How many seeds, from 0: for mean and spread.")
    ] = 3,
    steps: Annotated[int, typer.Option(min=1, help="Steps of every training.")] = 300,
    size: Annotated[int, typer.Option(min=32, help="Height and width of pictures.")] = 48,
    backbone: Annotated[str, typer.Option(help="Of every method; any timm name.")] = "test_resnet",
    methods: Annotated[
        str | None, typer.Option(help="Only these, joined by commas; by default all.")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option("--protocol", "-p", help="By default that of the data.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", help="Change a value of every method: train.lr=0.01."),
    ] = None,
    *,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Compare all methods on one data set under one budget, in one table.

    What is done is kept: run the same command again to go on, or with more seeds.
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
            out.print(f"- {note}", markup=False)
    done(folder / "table.md", "table")
