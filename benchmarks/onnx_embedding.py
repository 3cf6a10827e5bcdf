"""One crop embedded on one core: eager torch beside ONNX Runtime, in the same run.

Run ``PYTHONPATH=src python benchmarks/onnx_embedding.py``, two minutes of one core. A model with
random weights is exported, and both embed the same pictures in turn, so that a busy machine slows
both. Also printed: what batches, spinning threads and an input that stays in its place change, from
which ``inference/onnx_network.py`` takes its choices. With ``--threads 2`` on two cores.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from PIL import Image

from platefree.data.table import read_table
from platefree.inference.export import export_model
from platefree.inference.model_card import Precision
from platefree.inference.networks import load_network
from platefree.inference.onnx_network import PICTURES
from platefree.methods.catalogue import build_method, load_recipe, resolve
from platefree.nets.weights import save_checkpoint
from platefree.types import Sightings

BATCHES = (1, 2, 8, 32)
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")


def main() -> None:
    """Print milliseconds a picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="strong_baseline/city")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        compare(options.recipe, options.threads, options.rounds, Path(folder))


def compare(recipe_name: str, threads: int, rounds: int, folder: Path) -> None:
    """Export a model of a recipe, and time both on 1, 2, 8 and 32 pictures at a time."""
    recipe = resolve(load_recipe(recipe_name))
    classes = {"vehicle": 100, "model": 10, "view": 2, "camera": 4, "type": 10, "color": 24}
    method = build_method(recipe, classes, weights="none")
    names = {column: [f"{each:03d}" for each in range(n)] for column, n in classes.items()}
    card = {"step": 0, "recipe": recipe.model_dump(), "classes": classes, "names": names}
    save_checkpoint(folder / "best", card, method.state_dict())
    model = load_network(folder / "best", device="cpu")
    table, contents = noise(folder / "pictures"), {}
    for precision in PRECISIONS:
        exported = export_model(
            model, folder / precision, precision=precision, pictures=table, tolerance=2.0
        )
        (network,) = exported.card.networks
        contents[precision] = (folder / precision / network.file.name).read_bytes()
    content = contents["fp32"]
    sessions = {spins: session(content, threads, spins) for spins in (False, True)}
    fewer = {name: session(contents[name], threads, spins=False) for name in ("fp16", "int8")}
    print(
        f"{recipe_name}, {network.height} x {network.width} pixels, test-time flip "
        f"{recipe.input.test_time_flip}, {threads} thread(s), milliseconds a picture, median of "
        f"{rounds}; torch {torch.__version__}, ONNX Runtime {ort.__version__}"
    )
    columns = ("torch", "fp32", "spinning", "input in place", "fp16", "int8")
    print(f"{'pictures':>8}" + "".join(f"{name:>16}" for name in columns))
    for size in BATCHES:
        pictures = np.random.default_rng(size).integers(
            0, 256, (size, 3, network.height, network.width), np.uint8
        )
        tensor = torch.from_numpy(pictures)

        def in_torch(tensor: torch.Tensor = tensor) -> object:
            return model.embed_images(tensor)

        ways = {"torch": in_torch, "fp32": running(sessions[False], pictures)}
        ways |= {"spinning": running(sessions[True], pictures)}
        ways |= {"input in place": bound(sessions[False], pictures)}
        ways |= {name: running(opened, pictures) for name, opened in fewer.items()}
        found = medians(ways, max(3, rounds // size))
        print(f"{size:>8}" + "".join(f"{1000 * found[name] / size:>16.1f}" for name in columns))


def noise(folder: Path) -> Sightings:
    """Ten pictures of noise, for the ranges of int8."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(10):
        pixels = random.integers(0, 256, (64, 64, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return read_table(folder)


def session(content: bytes, threads: int, spins: bool) -> "ort.InferenceSession":
    """A session on this many threads, which spin while they wait or do not."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spins)))
    return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def running(opened: "ort.InferenceSession", pictures: "np.ndarray") -> Callable[[], object]:
    """Run with an array, which is copied."""
    return lambda: opened.run(None, {PICTURES: pictures})


def bound(opened: "ort.InferenceSession", pictures: "np.ndarray") -> Callable[[], object]:
    """Run with an input and outputs that are bound once."""
    binding = opened.io_binding()
    value = ort.OrtValue.ortvalue_from_numpy(pictures)
    binding.bind_ortvalue_input(PICTURES, value)
    for output in opened.get_outputs():
        binding.bind_output(output.name)
    return lambda: opened.run_with_iobinding(binding)


def medians(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each way, all ways once in every round."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            if number:  # the first round warms up
                spent[name].append(time.perf_counter() - started)
    return {name: statistics.median(each) for name, each in spent.items()}


if __name__ == "__main__":
    main()
