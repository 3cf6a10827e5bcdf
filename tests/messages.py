"""Which facts a message states: names, numbers and commands, and not how the sentence goes."""

import re

Fact = str | int | float


def facts(*wanted: Fact | tuple[Fact, ...]) -> str:
    r"""A pattern, for ``match=`` or ``re.search``, of a text that states every fact of ``wanted``.

    The facts stand anywhere and in any order. Each stands for itself: ``4`` is not found in ``40``,
    ``-4`` or ``0.4``, and ``lr`` not in ``lrr``. A space in a fact may be a new line.
    """
    flat = [part for fact in wanted for part in (fact if isinstance(fact, tuple) else (fact,))]
    assert flat, "no fact is pinned"
    return "(?s)" + "".join(f"(?=.*{_alone(str(fact))})" for fact in flat)


def says(text: str, *wanted: Fact | tuple[Fact, ...]) -> bool:
    """Whether ``text`` states every fact of ``wanted``, as `facts` describes."""
    return re.search(facts(*wanted), text) is not None


def _alone(fact: str) -> str:
    words = fact.split()
    assert words, "a fact is empty"
    before, after = "", ""
    if words[0][0].isalnum():
        before = r"(?<![\w.,-])" if words[0][0].isdigit() else r"(?<!\w)"
    if words[-1][-1].isalnum():
        after = r"(?!\w|[.,]\d)" if words[-1][-1].isdigit() else r"(?!\w)"
    return before + r"\s+".join(map(re.escape, words)) + after
