"""The sources of a merged table: which ones a run trains on, and which one it is scored on."""

from collections.abc import Sequence

import numpy as np

from platefree.errors import TrainingError
from platefree.types import Sightings, known_values


def rows_of_sources(rows: Sightings, sources: Sequence[str]) -> Sightings:
    """The training rows of some sources.

    Args:
        rows: of all sources.
        sources: their names; without any, all rows are taken.

    Raises:
        TrainingError: a name is not a source.
    """
    if not sources:
        return rows
    known = known_values(rows.source).tolist()
    for strange in [name for name in sources if name not in known][:1]:
        has = f"there are {', '.join(known)}" if known else "their column 'source' is empty"
        raise TrainingError(
            f"train.sources names {strange!r}, but no training row has that source: {has}; "
            "'platefree data merge' makes a table of several sources"
        )
    return rows.take(np.isin(rows.source, sources))


def scored_source(table: Sightings, named: str = "") -> str:
    """The target of a merged table: the one source that is trained on and scored.

    Args:
        table: with its test rows.
        named: ``train.target``, where the table alone does not decide.

    Raises:
        TrainingError: the table has no sources or not the named one; or none is named, and the
            number of sources with rows other than training rows is not one.
    """
    known = known_values(table.source).tolist()
    if not known:
        raise TrainingError(
            "train.rows = \"target\" means the rows of one source, but the column 'source' of "
            f"{table!r} is empty; 'platefree data merge ... --target NAME' fills it"
        )
    if named:
        if named not in known:
            raise TrainingError(
                f"train.target is {named!r}, expected one of the sources {', '.join(known)}"
            )
        return named
    tested = [name for name in known if (table.split[table.source == name] != "train").any()]
    if len(tested) == 1 or len(known) == 1:
        return str((tested or known)[0])
    found = f"{', '.join(tested)} have" if tested else "none has"
    raise TrainingError(
        f'train.rows = "target" means the one source with rows that are not for training, but of '
        f"the sources {', '.join(known)}, {found} such rows: set train.target=NAME"
    )
