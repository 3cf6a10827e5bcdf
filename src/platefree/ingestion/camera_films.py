"""Take the films of one camera into a gallery: all of it in one call."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from platefree.errors import DataError
from platefree.gallery.audit_trail import begun_trail
from platefree.gallery.ledger import open_ledger
from platefree.gallery.stored_gallery import Gallery
from platefree.inference.detector import Detector
from platefree.ingestion.cameras import Camera
from platefree.ingestion.intake import NO_DETECTORS, Intake, Taken
from platefree.video.track_masks import MASKED, Masked
from platefree.work import DEFAULT_WORK, Work


def ingest(
    films: str | Path | Sequence[str | Path],
    gallery: Gallery,
    *,
    camera: str,
    start: str = "",
    zone: str = "",
    detector: str | Path | Detector | None = None,
    keep: Collection[str] = (),
    work: Work = DEFAULT_WORK,
) -> Taken:
    """Find the vehicles of films and keep a sighting of each, without plates and faces.

    A call that was stopped in any way continues where it was when it is made again. How far
    each film is done is noted in the folder ``gallery.ledger``.

    Args:
        films: files, and folders of them.
        gallery: where sightings are kept.
        camera: that took the films.
        start: see `platefree.ingestion.cameras.Camera`, as ``zone`` and ``detector``.
        zone: of times in names, such as ``+07:00``.
        detector: of vehicles and plates, or its path; by default the one inside platefree.
        keep: what is not masked, of ``plates`` and ``faces``; an entry of the audit log says so.
        work: device, and how many processes look at films. Progress is not shown.

    Returns:
        What is done, and why other films are not.

    Raises:
        CheckpointError: there is no detector, or no model of the gallery.
        MismatchError: the gallery is of another model.
        DataError: a film begins at no known time, a part of it is done with other settings, the
            gallery is on a server and was opened without a folder for the ledger, or something else
            is to be kept.
        FilmError: there is no film.
        StorageError: the gallery, the ledger or the audit log cannot be written.
    """
    places = [films] if isinstance(films, str | Path) else films
    each = Camera(camera, places, start, zone, detector)
    if unknown := set(keep) - set(Masked._fields):
        raise DataError(f"keep has {sorted(unknown)}, expected some of {Masked._fields}")
    masked = Masked(plates="plates" not in keep, faces="faces" not in keep)
    with open_intake(gallery, [each], masked=masked, work=work) as intake:
        return intake.take(intake.plan([each]))


@contextmanager
def open_intake(
    gallery: Gallery,
    cameras: Sequence[Camera],
    *,
    detectors: Mapping[str, Detector] = NO_DETECTORS,
    masked: Masked = MASKED,
    work: Work = DEFAULT_WORK,
    by: str = "program",
) -> Iterator[Intake]:
    """What takes films into a gallery, for its only user.

    Args:
        gallery: with its ledger.
        cameras: whose films are taken in.
        detectors: that are open, by their paths.
        masked: what is masked; what is not is noted before anything is done.
        work: device, and how many processes look at films.
        by: what asks for the user.

    Raises:
        CheckpointError: there is no model of the gallery.
        MismatchError: the gallery is of another model.
        DataError: there is no folder for the ledger, or it is damaged or that of another gallery.
        StorageError: the ledger or the audit log cannot be written, or another process has it.
    """
    if gallery.ledger is None:
        raise DataError(
            f"{gallery.folder} is on a server: give a folder for the record of the films taken "
            "in (--ledger)"
        )
    with open_ledger(gallery.ledger, gallery.card.created) as ledger:
        _ = gallery.model  # refused now, if it is not the gallery's
        gallery.forget_passes()
        for what in [name for name, is_masked in masked._asdict().items() if not is_masked]:
            trail = begun_trail(gallery.folder, gallery.ledger, by)
            trail.note(f"ingest.keep_{what}", {"cameras": [each.name for each in cameras]})
        yield Intake(gallery, ledger, detectors=detectors, masked=masked, work=work)
