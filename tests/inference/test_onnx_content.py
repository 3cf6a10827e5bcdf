"""What an ONNX file asks for, against files that the package ``onnx`` writes."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from messages import facts
from onnx import TensorProto, helper, numpy_helper

from platefree.errors import CheckpointError
from platefree.inference.onnx_content import OPSET, check_onnx, read_onnx

Change = Callable[[onnx.ModelProto], object]


def network() -> onnx.ModelProto:
    """A standard network: weights in the graph, in an attribute, and in a graph within a node."""
    weights = numpy_helper.from_array(np.ones((3, 2), np.float32), "w")
    inner = helper.make_graph(
        [
            helper.make_node(
                "Constant", [], ["c"], value=numpy_helper.from_array(np.zeros(2, np.float32))
            )
        ],
        "inner",
        [],
        [helper.make_tensor_value_info("c", TensorProto.FLOAT, [2])],
    )
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["y"]),
        helper.make_node("If", ["b"], ["z"], then_branch=inner, else_branch=inner),
        helper.make_node("Add", ["y", "z"], ["out"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3]),
            helper.make_tensor_value_info("b", TensorProto.BOOL, []),
        ],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 2])],
        [weights],
    )
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)],
    )


def then_branch(model: onnx.ModelProto) -> onnx.GraphProto:
    (node,) = (each for each in model.graph.node if each.op_type == "If")
    return next(each.g for each in node.attribute if each.name == "then_branch")


def outside(tensor: onnx.TensorProto, place: str) -> None:
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    tensor.external_data.add(key="location", value=place)


def test_a_standard_network_is_taken() -> None:
    model = network()
    found = read_onnx(model.SerializeToString(), "m")
    assert found.opsets == {each.domain: each.version for each in model.opset_import}
    assert (found.foreign, found.outside) == (set(), False)
    check_onnx(model.SerializeToString(), "m")


@pytest.mark.parametrize("place", ["weights.bin", "/etc/passwd", "../../secret"])
@pytest.mark.parametrize(
    "of",
    [
        lambda model: model.graph.initializer[0],
        lambda model: then_branch(model).node[0].attribute[0].t,
        lambda model: model.graph.sparse_initializer.add().values,
        lambda model: model.graph.node[0].attribute.add(type=9).tensors.add(),
    ],
    ids=["initializer", "within an attribute", "sparse", "list of tensors"],
)
def test_weights_in_other_files_are_refused(
    of: Callable[[onnx.ModelProto], onnx.TensorProto], place: str
) -> None:
    model = network()
    outside(of(model), place)
    with pytest.raises(CheckpointError, match=facts("model.onnx", "other files")):
        check_onnx(model.SerializeToString(), "model.onnx")


def test_a_place_without_the_mark_is_refused_too() -> None:
    model = network()
    model.graph.initializer[0].external_data.add(key="location", value="weights.bin")
    with pytest.raises(CheckpointError, match=facts("other files")):
        check_onnx(model.SerializeToString(), "m")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda m: setattr(m.graph.node[0], "domain", "evil.ops"), ("evil.ops.MatMul",)),
        (lambda m: setattr(m.graph.node[0], "domain", "com.microsoft"), ("com.microsoft.MatMul",)),
        (lambda m: setattr(then_branch(m).node[0], "domain", "deep"), ("deep.Constant",)),
        (lambda m: m.functions.add(name="f", domain="own"), ("function",)),
        (lambda m: m.training_info.add(), ("training",)),
    ],
    ids=["custom", "of one runtime", "within a node", "function", "training"],
)
def test_operators_of_its_own_are_refused(change: Change, told: tuple[str, ...]) -> None:
    model = network()
    change(model)
    with pytest.raises(CheckpointError, match=facts("model.onnx", *told)):
        check_onnx(model.SerializeToString(), "model.onnx")


@pytest.mark.parametrize("version", [1, 17, 19, 10**6, None])
def test_another_opset_is_refused(version: int | None) -> None:
    model = network()
    if version is None:
        del model.opset_import[:]
    else:
        model.opset_import[0].version = version
    with pytest.raises(CheckpointError, match=facts("opset", OPSET, version or "none")):
        check_onnx(model.SerializeToString(), "m")
    model.opset_import.add(domain="ai.onnx", version=OPSET)  # the same domain by its other name
    if version is not None:
        with pytest.raises(CheckpointError, match=facts("opset", version)):
            check_onnx(model.SerializeToString(), "m")


def test_graphs_within_graphs_have_an_end() -> None:
    model = network()
    graph = model.graph
    for _ in range(40):
        graph = graph.node.add(op_type="If").attribute.add(name="then_branch", type=5).g
    with pytest.raises(CheckpointError, match="damaged"):
        check_onnx(model.SerializeToString(), "m")


def test_damaged_bytes_are_read_or_refused() -> None:
    """Never with another error, and never for ever."""
    whole = network().SerializeToString()
    random = np.random.default_rng(0)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(3000):
        content = bytearray(whole)
        for at in random.integers(0, len(whole), random.integers(1, 4)):
            content[at] = random.integers(0, 256)
        try:
            check_onnx(bytes(content[: random.integers(1, len(whole) + 1)]), "m")
            outcomes["read"] += 1
        except CheckpointError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 0
    for content in (b"", b"\x00", b"\xff" * 40, b"\x3a\xff\xff\xff\xff\x0f", b"PK\x03\x04"):
        with pytest.raises(CheckpointError):
            check_onnx(content, "m")
