"""Load a detector: one that is inside the package, an exported folder, or a checkpoint.

Only a checkpoint needs torch.
"""

from pathlib import Path

from platefree.inference.detector import Detector
from platefree.inference.model_card import is_model_folder
from platefree.inference.onnx_detector import open_detector_folder
from platefree.inference.shipped import shipped_detector, shipped_models
from platefree.installs import training_install
from platefree.work import Device


def load_detector(path: str | Path | None = None, *, device: Device = "auto") -> Detector:
    """Load a detector of vehicles and plates on whole frames.

    Args:
        path: a folder that 'platefree export' made of a detector, the name of one that is inside
            the package, or a checkpoint folder of ``vehicle_detector``; by default the shipped one.
        device: where to run.

    Raises:
        CheckpointError: there is none, or it is damaged, or does not fit its card or recipe.
        DataError: a checkpoint of another method is given.
        MissingPackage: a checkpoint is given and torch is not installed, or the device is one that
            ONNX Runtime does not run on.
    """
    name = shipped_detector() if path is None else str(path)
    if inside := shipped_models().get(name):  # whatever the current folder holds
        return open_detector_folder(inside, device=device, name=name)
    if is_model_folder(name):
        return open_detector_folder(Path(name), device=device)
    with training_install(f"the detector {name}"):
        from platefree.inference.frame_detection import detector_of
        from platefree.inference.networks import load_network

        return detector_of(load_network(name, device=device))
