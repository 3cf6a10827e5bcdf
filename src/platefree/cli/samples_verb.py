"""The verb ``samples``."""

from pathlib import Path
from typing import Annotated

import typer

from platefree.cli.console import DeviceName, DeviceOption, done
from platefree.storage.files import check_writable


def samples(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Checkpoint folder, such as runs/fda/best.")
    ],
    data: Annotated[
        Path, typer.Option("--data", "-d", metavar="PATH", help="Pictures to draw from.")
    ],
    target: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Sheet to write, .png.")
    ],
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="NAME", show_default="all", help="Only this column."),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, max=256, metavar="N", help="Pictures to show.")] = 8,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, metavar="N", help="Of the drawing.")
    ] = 0,
    *,
    device: DeviceOption = DeviceName.auto,
) -> None:
    """Draw what the generator of an FDA-Net makes of pictures.

    Columns: input, attention, generated negative, nearest real negative.
    """
    from platefree.data.table import read_table
    from platefree.inference.networks import load_network
    from platefree.training.sample_sheet import sample_sheet

    if target.suffix.lower() != ".png":
        raise typer.BadParameter(f"{target} should end in .png", param_hint="--out")
    check_writable(target)
    table = read_table(data)
    loaded = load_network(model, device=device.value)
    sample_sheet(loaded, table, target, columns=columns or (), rows=rows, seed=seed)
    done(target, "sheet")
