"""The analyst's demo: films of a small city are taken into a gallery, with the models inside."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

from platefree.city.film_plan import FilmSettings
from platefree.city.generate_films import generate_films
from platefree.experiments.continued import continued_by_repeating
from platefree.experiments.demo import Watch
from platefree.gallery.gallery_places import is_gallery
from platefree.gallery.stored_gallery import Gallery
from platefree.ingestion.camera_films import ingest
from platefree.storage.disk import make_folder

SECONDS, CAMERAS, VEHICLES = 30, 3, 150
"""Of each film; how many films; how many vehicles drive in the city."""


class Footage(NamedTuple):
    """What was made.

    Attributes:
        gallery: the sightings.
        cameras: the file of the places of the cameras.
    """

    gallery: Gallery
    cameras: Path


def demo_footage(
    folder: str | Path,
    *,
    seed: int = 0,
    say: Callable[[str], None] | None = None,
    watch_rendering: Watch | None = None,
) -> Footage:
    """Film a city and find its vehicles; what was interrupted goes on.

    Args:
        folder: of the demo.
        seed: the same seed gives the same films.
        say: called with a line about each part.
        watch_rendering: opens a progress display of the films.

    Raises:
        StorageError: it cannot be written.
        Interrupted: stopped by Ctrl-C; finished parts are kept.
    """
    target = Path(folder)
    make_folder(target)
    films, lot = target / "films", target / "lot"
    tell = say or (lambda _: None)
    watch = watch_rendering or (lambda: nullcontext(lambda *_: None))
    with continued_by_repeating(target):
        tell(f"1/2 filming {SECONDS} seconds before {CAMERAS} cameras, a few minutes on two cores")
        settings = FilmSettings(SECONDS, CAMERAS, VEHICLES, seed)
        with watch() as on_frame:
            generate_films(films, settings, on_progress=lambda n, of: on_frame("filming", n, of))
        tell("2/2 finding the vehicles, and keeping a sighting of each pass")
        gallery = Gallery(lot) if is_gallery(lot) else Gallery.create(lot)
        for film in sorted(films.glob("c*.mp4")):
            ingest(film, gallery, camera=film.stem)
    return Footage(gallery, films / "cameras.json")
