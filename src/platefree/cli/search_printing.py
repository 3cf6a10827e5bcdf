"""What the command line prints of a search."""

from pathlib import Path
from typing import TYPE_CHECKING

from platefree.cli.console import notes, out, print_json
from platefree.cli.searches import Searched
from platefree.evaluation.floor import FLOOR

if TYPE_CHECKING:
    from platefree.gallery.search import Answer

_COLORS_ALONE = (
    f"only colors are compared ({FLOOR}), so other vehicles of a similar color may come first; the "
    "model inside platefree is better ('platefree models'), and so is a trained one"
)


def show(
    searched: Searched,
    queries: list[str],
    asked: tuple[str, str],
    *,
    as_json: bool,
) -> None:
    """Print the hits, and what to know before they are believed."""
    from platefree.cli.tables import hits_table, print_whole
    from platefree.data.listed_text import many
    from platefree.gallery.conclusion import conclusion
    from platefree.gallery.recorded_answer import recorded_hit

    (post, where), gallery, found = asked, searched.gallery, searched.found
    several = "by the nearest of the query pictures" if len(queries) > 1 else ""
    if as_json:
        print_json(
            {
                **searched.document,
                "queries": queries,
                "combined": several or None,
                "model": searched.model,
                "gallery": gallery,
                "where": where,
                "post": {"steps": post, "described": searched.described},
                "skipped": searched.skipped,
                "left_out": [str(path) for path in found.left_out],
                "cautions": found.cautions,
                "nothing_likely": found.nothing_likely,
                "hits": [recorded_hit(hit, found.compared) for hit in found.hits],
            }
        )
    else:
        how = (gallery["search"], several, searched.described)
        names = ", ".join(Path(query).name for query in queries) or "the latest"
        title = (
            f"{names} in {many(gallery['pictures'], 'picture')}, "
            f"{', '.join(part for part in how if part)}, model {searched.model['name']}"
        )
        print_whole(hits_table(found.hits, title))
    _note_answer(found, Path(gallery["path"]), searched.model["name"], post)
    if not as_json and (last := conclusion(found.hits)):
        out.print(last)


def _note_answer(found: "Answer", gallery: Path, model: str, post: str) -> None:
    """What to know before the hits are believed."""
    from platefree.data.listed_text import many
    from platefree.gallery.conclusion import what_p_same_is
    from platefree.gallery.gallery_places import is_gallery
    from platefree.recipes.post import NONE

    missing = [hit.image for hit in found.hits if not hit.image.exists()]
    if missing:
        remedy = f"if the pictures of {gallery} were moved, give their folder with --root"
        if is_gallery(gallery):
            remedy = "'platefree gallery export' writes the small pictures that the gallery keeps"
        notes.print(
            f"{many(len(missing), 'hit')} without a file, such as {missing[0]}: {remedy}",
            soft_wrap=True,
        )
    for path in found.left_out[:5]:
        notes.print(f"left out, since it is a query picture itself: {path}", soft_wrap=True)
    if len(found.left_out) > 5:
        notes.print(f"... and {len(found.left_out) - 5} more copies of the query")
    for caution in found.cautions:
        notes.print(f"note: {caution}", soft_wrap=True)
    if not any(hit.similarity == hit.similarity for hit in found.hits):
        return  # nothing was compared
    said = (
        "A similarity is no probability: 1 is the same picture, and the first hit need not be the "
        "same vehicle."
    )
    if any(hit.in_words for hit in found.hits):
        said = what_p_same_is(found.compared, post_processed=post != NONE)
    notes.print(said, soft_wrap=True)
    if model == FLOOR:
        notes.print(f"note: {_COLORS_ALONE}", soft_wrap=True)
