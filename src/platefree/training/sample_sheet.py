"""Inputs and outputs of a method as one picture, in training and of a finished model."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from platefree.batches.loader import UsePictures
from platefree.errors import DataError, ImageError
from platefree.inference.model import Model
from platefree.methods.base import Batch, Samples
from platefree.storage.files import atomic_file
from platefree.types import Indices, Sightings

_GAP, _LINE = 4, 16
_LOOKED_AT = 64  # pictures among which a method finds what it shows, such as a nearest negative
_CAPTION = 140  # pixels of the longest caption


def sample_sheet(
    model: Model,
    table: Sightings,
    path: str | Path,
    *,
    columns: Sequence[str] = (),
    rows: int = 8,
    seed: int = 0,
) -> Path:
    """Draw what a finished model makes of pictures, and save it as PNG.

    For FDA-Net: input, attention, generated negative and nearest real negative, as in figure 8 of
    its paper; two of these columns make figure 9.

    Args:
        model: from `platefree.load_model`.
        table: of which pictures are drawn at random, of its test splits if it has any.
        path: the file to write.
        columns: the ones to show, in this order; by default all.
        rows: pictures to show. The nearest negative is found among these and others, 64 in all.
        seed: of the drawing.

    Raises:
        DataError: the method shows nothing, a column is unknown, or fewer than two vehicles are
            known.
        ImageError: a picture cannot be read.
        StorageError: it cannot be written.
    """
    drawn = table.take(_drawn(table, max(rows, _LOOKED_AT), seed))
    model.method.eval()
    samples = model.method.samples(_batch(model, drawn))
    if samples is None:
        raise DataError(f"{model.recipe.model.method} has no samples to show, as fda_net has")
    return save_samples(_only(samples, columns), Path(path), rows=rows)


def _drawn(table: Sightings, count: int, seed: int) -> Indices:
    usable = table.vehicle != ""
    tested = usable & (table.split != "train") if table.knows("split") else usable
    rows = np.flatnonzero(tested if tested.any() else usable)
    drawn = np.random.default_rng(seed).permutation(rows)[:count]
    found = len(np.unique(table.vehicle[drawn]))
    if found < 2:
        raise DataError(
            f"found pictures of {found} known vehicles to draw from, expected 2 "
            "or more: a sheet shows the nearest picture of another vehicle"
        )
    return drawn


def _batch(model: Model, table: Sightings) -> Batch:
    pictures = UsePictures(table, model.transform)
    images = []
    for item in (pictures[row] for row in range(len(table))):
        if isinstance(item.picture, str):
            raise ImageError(item.picture)
        images.append(item.picture)
    codes = torch.from_numpy(np.unique(table.vehicle, return_inverse=True)[1])
    shown = model.transform.normalise(torch.stack(images).to(model.device))
    return Batch(shown, {"vehicle": codes.to(model.device)})


def _only(samples: Samples, columns: Sequence[str]) -> Samples:
    unknown = sorted(set(columns) - set(samples.columns))
    if unknown:
        raise DataError(f"no column {', '.join(unknown)}; expected of {', '.join(samples.columns)}")
    if not columns:
        return samples
    places = [samples.columns.index(name) for name in columns]
    return replace(samples, columns=tuple(columns), pictures=samples.pictures[:, places])


def save_samples(samples: Samples, path: Path, *, rows: int = 8) -> Path:
    """Draw the first rows with their captions, and save them as PNG.

    Pictures narrower than their captions are enlarged.

    Args:
        samples: from `Method.samples`.
        path: the file to write; its folder is created if need be.
        rows: to draw at most.

    Raises:
        StorageError: it cannot be written.
    """
    pictures = samples.pictures[:rows].clamp(0.0, 1.0).mul(255).round().byte().numpy()
    times = -(-_CAPTION // pictures.shape[4])
    pictures = pictures.repeat(times, axis=3).repeat(times, axis=4)
    count, columns, _, height, width = pictures.shape
    size = (columns * (width + _GAP) + _GAP, _LINE + count * (height + _GAP) + _GAP)
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    for column, name in enumerate(samples.columns):
        left = _GAP + column * (width + _GAP)
        pen.text((left, 2), name, fill="black")
        for row in range(count):
            picture = np.ascontiguousarray(pictures[row, column].transpose(1, 2, 0))
            sheet.paste(Image.fromarray(picture), (left, _LINE + _GAP + row * (height + _GAP)))
    with atomic_file(path) as file:
        sheet.save(file, "PNG")
    return path
