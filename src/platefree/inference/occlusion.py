"""Which parts of two pictures make them alike, of any model: parts are covered one by one.

Occlusion sensitivity (Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks",
ECCV 2014, section 4.2), of the similarity of two pictures in place of the score of a class. It is
coarse and slow beside `platefree.inference.explain`, and needs neither gradients nor torch.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from PIL import Image

from platefree.inference.embedder import Embedder
from platefree.inference.loose_pictures import embed_loose
from platefree.types import Embeddings, Floats
from platefree.work import Work

CELLS = 8
"""Rows and columns of parts."""

_LONGEST = 512  # pixels; models see less


class Occlusion(NamedTuple):
    """What covering parts of two pictures does.

    Attributes:
        query: (`CELLS`, `CELLS`) float32 in [0, 1], by how much the similarity falls where a part
            of the query is covered, 1 where it falls most; all zero where it never falls.
        hit: the same of the other picture.
        similarity: of both pictures as they are.
    """

    query: Floats
    hit: Floats
    similarity: float


def occlusion(model: Embedder, query: Image.Image, hit: Image.Image, work: Work) -> Occlusion:
    """Cover each part of both pictures in turn, by the mean color of the picture.

    Args:
        model: that embeds pictures.
        query: mode RGB.
        hit: mode RGB.
        work: device and batch size.

    Raises:
        CheckpointError: the network cannot run.
    """
    pictures = [*_covered(query), *_covered(hit)]
    made = embed_loose(model, pictures, work)
    half = len(pictures) // 2
    whole_query, whole_hit = made.take(np.array([0])), made.take(np.array([half]))
    of_query = _similarities(model, made.take(np.arange(half)), whole_hit)
    of_hit = _similarities(model, whole_query, made.take(np.arange(half, 2 * half)))
    return Occlusion(_fall(of_query), _fall(of_hit), float(of_query[0]))


def _covered(picture: Image.Image) -> list[Image.Image]:
    """The picture, and then with each part covered, row by row."""
    whole = picture.copy()
    whole.thumbnail((_LONGEST, _LONGEST), Image.Resampling.LANCZOS)
    pixels = np.asarray(whole, np.uint8)
    height, width = pixels.shape[:2]
    mean = pixels.reshape(-1, 3).mean(axis=0).round().astype(np.uint8)
    rows, columns = _edges(height), _edges(width)
    found = [whole]
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            covered = pixels.copy()
            covered[top:bottom, left:right] = mean
            found.append(Image.fromarray(covered))
    return found


def _edges(side: int) -> list[int]:
    """Where the parts of a side in pixels begin, and the last one ends."""
    return [round(part * side / CELLS) for part in range(CELLS + 1)]


def _similarities(model: Embedder, query: Embeddings, gallery: Embeddings) -> Floats:
    """(n,) of n pictures to the one on the other side."""
    similarities: Floats = 1 - model.comparison.distances(query, gallery).reshape(-1)
    return similarities


def _fall(similarities: Floats) -> Floats:
    """The map, from the similarity of the whole and of each covered picture."""
    falls = np.clip(similarities[0] - similarities[1:], 0, None).reshape(CELLS, CELLS)
    shares: Floats = (falls / max(float(falls.max()), 1e-9)).astype(np.float32)
    return shares
