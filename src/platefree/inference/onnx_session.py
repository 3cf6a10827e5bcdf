"""How ONNX files are opened: on which device, with which threads.

ONNX Runtime is imported when a file is opened: a page that is only looked at does without it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from platefree.errors import CheckpointError, MissingPackage, first_line
from platefree.work import Device

if TYPE_CHECKING:
    import onnxruntime as ort


def providers_of(device: Device) -> list[str]:
    """What runs a network on a device.

    Decided: ``auto`` never takes a GPU, on which exported models have not been run.

    Raises:
        MissingPackage: the ONNX Runtime that is installed does not run on the device.
    """
    import onnxruntime as ort

    available = ort.get_available_providers()
    if device == "mps" or (device == "cuda" and "CUDAExecutionProvider" not in available):
        raise MissingPackage(
            f"the ONNX Runtime that is installed does not run on {device}: use device='cpu' "
            "(--device cpu), or for a CUDA GPU pip install onnxruntime-gpu in place of onnxruntime"
        )
    if device == "cuda":
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]
    return ["CPUExecutionProvider"]


def open_session(
    content: bytes, providers: list[str], what: str, threads: int
) -> "ort.InferenceSession":
    """The network of an ONNX file, ready to run.

    Args:
        content: of the file, which `platefree.inference.onnx_content.check_onnx` has seen.
        providers: from `providers_of`.
        what: its name in messages.
        threads: of a processor.

    Raises:
        CheckpointError: ONNX Runtime cannot load it.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised
    options.intra_op_num_threads = threads
    # Threads that wait leave the cores to those that decode pictures.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if b"QuantizeLinear" not in content:  # only weights are in 8 bits: turned back once, not often
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    try:
        # Falling back would print to stdout and try the same once more.
        return ort.InferenceSession(content, options, providers=providers, enable_fallback=0)
    except MemoryError:
        raise
    except Exception as error:  # ONNX Runtime has many kinds, without a common one
        raise CheckpointError(
            f"{what} cannot be loaded by ONNX Runtime {ort.__version__}: {first_line(error)}; copy "
            "it again, or upgrade onnxruntime"
        ) from error


def run_session(
    session: "ort.InferenceSession",
    outputs: Sequence[str],
    inputs: Mapping[str, NDArray[Any]],
    what: str,
) -> list[NDArray[Any]]:
    """The outputs of a network by their names.

    Raises:
        CheckpointError: it cannot run.
    """
    try:
        found: list[NDArray[Any]] = session.run(list(outputs), dict(inputs))
    except MemoryError:
        raise
    except Exception as error:  # ONNX Runtime has many kinds, without a common one
        raise CheckpointError(f"{what} cannot run: {first_line(error)}") from error
    return found
