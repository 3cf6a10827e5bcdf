"""The verb ``ensemble``."""

from pathlib import Path
from typing import Annotated

import typer

from platefree.cli.console import DeviceName, DeviceOption, Json, done, print_json


def ensemble(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="Such as runs/a/best runs/b/best.")
    ],
    target: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="For the result.")],
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            "-w",
            metavar="LIST",
            show_default="equal",
            help="Weight of each: 1,1,2.",
        ),
    ] = None,
    *,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Join models into one, by the mean of their similarities.

    The result is used like any model, and the joined models are no longer needed.
    """
    from platefree.cli.tables import plain_table, print_whole
    from platefree.inference.networks import make_ensemble

    made = make_ensemble(models, target, _numbers(weights), device=device.value)
    members = [
        {
            "name": member.name,
            "method": member.recipe.model.method,
            "fingerprint": member.fingerprint,
            "weight": fraction,
            **member.describe_use(),
        }
        for member, fraction in zip(made.members, made.fractions, strict=True)
    ]
    if as_json:
        print_json({"model": str(target), "fingerprint": made.fingerprint, "members": members})
    else:
        head = ("model", "method", "fingerprint", "input", "weight")
        rows = [
            [str(each[key]) for key in ("name", *head[1:4])] + [f"{each['weight']:.3f}"]
            for each in members
        ]
        print_whole(plain_table(f"ensemble {made.fingerprint}", head, rows))
    done(target, "ensemble")


def _numbers(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        message = f"{text}, expected a list of numbers such as 1,1,2"
        raise typer.BadParameter(message, param_hint="--weights") from None
