"""The verbs ``ablate`` and ``bench-methods``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from platefree.cli.console import DeviceName, DeviceOption, Json, done, notes, out, print_json
from platefree.data.listed_text import many

if TYPE_CHECKING:
    from platefree.experiments.ablation import Ablation
    from platefree.experiments.ablation_table import AblationTable
    from platefree.experiments.forecast import Forecast

ConvergedOption = Annotated[
    bool,
    typer.Option("--converged", help="Learn until the held-out score no longer rises."),
]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="KEY=VALUE", help="Change a setting: train.lr=0.01."),
]


def ablate(
    rows: Annotated[
        str, typer.Argument(metavar="ABLATION", help="A name, such as drdl, or a .toml file.")
    ],
    data: Annotated[
        Path,
        typer.Option("--data", "-d", metavar="PATH", help="Table with splits, or public data set."),
    ],
    out_folder: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="For runs and table.")
    ],
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, max=1000, metavar="N", help="Number of seeds, from 0.")
    ] = 3,
    names: Annotated[
        list[str] | None,
        typer.Option("--row", metavar="NAME", show_default="all", help="A row; may be repeated."),
    ] = None,
    settings: SettingsOption = None,
    *,
    until_converged: ConvergedOption = False,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Train and score variants of a recipe, as one table.

    Each is trained with several seeds. Finished runs are kept; run the same command again to
    continue, or with more seeds.
    """
    from platefree.experiments.ablation import changed, converged, load_ablation, only
    from platefree.recipes.overrides import parse_overrides

    chosen = load_ablation(rows)
    chosen = only(chosen, names) if names else chosen
    chosen = changed(
        converged(chosen) if until_converged else chosen, parse_overrides(settings or ())
    )
    table = _run(chosen, data, out_folder, seeds, device, foretell=until_converged)
    _show(table, out_folder, as_json=as_json)


def bench_methods(
    data: Annotated[
        Path,
        typer.Option("--data", "-d", metavar="PATH", help="A city, or another table with splits."),
    ],
    out_folder: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="For runs and table.")
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
        str | None,
        typer.Option(metavar="LIST", show_default="all", help="Methods, such as vanet,drdl."),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol", "-p", metavar="NAME", show_default="by the data", help="To score by."
        ),
    ] = None,
    settings: SettingsOption = None,
    *,
    until_converged: ConvergedOption = False,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Train and score all methods with one budget, as one table.

    Finished runs are kept; run the same command again to continue, or with more seeds.
    """
    from platefree.evaluation.evaluate import open_data
    from platefree.experiments.all_methods import Budget, method_ablation
    from platefree.recipes.overrides import parse_overrides

    budget = Budget(
        steps,
        size,
        backbone,
        range(seeds),
        parse_overrides(settings or ()),
        "converged" if until_converged else "steps",
    )
    chosen = method_ablation(
        open_data(data),
        methods=[name.strip() for name in methods.split(",")] if methods else (),
        budget=budget,
        protocol=protocol,
    )
    table = _run(chosen, data, out_folder, seeds, device, foretell=until_converged)
    _show(table, out_folder, as_json=as_json)


def _run(
    chosen: "Ablation", data: Path, folder: Path, seeds: int, device: DeviceName, *, foretell: bool
) -> "AblationTable":
    from platefree.cli.progress import announce_runs, training_progress
    from platefree.experiments.ablation_run import run_ablation
    from platefree.experiments.forecast import forecast
    from platefree.work import Work

    work = Work(device=device.value)
    with training_progress() as on_step:
        if foretell:
            _foretell(
                forecast(chosen, data, folder, seeds=range(seeds), work=work, on_step=on_step)
            )
        return run_ablation(
            chosen,
            data,
            folder,
            seeds=range(seeds),
            work=work,
            on_run=announce_runs(seeds * len(chosen.rows)),
            on_step=on_step,
        )


def _foretell(found: "Sequence[Forecast]") -> None:
    """Say how long the runs take at most."""
    for each in found:
        notes.print(
            f"{each.row!r}: at most {each.steps:,} steps, {each.images_per_second:.0f} images/s: "
            f"at most {_hours(each.seconds)} for each of {many(each.runs, 'seed')}",
            soft_wrap=True,
        )
    whole = sum(each.runs * each.seconds for each in found)
    notes.print(f"all together: at most {_hours(whole)}; sooner where a score stops rising")


def _hours(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} hours"


def _show(table: "AblationTable", folder: Path, *, as_json: bool) -> None:
    from platefree.cli.tables import plain_table, print_whole

    if as_json:
        print_json(table.to_json())
    else:
        head, *cells = table.cells()
        print_whole(plain_table(table.ablation.title, head, cells))
        for note in table.ablation.notes:
            out.print(f"- {note}")
        if table.settled:
            head, *cells = table.claim_cells()
            print_whole(plain_table("claims", head, cells))
        if any(table.lengths.values()):
            head, *cells = table.length_cells()
            print_whole(plain_table("how long each run learnt", head, cells))
    done(folder / "table.md", "table")
