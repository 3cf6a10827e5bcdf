"""What an ONNX file asks for, read from its bytes before ONNX Runtime sees any of them.

An ONNX file can name operators that a library of its author brings, and files on this machine that
hold its weights. A model folder needs neither, so both are refused, as are files of another opset.

The file is a message of protocol buffers; only the fields that say such things are looked at. Their
numbers are those of ``onnx.proto3``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from platefree.errors import CheckpointError

OPSET = 18
"""The opset that models are exported with, which ONNX Runtime has run since version 1.14."""

STANDARD = frozenset({"", "ai.onnx"})
"""The domains of the operators that every runtime of ONNX has."""

_DEEPEST = 16  # graphs within nodes; those that are exported have none
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5  # wire types

# Field numbers of the messages of onnx.proto3.
_MODEL_GRAPH, _MODEL_OPSET, _MODEL_TRAINING, _MODEL_FUNCTIONS = 7, 8, 20, 25
_OPSET_DOMAIN, _OPSET_VERSION = 1, 2
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS, _ATTRIBUTE_SPARSE = (5, 10), (6, 11), (22, 23)
_SPARSE_TENSORS = (1, 2)
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14


@dataclass
class OnnxContent:
    """What a file asks for.

    Attributes:
        opsets: domain -> version.
        foreign: operators of domains other than `STANDARD`, and functions and training parts.
        outside: whether weights are in other files.
    """

    opsets: dict[str, int] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)
    outside: bool = False


def check_onnx(content: bytes, what: str) -> None:
    """Refuse an ONNX file that is more than a network of standard operators with its weights.

    Args:
        content: of the file.
        what: its name in messages.

    Raises:
        CheckpointError: it is damaged, of another opset, or needs operators or files of its own.
    """
    found = read_onnx(content, what)
    if found.outside:
        raise CheckpointError(
            f"{what} keeps weights in other files, expected all of them inside it: export the "
            "model again"
        )
    if found.foreign:
        raise CheckpointError(
            f"{what} needs {', '.join(sorted(found.foreign)[:5])}, which ONNX does not define; "
            "expected standard operators only: export the model again"
        )
    versions = {found.opsets.get(domain) for domain in STANDARD & found.opsets.keys()}
    if versions != {OPSET}:
        named = ", ".join(map(str, sorted(each or 0 for each in versions))) or "none"
        raise CheckpointError(
            f"{what} is of ONNX opset {named}, this platefree runs opset {OPSET}: export the model "
            "again, or use the platefree version that wrote it"
        )


def read_onnx(content: bytes, what: str) -> OnnxContent:
    """What an ONNX file asks for.

    Raises:
        CheckpointError: it is no ONNX file, or damaged.
    """
    found = OnnxContent()
    try:
        for number, value in _fields(memoryview(content)):
            if number == _MODEL_GRAPH:
                _read_graph(_message(value), found, 0)
            elif number == _MODEL_OPSET:
                _read_opset(_message(value), found)
            elif number in (_MODEL_TRAINING, _MODEL_FUNCTIONS):
                found.foreign.add("training" if number == _MODEL_TRAINING else "a function")
    except (ValueError, IndexError) as error:
        raise CheckpointError(
            f"{what} is not an ONNX file, or damaged ({str(error)[:80]}); copy it again"
        ) from error
    return found


def _read_opset(message: memoryview, found: OnnxContent) -> None:
    domain, version = "", 0
    for number, value in _fields(message):
        if number == _OPSET_DOMAIN:
            domain = _text(value)
        elif number == _OPSET_VERSION and isinstance(value, int):
            version = value
    if domain in STANDARD and found.opsets.get(domain, version) != version:
        raise ValueError("two opsets")
    found.opsets[domain] = version


def _read_graph(message: memoryview, found: OnnxContent, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError(f"graphs nested more than {_DEEPEST} levels deep")
    for number, value in _fields(message):
        if number == _GRAPH_NODE:
            _read_node(_message(value), found, depth)
        elif number == _GRAPH_INITIALIZER:
            _read_tensor(_message(value), found)
        elif number == _GRAPH_SPARSE:
            _read_sparse(_message(value), found)


def _read_node(message: memoryview, found: OnnxContent, depth: int) -> None:
    operator, domain = "", ""
    for number, value in _fields(message):
        if number == _NODE_OPERATOR:
            operator = _text(value)
        elif number == _NODE_DOMAIN:
            domain = _text(value)
        elif number == _NODE_ATTRIBUTE:
            _read_attribute(_message(value), found, depth)
    if domain not in STANDARD:
        found.foreign.add(f"the operator {domain[:60]}.{operator[:60]}")


def _read_attribute(message: memoryview, found: OnnxContent, depth: int) -> None:
    for number, value in _fields(message):
        if number in _ATTRIBUTE_TENSORS:
            _read_tensor(_message(value), found)
        elif number in _ATTRIBUTE_GRAPHS:
            _read_graph(_message(value), found, depth + 1)
        elif number in _ATTRIBUTE_SPARSE:
            _read_sparse(_message(value), found)


def _read_sparse(message: memoryview, found: OnnxContent) -> None:
    for number, value in _fields(message):
        if number in _SPARSE_TENSORS:
            _read_tensor(_message(value), found)


def _read_tensor(message: memoryview, found: OnnxContent) -> None:
    for number, value in _fields(message):
        found.outside |= number == _TENSOR_EXTERNAL or (number == _TENSOR_LOCATION and value != 0)


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field: a whole number, or the bytes of text or of a message."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        size = {_EIGHT: 8, _FOUR: 4}.get(kind)
        if kind == _BYTES:
            size, at = _varint(message, at)
        if size is None or at + size > len(message):
            raise ValueError("a field ends beyond its message")
        yield number, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """The number of 7 bits a byte that starts at a place, and where it ends."""
    value = 0
    for place in range(10):
        byte = message[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError("a number of more than 10 bytes")


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number in place of a message")
    return value


def _text(value: int | memoryview) -> str:
    return bytes(_message(value)).decode("utf-8")
