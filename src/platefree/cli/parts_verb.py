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
    data: Annotated[Path, typer.Argument(help="Table, folder of pictures, or public data set.")],
    model: Annotated[str, typer.Option("--model", "-m", help="A part detector: runs/parts/best.")],
    target: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="A .csv [parts.csv beside the table]."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Only rows of this split; training needs 'train' alone.")
    ] = None,
    threshold: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Boxes that score less are left out.")
    ] = 0.4,
    *,
    workers: Workers = -1,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Write where windows, lights and brand are on each picture, for part_regularized.

    Stop it and start it again: what was found is kept, and no picture is looked at twice.
    """
    from platefree.data.table import read_table
    from platefree.errors import DataError
    from platefree.inference.loading import load_model
    from platefree.inference.part_finding import parts_found, write_parts

    table = read_table(data)
    if split is not None:
        table = table.take(table.split == split)
        if not len(table):
            raise DataError(
                f"{data} has no row with split {split!r}, expected train or a test split"
            )
    detector = load_model(model, device=device.value)
    path = target or table.root / "parts.csv"
    with picture_progress("looking for parts", len(table)) as advance:
        boxes, skipped = write_parts(
            detector,
            table,
            path,
            threshold=threshold,
            work=work_of(device, workers, progress=advance),
        )
    for reason in skipped[:5]:
        notes.print(f"left out: {reason}", markup=False, soft_wrap=True)
    found = parts_found(boxes)
    if as_json:
        content = {"boxes": str(path), "pictures": len(boxes.image), "found": found}
        print_json({**content, "skipped": skipped})
    else:
        for name, count in found.items():
            out.print(f"{name}: on {count} of {len(boxes.image)} pictures")
    done(path, "part boxes")
