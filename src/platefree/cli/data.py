"""The verbs ``data check`` and ``data split``."""

from pathlib import Path
from typing import Annotated

import typer

from platefree.cli.console import Json, done, out, print_json, stage_progress

app = typer.Typer(help="Check and split tables of pictures.", no_args_is_help=True)


@app.command("check")
def check(
    path: Annotated[Path, typer.Argument(help="A CSV or Parquet table, or a folder of pictures.")],
    *,
    pixels: Annotated[
        bool, typer.Option("--pixels", help="Decode every picture whole, not only its header.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read every picture's header and say what the table holds and what that means for scoring."""
    from platefree.data.check import check_table
    from platefree.data.table import read_table

    table = read_table(path)
    with stage_progress() as report:
        result = check_table(table, depth="pixels" if pixels else "header", on_progress=report)
    if as_json:
        print_json(result.to_json())
    else:
        from platefree.cli.tables import check_tables

        for part in check_tables(result, str(path)):
            out.print(part)
    if not result.passed:
        raise typer.Exit(1)


@app.command("split")
def split(
    path: Annotated[Path, typer.Argument(help="A CSV or Parquet table, or a folder of pictures.")],
    target: Annotated[
        Path, typer.Option("--out", "-o", help="Where the table with splits goes: .csv or .parquet")
    ],
    train: Annotated[
        float, typer.Option("--train", help="Share of the vehicles that is trained on.")
    ] = 0.5,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same split.")] = 0,
    *,
    as_json: Json = False,
) -> None:
    """Split a table by vehicle into train, query and gallery; no vehicle is on both sides."""
    import numpy as np

    from platefree.data.split import split_by_vehicle
    from platefree.data.table import read_table, write_table

    table = split_by_vehicle(read_table(path), train=train, seed=seed)
    write_table(table, target)
    names, counts = np.unique(table.split, return_counts=True)
    rows = {str(name) or "unknown": int(n) for name, n in zip(names, counts, strict=True)}
    vehicles = {
        str(name) or "unknown": len(np.unique(table.vehicle[table.split == name])) for name in names
    }
    if as_json:
        print_json({"table": str(target), "seed": seed, "pictures": rows, "vehicles": vehicles})
    else:
        for name, count in rows.items():
            out.print(f"{name}: {count} pictures of {vehicles[name]} vehicles")
    done(target, "table")
