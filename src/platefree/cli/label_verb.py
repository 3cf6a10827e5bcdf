"""The verb ``label``."""

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
from platefree.storage.files import check_writable


def label(
    data: Annotated[
        Path, typer.Argument(metavar="PATH", help="Table, folder of pictures, or public data set.")
    ],
    view: Annotated[
        str,
        typer.Option("--view", metavar="MODEL", help="Viewpoint model, such as runs/view/best."),
    ],
    target: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Table to write, .csv or .parquet.")
    ],
    *,
    only_unknown: Annotated[
        bool, typer.Option("--only-unknown", help="Keep the views that the table knows.")
    ] = False,
    workers: Workers = -1,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Predict which side of the vehicle each picture shows.

    Writes the table with the column view filled in.
    """
    import numpy as np

    from platefree.data.listed_text import many
    from platefree.data.table import read_table, write_table
    from platefree.inference.labelling import label_views
    from platefree.inference.loading import load_model

    if target.suffix.lower() not in (".csv", ".parquet"):
        raise typer.BadParameter(f"{target} should end in .csv or .parquet", param_hint="--out")
    check_writable(target)
    table = read_table(data)
    model = load_model(view, device=device.value)
    with picture_progress("labelling", len(table)) as advance:
        labelled, skipped = label_views(
            model,
            table,
            only_unknown=only_unknown,
            work=work_of(device, workers, progress=advance),
        )
    write_table(labelled, target)
    names, counts = np.unique(labelled.view, return_counts=True)
    views = {str(name) or "unknown": int(n) for name, n in zip(names, counts, strict=True)}
    known = table.view != ""
    agreement = float((labelled.view == table.view)[known].mean()) if known.any() else None
    for reason in skipped[:5]:
        notes.print(f"view unchanged: {reason}", soft_wrap=True)
    if as_json:
        content = {"views": views, "agreement_with_known": agreement, "skipped": skipped}
        print_json({"table": str(target), "pictures": len(labelled), **content})
    else:
        for name, count in views.items():
            out.print(f"{name}: {many(count, 'picture')}")
        if agreement is not None and not only_unknown:
            counted = many(int(known.sum()), "known view")
            out.print(f"{agreement:.1%} of {counted} predicted correctly")
    done(target, "table")
