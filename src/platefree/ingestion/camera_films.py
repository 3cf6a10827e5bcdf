"""Take the films of one camera into a gallery: all of it in one call."""

from collections.abc import Sequence
from pathlib import Path

from platefree.gallery.stored_gallery import Gallery
from platefree.inference.detector import Detector
from platefree.ingestion.cameras import Camera
from platefree.ingestion.intake import Intake, Taken
from platefree.ingestion.ledger import ledger_folder, open_ledger
from platefree.work import DEFAULT_WORK, Work


def ingest(
    films: str | Path | Sequence[str | Path],
    gallery: Gallery,
    *,
    camera: str,
    start: str = "",
    zone: str = "",
    detector: str | Path | Detector | None = None,
    ledger: str | Path | None = None,
    work: Work = DEFAULT_WORK,
) -> Taken:
    """Find the vehicles of films and keep a sighting of each, without plates.

    A call that was stopped, however, goes on where it was when it is made again.

    Args:
        films: files, and folders of them.
        gallery: where sightings are kept.
        camera: that took the films.
        start: see `platefree.ingestion.cameras.Camera`, as ``zone`` and ``detector``.
        zone: of times in names, such as ``+07:00``.
        detector: of vehicles and plates, or its path; by default the one inside platefree.
        ledger: the folder in which it is noted what is done of each film; by default one in that of
            the gallery.
        work: device, and how many processes look at films. Progress is not shown.

    Returns:
        What is done, and why other films are not.

    Raises:
        CheckpointError: there is no detector, or no model of the gallery.
        MismatchError: the gallery is of another model.
        DataError: a film begins at no known time, or a part of it is done with other settings.
        FilmError: there is no film.
        StorageError: the gallery or the ledger cannot be written.
    """
    places = [films] if isinstance(films, str | Path) else films
    each = Camera(camera, places, start, zone, detector)
    _ = gallery.model  # refused now, if it is not the gallery's
    with open_ledger(ledger_folder(gallery.folder, ledger), gallery.card.created) as opened:
        intake = Intake(gallery, opened, work=work)
        return intake.take(intake.plan([each]))
