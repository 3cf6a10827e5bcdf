"""The three kinds of conditions that a `Filter` is made of, and what each says in three languages.

A condition looks at one column of the stored rows: it is a mask over arrays, a part of the SQL of
Lance, and a part of an expression of Milvus. Nothing but these three kinds is ever translated, so
the languages cannot drift apart, and no value of a filter can be read as anything but a value.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Columns = Mapping[str, NDArray[Any]]

UNKNOWN_TIME = -(2**62)
"""The column ``time`` where it is unknown. (numpy's own number for it, -2**63, is read by the SQL
of Lance as a fraction.)"""

LEAST, MOST = UNKNOWN_TIME + 1, 2**62
"""Below and above every known time, in milliseconds."""

UNKNOWN_OF_WEEK = -1
"""The column ``of_week`` where the time is unknown."""


class Condition(Protocol):
    """What a row has to meet."""

    def mask(self, columns: Columns) -> Bools:
        """(n,) which rows meet it, of columns of (n,) values by name."""

    def sql(self) -> str:
        """The same in the SQL of Lance (DataFusion)."""

    def milvus(self) -> str:
        """The same as a boolean expression of Milvus."""


@dataclass(frozen=True)
class OneOf:
    """The column has one of these values.

    Attributes:
        column: its name.
        values: texts or whole numbers; none is a condition that no row meets.
    """

    column: str
    values: tuple[str | int, ...]

    def mask(self, columns: Columns) -> Bools:
        """(n,) which rows meet it."""
        wanted = set(self.values)
        return np.array([value in wanted for value in columns[self.column].tolist()], np.bool_)

    def sql(self) -> str:
        """``IN``, in SQL."""
        known = ", ".join(map(_sql_value, _storable(self.values)))
        return f"`{self.column}` IN ({known})" if known else "false"

    def milvus(self) -> str:
        """``in``, for Milvus."""
        return f"{self.column} in [{', '.join(map(_milvus_value, _storable(self.values)))}]"


@dataclass(frozen=True)
class NoneOf:
    """The column has none of these values.

    Attributes:
        column: its name.
        values: texts or whole numbers.
    """

    column: str
    values: tuple[str | int, ...]

    def mask(self, columns: Columns) -> Bools:
        """(n,) which rows meet it."""
        return ~OneOf(self.column, self.values).mask(columns)

    def sql(self) -> str:
        """``NOT IN``, in SQL."""
        return f"NOT ({OneOf(self.column, self.values).sql()})"

    def milvus(self) -> str:
        """``not in``, for Milvus."""
        return f"not ({OneOf(self.column, self.values).milvus()})"


@dataclass(frozen=True)
class Within:
    """The column lies in one of some intervals.

    Attributes:
        column: its name; of whole numbers.
        intervals: from a number on, to below another; none is a condition that no row meets.
    """

    column: str
    intervals: tuple[tuple[int, int], ...]

    def mask(self, columns: Columns) -> Bools:
        """(n,) which rows meet it."""
        values = columns[self.column]
        met = np.zeros(len(values), np.bool_)
        for start, end in self.intervals:
            met |= (values >= start) & (values < end)
        return met

    def sql(self) -> str:
        """Comparisons, in SQL."""
        column = f"`{self.column}`"
        parts = [f"({column} >= {start} AND {column} < {end})" for start, end in self.intervals]
        return f"({' OR '.join(parts)})" if parts else "false"

    def milvus(self) -> str:
        """Comparisons, for Milvus."""
        parts = [f"({start} <= {self.column} < {end})" for start, end in self.intervals]
        return f"({' or '.join(parts)})" if parts else f"{self.column} in []"


def _storable(values: tuple[str | int, ...]) -> list[str | int]:
    """The values without texts that are no Unicode, which no row on disk can have."""
    return [each for each in values if isinstance(each, int) or _is_unicode(each)]


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _sql_value(value: str | int) -> str:
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def _milvus_value(value: str | int) -> str:
    return json.dumps(value, ensure_ascii=False)
