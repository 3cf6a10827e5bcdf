"""The verb ``detect``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from platefree.cli.console import (
    DeviceName,
    DeviceOption,
    Json,
    done,
    out,
    picture_progress,
    print_json,
)
from platefree.storage.files import check_writable

if TYPE_CHECKING:
    from platefree.inference.detector import FoundOnFrame


def detect(
    pictures: Annotated[
        list[Path], typer.Argument(metavar="PICTURE", help="A whole picture, or several.")
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            show_default="the one inside platefree",
            help="Detector: exported, or a checkpoint.",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            metavar="X",
            show_default="the detector's own",
            help="Smallest score of a box.",
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FOLDER",
            show_default="no drawings",
            help="Also draw the boxes: NAME-found.png.",
        ),
    ] = None,
    *,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Find all vehicles and plates on whole pictures.

    Prints class, score, and the box in pixels: left, top, right, bottom.
    """
    import numpy as np

    from platefree.inference.detector_loading import load_detector
    from platefree.inference.frame_reading import read_frame
    from platefree.reports.detection_drawing import drawing_paths, save_drawing

    paths = [] if folder is None else drawing_paths(pictures, folder)
    for path in paths:
        check_writable(path)
    detector = load_detector(model, device=device.value)
    each: list[FoundOnFrame] = []
    sizes = []
    with picture_progress("detecting", len(pictures)) as advance:
        for number, place in enumerate(pictures):
            picture = read_frame(place)
            (found,) = detector.detect([np.asarray(picture)], threshold)
            each.append(found)
            sizes.append(picture.size)
            if folder is not None:
                save_drawing(picture, found, paths[number])
            advance(1)
    lowest = detector.threshold if threshold is None else threshold
    if as_json:
        print_json(
            {
                "model": {"name": detector.name, "fingerprint": detector.fingerprint},
                "threshold": lowest,
                "pictures": [
                    {
                        "picture": str(place),
                        "width": size[0],
                        "height": size[1],
                        "found": _plain(found),
                        **({"drawing": str(paths[number])} if paths else {}),
                    }
                    for number, (place, size, found) in enumerate(
                        zip(pictures, sizes, each, strict=True)
                    )
                ],
            }
        )
    else:
        _print(pictures, each, f"scores of at least {lowest:g}, model {detector.name}")
    if folder is not None:
        done(folder, "drawings")


def _plain(found: "FoundOnFrame") -> list[dict[str, object]]:
    from platefree.data.frame_boxes import KINDS

    return [
        {
            "class": KINDS[int(kind)],
            "score": round(float(score), 4),
            "box": [round(edge, 2) for edge in box.tolist()],
        }
        for box, kind, score in zip(found.box, found.kind, found.score, strict=True)
    ]


def _print(pictures: list[Path], each: "list[FoundOnFrame]", title: str) -> None:
    from platefree.cli.tables import plain_table, print_whole
    from platefree.data.frame_boxes import KINDS
    from platefree.data.listed_text import many

    rows = []
    for place, found in zip(pictures, each, strict=True):
        for box, kind, score in zip(found.box, found.kind, found.score, strict=True):
            edges = [f"{edge:.1f}" for edge in box.tolist()]
            rows.append([str(place), KINDS[int(kind)], f"{score:.2f}", *edges])
        if not len(found.box):
            rows.append([str(place), "nothing", *[""] * 5])
    head = ("picture", "class", "score", "left", "top", "right", "bottom")
    print_whole(plain_table(title, head, rows))
    count = many(sum(len(found.box) for found in each), "box", "boxes")
    out.print(f"{count} on {many(len(pictures), 'picture')}")
