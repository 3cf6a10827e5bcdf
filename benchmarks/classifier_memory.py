"""Memory and time of a training step of classifiers of many vehicles: whole, sampled, sub-centres.

Run ``PYTHONPATH=src python benchmarks/classifier_memory.py`` (Linux). Every classifier has its own
process, which creates the weights, takes a few steps (forward, backward, SGD with momentum) on
random vectors, and reports its peak memory growth. Weights and momentum are kept between steps;
during a step there are also gradients of the weights, and the rest is logits and the softmax.
"""

import argparse
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from platefree.nets.classifiers import IdentityClassifier, Margin

VEHICLES, CHANNELS = 31_805, 512  # the training vehicles of VehicleNet's four sets
STEPS = 4
MEGA = 2**20


@dataclass(frozen=True)
class Case:
    """A classifier and a batch."""

    name: str
    margin: Margin
    batch: int
    fraction: float = 1.0
    centres: int = 1


def cases() -> Iterator[Case]:
    """All cases to measure."""
    for batch in (64, 512):
        yield Case("linear", "linear", batch)
        yield Case("circle", "circle", batch)
        yield Case("circle, a tenth", "circle", batch, fraction=0.1)
        yield Case("arc, 3 centres", "arc", batch, centres=3)
        yield Case("arc, 3 centres, a tenth", "arc", batch, fraction=0.1, centres=3)


def measure(case: Case) -> tuple[float, float, float]:
    """(kept, peak) growth of this process in MB, and seconds of the fastest step."""
    torch.manual_seed(0)
    # libraries load
    _take_step(IdentityClassifier(8, 16, margin=case.margin, fraction=case.fraction), 4)
    before = _status("VmRSS")
    classifier = IdentityClassifier(
        CHANNELS, VEHICLES, margin=case.margin, centres=case.centres, fraction=case.fraction
    )
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    seconds = _take_step(classifier, case.batch)
    kept = 2 * classifier.weight.numel() * classifier.weight.element_size()
    return kept / MEGA, (_status("VmHWM") - before) / 1024, seconds


def _take_step(classifier: IdentityClassifier, batch: int) -> float:
    optimizer = torch.optim.SGD(classifier.parameters(), lr=0.01, momentum=0.9)
    best = float("inf")
    for _ in range(STEPS):
        rows = torch.randn(batch, classifier.in_features, requires_grad=True)
        vehicles = torch.randint(classifier.vehicles, (batch,))
        start = time.perf_counter()
        optimizer.zero_grad()
        loss = classifier.loss(rows, vehicles, 0.1)
        torch.autograd.backward(loss)
        optimizer.step()
        best = min(best, time.perf_counter() - start)
    return best


def _status(key: str) -> int:
    """A figure of this process in KiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1])
    raise LookupError(key)


def main() -> None:
    """Print one line for each classifier."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None).parse_args()
    print(f"{VEHICLES:,} vehicles x {CHANNELS}, {torch.get_num_threads()} threads")
    print("batch  classifier                 kept MB  most MB  rest MB    step")
    for case in cases():
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            kept, most, seconds = pool.submit(measure, case).result()
        rest = most - 1.5 * kept  # without weights, momentum and gradients
        print(
            f"{case.batch:5}  {case.name:25} {kept:8.0f} {most:8.0f} {rest:8.0f} "
            f"{1000 * seconds:6.0f} ms",
            flush=True,
        )


if __name__ == "__main__":
    main()
