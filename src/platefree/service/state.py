"""How a service stands: films that are taken in, storage, retention, and its model in words."""

import os
import shutil
from pathlib import Path
from typing import Any, Final

from platefree.errors import PlatefreeError
from platefree.gallery.ledger import FilmRecord, read_ledger
from platefree.inference.model_card import ModelCard, is_model_folder, read_model_card
from platefree.inference.shipped import shipped_models
from platefree.service.running_service import Service
from platefree.service.state_models import (
    FilmState,
    IngestionState,
    ModelState,
    RetentionState,
    StateAnswer,
    StorageState,
)

MOST_FILMS: Final = 500
"""Films that are named; those that are not done come first, then the latest."""

_MB = 2**20
_UNSAID = "nobody has written down where it fails: try it on pictures of your own cameras first"


def state_of(here: Service) -> StateAnswer:
    """How a service stands now."""
    return StateAnswer(
        ingestion=_ingestion(here),
        storage=_storage(here),
        retention=_retention(here),
        model=_model(here),
    )


def _ingestion(here: Service) -> IngestionState:
    films, error = list[FilmRecord](), ""
    if here.gallery.ledger is not None:
        try:
            with read_ledger(here.gallery.ledger, here.gallery.card.created) as ledger:
                films = [] if ledger is None else ledger.films()
        except PlatefreeError as fault:
            error = str(fault)
    films.sort(key=lambda each: each.start, reverse=True)
    films.sort(key=lambda each: each.finished)
    return IngestionState(
        films=[_film(each) for each in films[:MOST_FILMS]],
        finished=sum(each.finished for each in films),
        of=len(films),
        more=max(len(films) - MOST_FILMS, 0),
        error=error,
    )


def _film(record: FilmRecord) -> FilmState:
    return FilmState(
        film=Path(record.path).name,
        camera=record.camera,
        start=record.start,
        seconds=round(record.seconds, 3),
        duration=record.duration,
        finished=record.finished,
        remarks=list(record.remarks),
    )


def _storage(here: Service) -> StorageState:
    own = sum(_sizes(here.folder)) / _MB
    return StorageState(
        gallery_megabytes=round(here.gallery.store.bytes_on_disk() / _MB, 3),
        service_megabytes=round(own, 3),
        free_megabytes=round(shutil.disk_usage(here.folder).free / _MB, 1),
    )


def _sizes(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return [each.stat().st_size for each in entries if each.is_file(follow_symlinks=False)]


def _retention(here: Service) -> list[RetentionState]:
    here.gallery.refresh()
    rule = here.gallery.card.retention
    return [
        RetentionState(
            camera=each.value,
            days=None if rule is None else rule.cameras.get(each.value, rule.days),
            sightings=each.count,
        )
        for each in here.choices.now().cameras
    ]


def _model(here: Service) -> ModelState:
    plain = ModelState(
        fingerprint=here.gallery.card.model,
        calibrated=here.gallery.calibration() is not None,
        name="",
    )
    return plain.model_copy(update=_described(here))


def _described(here: Service) -> dict[str, Any]:
    """What is known of the model besides."""
    place = here.gallery.card.model_path
    if place is None:
        return {
            "note": "the gallery holds embeddings alone, so it cannot be searched with new pictures"
        }
    folder = shipped_models().get(place, Path(place))
    try:
        if is_model_folder(folder):
            return _by_card(read_model_card(folder))
        here.load_model()
        about = dict(here.gallery.model.describe())
    except PlatefreeError as error:
        return {"name": Path(place).name, "note": str(error)}
    about.pop("fingerprint", None)
    return {
        "name": Path(about.pop("name", place)).name,
        "method": about.pop("method", ""),
        "learnt_from": _sentences(about),
        "limits": [_UNSAID],
    }


def _by_card(card: ModelCard) -> dict[str, Any]:
    return {
        "name": card.networks[0].name if len(card.networks) == 1 else card.method,
        "method": card.method,
        "precision": card.precision,
        "learnt_from": _sentences(card.about),
        "licence": card.licence,
        "limits": list(card.limits) or [_UNSAID],
        "measured": [f"{each.describe()}: {each.percentages()}" for each in card.figures],
    }


def _sentences(about: dict[str, str]) -> list[str]:
    return [f"{name}: {value}" for name, value in about.items()]
