"""The verb ``detect``."""

from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    from platefree.inference.detector import Detector, FoundOnFrame
    from platefree.video.regions import Regions


def detect(
    places: Annotated[
        list[str],
        typer.Argument(metavar="PICTURE|VIDEO", help="Whole pictures, films, or addresses."),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            show_default="the built-in one",
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
            help="Also draw the boxes: NAME-found.png, NAME-found.mp4.",
        ),
    ] = None,
    every: Annotated[
        float,
        typer.Option(min=0.0, max=86_400.0, metavar="SECONDS", help="Of films; 0 is every frame."),
    ] = 0.1,
    since: Annotated[
        float, typer.Option(min=0.0, max=1e9, metavar="SECONDS", help="Where in a film to begin.")
    ] = 0.0,
    until: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1e9,
            metavar="SECONDS",
            show_default="its end",
            help="Where in a film to end.",
        ),
    ] = None,
    watch: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y X,Y ...", help="Only vehicles that stand in this polygon."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y X,Y ...", help="No vehicles that stand in this polygon."),
    ] = None,
    smallest: Annotated[
        float,
        typer.Option(
            min=0.0, max=1e5, metavar="PIXELS", help="Leave out boxes whose longer side is shorter."
        ),
    ] = 0.0,
    *,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Find vehicles and plates on whole pictures and on films.

    Prints class, score, and the box in pixels: left, top, right, bottom.
    """
    from platefree.cli.detect_films import note_remarks, print_films, see_film
    from platefree.data.film_sampling import Sampling
    from platefree.inference.detector_loading import load_detector
    from platefree.reports.detection_drawing import drawing_paths
    from platefree.video.footage import is_film
    from platefree.video.regions import Regions, polygon_of

    films = [place for place in places if is_film(place)]
    pictures = [Path(place) for place in places if not is_film(place)]
    regions = Regions(
        [polygon_of(each) for each in watch or []],
        [polygon_of(each) for each in ignore or []],
        smallest,
    )
    sampling = Sampling(every, since, float("inf") if until is None else until)
    paths, film_paths = list[Path](), list[Path]()
    if folder is not None:
        paths = drawing_paths(pictures, folder)
        film_paths = drawing_paths([Path(film) for film in films], folder, ".mp4")
    for path in (*paths, *film_paths):
        check_writable(path)
    detector = load_detector(model, device=device.value)
    on_pictures = _on_pictures(pictures, detector, threshold, regions, paths)
    seen = [
        see_film(film, detector, sampling, regions, threshold, path)
        for film, path in zip_longest(films, film_paths)
    ]
    lowest = detector.threshold if threshold is None else threshold
    if as_json:
        print_json(
            {
                "model": {"name": detector.name, "fingerprint": detector.fingerprint},
                "threshold": lowest,
                "pictures": [each.to_json() for each in on_pictures],
                "films": [each.to_json() for each in seen],
            }
        )
    else:
        title = f"scores of at least {lowest:g}, model {detector.name}"
        if pictures:
            _print(on_pictures, title)
        if films:
            print_films(seen, title)
    note_remarks(seen)
    if folder is not None:
        done(folder, "drawings")


@dataclass(frozen=True)
class _OnPicture:
    """What was found on a picture."""

    place: Path
    size: tuple[int, int]
    found: "FoundOnFrame"
    drawing: Path | None

    def to_json(self) -> dict[str, Any]:
        from platefree.cli.detect_films import plain_boxes

        return {
            "picture": str(self.place),
            "width": self.size[0],
            "height": self.size[1],
            "found": plain_boxes(self.found),
            **({} if self.drawing is None else {"drawing": str(self.drawing)}),
        }


def _on_pictures(
    pictures: list[Path],
    detector: "Detector",
    threshold: float | None,
    regions: "Regions",
    paths: list[Path],
) -> list[_OnPicture]:
    import numpy as np

    from platefree.inference.frame_reading import read_frame
    from platefree.reports.detection_drawing import save_drawing

    each: list[_OnPicture] = []
    with picture_progress("detecting", len(pictures)) as advance:
        for number, place in enumerate(pictures):
            picture = read_frame(place)
            found = regions.kept(*detector.detect([np.asarray(picture)], threshold))
            each.append(_OnPicture(place, picture.size, found, paths[number] if paths else None))
            if paths:
                save_drawing(picture, found, paths[number])
            advance(1)
    return each


def _print(each: list[_OnPicture], title: str) -> None:
    from platefree.cli.tables import plain_table, print_whole
    from platefree.data.frame_boxes import KINDS
    from platefree.data.listed_text import many

    rows = []
    for one in each:
        place, found = str(one.place), one.found
        for box, kind, score in zip(found.box, found.kind, found.score, strict=True):
            edges = [f"{edge:.1f}" for edge in box.tolist()]
            rows.append([place, KINDS[int(kind)], f"{score:.2f}", *edges])
        if not len(found.box):
            rows.append([place, "nothing", *[""] * 5])
    head = ("picture", "class", "score", "left", "top", "right", "bottom")
    print_whole(plain_table(title, head, rows))
    count = many(sum(len(one.found.box) for one in each), "box", "boxes")
    out.print(f"{count} on {many(len(each), 'picture')}")
