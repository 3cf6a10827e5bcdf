"""Submissions to a challenge whose test labels are secret: embed, post-process, rank, write.

The steps are those of an evaluation (`platefree.evaluation.post_chain`), so the published pipeline
of VehicleNet (Zheng et al., TMM 2020, figure 5: 75.60 % mAP on the private test set of CityFlow)
and the one with the temporal window (86.07 %) are settings of ``[post]``.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from platefree.data.dataset import DataSet
from platefree.data.listed_text import many
from platefree.data.readers.cityflow import NAME
from platefree.data.readers.detect import read_dataset
from platefree.data.submission import NEAREST, check_numbers, write_submission
from platefree.data.table import read_table
from platefree.data.vehicle_boxes import BoxFractions
from platefree.errors import DataError, Interrupted, StorageError
from platefree.evaluation.embedded import embed_for
from platefree.evaluation.evaluate import Scoring
from platefree.evaluation.from_training import with_found
from platefree.evaluation.post_chain import make_chain
from platefree.evaluation.trial import Trial
from platefree.gallery.opening import open_embedder
from platefree.gallery.stored import is_embeddings_folder, load_embeddings, save_embeddings
from platefree.inference.embedder import Embedder
from platefree.recipes.post import Post
from platefree.storage.files import remove
from platefree.storage.locks import only_writer
from platefree.types import Embeddings, Floats, Ranking, Sightings
from platefree.work import DEFAULT_WORK, Work

_PART = 2048  # pictures embedded and saved at a time


def open_challenge(data: str | Path | DataSet) -> DataSet:
    """The test of CityFlow: from its folder, or from a table with more columns than it publishes.

    A table has the splits query and gallery; cameras, times and tracks that a team has annotated
    are columns of it.

    Raises:
        DataError: the folder is not CityFlow, or the table cannot be read.
    """
    if isinstance(data, DataSet):
        return data
    if not Path(data).is_file():
        return read_dataset(data, NAME)
    table = read_table(data)
    splits = ("train", "query", "gallery")
    return DataSet(NAME, table, {name: np.flatnonzero(table.split == name) for name in splits})


def submit(
    model: Embedder | str | Path,
    data: str | Path | DataSet,
    path: str | Path,
    *,
    post: Post | str | None = None,
    work: Work = DEFAULT_WORK,
) -> Path:
    """Rank the test pictures of CityFlow and write the file that the challenge's server scores.

    Embeddings are saved next to the file, in ``PATH.parts``, until it is written, so a run that is
    stopped can be continued. Pictures that a step removes for a query rank after all others.

    Args:
        model: a loaded model, a checkpoint folder, or ``color_stripes``.
        data: CityFlow, the folder of it, or a table, see `open_challenge`.
        path: the file; the server expects the name ``track2.txt``.
        post: post-processing steps such as ``expand,camera,rerank`` or ``none``, with the options
            of the model's recipe, or steps with options; by default those of the recipe.
        work: device, workers and progress.

    Returns:
        ``path``.

    Raises:
        DataError: the folder is not CityFlow, its queries or gallery are not there, or a step
            needs a column that is unknown.
        RecipeError: there is no such step, or a step lacks an option.
        CheckpointError: the model, or one that a step names, cannot be loaded.
        ImageError: a picture cannot be read.
        StorageError: the file cannot be written.
        Interrupted: it was stopped; the same call continues.
    """
    path = Path(path)
    if path.is_dir():
        raise StorageError(f"{path} is a folder, expected a file such as {path / 'track2.txt'}")
    dataset = open_challenge(data)
    check_numbers(dataset)
    query, gallery = dataset.rows("query"), dataset.rows("gallery")
    model = open_embedder(model, work)
    steps = Scoring(post=post).post_of(model)
    scored = np.concatenate([query, gallery])
    table = dataset.table.take(scored)
    trial = Trial("submission", np.arange(len(query)), np.arange(len(query), len(table)))
    trial.check_post(steps, table)
    steps, _ = with_found(steps, dataset.table, scored, work)
    parts = path.with_name(f"{path.name}.parts")
    with only_writer(parts):
        write_submission(dataset, _nearest(model, steps, table, trial, parts, work), path)
        remove(parts)
    return path


def _nearest(
    model: Embedder, post: Post, table: Sightings, trial: Trial, parts: Path, work: Work
) -> Ranking:
    """The nearest gallery pictures of each query after all steps."""

    def embed(one: Embedder, rows: Sightings, boxes: BoxFractions | None, how: Work) -> Embeddings:
        return _embed_in_parts(one, rows, parts, how, boxes)

    embedded = embed_for(model, post, table, work, embed)
    embeddings, comparison = embedded.under(post.steps)
    chain = make_chain(post, table, comparison, embedded.cameras, embedded.alike)
    depth = max(1, min(NEAREST, len(trial.gallery)))
    found = [_cut(block, depth) for _, block in chain.blocks(embeddings, trial)]
    return Ranking(
        np.concatenate([each.indices for each in found]),
        np.concatenate([each.distances for each in found]),
    )


def _cut(block: Floats, depth: int) -> Ranking:
    """The nearest of each row; removed pictures, at distance inf, come last, by their number."""
    order = np.argsort(block, axis=1, kind="stable")[:, :depth]
    return Ranking(order, np.take_along_axis(block, order, axis=1))


def _embed_in_parts(
    model: Embedder,
    table: Sightings,
    folder: Path,
    work: Work,
    boxes: BoxFractions | None = None,
) -> Embeddings:
    """The embeddings of a table; those saved in the folder by an earlier run are reused."""
    name = "whole" if boxes is None else hashlib.sha256(boxes.tobytes()).hexdigest()[:16]
    own = folder / f"{model.fingerprint[:16]}-{name}"
    found = []
    for rows in _slices(len(table)):
        pictures = table.take(np.arange(len(table))[rows])
        place = own / f"{rows.start:07d}"
        part = _kept(place, model, pictures)
        if part is None:
            try:
                inside = None if boxes is None else boxes[rows]
                part, _ = model.embed(pictures, boxes=inside, work=work)
                save_embeddings(part, place, model.comparison)
            except KeyboardInterrupt:
                raise Interrupted(
                    f"stopped with {rows.start:,} of {many(len(table), 'picture')} embedded: run "
                    "the same command again to continue"
                ) from None
        else:
            work.progress(len(pictures))
        found.append(part)
    spaces = {
        name: np.concatenate([part.spaces[name] for part in found]) for name in found[0].spaces
    }
    return Embeddings(spaces, table, model.fingerprint)


def _slices(count: int) -> Iterator[slice]:
    for start in range(0, count, _PART):
        yield slice(start, min(start + _PART, count))


def _kept(place: Path, model: Embedder, rows: Sightings) -> Embeddings | None:
    """The embeddings of these rows by this model, if they were saved."""
    if not is_embeddings_folder(place):
        return None
    try:
        part = load_embeddings(place)
    except DataError:  # a run was killed while it removed them
        return None
    same = part.sightings.fingerprint() == rows.fingerprint()
    return part if same and part.model == model.fingerprint else None
