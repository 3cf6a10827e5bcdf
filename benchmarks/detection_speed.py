"""Size, speed and figures of NanoDet-g in ONNX Runtime: in 32, 16 and 8 bits, on one core.

    python benchmarks/detection_speed.py NANODET_JSON --videos VIDEOS

Needs ``onnx`` and ``onnxruntime``. The network takes frames of 640 x 352. Its 8-bit form has 8-bit
weights per channel and activations, whose ranges are measured on 20 frames of street.mp4 that are
not among the labelled ones. Milliseconds are those of the processor, which are the wall's on an
idle machine; decoding of boxes is not in them.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from detection import LOWEST, SIZES, Frame, frames_of, labelled
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16
from torch import Tensor, nn

from platefree.data.frame_boxes import read_frame_boxes
from platefree.evaluation.detection import Detections, score_detections
from platefree.inference.frame_detection import FrameDetector, normalised
from platefree.nets.light_detector import Raw
from platefree.nets.nanodet import COCO_VEHICLES, NanoDet, published_tensors
from platefree.nets.tfjs_graph import convolutions

CALIBRATION = range(4, 900, 45)
RUNS = 30


class Session(nn.Module):
    """An ONNX file in place of the network."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options)
        self.where = nn.Parameter(torch.zeros(0))  # says that it is on the CPU

    def forward(self, images: Tensor) -> Raw:
        """As of `NanoDet`."""
        outputs = self.session.run(None, {"images": images.numpy()})
        return Raw(*(torch.from_numpy(each) for each in outputs))


class Calibration(CalibrationDataReader):  # type: ignore[misc]
    """Frames on which the ranges of activations are measured."""

    def __init__(self, frames: list[Frame]) -> None:
        self.left: Iterator[Frame] = iter(frames)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next one, None at the end."""
        frame = next(self.left, None)
        return None if frame is None else {"images": batch_of(frame).numpy()}


def main() -> None:
    """Print a row for each form."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--videos", type=Path, required=True)
    options = parser.parse_args()
    video = options.videos / "street.mp4"
    labels = read_frame_boxes(Path(__file__).parent / "street_labels.csv")
    frames = frames_of(video, labels.frame.astype(int).tolist())
    on_frames = [labelled(labels, place) for place in range(len(frames))]
    with tempfile.TemporaryDirectory() as folder:
        print("bits  MB    ms    AP50   recall at precision .9 (threshold)")
        for bits, path in exported(options.weights, video, Path(folder)).items():
            session = Session(path)
            detector = FrameDetector(session, COCO_VEHICLES)  # type: ignore[arg-type]
            found = [detector.find(frame, LOWEST) for frame in frames]
            score = score_detections(
                [Detections(each.box, each.score) for each in found], on_frames, sides=SIZES["all"]
            )
            recall, threshold = score.recall_at(0.9)
            size, taken = path.stat().st_size / 1e6, milliseconds(session, frames[0])
            print(
                f"{bits:4}  {size:4.1f}  {taken:4.0f}"
                f"  {score.average_precision():.3f}  {recall:.3f} ({threshold:.2f})"
            )


def exported(weights: Path, video: Path, folder: Path) -> dict[int, Path]:
    """Bits -> the network as an ONNX file."""
    network = NanoDet().eval()
    network.load_state_dict(published_tensors(convolutions(weights)))
    paths = {bits: folder / f"{bits}.onnx" for bits in (32, 16, 8)}
    torch.onnx.export(
        network,
        (torch.zeros(1, 3, 352, 640),),
        str(paths[32]),
        input_names=["images"],
        output_names=["quality", "sides"],
        dynamo=False,
    )
    half = convert_float_to_float16(onnx.load(str(paths[32])), keep_io_types=True)
    onnx.save(half, str(paths[16]))
    prepared = folder / "prepared.onnx"
    quant_pre_process(str(paths[32]), str(prepared))
    quantize_static(
        str(prepared),
        str(paths[8]),
        Calibration(frames_of(video, list(CALIBRATION))),
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    return paths


def batch_of(frame: Frame) -> Tensor:
    """(1, 3, h, w) normalised."""
    return normalised(torch.from_numpy(frame).permute(2, 0, 1)[None])


def milliseconds(session: Session, frame: Frame) -> float:
    """The median of the processor's time for a frame."""
    images, times = batch_of(frame), []
    for _ in range(RUNS):
        start = time.process_time()
        session(images)
        times.append(time.process_time() - start)
    return 1000 * float(np.median(times))


if __name__ == "__main__":
    main()
