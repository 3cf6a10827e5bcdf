"""The verb ``ablate``."""

from pathlib import Path
from typing import Annotated

import typer

from platefree.cli.console import DeviceName, DeviceOption, Json, done, notes, out, print_json


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
    from platefree.ablation import load_ablation, run_ablation
    from platefree.cli.progress import training_progress
    from platefree.cli.tables import plain_table

    chosen = load_ablation(rows)
    with training_progress() as on_step:
        table = run_ablation(
            chosen,
            data,
            out_folder,
            seeds=range(seeds),
            device=device.value,
            on_run=lambda row, seed: notes.print(f"row {row!r}, seed {seed}", soft_wrap=True),
            on_step=on_step,
        )
    if as_json:
        print_json(table.to_json())
    else:
        head, *cells = table.cells()
        out.print(plain_table(chosen.title, head, cells))
    done(out_folder / "table.md", "table")
