"""Valid content damaged at random, but always the same for the same seed."""

import json
import random
import re
import struct
import zlib
from collections.abc import Callable
from typing import Any

WORDS = (
    "", "0", "-1", "1e400", "-1e400", "NaN", "Infinity", "inf", "nan", "1e-400", "0x10", "00",
    "9" * 25, "9" * 5000, "2147483648", "9223372036854775808", "1.5", "true", "null", "[]", "{}",
    "[" * 2000, "{" * 2000, '{"a":' * 2000, '"', "'", ",", "\n", "\r", "\0", "\\ud800", "\\u0000",
    "\ufeff", "\ud800", "é車", "=1+1", "../../etc/passwd", "/dev/zero", "x" * 5000, "a.b.c",
)  # fmt: skip
"""What stands in place of a number or a word."""

VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 1e308, 10**12, 10**30, "", "x", "x" * 5000, "\0", "\ud800", [], {},
    [[]], {"a": 1}, [None], [1, "2", 3.5], float("nan"), float("inf"),
)  # fmt: skip
"""What stands in place of a value of JSON."""

NUMBERS = (0, 1, -1, 127, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1)

Mutate = Callable[[bytes, random.Random], bytes]


def damaged(content: bytes, kind: str, chance: random.Random) -> bytes:
    """One to four changes.

    Args:
        content: of a valid file.
        kind: ``bytes``, ``text``, ``json`` or ``png``.
        chance: decides everything.
    """
    ways: dict[str, tuple[Mutate, ...]] = {
        "bytes": BYTES,
        "text": (*TEXT, *TEXT, *BYTES),
        "json": (in_json, in_json, *TEXT, *BYTES[:2]),
        "png": (*BYTES, in_png, in_png),
    }
    for _ in range(chance.choice((1, 1, 1, 2, 3, 4))):
        content = chance.choice(ways[kind])(content, chance)
    return content


# --- bytes ------------------------------------------------------------------------------------


def span(content: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(content) + 1)
    return start, min(len(content), start + int(2 ** chance.uniform(0, 10)))


def flip(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 8)) if changed else 0):
        place = chance.randrange(len(changed))
        changed[place] = chance.choice((changed[place] ^ 1 << chance.randrange(8), 0, 255, 127))
    return bytes(changed)


def number(content: bytes, chance: random.Random) -> bytes:
    """A whole number of 2, 4 or 8 bytes, of either byte order."""
    place, kind = chance.randrange(len(content) + 1), chance.choice("HIQ")
    value = chance.choice(NUMBERS) % 2 ** (8 * struct.calcsize(kind))
    packed = struct.pack(chance.choice("<>") + kind, value)
    return content[:place] + packed + content[place + len(packed) :]


def cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def remove(content: bytes, chance: random.Random) -> bytes:
    start, end = span(content, chance)
    return content[:start] + content[end:]


def repeat(content: bytes, chance: random.Random) -> bytes:
    start, end = span(content, chance)
    return content[:end] + content[start:end] * chance.choice((1, 2, 50)) + content[end:]


def insert(content: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(content) + 1)
    return content[:place] + chance.randbytes(chance.choice((1, 4, 100))) + content[place:]


def move(content: bytes, chance: random.Random) -> bytes:
    """A part of the content over another part of it."""
    (start, end), place = span(content, chance), chance.randrange(len(content) + 1)
    return content[:place] + content[start:end] + content[place + end - start :]


BYTES: tuple[Mutate, ...] = (flip, flip, number, number, cut, remove, repeat, insert, move)


# --- text -------------------------------------------------------------------------------------


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def word(content: bytes, chance: random.Random) -> bytes:
    """Another word, number or cell."""
    text = content.decode("utf-8", "replace")
    found = list(re.finditer(r"-?\d[\d.e+-]*|[^\s,;=:\"'<>\[\]{}]+", text))
    if not found:
        return encoded(chance.choice(WORDS))
    old = chance.choice(found)
    return encoded(text[: old.start()] + chance.choice(WORDS) + text[old.end() :])


def lines(content: bytes, chance: random.Random) -> bytes:
    """A line twice, none, or in another place; line ends of another system."""
    every = content.split(b"\n")
    line = every[chance.randrange(len(every))]
    how = chance.randrange(4)
    if how == 0:
        every.insert(chance.randrange(len(every)), line)
    elif how == 1:
        every.remove(line)
    elif how == 2:
        chance.shuffle(every)
    return (b"\r\n" if how == 3 else b"\n").join(every)


def encoding(content: bytes, chance: random.Random) -> bytes:
    """The same text in another encoding, or behind a byte order mark."""
    text = content.decode("utf-8", "replace")
    return text.encode(chance.choice(("utf-8-sig", "utf-16", "utf-16-be", "gb18030", "utf-32")))


TEXT: tuple[Mutate, ...] = (word, word, word, lines, encoding)


# --- JSON -------------------------------------------------------------------------------------


def in_json(content: bytes, chance: random.Random) -> bytes:
    """Another value somewhere in the tree, a key twice, or a key less."""
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return word(content, chance)
    places = list(containers(tree))
    if not places:
        return encoded(json.dumps(chance.choice(VALUES)))
    place = chance.choice(places)
    key = chance.choice(list(place) if isinstance(place, dict) else range(len(place)))
    how = chance.randrange(4)
    if how == 0:
        del place[key]
    elif how == 1 and isinstance(place, dict):
        place["MARK"] = place[key]
        text = json.dumps(tree).replace('"MARK"', json.dumps(key))
        return encoded(text)
    else:
        place[key] = chance.choice(VALUES)
    return encoded(json.dumps(tree, ensure_ascii=chance.random() < 0.5))


def containers(tree: Any) -> list[Any]:  # noqa: ANN401
    """The tables and lists of a tree that are not empty."""
    if not isinstance(tree, dict | list) or not tree:
        return []
    inner = tree.values() if isinstance(tree, dict) else tree
    return [tree, *(each for value in inner for each in containers(value))]


# --- PNG --------------------------------------------------------------------------------------


def in_png(content: bytes, chance: random.Random) -> bytes:
    """Damage within a chunk whose checksum is right."""
    chunks, place = [], 8
    while place + 12 <= len(content):
        length = int.from_bytes(content[place : place + 4])
        chunks.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += 12 + length
    if not chunks:
        return flip(content, chance)
    which = chance.randrange(len(chunks))
    kind, body = chunks[which]
    if kind == b"IDAT" and chance.random() < 0.5:
        try:
            body = zlib.compress(chance.choice(BYTES)(zlib.decompress(body), chance))
        except zlib.error:
            body = flip(body, chance)
    else:
        body = chance.choice(BYTES)(body, chance)
    chunks[which] = (kind, body)
    return content[:8] + b"".join(
        struct.pack(">I", len(each)) + name + each + struct.pack(">I", zlib.crc32(name + each))
        for name, each in chunks
    )
