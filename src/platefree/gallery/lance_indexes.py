"""The indexes of a Lance table: built where they pay, and extended as it grows.

An index of vectors has few parts, of which none grows beyond half of the rows: each is searched by
one processor.
"""

from collections.abc import Sequence
from typing import Any

from platefree.gallery.lance_files import halves, rows_in

INDEX_FROM = 50_000
"""Rows below which computing every distance takes no longer than 60 ms (512 numbers a row)."""

UNINDEXED = 16_384
"""So many new rows are searched beside an index before they are taken in."""

LISTS, BITS = 4, 5
"""Lists of rows in each part of an index, all of them searched, and bits that it has for each
number: the index saves memory traffic, and loses nothing."""

_SCALAR_INDEXES = {"number": "BTREE", "time": "BTREE", "camera": "BITMAP"}
_OUTGROWN = 8  # times as many rows as came after it: then a part of an index stays as it is
_FEW_PARTS, _UNEVEN = 4, 0.75  # of an index, and of its rows: then `everything` divides it anew


def index_rows(
    dataset: Any,  # noqa: ANN401 - of an untyped package
    columns: Sequence[str],
    *,
    everything: bool = False,
    anew: bool = False,
) -> bool:
    """Build or extend the indexes, where they pay.

    Args:
        dataset: the table.
        columns: of vectors that are searched.
        everything: whether the last row has to be in them.
        anew: whether they may name what is stored no more.

    Returns:
        Whether one was written.
    """
    before = dataset.version
    if dataset.count_rows() < INDEX_FROM:
        return False
    built = {each.field_names[0]: each for each in dataset.describe_indices()}
    for column, kind in _SCALAR_INDEXES.items():
        if column not in built or anew:
            dataset.create_scalar_index(column, kind)
        else:
            _extend(dataset, built[column], everything=everything, share=1.0)
    for column in columns:
        if column not in built or (everything and not _well_divided(dataset, built[column])):
            _index_vectors(dataset, column)
        else:
            _extend(dataset, built[column], everything=everything, share=0.5)
    return bool(dataset.version > before)


def _extend(dataset: Any, index: Any, *, everything: bool, share: float) -> None:  # noqa: ANN401
    """Take rows into an index that are not in it, when they are many, or when all have to be.

    They become a part of their own, which every search looks at too, together with the last parts
    that are not `_OUTGROWN` times as many. So there are few parts, and no row is written again
    and again.

    Args:
        dataset: the table.
        index: what the engine says of the index.
        everything: whether the last row has to be in it.
        share: of all rows, the most that one part may get by growing.
    """
    parts = rows_of_parts(dataset, index)
    every = dataset.count_rows()
    new = every - sum(parts)
    if new <= (0 if everything else UNINDEXED):
        return
    merged, size = 0, new
    while merged < len(parts) and (last := parts[-1 - merged]) < _OUTGROWN * size:
        if size + last > share * every:
            break
        size += last
        merged += 1
    dataset.optimize.optimize_indices(index_names=[index.name], num_indices_to_merge=merged)


def rows_of_parts(dataset: Any, index: Any) -> list[int]:  # noqa: ANN401
    """How many rows each part of an index has."""
    rows = {each.fragment_id: rows_in(each) for each in dataset.get_fragments()}
    return [sum(rows.get(each, 0) for each in part.fragment_ids) for part in index.segments]


def _well_divided(dataset: Any, index: Any) -> bool:  # noqa: ANN401
    """Whether an index has few parts, which two processors can share."""
    parts = rows_of_parts(dataset, index)
    return len(parts) <= _FEW_PARTS and (
        max(parts) <= _UNEVEN * sum(parts) or len(halves(dataset)) == 1
    )


def _index_vectors(dataset: Any, column: str) -> None:  # noqa: ANN401
    """Index all rows, in a part for each half of them."""
    parts = [
        dataset.create_index_uncommitted(
            column,
            "IVF_RQ",
            metric="cosine",
            num_partitions=LISTS,
            num_bits=BITS,
            fragment_ids=fragments,
            replace=True,
        )
        for fragments in halves(dataset)
    ]
    dataset.commit_existing_index_segments(f"{column}_idx", column, parts)
