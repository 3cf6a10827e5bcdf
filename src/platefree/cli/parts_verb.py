"""The verb ``parts``."""

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


def parts(
    data: Annotated[
        Path, typer.Argument(metavar="PATH", help="Table, folder of pictures, or public data set.")
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model", "-m", metavar="MODEL", help="Part detector, such as runs/parts/best."
        ),
    ],
    target: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            show_default="parts.csv next to the table",
            help="Of boxes, .csv.",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", show_default="all rows", help="Only this split, such as train."
        ),
    ] = None,
    threshold: Annotated[
        float, typer.Option(min=0.0, max=1.0, metavar="X", help="Smallest score of a box.")
    ] = 0.4,
    *,
    workers: Workers = -1,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Detect windows, lights and brand, for part_regularized.

    Results are saved as they come; run the same command again to continue.
    """
    from platefree.data.listed_text import many
    from platefree.data.table import read_table
    from platefree.errors import DataError
    from platefree.inference.networks import load_network
    from platefree.inference.part_finding import parts_found, write_parts

    table = read_table(data)
    if split is not None:
        table = table.take(table.split == split)
        if not len(table):
            raise DataError(
                f"{data} has no row with split {split!r}, expected train or a test split"
            )
    detector = load_network(model, device=device.value)
    path = target or table.root / "parts.csv"
    with picture_progress("finding parts", len(table)) as advance:
        boxes, skipped = write_parts(
            detector,
            table,
            path,
            threshold=threshold,
            work=work_of(device, workers, progress=advance),
        )
    for reason in skipped[:5]:
        notes.print(f"left out: {reason}", soft_wrap=True)
    found = parts_found(boxes)
    if as_json:
        content = {"boxes": str(path), "pictures": len(boxes.image), "found": found}
        print_json({**content, "skipped": skipped})
    else:
        for name, count in found.items():
            out.print(f"{name}: on {count} of {many(len(boxes.image), 'picture')}")
    done(path, "part boxes")
