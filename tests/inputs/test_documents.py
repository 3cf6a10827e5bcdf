"""JSON and TOML are read strictly; every fault is one line of the caller's error."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import facts

from platefree.errors import CheckpointError, DataError, RecipeError
from platefree.inputs.documents import parse_json, parse_toml, read_json, read_toml, read_unicode
from platefree.inputs.plain_files import Expected

CARD = Expected("a card", 1_000_000, CheckpointError)
NOTE = Expected("a note", 1000)

letters = st.characters(exclude_characters="\0", exclude_categories=("Cs",))
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(letters),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(letters), inside),
    max_leaves=20,
)


@given(plain)
@settings(max_examples=200)
def test_plain_content_is_read_as_it_was_written(content: Any) -> None:  # noqa: ANN401
    assert parse_json(json.dumps(content), "it", DataError) == content
    assert parse_json(json.dumps(content, ensure_ascii=False), "it", DataError) == content


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ()),
        ('{"a"', ()),
        ("[1] 2", ()),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', ("'c'", "twice")),
        ("[NaN]", ("NaN", "finite")),
        ("[-Infinity]", ("-Infinity", "finite")),
        ("[1e400]", ("1e400", "finite")),
        ("9" * 5000, ("5,000 digits",)),
        (f'{{"a": {2**63}}}', ("a", "64")),
        (f"[{-(2**63) - 1}]", ("64",)),
        ("[" * 100_000, ("32 levels",)),
        ('{"a":' * 40 + "1" + "}" * 40, ("32 levels",)),
        (r'["\ud800"]', (r"\ud800",)),
        (r'{"a\u0000": 1}', ("NUL",)),
        (r'{"b": ["a\u0000"]}', ("b.0", "NUL")),
    ],
)
def test_json_that_is_not_strict(text: str, found: tuple[str, ...]) -> None:
    with pytest.raises(CheckpointError, match=facts("card.json", *found)) as caught:
        parse_json(text, "card.json", CheckpointError)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a = ", ()),
        ("a = 1\na = 2", ()),
        ("[a]\nb = inf", ("inf", "finite")),
        ("[a]\nb = -nan", ("nan", "finite")),
        ("a = 1e400", ("1e400", "finite")),
        ("a = " + "9" * 3000, ("64 bits",)),
        ("a = " + "9_" * 1900 + "9", ("64 bits",)),
        ("[a]\nb = 99999999999999999999", ("a.b", "64")),
        ("a = 0x" + "f" * 17, ("a", "64")),
        ("a = " + "[" * 3000, ("32 levels",)),
        ("a = " + "[" * 40 + "]" * 40, ("32 levels",)),
        ("[" + "a." * 40 + "a]", ("32 levels",)),
        ("a." * 3000 + "a = 1", ("4,000",)),
        ('a = "\\u0000"', ("NUL",)),
    ],
)
def test_toml_that_is_not_strict(text: str, found: tuple[str, ...]) -> None:
    with pytest.raises(RecipeError, match=facts("mine.toml", *found)) as caught:
        parse_toml(text, "mine.toml", RecipeError)
    assert len(str(caught.value)) < 400
    assert "set_int_max_str_digits" not in str(caught.value)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    for number, encoding in enumerate(("utf-8", "utf-8-sig", "utf-16")):
        path = tmp_path / str(number)
        path.write_bytes('{"größe": "车"}'.encode(encoding))
        assert read_json(path, CARD) == {"größe": "车"}
        path.write_bytes('größe = "车"'.replace("größe", '"größe"').encode(encoding))
        assert read_toml(path, CARD) == {"größe": "车"}
        path.write_bytes("\r\nx\n".encode(encoding))
        assert read_unicode(path, CARD) == "\r\nx\n"


@pytest.mark.parametrize(
    "data",
    [b"\xff", b"a\x80", "车".encode("gb2312"), b"\xff\xfea", b"\xfe\xff\xd8\x00", b"\xed\xa0\x80"],
)
def test_other_encodings_are_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    with pytest.raises(DataError, match=facts(path, "UTF-8", "a note")):
        read_unicode(path, NOTE)


@given(st.text(max_size=60))
def test_toml_gives_finite_plain_content_or_one_line(text: str) -> None:
    try:
        content = parse_toml(text, "it", RecipeError)
    except RecipeError:
        return
    assert all(not isinstance(value, float) or math.isfinite(value) for value in content.values())
