"""Settings of post-processing that are found in the training rows of a table, never in its tests.

Zheng et al., VehicleNet, TMM 2020, section IV-C, gives neither the temporal window nor how cameras
are clustered. Decided: training rows, whose vehicles and cameras are known, give both; in a merged
table those of the sources that are scored, since other sources have other cameras.
"""

import math
from dataclasses import replace

import numpy as np

from platefree.data.listed_text import many
from platefree.errors import DataError
from platefree.gallery.opening import open_embedder
from platefree.ranking.guessed_cameras import camera_radius
from platefree.ranking.interval import covering_interval
from platefree.recipes.post import Post, Time
from platefree.types import Indices, Sightings
from platefree.work import DEFAULT_WORK, Work, no_progress

MOST_ROWS = 4096
"""Training rows that a radius is found in, at most: time grows with the square of their number."""


def with_found(
    post: Post, table: Sightings, scored: Indices, work: Work = DEFAULT_WORK
) -> tuple[Post, dict[str, str]]:
    """The settings, with all that is to be found in the training rows of a table.

    Args:
        post: which steps, and their options.
        table: all rows of the data, those for training too.
        scored: (n,) the rows that are searched and searched for.
        work: device and workers, if training rows must be embedded.

    Returns:
        The settings with the window in seconds and the radius of the clusters of cameras, and
        descriptions for a report; unchanged and empty where the settings already give them.

    Raises:
        DataError: the training rows do not show what is to be found.
        CheckpointError: the camera classifier cannot be loaded.
    """
    post, window = with_window(post, table, scored)
    post, radius = with_camera_radius(post, table, scored, work)
    return post, window | radius


def with_window(post: Post, table: Sightings, scored: Indices) -> tuple[Post, dict[str, str]]:
    """The settings, with the temporal window found in the training rows of a table.

    Returns:
        The settings with the window in seconds, and a description for the report. Both are
        unchanged and empty without the step ``time``, or if it already gives its seconds.

    Raises:
        DataError: no window can be found in the training rows.
    """
    if "time" not in post.steps or post.time.by == "seconds":
        return post, {}
    instead = "set post.time.by=seconds and post.time.seconds"
    rows = table.take(_training_rows(table, scored, "post.time.by", instead))
    try:
        seconds, count = covering_interval(rows.vehicle, rows.camera, rows.time, post.time.fraction)
    except DataError as error:
        raise DataError(f"post.time.by is training, but {error}; {instead}") from error
    window = (
        f"{seconds:g} s, which covers {100 * post.time.fraction:g} % of {count:,} intervals "
        f"between cameras among {len(rows):,} training rows"
    )
    settings = Time(seconds=seconds, fraction=post.time.fraction)
    return post.model_copy(update={"time": settings}), {"temporal window": window}


def with_camera_radius(
    post: Post, table: Sightings, scored: Indices, work: Work = DEFAULT_WORK
) -> tuple[Post, dict[str, str]]:
    """The settings, with the radius that separates the cameras of training rows.

    Of more than `MOST_ROWS` training rows of known camera, as many are used, evenly spread. DBSCAN
    joins what lies densely, so where more pictures are clustered in use, as many more neighbours
    make a cluster (ours; the paper does not say).

    Raises:
        DataError: the training rows know fewer than two cameras, or no radius separates them.
        CheckpointError: the camera classifier cannot be loaded.
        ImageError: a picture cannot be read.
    """
    if "camera" not in post.steps or post.camera.by != "training":
        return post, {}
    instead = "set post.camera.by=clusters and post.camera.radius"
    rows = _training_rows(table, scored, "post.camera.by", instead)
    known = rows[table.camera[rows] != ""]
    if len(np.unique(table.camera[known])) < 2:
        raise DataError(
            f"post.camera.by is training, but {many(len(rows), 'training row')} name fewer than "
            f"two cameras; {instead}"
        )
    if len(known) > MOST_ROWS:
        known = known[np.linspace(0, len(known) - 1, MOST_ROWS).astype(np.int64)]
    model = open_embedder(post.camera.model, work)
    pictures = table.take(known)
    embeddings, _ = model.embed(pictures, work=replace(work, progress=no_progress))
    options = post.camera
    try:
        radius, agreement = camera_radius(
            embeddings, pictures.camera, options.precision, options.smallest, model.comparison
        )
    except DataError as error:
        raise DataError(
            f"post.camera.by is training, but {error}; lower post.camera.precision, or {instead}"
        ) from error
    clustered = len(scored)  # some protocols search among training rows too
    smallest = math.ceil(options.smallest * max(1.0, clustered / len(known)))
    found = {"by": "clusters", "radius": radius, "smallest": smallest}
    settings = post.camera.model_copy(update=found)
    described = f"{radius:g}, found in {many(len(known), 'training row')}: {agreement}"
    if smallest > options.smallest:
        described += f"; of {clustered:,} pictures {smallest} make a cluster"
    return post.model_copy(update={"camera": settings}), {"radius of cameras": described}


def _training_rows(table: Sightings, scored: Indices, setting: str, instead: str) -> Indices:
    """The training rows of the sources that are scored; all of them if a source is unknown."""
    train = table.split == "train"
    if not train.any():
        raise DataError(f"{setting} is training, but no row has split 'train'; {instead}")
    sources = np.unique(table.source[scored])
    if "" in sources:
        return np.flatnonzero(train)
    rows = np.flatnonzero(train & np.isin(table.source, sources))
    if not len(rows):
        raise DataError(
            f"{setting} is training, but no training row is of the source that is scored "
            f"({', '.join(sources.tolist())}), and other sources have other cameras; {instead}"
        )
    return rows
