"""Weights in 8 bits against a loop over channels, and the graph against the one in 32 bits."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from platefree.inference.lower_precision import eight_bit_weights
from platefree.inference.onnx_session import open_session, providers_of

RANDOM = np.random.default_rng(5)
WEIGHTS = {
    "kernel": RANDOM.standard_normal((16, 8, 3, 3)).astype(np.float32),
    "few": RANDOM.standard_normal((4, 16, 1, 1)).astype(np.float32),
    "product": RANDOM.standard_normal((4, 300)).astype(np.float32),
}
WEIGHTS["kernel"][3] = 0.0  # a channel that does nothing
WEIGHTS["kernel"][4] *= 1000.0


def network() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Conv", ["pictures", "kernel"], ["wide"], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["wide", "few"], ["narrow"]),
        helper.make_node("GlobalAveragePool", ["narrow"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["row"]),
        helper.make_node("MatMul", ["row", "product"], ["rows"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["n", 8, 6, 6])],
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", 300])],
        [numpy_helper.from_array(each, name) for name, each in WEIGHTS.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def run(graph: onnx.ModelProto, pictures: np.ndarray) -> np.ndarray:
    session = open_session(graph.SerializeToString(), providers_of("cpu"), "it", 1)
    return session.run(["rows"], {"pictures": pictures})[0]


def test_each_channel_has_255_steps_of_its_own() -> None:
    lowered = eight_bit_weights(network())
    held = {each.name: numpy_helper.to_array(each) for each in lowered.graph.initializer}
    assert sorted(held) == [
        *("few", "kernel_codes", "kernel_scales"),  # few are not worth it
        *("product_codes", "product_scales"),
    ]
    for name, axis in (("kernel", 0), ("product", 1)):
        codes, scales = held[f"{name}_codes"], held[f"{name}_scales"]
        assert codes.dtype == np.int8
        for channel, scale in enumerate(scales.tolist()):
            weight = WEIGHTS[name].take(channel, axis)
            if weight.any():
                assert scale == np.float32(np.abs(weight).max() / 127)
            back = codes.take(channel, axis) * scale
            assert np.abs(back - weight).max() <= scale / 2 + 1e-7 * np.abs(weight).max()


def test_the_graph_computes_with_the_weights_that_were_turned_back() -> None:
    pictures = RANDOM.standard_normal((3, 8, 6, 6)).astype(np.float32)
    lowered = eight_bit_weights(network())
    onnx.checker.check_model(lowered)
    exact = network()
    held = {each.name: numpy_helper.to_array(each) for each in lowered.graph.initializer}
    for each in exact.graph.initializer:
        if each.name == "few":
            continue
        shape = [-1, 1, 1, 1] if each.name == "kernel" else [1, -1]
        back = held[f"{each.name}_codes"] * held[f"{each.name}_scales"].reshape(shape)
        each.CopyFrom(numpy_helper.from_array(back.astype(np.float32), each.name))
    np.testing.assert_allclose(run(lowered, pictures), run(exact, pictures), rtol=1e-4, atol=1e-4)
    far = np.abs(run(lowered, pictures) - run(network(), pictures)).max()
    assert 0 < far < 0.05 * np.abs(run(network(), pictures)).max()
