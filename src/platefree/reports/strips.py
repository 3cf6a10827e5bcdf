"""Example queries of a report as ranked strips of embedded pictures.

Correct and wrong hits are marked by a tick or a cross with a title; color only repeats it.
"""

import base64
import io
import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from PIL import Image

from platefree.data.image_source import TableImages
from platefree.data.thumbnail import fitted
from platefree.errors import ImageError
from platefree.evaluation.results import Picture, Strip
from platefree.reports.drawing import clean
from platefree.reports.overlay import overlay

PICTURE_WIDTH, PICTURE_HEIGHT = 168, 96
"""The box, in pixels, that every picture of a page is scaled to fit."""

_QUALITY = 80  # of a JPEG; about 4 kB per picture, so thirty strips stay below 3 MB
_MARKS = {
    True: ("correct", "correct: the label says same vehicle", "M3 8.5l3.4 3.4L13 4.6"),
    False: ("wrong", "wrong: the label says another vehicle", "M4 4l8 8M12 4l-8 8"),
    None: ("unknown", "not scored: a label is unknown", "M4 8h8"),
}


def render_strips(strips: Sequence[Strip]) -> str:
    """All strips as HTML, under one heading per kind, in the order given."""
    parts = []
    for kind, same_kind in groupby(strips, key=lambda strip: strip.kind):
        parts.append(
            f'<h3 class="kind">{clean(kind[:1].upper() + kind[1:])} by average precision</h3>'
        )
        parts.extend(_strip(strip) for strip in same_kind)
    return "".join(parts)


def mark(correct: bool | None) -> str:
    """A tick, a cross or a dash, with its meaning as the title."""
    name, title, path = _MARKS[correct]
    return (
        f'<svg class="mark {name}" viewBox="0 0 16 16" role="img" aria-label="{title}">'
        f'<title>{title}</title><path d="{path}"/></svg>'
    )


def _strip(strip: Strip) -> str:
    first = f"first correct at rank {strip.first_match}" if strip.first_match else "no correct hit"
    hits = "".join(f"<li>{_hit(rank, hit)}</li>" for rank, hit in enumerate(strip.hits, start=1))
    return (
        f'<article class="card strip"><p><strong>{clean(strip.trial)}</strong>: average precision '
        f"{100 * strip.average_precision:.2f}&nbsp;%, {first}</p>"
        f'<div class="ranked"><div class="query">{_query(strip)}</div>'
        f'<ol class="hits">{hits}</ol></div></article>'
    )


def _query(strip: Strip) -> str:
    name = strip.query.path.name
    small = _small(strip.query)
    caption = ["<strong>query</strong>", *_labels(strip.query)]
    parts = [_figure(_embedded(small, f"Query {name}", str(strip.query.path)), caption)]
    if small is None:
        return "".join(parts)
    if strip.heat_map is not None:
        tinted = overlay(small, strip.heat_map)
        described = f"Heat map of query {name}"
        parts.append(_figure(_embedded(tinted, described, described), ["heat map"]))
    for of, activation in strip.activations:
        tinted = overlay(small, activation)
        described = f"Class activation of query {name} in {of}"
        caption = ["class activation", clean(of)]
        parts.append(_figure(_embedded(tinted, described, described), caption))
    return "".join(parts)


def _hit(rank: int, hit: Picture) -> str:
    small = _small(hit)
    similarity = "" if hit.similarity is None else f" {hit.similarity:.3f}"
    caption = [f"{mark(hit.correct)} <strong>{rank}</strong>{similarity}", *_labels(hit)]
    return _figure(_embedded(small, f"Hit {rank}, {hit.path.name}", str(hit.path)), caption)


def _small(picture: Picture) -> Image.Image | None:
    """What was scored, scaled to fit; None if it cannot be read."""
    size = (PICTURE_WIDTH, PICTURE_HEIGHT)
    try:
        return fitted(TableImages(picture.table).read(0, size), *size)
    except ImageError:
        return None


def _labels(picture: Picture) -> list[str]:
    time = re.sub(r"(?<=\d)T(?=\d)", " ", picture.time)  # allows a line break
    known = (picture.camera, time, picture.vehicle and f"vehicle {picture.vehicle}")
    return [clean(label) for label in known if label]


def _figure(drawn: str, caption: Iterable[str]) -> str:
    lines = "".join(f"<span>{line}</span>" for line in caption)
    return f'<figure class="picture">{drawn}<figcaption>{lines}</figcaption></figure>'


def _embedded(picture: Image.Image | None, described: str, tip: str) -> str:
    if picture is None:
        return _missing(described, tip)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode()
    return (
        f'<img src="data:image/jpeg;base64,{data}" alt="{clean(described)}" title="{clean(tip)}" '
        f'width="{picture.width}" height="{picture.height}">'
    )


def _missing(described: str, tip: str) -> str:
    size = PICTURE_HEIGHT
    return (
        f'<svg class="missing" width="{size}" height="{size}" viewBox="0 0 96 96" role="img" '
        f'aria-label="{clean(described)}: cannot be read"><title>{clean(tip)}</title>'
        '<rect x="1" y="1" width="94" height="94" rx="4"/>'
        '<path d="M34 24h28v20h-28ZM34 40l9-8 7 6 5-4 7 6M30 50L66 18"/>'
        '<text x="48" y="68">cannot</text><text x="48" y="82">be read</text></svg>'
    )
