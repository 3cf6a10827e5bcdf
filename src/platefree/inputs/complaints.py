"""Errors of pydantic as messages for the author of a file."""

import difflib
import reprlib
from collections.abc import Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from platefree.errors import PlatefreeError
from platefree.inputs.documents import check_plain

Whole = TypeVar("Whole", bound=BaseModel)

_MOST = 3  # faults in one message
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 100


def checked(
    whole: type[Whole],
    content: object,
    what: str,
    *,
    error: type[PlatefreeError],
    context: Mapping[str, Any] | None = None,
    parts: Mapping[str, type[BaseModel]] | None = None,
) -> Whole:
    """Validate plain content.

    Args:
        whole: the class to validate it as.
        content: parsed TOML, or a part of a card.
        what: its name in messages, such as ``recipe mine``.
        error: what is raised.
        context: of the validation.
        parts: section -> its class, if more specific than in ``whole``.

    Raises:
        PlatefreeError: an ``error``: an unknown key, a missing one, or a value of the wrong type
            or beyond its bounds.
    """
    check_plain(content, what, error)
    try:
        return whole.model_validate(content, context=context)
    except ValidationError as fault:
        raise complaint(fault, what, error, whole, parts) from fault


def complaint(
    fault: ValidationError,
    what: str,
    error: type[PlatefreeError],
    whole: type[BaseModel] | None = None,
    parts: Mapping[str, type[BaseModel]] | None = None,
) -> PlatefreeError:
    """The faults that pydantic found, as one of our errors; arguments are as of `checked`."""
    details = fault.errors()
    found = [_explain(detail, whole, parts or {}) for detail in details[:_MOST]]
    found += [f"and {len(details) - _MOST:,} more"] if len(details) > _MOST else []
    return error(f"{what}: {'; '.join(found)}")


def _explain(
    detail: ErrorDetails, whole: type[BaseModel] | None, parts: Mapping[str, type[BaseModel]]
) -> str:
    place = [str(part) for part in detail["loc"]]
    key = ".".join(place) or "the whole"
    if detail["type"] == "extra_forbidden" and whole is not None:
        known = _known_keys(place, whole, parts)
        near = difflib.get_close_matches(place[-1], known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
        where = f" in [{'.'.join(place[:-1])}]" if len(place) > 1 else ""
        return f"unknown key {place[-1][:60]!r}{where}; {hint}"
    if detail["type"] == "missing":
        return f"{key} is missing"
    if detail["type"] == "value_error":
        return str(detail["msg"]).removeprefix("Value error, ")
    found = detail["input"]
    return f"{key} is {_SHORT.repr(found)} ({type(found).__name__}); {detail['msg']}"


def _known_keys(
    place: list[str], whole: type[BaseModel], parts: Mapping[str, type[BaseModel]]
) -> list[str]:
    """The known keys of the section that has an unknown one."""
    section: Any = whole
    for part in place[:-1]:
        if section is whole and part in parts:
            section = parts[part]
        elif not part.isdigit():
            annotation = section.model_fields[part].annotation
            section = (*get_args(annotation), annotation)[0]  # list[Stage] holds Stage
    return list(section.model_fields)
