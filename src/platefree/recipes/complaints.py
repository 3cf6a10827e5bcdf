"""What pydantic finds wrong in a file, in the words of the people who wrote it."""

import difflib
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails


def explain(detail: ErrorDetails, whole: type[BaseModel]) -> str:
    """One of pydantic's complaints about a file, in the words of the people who wrote it.

    Args:
        detail: the complaint.
        whole: what the file should be.
    """
    # A union adds the chosen method's name to the location; people do not write it.
    place = [str(part) for part in detail["loc"]]
    if len(place) > 1 and place[0] == "model":
        del place[1]
    key = ".".join(place)
    if detail["type"] == "extra_forbidden":
        known = _keys_beside(place, detail, whole)
        near = difflib.get_close_matches(place[-1], known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
        where = f" in [{'.'.join(place[:-1])}]" if len(place) > 1 else ""
        return f"unknown key {place[-1]!r}{where}; {hint}"
    if detail["type"] == "missing":
        return f"{key} is missing"
    if detail["type"] == "value_error":
        return str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"].startswith("union_tag"):
        return f"model.method: {detail['msg'].replace(chr(39), '')}"
    found = detail["input"]
    return f"{key} is {found!r} ({type(found).__name__}); {detail['msg']}"


def _keys_beside(place: list[str], detail: ErrorDetails, whole: type[BaseModel]) -> list[str]:
    if place[0] == "model":
        return _model_keys(str(detail["loc"][1]))
    section: Any = whole
    for part in place[:-1]:
        if not part.isdigit():
            annotation = section.model_fields[part].annotation
            section = (*get_args(annotation), annotation)[0]  # list[Stage] holds Stage
    return list(section.model_fields)


def _model_keys(method: str) -> list[str]:
    from platefree.methods.settings import SETTINGS

    return list(SETTINGS[method].model_fields)
