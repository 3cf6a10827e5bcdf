"""The verb ``export``."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from platefree.cli.console import Json, done, notes, out, print_json

if TYPE_CHECKING:
    from platefree.inference.detector_card import DetectorCard
    from platefree.inference.model_card import Measured, ModelCard


class PrecisionName(StrEnum):
    """Of the weights."""

    fp32 = "fp32"
    fp16 = "fp16"
    int8 = "int8"
    int8_weights = "int8-weights"


def export(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Checkpoint folder, such as runs/x/best.")
    ],
    target: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="For the model.")],
    precision: Annotated[
        PrecisionName,
        typer.Option(metavar="NAME", help="fp32, fp16, int8, or int8-weights (a quarter)."),
    ] = PrecisionName.fp32,
    calibrate: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE",
            show_default="drawn patterns",
            help="Pictures: some set the ranges of int8, others are compared with torch.",
        ),
    ] = None,
    score: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE", help="Labelled pictures: measure mAP of both, and note it in the card."
        ),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(metavar="TEXT", show_default="not stated", help="Licence of the weights."),
    ] = None,
    limits: Annotated[
        list[str] | None,
        typer.Option(
            "--limit", metavar="TEXT", help="Where it is known to fail, for its card; repeatable."
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, metavar="X", show_default="0.4", help="A detector's least score of a box."
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=2,
            metavar="X",
            show_default="by precision",
            help="Largest distance from torch.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", "-s", metavar="KEY=VALUE", help="Change a setting: model.view_from=table."
        ),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Make a folder that runs without torch: ONNX, with a card.

    Its embeddings or boxes are compared with those of torch; nothing is written if they differ
    too much.
    """
    from platefree.data.table import read_table
    from platefree.inference.card_notes import note_figures, note_limits
    from platefree.inference.export import NOT_STATED, export_model
    from platefree.inference.networks import load_network
    from platefree.recipes.overrides import parse_overrides

    loaded = load_network(model, device="cpu", overrides=parse_overrides(settings or ()))
    pictures = None if calibrate is None else read_table(calibrate)
    if loaded.learns == "frames":
        if score is not None:
            raise typer.BadParameter(
                "a detector is scored by benchmarks/detection.py", param_hint="--score"
            )
        from platefree.inference.box_decoding import THRESHOLD
        from platefree.inference.detector_export import export_detector

        detector = export_detector(
            loaded,
            target,
            precision=precision.value,
            frames=pictures,
            threshold=THRESHOLD if threshold is None else threshold,
            licence=licence or NOT_STATED,
            tolerance=tolerance,
        )
        if limits:
            note_limits(target, limits)
        _tell_detector(target, detector.card, as_json=as_json)
        return
    if threshold is not None:
        raise typer.BadParameter(
            f"{model} embeds pictures, and has no threshold", param_hint="--threshold"
        )
    exported = export_model(
        loaded,
        target,
        precision=precision.value,
        pictures=pictures,
        licence=licence or NOT_STATED,
        tolerance=tolerance,
    )
    if limits:
        note_limits(target, limits)
    card = exported.card
    if score is not None:
        from platefree.evaluation.exported import score_both

        notes.print("scoring the checkpoint and the exported model")
        card = note_figures(target, score_both(loaded, exported, score))
    if as_json:
        print_json({"model": str(target), **_card_json(card)})
    else:
        _print(card)
    done(target, "exported model")


def _tell_detector(target: Path, card: "DetectorCard", *, as_json: bool) -> None:
    """The same of a detector."""
    from platefree.cli.tables import plain_table, print_whole

    if as_json:
        kept = {"fingerprint", "precision", "name", "classes", "threshold", "compared", "parity"}
        size = sum(each.size for each in card.files())
        print_json({"model": str(target), "bytes": size, **card.model_dump(include=kept)})
    else:
        out.print(f"distance from torch, {card.precision}, on {card.compared}")
        rows = [[name, f"{e.worst:.1e}", f"{e.mean:.1e}"] for name, e in card.parity.items()]
        print_whole(plain_table("", ("of", "worst", "mean"), rows))
    done(target, "exported detector")


def _card_json(card: "ModelCard") -> dict[str, object]:
    return {
        "fingerprint": card.fingerprint,
        "precision": card.precision,
        "bytes": sum(each.size for each in card.files()),
        "compared": card.compared,
        "networks": [
            network.model_dump(include={"name", "method", "height", "width", "spaces", "parity"})
            for network in card.networks
        ],
        "figures": [each.model_dump() for each in card.figures],
    }


def _print(card: "ModelCard") -> None:
    from platefree.cli.tables import plain_table, print_whole

    rows = [
        [network.name, name, str(network.spaces[name]), f"{each.worst:.1e}", f"{each.mean:.1e}"]
        for network in card.networks
        for name, each in network.parity.items()
    ]
    out.print(f"distance of rows from torch, {card.precision}, on {card.compared}")
    print_whole(plain_table("", ("network", "space", "size", "worst", "mean"), rows))
    for each in card.figures:
        _print_figures(each)


def _print_figures(measured: "Measured") -> None:
    from platefree.cli.tables import plain_table, print_whole

    out.print(measured.describe())
    rows = [
        [name, f"{measured.torch[name]:.4f}", f"{value:.4f}"]
        for name, value in measured.figures.items()
    ]
    print_whole(plain_table("", ("figure", "torch", "exported"), rows))
