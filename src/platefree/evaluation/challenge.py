"""Submissions to a challenge whose test labels are secret: embed, rank, write."""

from pathlib import Path

import numpy as np

from platefree.data.dataset import DataSet
from platefree.data.listed_text import many
from platefree.data.readers.cityflow import NAME
from platefree.data.readers.detect import read_dataset
from platefree.data.submission import NEAREST, check_numbers, write_submission
from platefree.errors import Interrupted, StorageError
from platefree.gallery.opening import open_embedder
from platefree.gallery.stored import is_embeddings_folder, load_embeddings, save_embeddings
from platefree.inference.embedder import Embedder
from platefree.ranking.exact import rank_exact
from platefree.storage.files import remove
from platefree.storage.locks import only_writer
from platefree.types import Embeddings, Sightings
from platefree.work import DEFAULT_WORK, Work

_PART = 2048  # pictures embedded and saved at a time


def submit(
    model: Embedder | str | Path,
    data: str | Path | DataSet,
    path: str | Path,
    *,
    work: Work = DEFAULT_WORK,
) -> Path:
    """Rank the test pictures of CityFlow and write the file that the challenge's server scores.

    Embeddings are saved next to the file, in ``PATH.parts``, until it is written, so a run that is
    stopped can be continued.

    Args:
        model: a loaded model, a checkpoint folder, or ``color_stripes``.
        data: CityFlow, or the folder of it.
        path: the file; the server expects the name ``track2.txt``.
        work: device, workers and progress.

    Returns:
        ``path``.

    Raises:
        DataError: the folder is not CityFlow, or its queries or gallery are not there.
        CheckpointError: the model cannot be loaded.
        ImageError: a picture cannot be read.
        StorageError: the file cannot be written.
        Interrupted: it was stopped; the same call continues.
    """
    path = Path(path)
    if path.is_dir():
        raise StorageError(f"{path} is a folder, expected a file such as {path / 'track2.txt'}")
    dataset = data if isinstance(data, DataSet) else read_dataset(data, NAME)
    check_numbers(dataset)
    query, gallery = dataset.rows("query"), dataset.rows("gallery")
    model = open_embedder(model, work)
    parts = path.with_name(f"{path.name}.parts")
    table = dataset.table.take(np.concatenate([query, gallery]))
    with only_writer(parts):
        embeddings = _embed_in_parts(model, table, parts, work)
        asked, shown = (
            embeddings.take(np.arange(start, stop))
            for start, stop in ((0, len(query)), (len(query), len(table)))
        )
        depth = max(1, min(NEAREST, len(gallery)))
        write_submission(dataset, rank_exact(asked, shown, depth, model.comparison), path)
        remove(parts)
    return path


def _embed_in_parts(model: Embedder, table: Sightings, folder: Path, work: Work) -> Embeddings:
    """The embeddings of a table; those saved in the folder by an earlier run are reused."""
    found = []
    for start in range(0, len(table), _PART):
        rows = table.take(np.arange(start, min(start + _PART, len(table))))
        place = folder / f"{start:07d}"
        part = _kept(place, model, rows)
        if part is None:
            try:
                part, _ = model.embed(rows, work=work)
                save_embeddings(part, place, model.comparison)
            except KeyboardInterrupt:
                raise Interrupted(
                    f"stopped with {start:,} of {many(len(table), 'picture')} embedded: run the "
                    "same command again to continue"
                ) from None
        else:
            work.progress(len(rows))
        found.append(part)
    spaces = {
        name: np.concatenate([part.spaces[name] for part in found]) for name in found[0].spaces
    }
    return Embeddings(spaces, table, model.fingerprint)


def _kept(place: Path, model: Embedder, rows: Sightings) -> Embeddings | None:
    """The embeddings of these rows by this model, if they were saved."""
    if not is_embeddings_folder(place):
        return None
    part = load_embeddings(place)
    same = part.sightings.fingerprint() == rows.fingerprint()
    return part if same and part.model == model.fingerprint else None
