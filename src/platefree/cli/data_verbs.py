"""The verbs ``data check``, ``split``, ``merge``, ``relocate``, ``crop`` and ``sets``."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from platefree.cli.console import (
    Json,
    PlainHelp,
    done,
    notes,
    out,
    print_json,
    stage_progress,
)

if TYPE_CHECKING:
    from rich.table import Table

    from platefree.data.dataset import DataSet
    from platefree.data.documented import Count
    from platefree.types import Sightings

app = typer.Typer(
    cls=PlainHelp,
    help="Check, split and merge tables of pictures.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Data = Annotated[
    Path,
    typer.Argument(
        help="A CSV or Parquet table, or the folder of pictures or of a public data set."
    ),
]


@app.command("check")
def check(
    path: Data,
    *,
    pixels: Annotated[
        bool, typer.Option("--pixels", help="Decode every picture, not only its header.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check a table: count pictures and labels, and list problems."""
    from platefree.data.check import check_table
    from platefree.data.documented import compare_counts
    from platefree.data.table import dataset_at, read_table

    dataset = dataset_at(path)
    table = read_table(path) if dataset is None else dataset.table
    listed = None if dataset is None else dataset.listed
    with stage_progress() as report:
        result = check_table(
            table, depth="pixels" if pixels else "header", listed=listed, on_progress=report
        )
    counts = () if dataset is None else compare_counts(dataset)
    if as_json:
        about = {} if dataset is None else {"data_set": _set_json(dataset, counts)}
        print_json({**result.to_json(), **about})
    else:
        from platefree.cli.tables import check_tables

        for part in check_tables(result, str(path), _protocols(dataset)):
            out.print(part)
        if dataset is not None:
            _print_set(dataset, counts)
    if not result.passed:
        raise typer.Exit(1)


def _protocols(dataset: "DataSet | None") -> "Table | None":
    if dataset is None:
        return None
    from platefree.cli.data_tables import overview_table
    from platefree.evaluation.overview import Overview

    return overview_table(Overview.of(dataset))


def _set_json(dataset: "DataSet", counts: "tuple[Count, ...]") -> dict[str, Any]:
    from platefree.data.support import lost_queries
    from platefree.evaluation.overview import Overview

    return {
        "name": dataset.name,
        "scored_by": asdict(Overview.of(dataset)),
        "counts": [
            {"what": c.what, "documented": dict(c.documented), "found": c.found, "agrees": c.agrees}
            for c in counts
        ],
        "queries_without_match": lost_queries(dataset),
        "remarks": list(dataset.remarks),
    }


def _print_set(dataset: "DataSet", counts: "tuple[Count, ...]") -> None:
    from platefree.cli.data_tables import counts_table
    from platefree.data.listed_text import many
    from platefree.data.support import lost_queries

    if counts:
        out.print(counts_table(counts, dataset.name))
    for name, lost in lost_queries(dataset).items():
        if lost:
            queries = many(len(dataset.rows(name)), "query", "queries")
            notes.print(
                f"note: {lost:,} of {queries} of the list {name} without a valid match under the "
                "camera rule: counted, and left out of the scores",
                soft_wrap=True,
            )
    for remark in dataset.remarks:
        notes.print(f"note: {remark}", soft_wrap=True)
    differing = sum(not count.agrees for count in counts)
    if differing:
        notes.print(
            f"warning: {differing} of {len(counts)} counts are not as documented: figures are not "
            "comparable with published ones",
            soft_wrap=True,
        )


@app.command("split")
def split(
    path: Data,
    target: Annotated[
        Path, typer.Option("--out", "-o", help="The table with splits, .csv or .parquet.")
    ],
    train: Annotated[
        float | None,
        typer.Option(
            "--train",
            min=0,
            max=1,
            help="Fraction of vehicles to train on.",
            show_default="0.5",
        ),
    ] = None,
    hold_out: Annotated[
        int | None,
        typer.Option(
            "--hold-out",
            min=1,
            max=10**7,
            help="Instead, hold out this many training vehicles, and drop the set's own tests.",
        ),
    ] = None,
    hold_back: Annotated[  # the former name
        int | None, typer.Option("--hold-back", min=1, max=10**7, hidden=True)
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=2**32 - 1, help="Same seed, same split.")
    ] = 0,
    *,
    as_json: Json = False,
) -> None:
    """Split by vehicle: some for training, others as query and gallery."""
    from platefree.data.split import hold_out_vehicles, split_by_vehicle
    from platefree.data.table import read_table, write_table

    _refuse_input(target, path)
    hold_out = hold_back if hold_out is None else hold_out
    if train is not None and hold_out is not None:
        raise typer.BadParameter("give --train or --hold-out, not both", param_hint="--hold-out")
    table = read_table(path)
    if hold_out is None:
        table = split_by_vehicle(table, train=0.5 if train is None else train, seed=seed)
    else:
        table = hold_out_vehicles(table, vehicles=hold_out, seed=seed)
    write_table(table, target)
    _print_splits(table, target, {"seed": seed}, as_json=as_json)


@app.command("merge")
def merge(
    paths: Annotated[
        list[Path], typer.Argument(help="Tables, folders of pictures, or of public data sets.")
    ],
    target: Annotated[
        Path, typer.Option("--out", "-o", help="The table to write, .csv or .parquet.")
    ],
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            help="Name of each table, in their order; by default its own source, or its file name.",
        ),
    ] = None,
    *,
    models: Annotated[
        bool,
        typer.Option(
            "--model-as-vehicle",
            help="Use models and years as vehicle ids in a set without any, such as CompCars.",
        ),
    ] = False,
    scored: Annotated[
        str | None,
        typer.Option(
            "--target",
            help="Source to score on; other sources are for training, their tests too.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Merge tables; equal ids of different data sets stay different."""
    from platefree.data.listed_text import many
    from platefree.data.merge import merge_tables, model_as_vehicle
    from platefree.data.table import read_table, write_table

    _refuse_input(target, *paths)
    if source is not None and len(source) != len(paths):
        raise typer.BadParameter(
            f"{many(len(source), 'name')} for {many(len(paths), 'table')}, expected one for each",
            param_hint="--source",
        )
    tables = [_with_name(read_table(path), path) for path in paths]
    if models:
        tables = [
            model_as_vehicle(table)
            if table.knows("model") and not table.knows("vehicle")
            else table
            for table in tables
        ]
    table = merge_tables(*tables, sources=source, target=scored)
    write_table(table, target)
    if twice := sum(map(len, tables)) - len(table):
        notes.print(f"note: {many(twice, 'query')} that the gallery has, too, left out of {target}")
    for name, pictures in _tests_trained_on(tables, scored):
        notes.print(
            f"warning: {many(pictures, 'test picture')} of {name} are for training: a model "
            f"trained on this table must not be scored on {name}",
            soft_wrap=True,
        )
    _print_splits(table, target, {}, as_json=as_json)


def _refuse_input(target: Path, *paths: Path) -> None:
    """Refuse to write over a table that is read: its columns without a meaning here would go."""
    from platefree.data.table import TABLE_NAMES

    read = [each for path in paths for each in (path, *(path / name for name in TABLE_NAMES))]
    if any(each.is_file() and target.is_file() and each.samefile(target) for each in read):
        raise typer.BadParameter(
            f"{target} is the table that is read, expected another file: columns that platefree "
            "does not know would be lost",
            param_hint="--out",
        )


def _tests_trained_on(tables: "list[Sightings]", target: str | None) -> "Iterator[tuple[str, int]]":
    """The sources other than the target that have tests, and how many test pictures."""
    for table in tables if target is not None else ():
        for name in sorted(set(table.source.tolist()) - {target}):
            split = table.split[table.source == name]
            if (split != "").any() and (split != "train").any():
                yield name, int((split != "train").sum())


def _with_name(table: "Sightings", path: Path) -> "Sightings":
    """The table with a source: its own, or the name of its file or folder."""
    from dataclasses import replace

    from platefree.types import same_text

    if table.knows("source"):
        return table
    return replace(table, source=same_text(_name_of(path), len(table)))


def _name_of(path: Path) -> str:
    """The name of a folder, or of a file without the ending of a table."""
    name = path.absolute().name
    is_table = path.suffix.lower() in (".csv", ".parquet") and not path.is_dir()
    return name.removesuffix(path.suffix) if is_table else name


@app.command("relocate")
def relocate(
    path: Annotated[Path, typer.Argument(help="A CSV or Parquet table.")],
    root: Annotated[
        Path, typer.Option("--root", help="The folder that its relative paths start from now.")
    ],
    target: Annotated[
        Path, typer.Option("--out", "-o", help="The table to write, .csv or .parquet.")
    ],
    instead_of: Annotated[
        Path | None,
        typer.Option("--instead-of", help="The old folder, which absolute paths begin with."),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Write the table of moved pictures again, with their new paths."""
    from platefree.data.listed_text import many
    from platefree.data.relocate import missing_pictures, relocated
    from platefree.data.table import read_table, write_table

    _refuse_input(target, path)
    table = relocated(read_table(path), root, instead_of=instead_of)
    missing = missing_pictures(table)
    write_table(table, target)
    if missing:
        count = f"{len(missing):,} of {many(len(table), 'picture')}"
        notes.print(f"warning: {count} not there, first: {missing[0]}", soft_wrap=True)
    if as_json:
        print_json({"table": str(target), "pictures": len(table), "missing": len(missing)})
    else:
        out.print(many(len(table), "picture"))
    done(target, "table")


def _print_splits(table: "Sightings", target: Path, more: dict[str, Any], *, as_json: bool) -> None:
    """Print the counts of a written table, and where it is."""
    from platefree.data.listed_text import many

    rows, vehicles = _by_split(table)
    if as_json:
        print_json({"table": str(target), **more, "pictures": rows, "vehicles": vehicles})
    else:
        for name, count in rows.items():
            out.print(f"{name}: {many(count, 'picture')} of {many(vehicles[name], 'vehicle')}")
    done(target, "table")


def _by_split(table: "Sightings") -> tuple[dict[str, int], dict[str, int]]:
    """Pictures and vehicles of each split."""
    import numpy as np

    from platefree.types import known_values

    names, counts = np.unique(table.split, return_counts=True)
    rows = {str(name) or "unknown": int(n) for name, n in zip(names, counts, strict=True)}
    vehicles = {
        str(name) or "unknown": len(known_values(table.vehicle[table.split == name]))
        for name in names
    }
    return rows, vehicles


@app.command("crop")
def crop(
    path: Annotated[Path, typer.Argument(help="The folder of CompCars, as unpacked.")],
    target: Annotated[Path, typer.Option("--out", "-o", help="The folder of crops to fill.")],
) -> None:
    """Crop the cars of CompCars' photographs.

    Run the same command again to continue.
    """
    from platefree.data.crops import crop_compcars
    from platefree.data.listed_text import many

    with stage_progress() as report:
        dataset = crop_compcars(
            path, target, on_progress=lambda number, of: report("cropping", number, of)
        )
    for remark in dataset.remarks:
        notes.print(f"note: {remark}", soft_wrap=True)
    out.print(many(len(dataset.table), "crop"))
    done(target, "data set")


@app.command("sets")
def sets(*, as_json: Json = False) -> None:
    """List the public data sets that can be read, and how each is known."""
    from platefree.data.readers.detect import FORMATS

    if as_json:
        print_json({each.name: each.looks_for for each in FORMATS})
    else:
        from platefree.cli.data_tables import formats_table

        out.print(formats_table(FORMATS))
