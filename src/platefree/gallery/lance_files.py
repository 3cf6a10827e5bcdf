"""The files of rows of a Lance table, which the engine calls fragments."""

from typing import Any

import numpy as np


def purge(dataset: Any) -> bool:  # noqa: ANN401
    """Rewrite the fragments in which rows were deleted; whether there are any."""
    fragments = dataset.get_fragments()
    whole = [each.fragment_id for each in fragments if not each.num_deletions]
    if len(whole) == len(fragments):
        return False
    dataset.optimize.compact_files(excluded_fragment_ids=whole, materialize_deletions_threshold=0.0)
    return True


def gather(dataset: Any, below: int) -> None:  # noqa: ANN401
    """Make one of the fragments with fewer rows than this."""
    fragments = dataset.get_fragments()
    large = [each.fragment_id for each in fragments if rows_in(each) >= below]
    dataset.optimize.compact_files(excluded_fragment_ids=large)


def gather_halves(dataset: Any) -> None:  # noqa: ANN401
    """Make one of the fragments of each half of the rows, as far as one holds them.

    A search reads its candidates from all of them.
    """
    for half in halves(dataset):
        others = [each.fragment_id for each in dataset.get_fragments()]
        dataset.optimize.compact_files(excluded_fragment_ids=sorted(set(others) - set(half)))


def halves(dataset: Any) -> list[list[int]]:  # noqa: ANN401
    """The numbers of the fragments with the first half of the rows, and of the others."""
    fragments = dataset.get_fragments()
    ends = np.cumsum([rows_in(each) for each in fragments])
    first = int((2 * ends <= ends[-1]).sum()) or 1
    numbers = [each.fragment_id for each in fragments]
    return [part for part in (numbers[:first], numbers[first:]) if part]


def rows_in(fragment: Any) -> int:  # noqa: ANN401
    """How many rows a fragment has that were not deleted."""
    return int(fragment.physical_rows - fragment.num_deletions)
